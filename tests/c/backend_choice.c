/*
 * The backend is chosen by name, then by VALET_BACKEND, then by what there is; the reason is said
 * in any length.
 */
#include "t.h"

static int32_t backend_of(const char *name)
{
	int32_t handle = valet_open(name, NULL), id;

	if (handle < 0)
		return handle;
	id = valet_backend(handle);
	EQUAL(valet_close(handle), 0);
	return id;
}

static void reasons(void)
{
	char name[600], text[1024], small[16];
	int32_t length;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	/* A name of any length. */
	length = valet_reason(name, text, sizeof(text));
	CHECK(length > 0 && length < (int32_t)sizeof(text));
	EQUAL(strlen(text), length);
	CHECK(strstr(text, "no such backend"));
	length = valet_reason("embedded", text, sizeof(text));
	EQUAL(strlen(text), length);
	CHECK(!strncmp(text, "embedded: taken, as asked for", 29));
	CHECK(strstr(text, "\nkernel: "));
	/* As much as there is room for; the length is that of all of it. */
	memset(small, 'y', sizeof(small));
	EQUAL(valet_reason("embedded", small, 5), length);
	CHECK(!strcmp(small, "embe") && small[5] == 'y');
	EQUAL(valet_reason("embedded", NULL, 0), length);
}

int main(void)
{
	int kernel = access("/dev/netmap", R_OK | W_OK) == 0;
	char text[512];

	unsetenv("VALET_BACKEND");
	EQUAL(backend_of("embedded"), VALET_BACKEND_EMBEDDED);
	EQUAL(backend_of("nonsense"), -EINVAL);
	EQUAL(backend_of("Embedded"), -EINVAL);
	if (!kernel) {
		CHECK(backend_of("kernel") < 0);
		EQUAL(backend_of(NULL), VALET_BACKEND_EMBEDDED);
		EQUAL(backend_of(""), VALET_BACKEND_EMBEDDED);
		EQUAL(backend_of("auto"), VALET_BACKEND_EMBEDDED);
	}
	setenv("VALET_BACKEND", "nonsense", 1);
	EQUAL(backend_of(NULL), -EINVAL);
	EQUAL(backend_of(""), -EINVAL);
	EQUAL(backend_of("auto"), -EINVAL);
	EQUAL(backend_of("embedded"), VALET_BACKEND_EMBEDDED);
	setenv("VALET_BACKEND", "embedded", 1);
	EQUAL(backend_of("auto"), VALET_BACKEND_EMBEDDED);
	valet_reason(NULL, text, sizeof(text));
	CHECK(!strncmp(text, "embedded: taken, as VALET_BACKEND says", 38));
	valet_reason("auto", text, sizeof(text));
	CHECK(!strncmp(text, "embedded: taken, as VALET_BACKEND says", 38));
	setenv("VALET_BACKEND", "auto", 1);
	if (!kernel)
		EQUAL(backend_of(NULL), VALET_BACKEND_EMBEDDED);
	reasons();
	EQUAL(valet_abi(), VALET_ABI);
	return 0;
}
