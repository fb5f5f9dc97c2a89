/* More frames than a batch takes, from any place in the ring, arrive all and in order. */
#include "t.h"

static void round_trip(struct port_handle *a, struct port_handle *b, uint32_t count, uint32_t *tag,
		       uint64_t to)
{
	struct frame frame;
	uint32_t first = *tag;

	for (uint32_t i = 0; i < count; i++)
		put_frame(a, 0, to, STATION(1), (*tag)++, 60);
	EQUAL(valet_txsync(a->handle), 0);
	EQUAL(valet_rxsync(b->handle), 0);
	for (uint32_t i = 0; i < count; i++) {
		EQUAL(take_frame(b, 0, &frame), 1);
		EQUAL(frame.tag, first + i);
	}
	EQUAL(take_frame(b, 0, &frame), 0);
	EQUAL(valet_rxsync(b->handle), 0);
}

int main(void)
{
	static const uint32_t counts[] = { 1023, 1, 255, 256, 257, 511, 512, 513, 768, 1022, 1023 };
	struct port_handle a = open_port("vale0:a", REG()), b = open_port("vale0:b", REG());
	uint32_t tag = 0;

	send_frame(&b, EVERYBODY, STATION(2), 0);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(counts); i++) {
			round_trip(&a, &b, counts[i], &tag, EVERYBODY);
			round_trip(&a, &b, counts[i], &tag, STATION(2));
		}
	}
	EQUAL(counters(a.handle, "vale0:b").rx_packets, tag);
	close_port(&a);
	close_port(&b);
	/*
	 * The smallest ring that can carry a frame carries one at a time; the smallest at all
	 * carries none.
	 */
	a = open_port("vale0:a", SLOTS(2));
	b = open_port("vale0:b", SLOTS(2));
	for (uint32_t i = 0; i < 10; i++) {
		send_frame(&a, EVERYBODY, STATION(1), i);
		TAGS(&b, i);
	}
	close_port(&b);
	b = open_port("vale0:b", SLOTS(1));
	EQUAL(available(tx_ring(&b, 0)), 0);
	send_frame(&a, EVERYBODY, STATION(1), 1);
	TAGS(&b);
	EQUAL(valet_poll(b.handle, POLLIN | POLLOUT, 1), 0);
	EQUAL(counters(a.handle, "vale0:b").drops[VALET_DROP_RING_FULL], 1);
	close_port(&a);
	close_port(&b);
	return 0;
}
