/*
 * What does not fit into a receiver's ring is lost there, from the first frame that does not fit,
 * and counted.
 */
#include "t.h"

static struct port_handle a, b, c;

static uint64_t lost(const char *port)
{
	return counters(a.handle, port).drops[VALET_DROP_RING_FULL];
}

static void refill(uint32_t space)
{
	struct netmap_ring *rx = rx_ring(&b, 0);

	set_head(rx, rx->tail);
	EQUAL(valet_rxsync(b.handle), 0);
	for (uint32_t i = space; i < 7; i++)
		send_frame(&a, STATION(2), STATION(1), 100 + i);
	EQUAL(valet_rxsync(b.handle), 0);
	set_head(rx_ring(&c, 0), rx_ring(&c, 0)->tail);
	EQUAL(valet_rxsync(c.handle), 0);
}

static void fragments(uint32_t count, uint32_t tag)
{
	struct netmap_ring *tx = tx_ring(&a, 0);

	for (uint32_t i = 0; i < count; i++) {
		write_frame(buffer(tx, tx->slot[tx->head].buf_idx), STATION(2), STATION(1), tag);
		put_slot(tx, 60, i + 1 < count ? NS_MOREFRAG : 0);
	}
}

/* The slots that came after those that were there already. */
static void arrived(uint32_t before, uint32_t slots)
{
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx_ring(&b, 0)), before + slots);
}

int main(void)
{
	uint64_t count;

	a = open_port("vale0:a", SLOTS(64));
	b = open_port("vale0:b", SLOTS(8));
	c = open_port("vale0:c", SLOTS(64));
	send_frame(&b, EVERYBODY, STATION(2), 0);
	TAGS(&c, 0);

	/* The first that fit; the sender's ring is always emptied. */
	for (uint32_t i = 0; i < 20; i++)
		put_frame(&a, 0, STATION(2), STATION(1), i, 60);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(available(tx_ring(&a, 0)), 63);
	TAGS(&b, 0, 1, 2, 3, 4, 5, 6);
	EQUAL(lost("vale0:b"), 13);

	/* Each receiver on its own: one that is full does not hold up another. */
	refill(3);
	count = lost("vale0:b");
	for (uint32_t i = 0; i < 5; i++)
		put_frame(&a, 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(a.handle), 0);
	TAGS(&c, 0, 1, 2, 3, 4);
	arrived(4, 3);
	EQUAL(lost("vale0:b"), count + 2);
	EQUAL(lost("vale0:c"), 0);

	/* A frame whose slots do not all fit ends it, even for those that would. */
	refill(3);
	count = lost("vale0:b");
	fragments(4, 1);
	fragments(1, 2);
	fragments(1, 3);
	EQUAL(valet_txsync(a.handle), 0);
	arrived(4, 0);
	EQUAL(lost("vale0:b"), count + 3);
	refill(3);
	count = lost("vale0:b");
	fragments(1, 1);
	fragments(1, 2);
	fragments(2, 3);
	fragments(1, 4);
	EQUAL(valet_txsync(a.handle), 0);
	arrived(4, 2);
	EQUAL(lost("vale0:b"), count + 2);
	/* What was leased for them is there for the next. */
	fragments(1, 5);
	EQUAL(valet_txsync(a.handle), 0);
	arrived(4, 3);

	/* Mixed u b u b u with room for 3. */
	refill(3);
	count = lost("vale0:b");
	for (uint32_t i = 0; i < 5; i++)
		put_frame(&a, 0, i % 2 ? EVERYBODY : STATION(2), STATION(1), i, 60);
	EQUAL(valet_txsync(a.handle), 0);
	set_head(rx_ring(&b, 0), (rx_ring(&b, 0)->head + 4) % 8);
	TAGS(&b, 0, 1, 2);
	TAGS(&c, 1, 3);
	EQUAL(lost("vale0:b"), count + 2);

	/* Not consumed is not overwritten: full, then one slot given back. */
	refill(0);
	count = lost("vale0:b");
	send_frame(&a, STATION(2), STATION(1), 50);
	EQUAL(lost("vale0:b"), count + 1);
	set_head(rx_ring(&b, 0), next_slot(rx_ring(&b, 0), rx_ring(&b, 0)->head));
	EQUAL(valet_rxsync(b.handle), 0);
	send_frame(&a, STATION(2), STATION(1), 51);
	EQUAL(lost("vale0:b"), count + 1);
	TAGS(&b, 101, 102, 103, 104, 105, 106, 51);
	close_port(&a);
	close_port(&b);
	close_port(&c);
	return 0;
}
