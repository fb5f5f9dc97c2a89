/* SPDX-License-Identifier: BSD-2-Clause */
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../engine/region.h"

/*
 * A stretch of addresses. It is never given back to the system, only its pages are, so that a
 * script that holds on to a view of a closed port reads zeros or another port's memory, and does
 * not crash. A later region of the same size gets it again.
 */
struct stretch {
	struct stretch *next;
	uint8_t *base;
	uint64_t bytes;
	uint32_t region; /* id of the region in it; 0 = free */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stretch *stretches;
static uint32_t regions;

static struct stretch *stretch_map(uint64_t bytes)
{
	struct stretch *stretch = malloc(sizeof(*stretch));

	if (!stretch)
		return NULL;
	/* Not reserved: most of a region is never touched, and what is, is taken page by page. */
	stretch->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stretch->base == MAP_FAILED) {
		free(stretch);
		return NULL;
	}
	stretch->bytes = bytes;
	stretch->region = 0;
	stretch->next = stretches;
	stretches = stretch;
	return stretch;
}

int memory_region_map(struct region *region, uint64_t buffers_offset)
{
	struct stretch *stretch;

	pthread_mutex_lock(&lock);
	for (stretch = stretches; stretch; stretch = stretch->next)
		if (!stretch->region && stretch->bytes == region->bytes)
			break;
	if (!stretch)
		stretch = stretch_map(region->bytes);
	if (stretch) {
		region->base = stretch->base;
		region->id = stretch->region = ++regions;
		/*
		 * Where huge pages are given unasked, opening a port would take 2 MB for its
		 * interfaces and rings. Advice only: without it there is more memory in use.
		 */
		madvise(region->base, buffers_offset, MADV_NOHUGEPAGE);
	}
	pthread_mutex_unlock(&lock);
	return stretch ? 0 : -ENOMEM;
}

void memory_region_unmap(struct region *region)
{
	pthread_mutex_lock(&lock);
	for (struct stretch *stretch = stretches; stretch; stretch = stretch->next) {
		if (stretch->region != region->id)
			continue;
		stretch->region = 0;
		/* The pages go; what is read there next is zero. */
		madvise(stretch->base, stretch->bytes, MADV_DONTNEED);
	}
	pthread_mutex_unlock(&lock);
}

int memory_region_address(uint32_t id, uint64_t *out)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&lock);
	for (struct stretch *stretch = stretches; stretch; stretch = stretch->next) {
		if (!id || stretch->region != id)
			continue;
		out[0] = (uintptr_t)stretch->base;
		out[1] = stretch->bytes;
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}
