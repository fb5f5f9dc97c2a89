/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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
	int fd; /* the memory that it has been given to share; -1: private memory */
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
	stretch->fd = -1;
	stretch->next = stretches;
	stretches = stretch;
	return stretch;
}

/* A free stretch of that size. Caller holds the lock. */
static struct stretch *stretch_find(uint64_t bytes)
{
	for (struct stretch *stretch = stretches; stretch; stretch = stretch->next)
		if (!stretch->region && stretch->bytes == bytes)
			return stretch;
	return stretch_map(bytes);
}

static void stretch_use(struct stretch *stretch, struct region *region, uint64_t buffers_offset)
{
	region->base = stretch->base;
	region->id = stretch->region = ++regions;
	/*
	 * Where huge pages are given unasked, opening a port would take 2 MB for its interfaces and
	 * rings. Advice only: without it there is more memory in use.
	 */
	madvise(region->base, buffers_offset, MADV_NOHUGEPAGE);
}

int memory_region_map(struct region *region, uint64_t buffers_offset)
{
	struct stretch *stretch;

	pthread_mutex_lock(&lock);
	stretch = stretch_find(region->bytes);
	if (stretch)
		stretch_use(stretch, region, buffers_offset);
	pthread_mutex_unlock(&lock);
	return stretch ? 0 : -ENOMEM;
}

/* Memory of that size that nobody can resize: who maps it need not fear for its pages. */
static int sealed_memory(uint64_t bytes)
{
	int fd = memfd_create("valet region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int memory_region_map_shared(struct region *region, uint64_t buffers_offset)
{
	struct stretch *stretch;
	int rc = -ENOMEM;
	int fd;

	pthread_mutex_lock(&lock);
	stretch = stretch_find(region->bytes);
	if (!stretch)
		goto out;
	fd = sealed_memory(region->bytes);
	rc = fd;
	if (fd < 0)
		goto out;
	/* In the place of the private memory, whose addresses these are for ever. */
	if (mmap(stretch->base, stretch->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0) == MAP_FAILED) {
		rc = -errno;
		close(fd);
		goto out;
	}
	stretch->fd = fd;
	stretch_use(stretch, region, buffers_offset);
	rc = 0;
out:
	pthread_mutex_unlock(&lock);
	return rc < 0 && rc != -EMFILE && rc != -ENFILE ? -ENOMEM : rc;
}

/* Private memory again, of which nothing is touched. */
static void stretch_free(struct stretch *stretch)
{
	stretch->region = 0;
	if (stretch->fd < 0) {
		/* The pages go; what is read there next is zero. */
		madvise(stretch->base, stretch->bytes, MADV_DONTNEED);
		return;
	}
	/* Should it fail, the shared memory stays in place, and is replaced by the next. */
	if (mmap(stretch->base, stretch->bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		madvise(stretch->base, stretch->bytes, MADV_DONTNEED);
	close(stretch->fd);
	stretch->fd = -1;
}

void memory_region_unmap(struct region *region)
{
	pthread_mutex_lock(&lock);
	for (struct stretch *stretch = stretches; stretch; stretch = stretch->next)
		if (stretch->region == region->id)
			stretch_free(stretch);
	pthread_mutex_unlock(&lock);
}

int memory_region_share(uint32_t id)
{
	int fd = -ENOENT;

	pthread_mutex_lock(&lock);
	for (struct stretch *stretch = stretches; stretch; stretch = stretch->next) {
		if (!id || stretch->region != id || stretch->fd < 0)
			continue;
		fd = fcntl(stretch->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&lock);
	return fd;
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
