/*
 * Slots of all kinds one after the other, in syncs of any number and from any slot on: what is passed
 * several at a time arrives as what is passed alone.
 */
#include "t.h"

enum { SLOTS_EACH = 32, SYNCS = 4000, VALID_FROM = 2, BUFFER_BYTES = 2112 };

static uint32_t state = 12345;
static const uint32_t buffers = 4160; /* of the region */

static int one_in(uint32_t n)
{
	return random_next(&state) % n == 0;
}

/* What arrives of a slot: itself, or an empty one. */
static int is_good(const struct netmap_slot *slot)
{
	return slot->buf_idx >= VALID_FROM && slot->buf_idx < buffers && slot->len <= BUFFER_BYTES;
}

static struct netmap_slot any_slot(void)
{
	struct netmap_slot slot = { .buf_idx = VALID_FROM + random_next(&state) % (buffers - VALID_FROM),
				    .len = (uint16_t)(random_next(&state) % (BUFFER_BYTES + 1)),
				    .flags = one_in(4) ? NS_REPORT | 0x1200 : 0 };

	slot.ptr = (uint64_t)random_next(&state) << 32 | random_next(&state);
	if (one_in(12))
		slot.flags |= NS_BUF_CHANGED;
	if (one_in(12))
		slot.flags |= NS_MOREFRAG;
	if (one_in(20))
		slot.buf_idx = one_in(2) ? random_next(&state) % VALID_FROM : buffers + random_next(&state) % 9;
	if (one_in(40))
		slot.buf_idx = one_in(2) ? UINT32_MAX : 1u << 31;
	if (one_in(20))
		slot.len = one_in(2) ? BUFFER_BYTES + 1 : UINT16_MAX;
	return slot;
}

/* Some slots, each with all kinds of content, or each plain; the last one ends a packet. */
static uint32_t fill(struct netmap_ring *ring, struct netmap_slot *sent)
{
	uint32_t count = 1 + random_next(&state) % (SLOTS_EACH - 1), at = ring->head;
	int plain = one_in(3);

	EQUAL(available(ring), SLOTS_EACH - 1);
	for (uint32_t i = 0; i < count; i++, at = next_slot(ring, at)) {
		sent[i] = any_slot();
		if (plain)
			sent[i] = (struct netmap_slot){ .buf_idx = VALID_FROM + i, .len = 60, .ptr = i };
		if (i + 1 == count)
			sent[i].flags &= (uint16_t)~NS_MOREFRAG;
		ring->slot[at] = sent[i];
	}
	set_head(ring, at);
	return count;
}

/* Slots of `ring` before `end` are what was passed; a bad one is empty and has some other buffer. */
static void compare(struct netmap_ring *ring, uint32_t end, const struct netmap_slot *sent, uint32_t count)
{
	uint32_t at = (end + SLOTS_EACH - count) % SLOTS_EACH;

	for (uint32_t i = 0; i < count; i++, at = next_slot(ring, at)) {
		const struct netmap_slot *slot = &ring->slot[at];

		EQUAL(slot->ptr, sent[i].ptr);
		EQUAL(slot->flags, sent[i].flags);
		EQUAL(slot->len, is_good(&sent[i]) ? sent[i].len : 0);
		CHECK(slot->buf_idx == sent[i].buf_idx || !is_good(&sent[i]));
		CHECK(slot->buf_idx >= VALID_FROM && slot->buf_idx < buffers);
	}
}

/* The flag is about the way that it has gone. */
static void check_unchanged(const struct netmap_ring *ring, uint32_t end, uint32_t count)
{
	for (uint32_t i = 1; i <= count; i++)
		EQUAL(ring->slot[(end + SLOTS_EACH - i) % SLOTS_EACH].flags & NS_BUF_CHANGED, 0);
}

int main(void)
{
	struct port_handle master = open_port("vale0:p{1", SLOTS(SLOTS_EACH));
	struct port_handle slave = open_port("vale0:p}1", REG());
	struct netmap_ring *tx = tx_ring(&master, 0), *rx = rx_ring(&slave, 0);
	uint64_t packets = 0, bytes = 0, bad = 0;
	struct netmap_slot sent[SLOTS_EACH], back[SLOTS_EACH];
	struct valet_req_port counted;

	for (uint32_t sync = 0; sync < SYNCS; sync++) {
		uint32_t count = fill(tx, sent), at;

		EQUAL(valet_txsync(master.handle), 0);
		check_unchanged(tx, tx->head, count);
		EQUAL(valet_rxsync(slave.handle), 0);
		EQUAL(available(rx), count);
		compare(rx, rx->tail, sent, count);
		for (uint32_t i = 0; i < count; i++) {
			packets += !(sent[i].flags & NS_MOREFRAG);
			bytes += is_good(&sent[i]) ? sent[i].len : 0;
			bad += !is_good(&sent[i]);
		}
		/* The reader leaves other things in them. */
		at = rx->head;
		for (uint32_t i = 0; i < count; i++, at = next_slot(rx, at))
			rx->slot[at] = back[i] = any_slot();
		set_head(rx, at);
		EQUAL(valet_rxsync(slave.handle), 0);
		check_unchanged(rx, rx->head, count);
		EQUAL(valet_txsync(master.handle), 0);
		compare(tx, tx->head, back, count);
	}
	counted = counters(master.handle, "vale0:p{1");
	EQUAL(counted.tx_packets, packets);
	EQUAL(counted.tx_bytes, bytes);
	EQUAL(drops_of(&counted), bad);
	counted = counters(slave.handle, "vale0:p}1");
	EQUAL(counted.rx_packets, packets);
	EQUAL(counted.rx_bytes, bytes);
	close_port(&master);
	close_port(&slave);
	return 0;
}
