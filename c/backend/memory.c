/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../engine/region.h"
#include "file_memory.h"
#include "guard.h"

/*
 * A stretch of addresses. It is never given back to the system, only its pages are, so that a
 * script that holds on to a view of a closed port reads zeros or another port's memory, and does
 * not crash. A later region of the same size gets it again.
 */
struct stretch {
	struct stretch *next; /* of its list: see below */
	uint8_t *base;
	uint64_t bytes;
	uint32_t region; /* id of the region in it; 0 = free */
	int fd; /* the memory that it has been given to share; -1: private memory */
	uint64_t offset; /* in that */
	int is_guarded; /* it is a file's */
	int is_foreign; /* an application's own: neither mapped nor to be used again */
};

enum { LISTS = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stretch *in_use[LISTS]; /* by region */
static struct stretch *unused[LISTS]; /* by size */
static uint32_t regions;

/* ---- lists ---- */

static struct stretch **list_of(uint32_t region)
{
	return &in_use[region % LISTS];
}

static struct stretch **unused_list(uint64_t bytes)
{
	return &unused[(bytes >> 12) % LISTS];
}

static void put(struct stretch **list, struct stretch *stretch)
{
	stretch->next = *list;
	*list = stretch;
}

/* The stretch that the region is in, or NULL. */
static struct stretch *stretch_of(uint32_t region)
{
	struct stretch *stretch = region ? *list_of(region) : NULL;

	while (stretch && stretch->region != region)
		stretch = stretch->next;
	return stretch;
}

static struct stretch *take(struct stretch **at)
{
	struct stretch *stretch = *at;

	*at = stretch->next;
	return stretch;
}

/* Gives it a region. It is in no list. */
static void stretch_use(struct stretch *stretch, struct region *region)
{
	region->base = stretch->base;
	region->id = stretch->region = ++regions;
	put(list_of(region->id), stretch);
}

/* ---- memory of the engine's own ---- */

static struct stretch *stretch_map(uint64_t bytes)
{
	struct stretch *stretch = calloc(1, sizeof(*stretch));

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
	stretch->fd = -1;
	return stretch;
}

/* A free stretch of that size, for stretch_use() or give_up(). Caller holds the lock. */
static struct stretch *stretch_find(uint64_t bytes)
{
	for (struct stretch **at = unused_list(bytes); *at; at = &(*at)->next)
		if ((*at)->bytes == bytes)
			return take(at);
	return stretch_map(bytes);
}

/* Back to the free ones. */
static void give_up(struct stretch *stretch)
{
	put(unused_list(stretch->bytes), stretch);
}

/*
 * Where huge pages are given unasked, opening a port would take 2 MB for its interfaces and rings.
 * Advice only: without it there is more memory in use.
 */
static void keep_small(const struct region *region, uint64_t buffers_offset)
{
	madvise(region->base, buffers_offset, MADV_NOHUGEPAGE);
}

int memory_region_map(struct region *region, uint64_t buffers_offset)
{
	struct stretch *stretch;

	pthread_mutex_lock(&lock);
	stretch = stretch_find(region->bytes);
	if (stretch) {
		stretch_use(stretch, region);
		keep_small(region, buffers_offset);
	}
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
	if (fd < 0) {
		give_up(stretch);
		goto out;
	}
	/* In the place of the private memory, whose addresses these are for ever. */
	if (mmap(stretch->base, stretch->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0) == MAP_FAILED) {
		rc = -errno;
		close(fd);
		give_up(stretch);
		goto out;
	}
	stretch->fd = fd;
	stretch->offset = 0;
	stretch_use(stretch, region);
	keep_small(region, buffers_offset);
	rc = 0;
out:
	pthread_mutex_unlock(&lock);
	return rc < 0 && rc != -EMFILE && rc != -ENFILE ? -ENOMEM : rc;
}

static void stretch_free(struct stretch *stretch);

/* ---- memory of applications ---- */

/* For mappings of the same file at several places. */
static int identify_file(struct memory_source *source, int fd, uint64_t offset)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -EFAULT;
	source->identity[0] = (uint64_t)status.st_dev << 1 | 1;
	source->identity[1] = (uint64_t)status.st_ino;
	source->identity[2] = offset;
	return S_ISREG(status.st_mode) && offset <= (uint64_t)status.st_size &&
			       source->bytes <= (uint64_t)status.st_size - offset
		       ? 0
		       : -EFAULT;
}

/*
 * Whether all of it is mapped: mincore(2) says so and touches nothing. -ENOMEM: no machine's memory
 * is that big; -EFAULT: there is a hole.
 */
static int find_mapped(uint64_t address, uint64_t bytes)
{
	enum { CHUNK_PAGES = 4096 };
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned char resident[CHUNK_PAGES];

	if (address > UINT64_MAX - bytes)
		return -EFAULT;
	if (bytes / page_bytes > (uint64_t)sysconf(_SC_PHYS_PAGES))
		return -ENOMEM;
	for (uint64_t at = 0; at < bytes; at += CHUNK_PAGES * page_bytes) {
		uint64_t left = bytes - at, chunk = CHUNK_PAGES * page_bytes;

		if (mincore((void *)(uintptr_t)(address + at), left < chunk ? left : chunk,
			    resident) < 0)
			return -EFAULT;
	}
	return 0;
}

