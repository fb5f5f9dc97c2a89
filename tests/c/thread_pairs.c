/*
 * Threads on ports of their own send over one bridge at the same time: each pair's frames arrive,
 * in order.
 */
#include "t.h"

enum { FRAMES = 20000, PAIRS_MAX = 4 };

struct pair {
	struct port_handle from, to;
	uint64_t station_from, station_to;
};

static void *run(void *argument)
{
	struct pair *pair = argument;
	struct netmap_ring *tx = tx_ring(&pair->from, 0);
	uint32_t sent = 0, received = 0;
	struct frame frame;

	while (received < FRAMES) {
		/* Never more under way than the receiver has room for: nothing may be lost. */
		for (int i = 0; i < 50 && sent < FRAMES && sent - received < 63; i++)
			put_frame(&pair->from, 0, pair->station_to, pair->station_from, sent++, 60);
		CHECK(available(tx) > 0);
		EQUAL(valet_txsync(pair->from.handle), 0);
		EQUAL(valet_rxsync(pair->to.handle), 0);
		while (take_frame(&pair->to, 0, &frame)) {
			EQUAL(frame.from, pair->station_from);
			EQUAL(frame.tag, received);
			received++;
		}
		EQUAL(valet_rxsync(pair->to.handle), 0);
	}
	return NULL;
}

static void pairs(int count)
{
	struct pair pair[PAIRS_MAX];
	pthread_t thread[PAIRS_MAX];
	char name[16];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "vale0:from%d", i);
		pair[i].from = open_port(name, SLOTS(64));
		snprintf(name, sizeof(name), "vale0:to%d", i);
		pair[i].to = open_port(name, SLOTS(64));
		pair[i].station_from = STATION(2 * i);
		pair[i].station_to = STATION(2 * i + 1);
	}
	for (int i = 0; i < count; i++) {
		struct frame frame;

		send_frame(&pair[i].to, EVERYBODY, pair[i].station_to, 0);
		for (int k = 0; k < count; k++) {
			EQUAL(valet_rxsync(pair[k].from.handle), 0);
			EQUAL(valet_rxsync(pair[k].to.handle), 0);
			while (take_frame(&pair[k].to, 0, &frame))
				continue;
			EQUAL(valet_rxsync(pair[k].to.handle), 0);
		}
	}
	for (int i = 0; i < count; i++)
		thread[i] = start(run, &pair[i]);
	for (int i = 0; i < count; i++)
		join(thread[i]);
	for (int i = 0; i < count; i++) {
		close_port(&pair[i].from);
		close_port(&pair[i].to);
	}
}

int main(void)
{
	pairs(2);
	pairs(4);
	return 0;
}
