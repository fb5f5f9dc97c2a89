/*
 * Frames of several slots arrive with their fragments, to 64 of them; more are dropped, not cut and
 * not looped over.
 */
#include "t.h"

static struct port_handle a, b;

static void put_fragments(uint32_t count, uint16_t length, uint32_t tag)
{
	struct netmap_ring *tx = tx_ring(&a, 0);

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *data = buffer(tx, tx->slot[tx->head].buf_idx);

		memset(data, (int)(i + tag), length);
		if (i == 0)
			write_frame(data, EVERYBODY, STATION(1), tag);
		put_slot(tx, length, i + 1 < count ? NS_MOREFRAG : 0);
	}
}

static void check_fragments(uint32_t count, uint16_t length, uint32_t tag)
{
	struct netmap_ring *rx = rx_ring(&b, 0);

	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx), count);
	for (uint32_t i = 0; i < count; i++) {
		struct netmap_slot *slot = &rx->slot[rx->head];
		uint8_t *data = buffer(rx, slot->buf_idx);

		EQUAL(slot->len, length);
		EQUAL(slot->flags, count << NS_PORT_SHIFT | (i + 1 < count ? NS_MOREFRAG : 0));
		EQUAL(data[length - 1], (uint8_t)(i ? i + tag : data[length - 1]));
		set_head(rx, next_slot(rx, rx->head));
	}
	EQUAL(valet_rxsync(b.handle), 0);
}

static void counts(void)
{
	static const uint32_t good[] = { 1, 2, 3, 10, 63, 64 }, bad[] = { 65, 66, 128, 255, 256, 257, 1000 };
	struct valet_req_port count;
	uint64_t dropped = 0;

	for (size_t i = 0; i < COUNT(good); i++) {
		put_fragments(good[i], 100, 5);
		EQUAL(valet_txsync(a.handle), 0);
		check_fragments(good[i], 100, 5);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		put_frame(&a, 0, EVERYBODY, STATION(1), 1, 60);
		put_fragments(bad[i], 60, 2);
		put_frame(&a, 0, EVERYBODY, STATION(1), 3, 60);
		EQUAL(valet_txsync(a.handle), 0);
		TAGS(&b, 1, 3);
		dropped++;
		count = counters(a.handle, "vale0:a");
		EQUAL(count.drops[VALET_DROP_FRAGMENTS], dropped);
		EQUAL(drops_of(&count), dropped);
	}
}

/* So many that a batch's fragments are used up long before its packets. */
static void many(void)
{
	uint64_t bytes = counters(a.handle, "vale0:b").rx_bytes;

	for (uint32_t i = 0; i < 15; i++)
		put_fragments(64, 2048, i);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx_ring(&b, 0)), 15 * 64);
	EQUAL(counters(a.handle, "vale0:b").rx_bytes - bytes, 15 * 64 * 2048);
	set_head(rx_ring(&b, 0), rx_ring(&b, 0)->tail);
	EQUAL(valet_rxsync(b.handle), 0);
}

/* What is unfinished at head goes as it is, without the flag on its last slot. */
static void unfinished(void)
{
	struct netmap_ring *tx = tx_ring(&a, 0), *rx = rx_ring(&b, 0);

	for (int i = 0; i < 2; i++) {
		write_frame(buffer(tx, tx->slot[tx->head].buf_idx), EVERYBODY, STATION(1), 1);
		put_slot(tx, 60, NS_MOREFRAG);
	}
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx), 2);
	EQUAL(rx->slot[rx->head].flags, 0x220);
	EQUAL(rx->slot[next_slot(rx, rx->head)].flags, 0x200);
	set_head(rx, rx->tail);
	EQUAL(valet_rxsync(b.handle), 0);
	put_frame(&a, 0, EVERYBODY, STATION(1), 7, 60); /* the rest is a frame of its own */
	EQUAL(valet_txsync(a.handle), 0);
	TAGS(&b, 7);
}

static void flags_of(uint32_t count, const uint16_t *lengths, const uint32_t *buffers)
{
	struct netmap_ring *tx = tx_ring(&a, 0);

	for (uint32_t i = 0; i < count; i++) {
		struct netmap_slot *slot = &tx->slot[tx->head];
		uint32_t own = slot->buf_idx;

		write_frame(buffer(tx, own), EVERYBODY, STATION(1), 9);
		put_slot(tx, lengths[i], i + 1 < count ? NS_MOREFRAG : 0);
		if (buffers[i])
			slot->buf_idx = buffers[i];
	}
	EQUAL(valet_txsync(a.handle), 0);
}

/* An empty fragment is passed on; one that is no good takes its whole frame with it. */
static void odd_fragments(void)
{
	static const uint32_t own[3] = { 0 };
	struct netmap_ring *rx = rx_ring(&b, 0), *tx = tx_ring(&a, 0);
	struct valet_req_port before = counters(a.handle, "vale0:a"), count;
	uint32_t at = rx->head, first, mine;

	flags_of(3, (const uint16_t[]){ 60, 0, 60 }, own);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx), 3);
	EQUAL(rx->slot[at].flags, 0x320);
	EQUAL(rx->slot[next_slot(rx, at)].len, 0);
	EQUAL(rx->slot[next_slot(rx, at)].flags, 0x320);
	set_head(rx, rx->tail);
	/* The frame may begin in the second slot, if the first is empty. */
	flags_of(2, (const uint16_t[]){ 0, 60 }, own);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx), 2);
	EQUAL(rx->slot[rx->head].len, 0);
	EQUAL(rx->slot[rx->head].flags, 0x220);
	EQUAL(rx->slot[next_slot(rx, rx->head)].len, 60);
	set_head(rx, rx->tail);
	flags_of(3, (const uint16_t[]){ 60, 3000, 60 }, own);
	flags_of(2, (const uint16_t[]){ 3000, 60 }, own);
	flags_of(2, (const uint16_t[]){ 10, 60 }, own); /* no Ethernet header in the first */
	first = tx->head;
	mine = tx->slot[next_slot(tx, first)].buf_idx;
	flags_of(3, (const uint16_t[]){ 60, 60, 60 }, (const uint32_t[]){ 0, 999999, 0 });
	tx->slot[next_slot(tx, first)].buf_idx = mine;
	TAGS(&b);
	count = counters(a.handle, "vale0:a");
	EQUAL(count.drops[VALET_DROP_TOO_LONG], before.drops[VALET_DROP_TOO_LONG] + 2);
	EQUAL(count.drops[VALET_DROP_TOO_SHORT], before.drops[VALET_DROP_TOO_SHORT] + 1);
	EQUAL(count.drops[VALET_DROP_BAD_BUFFER], before.drops[VALET_DROP_BAD_BUFFER] + 1);
	EQUAL(count.tx_packets, before.tx_packets + 6);
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(1024));
	b = open_port("vale0:b", SLOTS(1024));
	counts();
	many();
	unfinished();
	odd_fragments();
	close_port(&a);
	close_port(&b);
	return 0;
}
