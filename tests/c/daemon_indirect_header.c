/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client brings what slots point to (NS_INDIRECT) into their buffers before the daemon looks. It
 * finds both by the ring's header, which others that have the region may write too: it reads and
 * writes nothing outside the region, and the ring works once the header is right again.
 */
#include "daemon.h"

static uint8_t frame[64];

/* One slot that points to `frame`. */
static void put_indirect(struct netmap_ring *ring)
{
	struct netmap_slot *slot = &ring->slot[ring->head];

	write_frame(frame, EVERYBODY, STATION(1), 7);
	slot->ptr = (uintptr_t)frame;
	slot->len = sizeof(frame);
	slot->flags = NS_INDIRECT;
}

/* Whatever became of it: a good frame gets through. */
static void still_works(const struct port_handle *a, const struct port_handle *b)
{
	uint32_t next = 5;
	struct frame got;

	CHECK(valet_txsync(a->handle) >= 0);
	EQUAL(valet_rxsync(b->handle), 0);
	while (take_frame(b, 0, &got))
		continue;
	EQUAL(valet_rxsync(b->handle), 0);
	send_frame(a, EVERYBODY, STATION(1), next);
	WAIT_FOR(take_in_order(b, &next));
}

/* Buffers elsewhere: nothing is written there. */
static void spoil_offset(const struct port_handle *a, const struct port_handle *b)
{
	struct netmap_ring *ring = tx_ring(a, 0);
	int64_t right = ring->buf_ofs;
	static uint8_t mine[65536];
	uint32_t at = ring->slot[ring->head].buf_idx;

	put_indirect(ring);
	write_once((int64_t *)(uintptr_t)&ring->buf_ofs,
		   (int64_t)(mine - (uint8_t *)ring) - (int64_t)at * ring->nr_buf_size);
	set_head(ring, next_slot(ring, ring->head));
	CHECK(valet_txsync(a->handle) >= 0);
	for (uint32_t i = 0; i < sizeof(mine); i++)
		EQUAL(mine[i], 0);
	write_once((int64_t *)(uintptr_t)&ring->buf_ofs, right);
	still_works(a, b);
}

/* Slots beyond the region: none is looked at. */
static void spoil_slots(const struct port_handle *a, const struct port_handle *b)
{
	struct netmap_ring *ring = tx_ring(a, 0);
	uint32_t right = ring->num_slots;

	write_once((uint32_t *)(uintptr_t)&ring->num_slots, 0x7fffffff);
	set_head(ring, 0x7ffffffe);
	EQUAL(valet_txsync(a->handle), 1);
	write_once((uint32_t *)(uintptr_t)&ring->num_slots, right);
	still_works(a, b);
}

int main(void)
{
	struct daemon daemon;
	struct port_handle a, b;

	daemon_folder();
	daemon = daemon_start(1);
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	spoil_offset(&a, &b);
	spoil_slots(&a, &b);
	close_port(&b);
	close_port(&a);
	daemon_stop(&daemon);
	return 0;
}
