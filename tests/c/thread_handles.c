/*
 * Handles are opened, used and closed by several threads, numbers of closed ones included: never
 * the wrong descriptor.
 */
#include "t.h"

enum { THREADS = 4, ROUNDS = 1500, SHARED = 8 };

static int32_t shared[SHARED];

static void use(int32_t handle)
{
	struct valet_req_port body;
	int32_t rc;

	rc = valet_txsync(handle);
	CHECK(rc == 0 || rc == -EBADF || rc == -ENXIO);
	rc = valet_rxsync(handle);
	CHECK(rc == 0 || rc == -EBADF || rc == -ENXIO);
	rc = valet_poll(handle, POLLIN, 0);
	CHECK(rc == 0 || rc == -EBADF || rc == POLLERR);
	rc = valet_wake(handle);
	CHECK(rc == 0 || rc == -EBADF);
	rc = request(handle, VALET_REQ_PORT_GET, "vale0:stays", &body);
	CHECK(rc == 0 || rc == -EBADF);
}

static void *run(void *argument)
{
	uint32_t state = (uint32_t)(uintptr_t)argument + 1;
	struct nmreq_register reg;
	char name[16];

	for (int i = 0; i < ROUNDS; i++) {
		int32_t *place = &shared[random_next(&state) % SHARED];
		int32_t handle, old;

		use(load_acquire(place));
		if (random_next(&state) % 4)
			continue;
		handle = open_handle();
		reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 4, .nr_rx_slots = 4);
		snprintf(name, sizeof(name), "vale0:p%u", random_next(&state) % 4);
		EQUAL(request(handle, NETMAP_REQ_REGISTER, name, &reg), 0);
		old = __atomic_exchange_n(place, handle, __ATOMIC_ACQ_REL);
		/* The one who takes a number out closes it; nobody else has. */
		EQUAL(valet_close(old), 0);
		EQUAL(valet_close(old), -EBADF);
	}
	return NULL;
}

/* Of several that close one handle, one has closed it. */
static int32_t contested;
static uint32_t go;

static void *closer(void *unused)
{
	(void)unused;
	while (!load_acquire(&go))
		sched_yield();
	return (void *)(intptr_t)valet_close(contested);
}

int main(void)
{
	struct port_handle stays = open_port("vale0:stays", SLOTS(4));
	pthread_t thread[THREADS];

	for (int i = 0; i < SHARED; i++)
		shared[i] = open_handle();
	for (uintptr_t i = 0; i < THREADS; i++)
		thread[i] = start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(thread[i]);
	for (int i = 0; i < SHARED; i++)
		EQUAL(valet_close(shared[i]), 0);
	EQUAL(bridge_of(stays.handle, "vale0").ports, 1);
	close_port(&stays);

	for (int round = 0; round < 200; round++) {
		int closed = 0;

		contested = open_handle();
		store_release(&go, 0);
		for (int i = 0; i < THREADS; i++)
			thread[i] = start(closer, NULL);
		store_release(&go, 1);
		for (int i = 0; i < THREADS; i++) {
			int32_t rc = (int32_t)(intptr_t)join(thread[i]);

			CHECK(rc == 0 || rc == -EBADF);
			closed += rc == 0;
		}
		EQUAL(closed, 1);
	}
	return 0;
}
