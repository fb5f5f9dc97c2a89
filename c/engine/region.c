/* SPDX-License-Identifier: BSD-2-Clause */
#include "region.h"

#include <errno.h>
#include <stdlib.h>

#include "../uapi/netmap.h"

#define PAGE_BYTES 4096u

/* The smallest pools of a private region, and netmap's limits. */
enum {
	IF_BYTES_MIN = 1024,
	IF_BYTES_MAX = 4096,
	IF_COUNT_MIN = 2,
	RING_BYTES_MIN = 20480,
	RING_BYTES_MAX = 32 * PAGE_BYTES,
	RING_COUNT_MIN = 4,
	RING_COUNT_MAX = 1024,
	BUFFER_BYTES = 2048,
	BUFFER_COUNT_MIN = 4098,
	BUFFER_COUNT_MAX = 1000000,
	OBJECT_ALIGN = 64,
};

uint32_t ring_bytes(uint32_t slots)
{
	return sizeof(struct netmap_ring) + slots * sizeof(struct netmap_slot);
}

int ring_fits(uint32_t slots, uint32_t object_bytes)
{
	return object_bytes >= sizeof(struct netmap_ring) &&
	       slots <= (object_bytes - sizeof(struct netmap_ring)) / sizeof(struct netmap_slot);
}

uint32_t if_bytes(uint32_t rings)
{
	return sizeof(struct netmap_if) + rings * sizeof(int64_t);
}

static uint32_t at_least(uint32_t value, uint32_t floor)
{
	return value > floor ? value : floor;
}

/*
 * Objects are laid out in clusters that end on a page boundary, and a pool has whole clusters only;
 * so the count grows to a multiple of 4096 / gcd(4096, object size).
 */
static void pool_size(struct pool *pool, uint32_t objects, uint32_t object_bytes)
{
	uint32_t bytes = (object_bytes + OBJECT_ALIGN - 1) / OBJECT_ALIGN * OBJECT_ALIGN;
	uint32_t power_of_two = bytes & -bytes; /* gcd with the page, which is one too */
	uint32_t cluster = power_of_two >= PAGE_BYTES ? 1 : PAGE_BYTES / power_of_two;

	pool->object_bytes = bytes;
	pool->objects = (objects + cluster - 1) / cluster * cluster;
}

int64_t region_layout(const struct region_request *want, struct pool pool[POOLS])
{
	/* netmap counts one host ring in each direction, which VALE ports do not have. */
	uint32_t tx_rings = want->tx_rings + 1, rx_rings = want->rx_rings + 1;
	uint32_t pipes = want->no_pipes ? 0 : 2;
	uint32_t slots = at_least(want->tx_slots, want->rx_slots);
	uint64_t buffers = (uint64_t)(4 * pipes + rx_rings) * want->rx_slots +
			   (uint64_t)(4 * pipes + tx_rings) * want->tx_slots + RESERVED_BUFFERS +
			   want->extra_buffers;
	uint32_t rings = at_least(tx_rings + rx_rings + 8 * pipes, RING_COUNT_MIN);
	uint32_t one_if = at_least(if_bytes(tx_rings + rx_rings), IF_BYTES_MIN);
	uint32_t one_ring = at_least(ring_bytes(slots), RING_BYTES_MIN);
	uint64_t end = 0;

	if (one_if > IF_BYTES_MAX || one_ring > RING_BYTES_MAX || rings > RING_COUNT_MAX ||
	    buffers > BUFFER_COUNT_MAX)
		return -EINVAL;
	pool_size(&pool[POOL_IF], at_least(2 + 4 * pipes, IF_COUNT_MIN), one_if);
	pool_size(&pool[POOL_RING], rings, one_ring);
	pool_size(&pool[POOL_BUFFER], at_least((uint32_t)buffers, BUFFER_COUNT_MIN), BUFFER_BYTES);
	for (int i = 0; i < POOLS; i++) {
		pool[i].offset = end;
		end += (uint64_t)pool[i].objects * pool[i].object_bytes;
	}
	return (int64_t)((end + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
}

static void free_bitmaps(struct region *region)
{
	for (int i = 0; i < POOLS; i++)
		free(region->pool[i].taken);
}

int region_create(const struct engine_host *host, const struct region_request *want,
		  uint16_t mem_id, struct region **out)
{
	struct region *region = calloc(1, sizeof(*region));
	int64_t bytes;
	int rc = -ENOMEM;

	if (!region)
		return -ENOMEM;
	bytes = region_layout(want, region->pool);
	if (bytes < 0) {
		rc = (int)bytes;
		goto free_region;
	}
	for (int i = 0; i < POOLS; i++) {
		region->pool[i].taken =
			calloc((region->pool[i].objects + 63) / 64, sizeof(uint64_t));
		if (!region->pool[i].taken)
			goto free_region;
	}
	region->host = host;
	region->bytes = (uint64_t)bytes;
	region->mem_id = mem_id;
	region->references = 1;
	rc = host->region_map(region, region->pool[POOL_BUFFER].offset);
	if (rc < 0)
		goto free_region;
	region_take(region, POOL_BUFFER, RESERVED_BUFFERS);
	*out = region;
	return 0;

free_region:
	free_bitmaps(region);
	free(region);
	return rc;
}

void region_destroy(struct region *region)
{
	region->host->region_unmap(region);
	free_bitmaps(region);
	free(region);
}

int64_t region_take(struct region *region, enum region_pool which, uint32_t count)
{
	struct pool *pool = &region->pool[which];
	uint32_t start = pool->hint, run = 0;

	if (count == 0 || count > pool->objects - pool->used)
		return -ENOMEM;
	for (uint32_t i = start; i < pool->objects && run < count; i++) {
		if (pool_has(pool, i)) {
			start = i + 1;
			run = 0;
		} else {
			run++;
		}
	}
	if (run < count)
		return -ENOMEM;
	for (uint32_t i = start; i < start + count; i++)
		pool->taken[i / 64] |= 1ull << (i % 64);
	pool->used += count;
	if (start == pool->hint)
		pool->hint = start + count;
	return (int64_t)(pool->offset + (uint64_t)start * pool->object_bytes);
}

void region_give(struct region *region, enum region_pool which, uint64_t offset, uint32_t count)
{
	struct pool *pool = &region->pool[which];
	uint32_t start = (uint32_t)((offset - pool->offset) / pool->object_bytes);

	for (uint32_t i = start; i < start + count; i++)
		pool->taken[i / 64] &= ~(1ull << (i % 64));
	pool->used -= count;
	if (start < pool->hint)
		pool->hint = start;
}
