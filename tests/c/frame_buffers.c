/*
 * A slot that names no buffer of its region is never followed: on sending and on receiving it is
 * counted.
 */
#include "t.h"

static const uint32_t bad[] = { 0, 1, 4160, 999999, 0x7fffffff, 0xffffffff };

static void sending(struct port_handle *a, struct port_handle *b)
{
	struct netmap_ring *tx = tx_ring(a, 0);

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint32_t at, own;

		put_frame(a, 0, EVERYBODY, STATION(1), 1, 60);
		at = tx->head;
		own = tx->slot[at].buf_idx;
		put_slot(tx, 60, 0);
		tx->slot[at].buf_idx = bad[i];
		put_frame(a, 0, EVERYBODY, STATION(1), 3, 60);
		EQUAL(valet_txsync(a->handle), 0);
		EQUAL(tx->slot[at].buf_idx, bad[i]);
		tx->slot[at].buf_idx = own;
		TAGS(b, 1, 3);
		EQUAL(counters(a->handle, "vale0:a").drops[VALET_DROP_BAD_BUFFER], i + 1);
	}
	/* Nor is an address of the application where there is nothing. */
	put_slot(tx, 60, NS_INDIRECT)->ptr = 8;
	put_slot(tx, 60, NS_INDIRECT | NS_MOREFRAG)->ptr = 8;
	put_slot(tx, 60, 0);
	EQUAL(valet_txsync(a->handle), 0);
	TAGS(b);
	EQUAL(counters(a->handle, "vale0:a").drops[VALET_DROP_BAD_BUFFER], COUNT(bad) + 2);
}

static void receiving(struct port_handle *a, struct port_handle *b)
{
	struct netmap_ring *rx = rx_ring(b, 0);

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct valet_req_port before = counters(a->handle, "vale0:b"), count;
		uint32_t at = next_slot(rx, rx->head), own = rx->slot[at].buf_idx;

		write_once(&rx->slot[at].buf_idx, bad[i]);
		for (uint32_t tag = 1; tag <= 3; tag++)
			put_frame(a, 0, EVERYBODY, STATION(1), tag, 60);
		EQUAL(valet_txsync(a->handle), 0);
		EQUAL(valet_rxsync(b->handle), 0);
		EQUAL(available(rx), 3);
		EQUAL(rx->slot[at].len, 0); /* an empty slot in its place */
		EQUAL(rx->slot[at].buf_idx, bad[i]);
		EQUAL(rx->slot[next_slot(rx, at)].len, 60);
		rx->slot[at].buf_idx = own;
		set_head(rx, rx->tail);
		EQUAL(valet_rxsync(b->handle), 0);
		count = counters(a->handle, "vale0:b");
		EQUAL(count.drops[VALET_DROP_RECEIVE_BUFFER],
		      before.drops[VALET_DROP_RECEIVE_BUFFER] + 1);
		EQUAL(count.rx_packets, before.rx_packets + 2);
	}
}

/* One bad slot, and the whole frame of several is empty slots. */
static void receiving_fragments(struct port_handle *a, struct port_handle *b)
{
	struct netmap_ring *rx = rx_ring(b, 0), *tx = tx_ring(a, 0);
	uint32_t at = rx->head;

	rx->slot[next_slot(rx, at)].buf_idx = 0;
	for (int i = 0; i < 3; i++) {
		write_frame(buffer(tx, tx->slot[tx->head].buf_idx), EVERYBODY, STATION(1), 1);
		put_slot(tx, 60, i < 2 ? NS_MOREFRAG : 0);
	}
	put_frame(a, 0, EVERYBODY, STATION(1), 2, 60);
	EQUAL(valet_txsync(a->handle), 0);
	EQUAL(valet_rxsync(b->handle), 0);
	EQUAL(available(rx), 4);
	for (int i = 0; i < 3; i++, at = next_slot(rx, at)) {
		EQUAL(rx->slot[at].len, 0);
		EQUAL(rx->slot[at].flags, 0);
	}
	EQUAL(rx->slot[at].len, 60);
}

/* The receiver's flags and length are overwritten, its ptr stays. */
static void preset(struct port_handle *a, struct port_handle *b)
{
	struct netmap_ring *rx = rx_ring(b, 0);
	struct netmap_slot *slot = &rx->slot[rx->tail];

	set_head(rx, rx->tail);
	EQUAL(valet_rxsync(b->handle), 0);
	slot->flags = 0xffff;
	slot->len = 77;
	slot->ptr = 0x1234;
	send_frame(a, EVERYBODY, STATION(1), 5);
	EQUAL(slot->flags, 0x100);
	EQUAL(slot->len, 60);
	EQUAL(slot->ptr, 0x1234);
	TAGS(b, 5);
}

int main(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16)), b = open_port("vale0:b", SLOTS(16));

	sending(&a, &b);
	receiving(&a, &b);
	receiving_fragments(&a, &b);
	preset(&a, &b);
	close_port(&a);
	close_port(&b);
	return 0;
}
