/*
 * Lookups that make control requests themselves, in two threads, while a third changes the bridge:
 * no deadlock.
 */
#include "t.h"

enum { SENDS = 200 };

static struct port_handle from[2];
static uint32_t sending = 2;

static int32_t asking(struct valet_batch *batch, void *context)
{
	int32_t handle = open_handle();
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 4, .nr_rx_slots = 4);
	char name[24];

	(void)context;
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = VALET_BROADCAST;
	snprintf(name, sizeof(name), "vale0:tmp%u", batch->source);
	EQUAL(request(handle, NETMAP_REQ_REGISTER, name, &reg), 0);
	EQUAL(valet_txsync(handle), -EDEADLK);
	CHECK(set_native(handle, "vale0", asking, NULL) >= 0);
	CHECK(counters(handle, name).opens == 1);
	EQUAL(valet_close(handle), 0);
	return 0;
}

static void *forward(void *argument)
{
	struct port_handle *port = argument;

	for (uint32_t i = 0; i < SENDS; i++) {
		put_frame(port, 0, EVERYBODY, STATION(1), i, 60);
		EQUAL(valet_txsync(port->handle), 0);
	}
	__atomic_fetch_sub(&sending, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void *change(void *unused)
{
	int32_t handle = open_handle();

	EQUAL(newif(handle, "vi0", 4), 0);
	while (load_acquire(&sending)) {
		int32_t rc = attach(handle, "vale0:vi0");
		struct port_handle port;

		/*
		 * A sender in a lookup may be waiting for this very request: it is refused, not
		 * waited for.
		 */
		CHECK(rc == 0 || rc == -EBUSY);
		if (rc == 0)
			EQUAL(detach(handle, "vale0:vi0"), 0);
		CHECK(set_native(handle, "vale0", asking, NULL) >= 0);
		port = open_port("vale0:x", SLOTS(4));
		close_port(&port);
	}
	EQUAL(delif(handle, "vi0"), 0);
	EQUAL(valet_close(handle), 0);
	return unused;
}

int main(void)
{
	pthread_t thread[3];

	from[0] = open_port("vale0:a", SLOTS(8));
	from[1] = open_port("vale0:b", SLOTS(8));
	EQUAL(set_native(from[0].handle, "vale0", asking, NULL), 0);
	thread[0] = start(forward, &from[0]);
	thread[1] = start(forward, &from[1]);
	thread[2] = start(change, NULL);
	for (int i = 0; i < 3; i++)
		join(thread[i]);
	EQUAL(counters(from[0].handle, "vale0:a").tx_packets, SENDS);
	EQUAL(counters(from[0].handle, "vale0:b").tx_packets, SENDS);
	close_port(&from[0]);
	close_port(&from[1]);
	return 0;
}