/*
 * Takes all of its pages, as the kernel does. -EFAULT: some are not there, or cannot be written. The
 * holes are looked for first: up to a hole all pages would be taken, and what follows a short
 * mapping may be gigabytes that somebody else has only reserved.
 */
static int populate(const struct memory_source *source)
{
	enum { POPULATE_WRITE = 23 }; /* MADV_POPULATE_WRITE, of Linux 5.14 */
	int rc = find_mapped(source->address, source->bytes);

	if (rc < 0)
		return rc;
	if (madvise((void *)(uintptr_t)source->address, source->bytes, POPULATE_WRITE) == 0)
		return 0;
	return errno == EINVAL ? 0 : errno == ENOMEM ? -ENOMEM : -EFAULT;
}

int memory_region_identify(struct memory_source *source)
{
	uint64_t offset;
	int fd, rc = populate(source);

	if (rc < 0)
		return rc;
	source->identity[0] = 2;
	source->identity[1] = source->address;
	source->identity[2] = 0;
	fd = file_memory_find(source->address, source->bytes, &offset);
	if (fd < 0)
		return 0;
	rc = identify_file(source, fd, offset);
	close(fd);
	return rc;
}

int memory_region_adopt(struct region *region, const struct memory_source *source)
{
	struct stretch *stretch;

	pthread_mutex_lock(&lock);
	stretch = calloc(1, sizeof(*stretch));
	if (stretch) {
		stretch->base = (uint8_t *)(uintptr_t)source->address;
		stretch->bytes = source->bytes;
		stretch->fd = -1;
		stretch->is_foreign = 1;
		stretch_use(stretch, region);
	}
	pthread_mutex_unlock(&lock);
	return stretch ? 0 : -ENOMEM;
}

int memory_region_identify_shared(struct memory_source *source)
{
	return source->fd < 0 ? -EFAULT : identify_file(source, source->fd, source->address);
}

int memory_region_adopt_shared(struct region *region, const struct memory_source *source)
{
	struct stretch *stretch;
	int rc = -ENOMEM, fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	stretch = stretch_find(source->bytes);
	if (!stretch)
		goto out;
	rc = -EFAULT;
	if (mmap(stretch->base, stretch->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 (off_t)source->address) == MAP_FAILED) {
		give_up(stretch);
		goto out;
	}
	stretch->fd = fd;
	stretch->offset = source->address;
	rc = guard_add(stretch->base, stretch->bytes);
	stretch->is_guarded = rc == 0;
	if (rc < 0) {
		stretch_free(stretch);
		fd = -1;
		goto out;
	}
	stretch_use(stretch, region);
	fd = -1;
out:
	pthread_mutex_unlock(&lock);
	if (fd >= 0)
		close(fd);
	return rc;
}

int memory_in_use(const void *base, uint64_t bytes)
{
	const uint8_t *start = base;
	int used = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < LISTS; i++)
		for (struct stretch *stretch = in_use[i]; stretch; stretch = stretch->next)
			used |= stretch->is_foreign && stretch->base >= start &&
				stretch->base < start + bytes;
	pthread_mutex_unlock(&lock);
	return used;
}

void memory_give(void *base, uint64_t bytes)
{
	struct stretch *stretch = calloc(1, sizeof(*stretch));

	if (!stretch)
		return; /* the addresses are lost */
	stretch->base = base;
	stretch->bytes = bytes;
	stretch->fd = -1;
	pthread_mutex_lock(&lock);
	give_up(stretch);
	pthread_mutex_unlock(&lock);
}

/* ---- giving back ---- */

/* Private memory again, of which nothing is touched; free, as it is in no other list. */
static void stretch_free(struct stretch *stretch)
{
	stretch->region = 0;
	if (stretch->is_foreign) {
		free(stretch);
		return;
	}
	give_up(stretch);
	if (stretch->is_guarded)
		guard_remove(stretch->base);
	stretch->is_guarded = 0;
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
	struct stretch **at;
	int foreign;

	pthread_mutex_lock(&lock);
	for (at = list_of(region->id); (*at)->region != region->id;)
		at = &(*at)->next;
	foreign = (*at)->is_foreign;
	stretch_free(take(at));
	pthread_mutex_unlock(&lock);
	if (foreign)
		file_memory_reap();
}

int memory_region_share(uint32_t id, uint64_t *offset)
{
	struct stretch *stretch;
	int fd = -ENOENT;

	pthread_mutex_lock(&lock);
	stretch = stretch_of(id);
	if (stretch && stretch->fd >= 0) {
		*offset = stretch->offset;
		fd = fcntl(stretch->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

int memory_region_address(uint32_t id, uint64_t *out)
{
	struct stretch *stretch;
	int rc = -ENOENT;

	pthread_mutex_lock(&lock);
	stretch = stretch_of(id);
	if (stretch) {
		out[0] = (uintptr_t)stretch->base;
		out[1] = stretch->bytes;
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}
