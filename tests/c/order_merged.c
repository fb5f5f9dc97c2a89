/* A receiver gets unicast and broadcast frames of a batch in the order in which they were sent. */
#include "t.h"

int main(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(1024)), b = open_port("vale0:b", SLOTS(1024));
	struct port_handle c = open_port("vale0:c", SLOTS(1024));
	uint32_t state = 99, to_b[900], to_c[900], nb = 0, nc = 0;

	send_frame(&b, EVERYBODY, STATION(2), 0);
	send_frame(&c, EVERYBODY, STATION(3), 0);
	TAGS(&b, 0);
	TAGS(&c, 0);
	TAGS(&a, 0, 0);
	for (uint32_t tag = 0; tag < 900; tag++) {
		uint32_t kind = random_next(&state) % 5;

		/* To b, to c, to all, to one that nobody knows, to itself. */
		static const uint64_t to[] = { STATION(2), STATION(3), EVERYBODY, STATION(77),
					       STATION(1) };

		put_frame(&a, 0, to[kind], STATION(1), tag, 60);
		if (kind == 0 || kind == 2 || kind == 3)
			to_b[nb++] = tag;
		if (kind >= 1 && kind <= 3)
			to_c[nc++] = tag;
	}
	EQUAL(valet_txsync(a.handle), 0);
	check_tags(__FILE__, __LINE__, &b, 0, nb, to_b);
	check_tags(__FILE__, __LINE__, &c, 0, nc, to_c);
	TAGS(&a);
	EQUAL(counters(a.handle, "vale0:a").tx_packets, 900);
	/* Frames of several slots among them. */
	for (uint32_t tag = 0; tag < 30; tag++) {
		struct netmap_ring *tx = tx_ring(&a, 0);

		if (tag % 3 == 0) {
			write_frame(buffer(tx, tx->slot[tx->head].buf_idx), EVERYBODY, STATION(1), tag);
			put_slot(tx, 60, NS_MOREFRAG);
			put_slot(tx, 60, 0);
		} else {
			put_frame(&a, 0, tag % 3 == 1 ? STATION(2) : STATION(3), STATION(1), tag, 60);
		}
	}
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	for (uint32_t tag = 0; tag < 30; tag++) {
		struct frame frame;

		if (tag % 3 == 2)
			continue;
		EQUAL(take_frame(&b, 0, &frame), 1);
		EQUAL(frame.tag, tag);
		if (tag % 3 == 0)
			EQUAL(take_frame(&b, 0, &frame), 1);
	}
	EQUAL(available(rx_ring(&b, 0)), 0);
	close_port(&a);
	close_port(&b);
	close_port(&c);
	return 0;
}
