/* A number that is stale or was never a handle is refused by every function. */
#include "t.h"

static void refused(int32_t number)
{
	struct nmreq_header header = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_VALE_DELIF };
	uint64_t map[2];

	EQUAL(valet_backend(number), -EBADF);
	EQUAL(valet_control(number, &header, sizeof(header)), -EBADF);
	EQUAL(valet_map(number, map), -EBADF);
	EQUAL(valet_txsync(number), -EBADF);
	EQUAL(valet_rxsync(number), -EBADF);
	EQUAL(valet_poll(number, POLLIN, -1), -EBADF);
	EQUAL(valet_wake(number), -EBADF);
	EQUAL(valet_close(number), -EBADF);
}

static void not_registered(int32_t handle)
{
	uint64_t map[2];

	EQUAL(valet_backend(handle), VALET_BACKEND_EMBEDDED);
	EQUAL(valet_map(handle, map), -ENXIO);
	EQUAL(valet_txsync(handle), -ENXIO);
	EQUAL(valet_rxsync(handle), -ENXIO);
	EQUAL(valet_poll(handle, POLLIN, -1), POLLERR);
	EQUAL(valet_poll(handle, 0, 0), POLLERR);
}

/* A handle's place is used again, its number is not, for a long time. */
static void generations(void)
{
	int32_t old[300];

	for (size_t i = 0; i < COUNT(old); i++) {
		old[i] = open_handle();
		for (size_t k = 0; k < i; k++)
			CHECK(old[k] != old[i]);
		EQUAL(valet_close(old[i]), 0);
	}
	for (size_t i = 0; i < COUNT(old); i++)
		refused(old[i]);
}

/* There are 65,536 of them. */
static void exhaustion(void)
{
	enum { MOST = 65536 };
	static int32_t handle[MOST];

	for (int i = 0; i < MOST; i++)
		handle[i] = open_handle();
	EQUAL(valet_open("embedded", NULL), -EMFILE);
	EQUAL(valet_close(handle[12345]), 0);
	handle[12345] = open_handle();
	EQUAL(valet_open("embedded", NULL), -EMFILE);
	for (int i = 0; i < MOST; i++)
		EQUAL(valet_close(handle[i]), 0);
	refused(handle[0]);
	refused(handle[MOST - 1]);
}

int main(void)
{
	static const int32_t never[] = { 0, -1, 1, 2, 65535, 65536, 65537, 0x7fffffff, INT32_MIN,
					 3 << 16 };
	struct port_handle port;
	int32_t handle;

	for (size_t i = 0; i < COUNT(never); i++)
		refused(never[i]);
	handle = open_handle();
	not_registered(handle);
	EQUAL(valet_close(handle), 0);
	refused(handle);
	port = open_port("vale0:a", SLOTS(2));
	EQUAL(valet_close(port.handle), 0);
	refused(port.handle);
	generations();
	exhaustion();
	return 0;
}
