/*
 * Every length from 14 bytes to a buffer's arrives as it was sent; others are dropped and counted,
 * neighbours are not.
 */
#include "t.h"

static struct port_handle a, b;

static void fill(uint8_t *data, uint32_t length, uint32_t seed)
{
	for (uint32_t i = 14; i < length; i++)
		data[i] = (uint8_t)(i * 7 + seed);
}

static void one(uint16_t length)
{
	struct netmap_ring *tx = tx_ring(&a, 0), *rx = rx_ring(&b, 0);
	uint8_t *from = buffer(tx, tx->slot[tx->head].buf_idx), *to;

	write_frame(from, EVERYBODY, STATION(1), 0);
	fill(from, tx->nr_buf_size, length);
	put_slot(tx, length, 0);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx), 1);
	to = buffer(rx, rx->slot[rx->head].buf_idx);
	EQUAL(rx->slot[rx->head].len, length);
	EQUAL(rx->slot[rx->head].flags, 1 << NS_PORT_SHIFT);
	CHECK(!memcmp(from, to, length));
	set_head(rx, next_slot(rx, rx->head));
	EQUAL(valet_rxsync(b.handle), 0);
}

static void bad_between_good(void)
{
	static const struct {
		uint16_t length;
		enum valet_drop cause;
	} bad[] = {
		{ 0, VALET_DROP_TOO_SHORT },	{ 1, VALET_DROP_TOO_SHORT },
		{ 13, VALET_DROP_TOO_SHORT },	{ 2113, VALET_DROP_TOO_LONG },
		{ 65535, VALET_DROP_TOO_LONG },
	};
	struct netmap_ring *tx = tx_ring(&a, 0);
	struct valet_req_port count, before;

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint32_t at;

		before = counters(a.handle, "vale0:a");
		put_frame(&a, 0, EVERYBODY, STATION(1), 1, 60);
		at = tx->head;
		write_frame(buffer(tx, tx->slot[at].buf_idx), EVERYBODY, STATION(1), 2);
		put_slot(tx, bad[i].length, 0);
		put_frame(&a, 0, EVERYBODY, STATION(1), 3, 60);
		EQUAL(valet_txsync(a.handle), 0);
		EQUAL(tx->slot[at].len, bad[i].length);
		TAGS(&b, 1, 3);
		count = counters(a.handle, "vale0:a");
		EQUAL(count.drops[bad[i].cause], before.drops[bad[i].cause] + 1);
		EQUAL(drops_of(&count), drops_of(&before) + 1);
		EQUAL(count.tx_packets, before.tx_packets + 3);
	}
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	for (uint16_t length = 14; length <= tx_ring(&a, 0)->nr_buf_size; length++)
		one(length);
	bad_between_good();
	close_port(&a);
	close_port(&b);
	return 0;
}
