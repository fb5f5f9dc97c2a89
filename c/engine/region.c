/* SPDX-License-Identifier: BSD-2-Clause */
#include "region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../uapi/netmap.h"

#define PAGE_BYTES 4096u

enum {
	OBJECT_ALIGN = 64,
};

const struct memory_parameters memory_parameters_default = {
	.global = { { 1024, 100 }, { 9 * PAGE_BYTES, 200 }, { BUFFER_STRIDE, 163840 } },
	.alone = { { 1024, 2 }, { 5 * PAGE_BYTES, 4 }, { BUFFER_STRIDE, 4098 } },
};

/* netmap's, with objects rounded up to OBJECT_ALIGN. */
static const struct pool_limits {
	uint32_t bytes_min, bytes_max;
	uint32_t objects_min_global, objects_min, objects_max_global, objects_max;
} limits[POOLS] = {
	[POOL_IF] = { sizeof(struct netmap_if), 4096, 10, 1, 10000, 100 },
	[POOL_RING] = { sizeof(struct netmap_ring), 32 * PAGE_BYTES, 2, 2, 1024, 1024 },
	[POOL_BUFFER] = { 64, 65536, 4, 4, 1000000, 1000000 },
};

__thread struct shortage shortage = { .pool = POOLS };

void shortage_clear(void)
{
	shortage = (struct shortage){ .pool = POOLS };
}

static uint64_t aligned(uint32_t bytes)
{
	return ((uint64_t)bytes + OBJECT_ALIGN - 1) / OBJECT_ALIGN * OBJECT_ALIGN;
}

static int sizes_check(const struct pool_size sizes[POOLS], int is_global)
{
	for (int i = 0; i < POOLS; i++) {
		const struct pool_limits *limit = &limits[i];
		uint64_t bytes = aligned(sizes[i].object_bytes);

		if (bytes < limit->bytes_min || bytes > limit->bytes_max ||
		    sizes[i].objects < (is_global ? limit->objects_min_global : limit->objects_min) ||
		    sizes[i].objects > (is_global ? limit->objects_max_global : limit->objects_max))
			return -EINVAL;
	}
	return 0;
}

int memory_parameters_check(const struct memory_parameters *parameters)
{
	int rc = sizes_check(parameters->global, 1);

	return rc < 0 ? rc : sizes_check(parameters->alone, 0);
}

