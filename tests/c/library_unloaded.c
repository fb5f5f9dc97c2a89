/* A thread that has sent may end after the library was closed with dlclose(). */
#include "t.h"

#include <dlfcn.h>

static void *library;
static uint32_t sent, closed;

static void *function(const char *name)
{
	void *address = dlsym(library, name);

	CHECK(address);
	return address;
}

static void *sender(void *unused)
{
	int32_t (*open)(const char *, const char *) = (void *)(uintptr_t)function("valet_open");
	int32_t (*control)(int32_t, void *, uint32_t) = (void *)(uintptr_t)function("valet_control");
	int32_t (*txsync)(int32_t) = (void *)(uintptr_t)function("valet_txsync");
	int32_t (*end)(int32_t) = (void *)(uintptr_t)function("valet_close");
	struct {
		struct nmreq_header header;
		struct nmreq_register reg;
	} message = { .header = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER,
				  .nr_name = "vale0:a", .nr_body = sizeof(message.header) },
		      .reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 2, .nr_rx_slots = 2 } };
	int32_t handle = open("embedded", NULL);

	CHECK(handle > 0);
	EQUAL(control(handle, &message, sizeof(message)), 0);
	EQUAL(txsync(handle), 0);
	EQUAL(end(handle), 0);
	store_release(&sent, 1);
	while (!load_acquire(&closed))
		sched_yield();
	return unused;
}

int main(void)
{
	pthread_t thread;

	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		FAIL("%s", dlerror());
	thread = start(sender, NULL);
	while (!load_acquire(&sent))
		sched_yield();
	EQUAL(dlclose(library), 0);
	store_release(&closed, 1);
	join(thread);
	return 0;
}
