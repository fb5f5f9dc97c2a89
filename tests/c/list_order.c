/*
 * VALE_LIST goes through bridges and ports by index, from anywhere, and indices are given as in the
 * kernel.
 */
#include "t.h"

static int32_t handle;

/* Everything that is listed, as "vale5:b(0,0) ..." */
static const char *listed(void)
{
	static char text[1024];
	char name[NETMAP_REQ_IFNAMSIZ] = { 0 };
	struct nmreq_vale_list at = { 0 };
	size_t length = 0;

	text[0] = '\0';
	while (request_named(handle, NETMAP_REQ_VALE_LIST, name, &at) == 0) {
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s(%u,%u)",
					   length ? " " : "", name, at.nr_bridge_idx, at.nr_port_idx);
		memset(name, 0, sizeof(name));
		at.nr_port_idx++;
	}
	return text;
}

#define LISTED(wanted)                                                  \
	do {                                                            \
		const char *got_ = listed();                            \
		if (strcmp(got_, wanted))                               \
			FAIL("listed: \"%s\", not \"%s\"", got_, wanted); \
	} while (0)

static void from(uint16_t bridge, uint32_t port, const char *wanted)
{
	struct nmreq_vale_list at = { .nr_bridge_idx = bridge, .nr_port_idx = port };
	char name[NETMAP_REQ_IFNAMSIZ] = { 0 };
	int32_t rc = request_named(handle, NETMAP_REQ_VALE_LIST, name, &at);

	if (!wanted) {
		EQUAL(rc, -ENOENT);
		EQUAL(at.nr_bridge_idx, bridge);
		EQUAL(at.nr_port_idx, port);
		EQUAL(name[0], 0);
		return;
	}
	EQUAL(rc, 0);
	if (strcmp(name, wanted))
		FAIL("from %u,%u: %s, not %s", bridge, port, name, wanted);
}

static struct port_handle named(const char *name)
{
	return open_port(name, SLOTS(2));
}

int main(void)
{
	struct port_handle b, a, z, q, c, d, x, port[4];

	handle = open_handle();
	LISTED("");
	b = named("vale5:b");
	a = named("vale5:a");
	z = named("vale1:z");
	q = named("vale9:q");
	c = named("vale5:c");
	LISTED("vale5:b(0,0) vale5:a(0,1) vale5:c(0,2) vale1:z(1,0) vale9:q(2,0)");
	close_port(&b);
	LISTED("vale5:a(0,1) vale5:c(0,2) vale1:z(1,0) vale9:q(2,0)");
	d = named("vale5:d");
	LISTED("vale5:d(0,0) vale5:a(0,1) vale5:c(0,2) vale1:z(1,0) vale9:q(2,0)");
	close_port(&z);
	x = named("valexx:1");
	LISTED("vale5:d(0,0) vale5:a(0,1) vale5:c(0,2) valexx:1(1,0) vale9:q(2,0)");

	from(0, 0, "vale5:d");
	from(0, 1, "vale5:a");
	from(0, 3, "valexx:1");
	from(0, 255, "valexx:1");
	from(1, 1, "vale9:q");
	from(2, 0, "vale9:q");
	from(3, 0, NULL);
	from(7, 0, NULL);
	from(8, 0, NULL);
	from(65535, 0, NULL);
	/* The kernel reads outside its memory for these. */
	from(2, 0x7fffffff, NULL);
	from(2, 0x80000000, NULL);
	from(2, 0xffffffff, NULL);
	from(0, 0xffff0000, "valexx:1");

	EQUAL(list_index(handle, "vale5:a"), 1);
	EQUAL(list_index(handle, "vale5:nope"), 255);
	EQUAL(list_index(handle, "vale5:"), 255);
	EQUAL(list_index(handle, "vale5:a{1"), 255);
	EQUAL(list_index(handle, "vale5"), -ENOENT);
	EQUAL(list_index(handle, "vale77:a"), -ENOENT);
	EQUAL(list_index(handle, "vale5a:x"), -ENOENT);
	EQUAL(list_index(handle, "vale"), -ENOENT);
	EQUAL(list_index(handle, "foo"), -EINVAL);
	close_port(&a);
	close_port(&c);
	close_port(&d);
	close_port(&q);
	close_port(&x);

	/* The index given back last is given first. */
	port[0] = named("vale0:a");
	port[1] = named("vale0:b");
	port[2] = named("vale0:c");
	port[3] = named("vale0:d");
	close_port(&port[1]);
	close_port(&port[0]);
	close_port(&port[2]);
	a = named("vale0:e");
	b = named("vale0:f");
	c = named("vale0:g");
	d = named("vale0:h");
	LISTED("vale0:f(0,0) vale0:g(0,1) vale0:e(0,2) vale0:d(0,3) vale0:h(0,4)");
	close_port(&a);
	close_port(&b);
	close_port(&c);
	close_port(&d);
	close_port(&port[3]);
	/* The parent of an open pipe is a port of its bridge. */
	a = named("vale0:a{1");
	LISTED("vale0:a(0,0)");
	close_port(&a);
	LISTED("");
	EQUAL(valet_close(handle), 0);
	return 0;
}