uint32_t ring_bytes(uint32_t slots)
{
	uint64_t bytes = sizeof(struct netmap_ring) + (uint64_t)slots * sizeof(struct netmap_slot);

	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

uint32_t if_bytes(uint32_t rings)
{
	return sizeof(struct netmap_if) + rings * sizeof(int64_t);
}

static void at_least(uint32_t *value, uint64_t floor)
{
	if (*value < floor)
		*value = floor < UINT32_MAX ? (uint32_t)floor : UINT32_MAX;
}

int region_sizes(const struct memory_parameters *parameters, const struct region_request *want,
		 struct pool_size sizes[POOLS])
{
	/* netmap counts one host ring in each direction, which VALE ports do not have. */
	uint64_t tx_rings = (uint64_t)want->tx_rings + 1, rx_rings = (uint64_t)want->rx_rings + 1;
	uint32_t pipes = want->no_pipes ? 0 : 2; /* that there is room for */
	uint32_t slots = want->tx_slots > want->rx_slots ? want->tx_slots : want->rx_slots;

	memcpy(sizes, parameters->alone, sizeof(parameters->alone));
	at_least(&sizes[POOL_IF].object_bytes, if_bytes((uint32_t)(tx_rings + rx_rings)));
	at_least(&sizes[POOL_IF].objects, 2 + 4 * pipes);
	at_least(&sizes[POOL_RING].object_bytes, ring_bytes(slots));
	at_least(&sizes[POOL_RING].objects, tx_rings + rx_rings + 8 * pipes);
	at_least(&sizes[POOL_BUFFER].objects,
		 (4 * pipes + rx_rings) * want->rx_slots + (4 * pipes + tx_rings) * want->tx_slots +
			 RESERVED_BUFFERS + want->extra_buffers);
	return sizes_check(sizes, 0);
}

/*
 * Objects are laid out in clusters that end on a page boundary, and a pool has whole clusters only;
 * so the count grows to a multiple of 4096 / gcd(4096, object size).
 */
static void lay_out(struct pool *pool, const struct pool_size *size)
{
	uint32_t bytes = (uint32_t)aligned(size->object_bytes);
	uint32_t power_of_two = bytes & -bytes; /* gcd with the page, which is one too */
	uint32_t cluster = power_of_two >= PAGE_BYTES ? 1 : PAGE_BYTES / power_of_two;

	pool->object_bytes = bytes;
	pool->objects = (size->objects + cluster - 1) / cluster * cluster;
}

uint64_t region_layout(const struct pool_size sizes[POOLS], struct pool pool[POOLS])
{
	uint64_t end = 0;

	for (int i = 0; i < POOLS; i++) {
		lay_out(&pool[i], &sizes[i]);
		pool[i].offset = end;
		end += (uint64_t)pool[i].objects * pool[i].object_bytes;
	}
	return (end + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static void free_bitmaps(struct pool pool[POOLS])
{
	for (int i = 0; i < POOLS; i++)
		free(pool[i].taken);
}

static int make_bitmaps(struct pool pool[POOLS])
{
	for (int i = 0; i < POOLS; i++) {
		pool[i].used = pool[i].hint = 0;
		pool[i].taken = calloc((pool[i].objects + 63) / 64 + 1, sizeof(uint64_t));
		if (!pool[i].taken) {
			while (i)
				free(pool[--i].taken);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Makes pools of the region's sizes, and maps them. */
static int region_fill(struct region *region, const struct pool_size sizes[POOLS])
{
	int rc;

	region->bytes = region_layout(sizes, region->pool);
	rc = make_bitmaps(region->pool);
	if (rc < 0)
		return rc;
	rc = region->host->region_map(region, region->pool[POOL_BUFFER].offset);
	if (rc < 0) {
		free_bitmaps(region->pool);
		return rc;
	}
	memcpy(region->sizes, sizes, sizeof(region->sizes));
	region_take(region, POOL_BUFFER, RESERVED_BUFFERS);
	return 0;
}

int region_create(const struct engine_host *host, const struct pool_size sizes[POOLS],
		  uint16_t mem_id, struct region **out)
{
	struct region *region = calloc(1, sizeof(*region));
	int rc;

	if (!region)
		return -ENOMEM;
	region->host = host;
	region->mem_id = mem_id;
	region->references = 1;
	rc = region_fill(region, sizes);
	if (rc < 0) {
		free(region);
		return rc;
	}
	*out = region;
	return 0;
}

int region_adopt(const struct engine_host *host, const struct memory_source *source,
		 const struct pool pool[POOLS], uint16_t mem_id, struct region **out)
{
	struct region *region = calloc(1, sizeof(*region));
	int rc;

	if (!region)
		return -ENOMEM;
	region->host = host;
	region->mem_id = mem_id;
	region->references = 1;
	region->bytes = source->bytes;
	memcpy(region->pool, pool, sizeof(region->pool));
	memcpy(region->identity, source->identity, sizeof(region->identity));
	rc = make_bitmaps(region->pool);
	if (rc < 0)
		goto free_region;
	rc = host->region_adopt(region, source);
	if (rc < 0)
		goto free_pools;
	region_take(region, POOL_BUFFER, RESERVED_BUFFERS);
	*out = region;
	return 0;

free_pools:
	free_bitmaps(region->pool);
free_region:
	free(region);
	return rc;
}

int region_change(struct region *region, const struct pool_size sizes[POOLS])
{
	struct region old = *region;
	int rc = region_fill(region, sizes);

	if (rc < 0) {
		*region = old;
		return rc;
	}
	region->host->region_unmap(&old);
	free_bitmaps(old.pool);
	return 0;
}

void region_destroy(struct region *region)
{
	region->host->region_unmap(region);
	free_bitmaps(region->pool);
	free(region);
}

static int note(const struct region *region, enum region_pool pool, struct shortage found)
{
	shortage = found;
	shortage.pool = pool;
	shortage.mem_id = region->mem_id;
	return -ENOMEM;
}

int region_short_of(const struct region *region, enum region_pool pool, uint32_t needed)
{
	const struct pool *found = &region->pool[pool];

	return note(region, pool,
		    (struct shortage){ .needed = needed,
				       .available = found->objects - found->used,
				       .total = found->objects });
}

int region_too_small(const struct region *region, enum region_pool pool, uint32_t needed_bytes)
{
	uint32_t bytes = region->pool[pool].object_bytes;

	return note(region, pool,
		    (struct shortage){ .is_size = 1,
				       .needed = needed_bytes,
				       .available = bytes,
				       .total = bytes });
}

int64_t region_take(struct region *region, enum region_pool which, uint32_t count)
{
	struct pool *pool = &region->pool[which];
	uint32_t start = pool->hint, run = 0;

	if (count == 0 || count > pool->objects - pool->used)
		return region_short_of(region, which, count);
	for (uint32_t i = start; i < pool->objects && run < count; i++) {
		if (pool_has(pool, i)) {
			start = i + 1;
			run = 0;
		} else {
			run++;
		}
	}
	if (run < count)
		return region_short_of(region, which, count);
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
