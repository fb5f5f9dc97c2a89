/*
 * Threads that send, poll, ask, and read counters through one handle at the same time do not
 * disturb each other.
 */
#include "t.h"

enum { FRAMES = 3000 };

static struct port_handle a, b;
static uint32_t stop;

/* poll() looks at the transmit rings, and sends what it finds. */
static void *poller(void *unused)
{
	(void)unused;
	while (!load_acquire(&stop)) {
		int32_t found = valet_poll(a.handle, POLLIN, 0);

		CHECK(found == 0 || found == POLLIN);
	}
	return NULL;
}

static void *asker(void *unused)
{
	(void)unused;
	while (!load_acquire(&stop)) {
		uint64_t map[2];
		struct valet_req_port count = counters(a.handle, "vale0:a");

		CHECK(count.tx_packets <= FRAMES);
		EQUAL(valet_map(a.handle, map), 0);
		EQUAL(valet_backend(a.handle), VALET_BACKEND_EMBEDDED);
		EQUAL(valet_txsync(a.handle), 0);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[2];
	uint32_t received = 0;
	struct frame frame;

	a = open_port("vale0:a", SLOTS(64));
	b = open_port("vale0:b", SLOTS(64));
	thread[0] = start(poller, NULL);
	thread[1] = start(asker, NULL);
	for (uint32_t sent = 0; received < FRAMES;) {
		if (sent < FRAMES && sent - received < 60)
			put_frame(&a, 0, EVERYBODY, STATION(1), sent++, 60);
		EQUAL(valet_txsync(a.handle), 0);
		EQUAL(valet_rxsync(b.handle), 0);
		while (take_frame(&b, 0, &frame)) {
			EQUAL(frame.tag, received);
			received++;
		}
	}
	store_release(&stop, 1);
	join(thread[0]);
	join(thread[1]);
	close_port(&a);
	close_port(&b);
	return 0;
}
