/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region: the memory that a port's owner maps, three pools of equal objects in netmap's order:
 * netmap_if | netmap_ring | buffers. Reference: facts of netmap(4), "memory allocator".
 */
#ifndef VALET_REGION_H
#define VALET_REGION_H

#include <stdint.h>

#include "host.h"

enum region_pool { POOL_IF, POOL_RING, POOL_BUFFER, POOLS };

/*
 * Bytes from a buffer to the next, and of each, unless memory parameters say otherwise: 33 cache lines,
 * where netmap has 32. Frames begin where buffers do, and with a power of two all first lines fall into
 * a 32nd of each cache's sets: 2048 of them, written in turn, take 6.9 ns each, and 1.3 ns with one line
 * more. Learning at 60 bytes: +25 %, engine.macs.1: +45 %.
 */
enum { BUFFER_STRIDE = 2112 };

/* What a region is asked to hold. */
struct region_request {
	uint32_t tx_rings, rx_rings; /* of the port, host rings not counted */
	uint32_t tx_slots, rx_slots; /* of each ring */
	uint32_t extra_buffers;
	int no_pipes; /* else there is room for two */
};

struct ring;

/* A pool as netmap's parameters ask for it: if_size and if_num, and so on. */
struct pool_size {
	uint32_t object_bytes, objects;
};

/*
 * Of the global region, which is number 1 and which whoever asks for it shares, and the least of
 * those that ports get of their own.
 */
struct memory_parameters {
	struct pool_size global[POOLS], alone[POOLS];
};

extern const struct memory_parameters memory_parameters_default;

/* Whether netmap's limits allow it: 0 or -EINVAL. */
int memory_parameters_check(const struct memory_parameters *parameters);

/* Why a region could not give what was asked for. */
struct shortage {
	enum region_pool pool; /* POOLS: there was none */
	uint32_t mem_id;
	uint32_t is_size; /* objects are too small, not too few */
	uint32_t needed, available, total; /* objects; bytes, if it is the size */
};

/* Of this thread, since shortage_clear(). */
extern __thread struct shortage shortage;
void shortage_clear(void);

struct pool {
	uint64_t offset; /* from the region's start, bytes */
	uint32_t objects; /* how many */
	uint32_t object_bytes; /* each */
	uint32_t used;
	uint32_t hint; /* no object below is free */
	uint64_t *taken; /* one bit an object; the pages of the bitmap are touched as it fills */
};

struct region {
	const struct engine_host *host;
	uint8_t *base;
	uint64_t bytes;
	struct pool pool[POOLS];
	uint32_t id; /* unique in the process for ever */
	uint16_t mem_id; /* netmap's number, unique in the engine */
	struct pool_size sizes[POOLS]; /* that it was asked for; 0 in memory of an application */
	uint64_t identity[3]; /* of that memory; 0: the engine's own */
	uint32_t references; /* under the engine's control lock, as all below */
	uint32_t users; /* descriptors bound to its ports */
	struct ring *rings; /* that hold buffers of it */
	struct region *next, *previous; /* of the engine's */
};

/* The first two buffers are never given to a slot. */
#define RESERVED_BUFFERS 2

/* The pools that a port of its own memory needs. -EINVAL when netmap's limits do not allow it. */
int region_sizes(const struct memory_parameters *parameters, const struct region_request *want,
		 struct pool_size sizes[POOLS]);

/*
 * The pools of such sizes, whole clusters, each page aligned; returns the bytes of all. Sizes are
 * allowed ones.
 */
uint64_t region_layout(const struct pool_size sizes[POOLS], struct pool pool[POOLS]);

/* -ENOMEM. References start at 1. */
int region_create(const struct engine_host *host, const struct pool_size sizes[POOLS],
		  uint16_t mem_id, struct region **out);
/* With such pools in memory that is there already. */
int region_adopt(const struct engine_host *host, const struct memory_source *source,
		 const struct pool pool[POOLS], uint16_t mem_id, struct region **out);
/* Other sizes, while nobody has anything of it. -ENOMEM: it is as it was. */
int region_change(struct region *region, const struct pool_size sizes[POOLS]);
void region_destroy(struct region *region);

/* A shortage, noted for who asks why. Returns -ENOMEM. */
int region_short_of(const struct region *region, enum region_pool pool, uint32_t needed);
int region_too_small(const struct region *region, enum region_pool pool, uint32_t needed_bytes);

/* The offset of `count` objects in a row, or -ENOMEM with nothing taken. */
int64_t region_take(struct region *region, enum region_pool pool, uint32_t count);
void region_give(struct region *region, enum region_pool pool, uint64_t offset, uint32_t count);

/* Whether somebody has that object. */
static inline int pool_has(const struct pool *pool, uint32_t index)
{
	return pool->taken[index / 64] >> (index % 64) & 1;
}

/* Bytes of a ring with so many slots; of a netmap_if with so many rings in all. */
uint32_t ring_bytes(uint32_t slots);
uint32_t if_bytes(uint32_t rings);

#endif
