/*
 * Pools give the lowest free run of objects, refuse what they do not have, and take everything
 * back.
 */
#include "t.h"

#include "engine/region.h"

enum { BUFFERS = 4160 }; /* 4098, and as many more as end on a page boundary */

static uint8_t memory[1];

static int map(struct region *region, uint64_t buffers_offset)
{
	(void)buffers_offset;
	region->base = memory; /* nothing is written to it here */
	region->id = 1;
	return 0;
}

static void unmap(struct region *region)
{
	region->base = NULL;
}

static void nobody(struct waiter *waiter)
{
	(void)waiter;
}

static const struct engine_host host = { .region_map = map, .region_unmap = unmap, .wake = nobody };

/* A model of the pool: which objects are taken. */
static uint8_t taken[8192];

static int64_t model_take(uint32_t objects, uint32_t count)
{
	for (uint32_t i = 0; i + count <= objects; i++) {
		uint32_t run = 0;

		while (run < count && !taken[i + run])
			run++;
		if (run == count) {
			memset(taken + i, 1, count);
			return i;
		}
	}
	return -ENOMEM;
}

int main(void)
{
	const struct region_request want = { 1, 1, 64, 64, 0 };
	struct pool_size sizes[POOLS];
	struct region *region;
	struct pool *pool;
	struct {
		uint64_t offset;
		uint32_t count;
	} held[64] = { 0 };
	uint32_t state = 7;

	EQUAL(region_sizes(&memory_parameters_default, &want, sizes), 0);
	EQUAL(region_create(&host, sizes, 2, &region), 0);
	pool = &region->pool[POOL_BUFFER];
	EQUAL(pool->objects, BUFFERS);
	EQUAL(pool->used, RESERVED_BUFFERS);
	taken[0] = taken[1] = 1;
	EQUAL(region_take(region, POOL_BUFFER, 0), -ENOMEM);
	EQUAL(region_take(region, POOL_BUFFER, BUFFERS - 1), -ENOMEM);
	for (int round = 0; round < 20000; round++) {
		uint32_t which = random_next(&state) % 64;

		if (held[which].count) {
			uint64_t index = (held[which].offset - pool->offset) / pool->object_bytes;

			region_give(region, POOL_BUFFER, held[which].offset, held[which].count);
			memset(taken + index, 0, held[which].count);
			held[which].count = 0;
		} else {
			uint32_t count = 1 + random_next(&state) % 150;
			int64_t model = model_take(pool->objects, count);
			int64_t offset = region_take(region, POOL_BUFFER, count);

			if (model < 0) {
				EQUAL(offset, -ENOMEM);
				continue;
			}
			EQUAL(offset, (int64_t)pool->offset + model * pool->object_bytes);
			held[which].offset = (uint64_t)offset;
			held[which].count = count;
		}
	}
	for (int i = 0; i < 64; i++)
		if (held[i].count)
			region_give(region, POOL_BUFFER, held[i].offset, held[i].count);
	EQUAL(pool->used, RESERVED_BUFFERS);
	/* All of it at once, then nothing more. */
	EQUAL(region_take(region, POOL_BUFFER, BUFFERS - 2), (int64_t)pool->offset + 2 * BUFFER_STRIDE);
	EQUAL(region_take(region, POOL_BUFFER, 1), -ENOMEM);
	region_destroy(region);
	return 0;
}
