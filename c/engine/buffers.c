/* SPDX-License-Identifier: BSD-2-Clause */
#include "buffers.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* ---- one buffer ---- */

static int64_t buffer_take(struct region *region)
{
	const struct pool *pool = &region->pool[POOL_BUFFER];
	int64_t offset = region_take(region, POOL_BUFFER, 1);

	return offset < 0 ? offset
			  : (int64_t)(((uint64_t)offset - pool->offset) / pool->object_bytes);
}

static void buffer_give(struct region *region, uint32_t buffer)
{
	const struct pool *pool = &region->pool[POOL_BUFFER];

	region_give(region, POOL_BUFFER, pool->offset + (uint64_t)buffer * pool->object_bytes, 1);
}

static uint32_t *first_word(const struct region *region, uint32_t buffer)
{
	const struct pool *pool = &region->pool[POOL_BUFFER];

	return (uint32_t *)(region->base + pool->offset + (uint64_t)buffer * pool->object_bytes);
}

/* ---- what rings hold ---- */

/*
 * The buffer of a slot. The slots of a pipe's two rings name the same buffers: those between the
 * receiver's hwcur and hwtail are the receiver's, which may have exchanged them; of the others the
 * sender's ring knows.
 */
static uint32_t buffer_in(const struct ring *ring, uint32_t slot)
{
	const struct ring *receiver = ring->direction == RX ? ring : ring->peer;

	if (ring->peer) {
		/* Both may move meanwhile, and the slot with them. */
		uint32_t from = read_once(&receiver->hwcur);
		int received = ring_distance(ring, from, slot) <
			       ring_distance(ring, from, read_once(&receiver->hwtail));

		ring = received ? receiver : receiver->peer;
	}
	return read_once(&ring->shared->slot[slot].buf_idx);
}

/* A bit for each buffer that a ring of the region holds. NULL: no memory. */
static uint64_t *buffers_in_rings(const struct region *region)
{
	uint32_t objects = region->pool[POOL_BUFFER].objects;
	uint64_t *held = calloc((objects + 63) / 64, sizeof(*held));

	for (const struct ring *ring = region->rings; held && ring; ring = ring->next_in_region) {
		for (uint32_t i = 0; i < ring->slots; i++) {
			uint32_t buffer = buffer_in(ring, i);

			if (buffer < objects)
				held[buffer / 64] |= 1ull << (buffer % 64);
		}
	}
	return held;
}

/* Whether the buffer was free to be freed: it may be anything. */
static int give_back(struct region *region, const uint64_t *held, uint32_t buffer)
{
	const struct pool *pool = &region->pool[POOL_BUFFER];

	if (buffer < RESERVED_BUFFERS || buffer >= pool->objects || !pool_has(pool, buffer) ||
	    held[buffer / 64] >> (buffer % 64) & 1)
		return 0;
	buffer_give(region, buffer);
	return 1;
}

/* ---- rings ---- */

int ring_take_buffers(struct ring *ring)
{
	struct region *region = ring->port->region;
	uint32_t *own = malloc((ring->slots + 1) * sizeof(*own));

	if (!own)
		return -ENOMEM;
	for (uint32_t i = 0; i < ring->slots; i++) {
		int64_t buffer = buffer_take(region);

		if (buffer < 0) {
			while (i)
				buffer_give(region, own[--i]);
			free(own);
			return -ENOMEM;
		}
		own[i] = (uint32_t)buffer;
	}
	ring->own = own;
	ring->next_in_region = region->rings;
	region->rings = ring;
	return 0;
}

/* Senders that saw it open have done with it when this returns; no others come. */
static void wait_for_senders(struct ring *ring)
{
	spin_lock(&ring->lease);
	while (ring->lease_count) {
		spin_unlock(&ring->lease);
		sched_yield();
		spin_lock(&ring->lease);
	}
	spin_unlock(&ring->lease);
}

static void forget_ring(struct ring *ring)
{
	struct ring **at = &ring->port->region->rings;

	while (*at != ring)
		at = &(*at)->next_in_region;
	*at = ring->next_in_region;
}

void ring_return_own(struct ring *ring)
{
	if (!ring->own)
		return;
	forget_ring(ring);
	for (uint32_t i = 0; i < ring->slots; i++)
		buffer_give(ring->port->region, ring->own[i]);
	free(ring->own);
	ring->own = NULL;
}

void ring_give_buffers(struct ring *ring)
{
	struct region *region = ring->port->region;
	uint64_t *held;

	if (!ring->own)
		return;
	wait_for_senders(ring);
	forget_ring(ring);
	free(ring->own);
	ring->own = NULL;
	held = buffers_in_rings(region);
	/* Without memory they are lost until nobody uses the region: region_reclaim(). */
	for (uint32_t i = 0; held && i < ring->slots; i++)
		give_back(region, held, buffer_in(ring, i));
	free(held);
}

/* ---- extra buffers ---- */

void extra_take(struct descriptor *descriptor, struct port *port, uint32_t wanted)
{
	struct region *region = port->region;
	struct netmap_if *nifp = (struct netmap_if *)(region->base + descriptor->if_offset);
	uint32_t head = 0;

	descriptor->extras = 0;
	while (descriptor->extras < wanted) {
		int64_t buffer = buffer_take(region);

		if (buffer < 0)
			break;
		write_once(first_word(region, (uint32_t)buffer), head);
		head = (uint32_t)buffer;
		descriptor->extras++;
	}
	write_once(&nifp->ni_bufs_head, head);
}

void extra_give(struct descriptor *descriptor, struct port *port)
{
	struct region *region = port->region;
	struct netmap_if *nifp = (struct netmap_if *)(region->base + descriptor->if_offset);
	uint32_t buffer = read_once(&nifp->ni_bufs_head);
	uint64_t *held = buffer ? buffers_in_rings(region) : NULL;

	/* A loop ends where it comes back to what has been freed. */
	while (held && give_back(region, held, buffer))
		buffer = read_once(first_word(region, buffer));
	free(held);
}

void region_reclaim(struct region *region)
{
	struct pool *pool = &region->pool[POOL_BUFFER];

	if (region->rings)
		return;
	memset(pool->taken, 0, (pool->objects + 63) / 64 * sizeof(*pool->taken));
	pool->used = pool->hint = 0;
	region_take(region, POOL_BUFFER, RESERVED_BUFFERS);
}
