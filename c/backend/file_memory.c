/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memfd_create */
#include "file_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../valet.h"
#include "guard.h"
#include "memory.h"

enum { PAGE_BYTES = 4096 };

struct file_memory {
	struct file_memory *next;
	int32_t id;
	int fd;
	uint8_t *base;
	uint64_t bytes; /* whole pages */
	int closed; /* goes with the last region in it */
	int holds; /* ports of the kernel's */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file_memory *memories;
static int32_t last_id;

static struct file_memory *find(int32_t id)
{
	struct file_memory *memory = memories;

	while (memory && (memory->id != id || memory->closed))
		memory = memory->next;
	return memory;
}

static int open_file(const char *path, uint32_t flags)
{
	int mode = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd;

	if (!path || !*path)
		fd = memfd_create("valet memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	else if (flags & VALET_MEMORY_CREATE)
		fd = open(path, mode | O_CREAT | O_EXCL, 0600);
	else
		fd = open(path, mode);
	return fd < 0 ? -errno : fd;
}

/* Its size, once it has the one that is wanted; a file that is there keeps its own. */
static int set_size(int fd, uint32_t flags, uint64_t wanted, uint64_t *bytes)
{
	struct stat status;
	int rc;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (flags & VALET_MEMORY_LOCK && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (flags & VALET_MEMORY_CREATE) {
		if (!wanted || wanted % PAGE_BYTES)
			return -EINVAL;
		/* The blocks now, so that the disk is not found to be full by a packet. */
		rc = posix_fallocate(fd, 0, (off_t)wanted);
		if (rc)
			return -rc;
		*bytes = wanted;
		return 0;
	}
	*bytes = (uint64_t)status.st_size / PAGE_BYTES * PAGE_BYTES;
	return *bytes ? 0 : -ENODATA;
}

static int map(struct file_memory *memory)
{
	void *base = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	int rc;

	if (base == MAP_FAILED)
		return -errno;
	rc = guard_add(base, memory->bytes);
	if (rc < 0)
		munmap(base, memory->bytes);
	memory->base = base;
	return rc;
}

int32_t file_memory_open(const char *path, uint32_t flags, uint64_t *range)
{
	struct file_memory *memory = calloc(1, sizeof(*memory));
	int rc;

	if (!memory)
		return -ENOMEM;
	if (!path || !*path)
		flags |= VALET_MEMORY_CREATE;
	memory->fd = open_file(path, flags);
	rc = memory->fd;
	if (rc < 0)
		goto fail;
	rc = set_size(memory->fd, flags, range[1], &memory->bytes);
	if (rc == 0)
		rc = map(memory);
	if (rc < 0) {
		if (flags & VALET_MEMORY_CREATE && path && *path)
			unlink(path);
		close(memory->fd);
		goto fail;
	}
	range[0] = (uintptr_t)memory->base;
	range[1] = memory->bytes;
	pthread_mutex_lock(&lock);
	memory->id = ++last_id;
	memory->next = memories;
	memories = memory;
	pthread_mutex_unlock(&lock);
	return memory->id;

fail:
	free(memory);
	return rc;
}

/* The file has been cut short since it was mapped. */
static int is_shorter(const struct file_memory *memory)
{
	struct stat status;

	return fstat(memory->fd, &status) < 0 || (uint64_t)status.st_size < memory->bytes;
}

int32_t file_memory_sync(int32_t id, uint64_t *range)
{
	struct file_memory *memory;
	int rc = -EBADF;

	pthread_mutex_lock(&lock);
	memory = find(id);
	if (memory && (range[0] % PAGE_BYTES || range[0] > memory->bytes ||
		       range[1] > memory->bytes - range[0]))
		rc = -EINVAL;
	else if (memory && (guard_was_hit(memory->base) || is_shorter(memory)))
		rc = -EIO;
	else if (memory)
		rc = msync(memory->base + range[0], range[1], MS_SYNC) < 0 ? -errno : 0;
	pthread_mutex_unlock(&lock);
	return rc;
}

/* The addresses stay, with nothing behind them: views of it may be left. */
static int release(struct file_memory *memory)
{
	guard_remove(memory->base);
	if (mmap(memory->base, memory->bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	close(memory->fd);
	memory_give(memory->base, memory->bytes);
	free(memory);
	return 0;
}

void file_memory_hold(uint64_t address, int change)
{
	pthread_mutex_lock(&lock);
	for (struct file_memory *memory = memories; memory; memory = memory->next)
		if (address >= (uintptr_t)memory->base &&
		    address - (uintptr_t)memory->base < memory->bytes)
			memory->holds += change;
	pthread_mutex_unlock(&lock);
	if (change < 0)
		file_memory_reap();
}

void file_memory_reap(void)
{
	struct file_memory **at = &memories, *memory;

	pthread_mutex_lock(&lock);
	while ((memory = *at) != NULL) {
		struct file_memory *next = memory->next;

		if (memory->closed && !memory->holds && !memory_in_use(memory->base, memory->bytes) &&
		    release(memory) == 0)
			*at = next;
		else
			at = &memory->next;
	}
	pthread_mutex_unlock(&lock);
}

int32_t file_memory_close(int32_t id)
{
	struct file_memory *memory;

	pthread_mutex_lock(&lock);
	memory = find(id);
	if (memory)
		memory->closed = 1;
	pthread_mutex_unlock(&lock);
	if (!memory)
		return -EBADF;
	file_memory_reap();
	return 0;
}

int file_memory_find(uint64_t address, uint64_t bytes, uint64_t *offset)
{
	int fd = -ENOENT;

	pthread_mutex_lock(&lock);
	for (struct file_memory *memory = memories; memory; memory = memory->next) {
		uint64_t base = (uintptr_t)memory->base;

		if (address < base || address - base > memory->bytes ||
		    bytes > memory->bytes - (address - base))
			continue;
		*offset = address - base;
		fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}
