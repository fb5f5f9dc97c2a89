/*
 * Several threads send into one receiver while it reads: each sender's order is kept, and what is
 * lost is counted.
 */
#include "t.h"

enum { SENDERS = 4, FRAMES = 6000 };

static struct port_handle receiver, sender[SENDERS];

static void *run(void *argument)
{
	uint32_t n = (uint32_t)(uintptr_t)argument, state = n + 1;

	for (uint32_t sent = 0; sent < FRAMES;) {
		uint32_t count = 1 + random_next(&state) % 40;

		for (uint32_t i = 0; i < count && sent < FRAMES; i++, sent++) {
			struct netmap_ring *tx = tx_ring(&sender[n], 0);
			uint16_t length = (uint16_t)(60 + sent % 1000);

			/* Some of two slots. */
			if (sent % 7 == 0 && i + 1 < count) {
				write_frame(buffer(tx, tx->slot[tx->head].buf_idx), STATION(99),
					    STATION(n), sent);
				put_slot(tx, length, NS_MOREFRAG);
				put_slot(tx, length, 0);
				continue;
			}
			put_frame(&sender[n], 0, STATION(99), STATION(n), sent, length);
		}
		EQUAL(valet_txsync(sender[n].handle), 0);
	}
	return NULL;
}

int main(void)
{
	uint32_t next[SENDERS] = { 0 }, received = 0;
	pthread_t thread[SENDERS];
	struct valet_req_port count;
	struct frame frame;
	char name[16];
	int done = 0;

	receiver = open_port("vale0:r", SLOTS(64));
	for (int i = 0; i < SENDERS; i++) {
		snprintf(name, sizeof(name), "vale0:s%d", i);
		sender[i] = open_port(name, SLOTS(128));
	}
	send_frame(&receiver, EVERYBODY, STATION(99), 0);
	for (int i = 0; i < SENDERS; i++)
		thread[i] = start(run, (void *)(uintptr_t)i);
	for (;;) {
		uint64_t sent = 0;

		EQUAL(valet_rxsync(receiver.handle), 0);
		while (take_frame(&receiver, 0, &frame)) {
			uint64_t n = frame.from - STATION(0);

			if (frame.length == 0)
				continue; /* room that a sender leased and did not need */
			CHECK(n < SENDERS);
			CHECK(frame.tag >= next[n]);
			EQUAL(frame.length, 60 + frame.tag % 1000);
			EQUAL(frame.to, STATION(99));
			next[n] = frame.tag + 1;
			received++;
			if (frame.flags & NS_MOREFRAG) {
				EQUAL(take_frame(&receiver, 0, &frame), 1);
				EQUAL(frame.flags, 2 << NS_PORT_SHIFT);
			}
		}
		if (done)
			break;
		for (int i = 0; i < SENDERS; i++) {
			snprintf(name, sizeof(name), "vale0:s%d", i);
			sent += counters(receiver.handle, name).tx_packets;
		}
		if (sent == SENDERS * FRAMES) {
			for (int i = 0; i < SENDERS; i++)
				join(thread[i]);
			done = 1; /* and once more for what came meanwhile */
		}
	}
	count = counters(receiver.handle, "vale0:r");
	EQUAL(count.rx_packets, received);
	EQUAL(count.rx_packets + count.drops[VALET_DROP_RING_FULL], SENDERS * FRAMES);
	EQUAL(drops_of(&count), count.drops[VALET_DROP_RING_FULL]);
	CHECK(received >= 20);
	for (int i = 0; i < SENDERS; i++) {
		snprintf(name, sizeof(name), "vale0:s%d", i);
		count = counters(receiver.handle, name);
		EQUAL(drops_of(&count), 0);
		close_port(&sender[i]);
	}
	close_port(&receiver);
	return 0;
}
