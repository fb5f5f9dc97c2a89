/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping a netmap descriptor: what is mapped is the region's memory. As with the kernel, a mapping
 * keeps the port open after the last file descriptor is closed.
 */
#include "preload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAPPINGS = 1024 };

/* A mapping in whole pages; under the table's lock. */
static struct mapping {
	uintptr_t start, end; /* 0: unused */
	struct file *file;
} mappings[MAPPINGS];
static uint32_t mapping_count;

/* With more mappings than these, some do not keep their port open. */
static void note(uintptr_t start, uintptr_t end, struct file *file)
{
	for (int i = 0; i < MAPPINGS; i++) {
		if (mappings[i].start)
			continue;
		mappings[i] = (struct mapping){ start, end, file };
		write_once(&mapping_count, mapping_count + 1);
		file_hold(file);
		return;
	}
}

/* The part of a mapping from start to end is gone. Returns the file if that was all of it. */
static struct file *cut(struct mapping *mapping, uintptr_t start, uintptr_t end)
{
	if (!mapping->start || mapping->end <= start || end <= mapping->start)
		return NULL;
	if (mapping->start < start) {
		uintptr_t rest = mapping->end;

		mapping->end = start;
		if (end < rest)
			note(end, rest, mapping->file);
		return NULL;
	}
	if (end < mapping->end) {
		mapping->start = end;
		return NULL;
	}
	mapping->start = 0;
	write_once(&mapping_count, mapping_count - 1);
	return mapping->file;
}

static uintptr_t page_end(uintptr_t address)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	return (address + page - 1) & ~(page - 1);
}

static void unmapped(void *address, size_t bytes)
{
	uintptr_t start = (uintptr_t)address, end = page_end(start + bytes);
	int error = errno;

	if (table_borrowed())
		return;
	for (int i = 0; i < MAPPINGS; i++) {
		struct file *file;

		table_lock();
		file = cut(&mappings[i], start, end);
		table_unlock();
		file_release(file);
	}
	errno = error;
}

/* What the kernel asks of a mapping before it asks netmap: negative errno. */
static int check_access(const struct file *file, int protection, int flags)
{
	uint32_t mode = read_once(&file->flags) & O_ACCMODE;

	if (mode == O_WRONLY)
		return -EACCES;
	if ((flags & MAP_TYPE) != MAP_PRIVATE && protection & PROT_WRITE && mode != O_RDWR)
		return -EACCES;
	return 0;
}

static void *map_region(struct file *file, int fd, void *address, size_t bytes, int protection,
			int flags, off_t offset)
{
	int rc = check_access(file, protection, flags), memory = -1;
	void *descriptor, *mapped;
	uint64_t region[2], start = 0;

	if (rc == 0)
		rc = file_registered(file, fd, &descriptor);
	if (rc == 0)
		rc = backend_daemon.map(descriptor, region);
	if (rc == -ENXIO)
		rc = -EINVAL;
	if (rc == 0 && (offset < 0 || (uint64_t)offset > region[1] ||
			page_end(bytes) > region[1] - (uint64_t)offset))
		rc = -EINVAL;
	if (rc == 0) {
		int cancel = connection_lock(descriptor);

		rc = memory = daemon_region(descriptor, &start);
		connection_unlock(descriptor, cancel);
	}
	if (rc < 0) {
		errno = -rc;
		return MAP_FAILED;
	}
	mapped = libc()->mmap(address, bytes, protection, flags, memory, offset + (off_t)start);
	rc = errno;
	table_close(memory);
	errno = rc;
	if (mapped == MAP_FAILED || table_borrowed())
		return mapped;
	table_lock();
	note((uintptr_t)mapped, page_end((uintptr_t)mapped + bytes), file);
	table_unlock();
	return mapped;
}

PRELOAD_EXPORT void *mmap(void *address, size_t bytes, int protection, int flags, int fd,
			  off_t offset)
{
	struct file *file = flags & MAP_ANONYMOUS ? NULL : netmap_enter(fd);
	void *mapped;
	int before = errno;

	if (file && flags & MAP_FIXED && read_once(&mapping_count))
		unmapped(address, bytes);
	if (!file) {
		if (table_used() && !(flags & MAP_ANONYMOUS) && table_is_private(fd)) {
			errno = EBADF;
			return MAP_FAILED;
		}
		mapped = libc()->mmap(address, bytes, protection, flags, fd, offset);
		if (mapped != MAP_FAILED && flags & MAP_FIXED && read_once(&mapping_count))
			unmapped(address, bytes);
		/* Which a socket cannot be, but one that is a netmap descriptor can. */
		if (mapped != MAP_FAILED || errno != ENODEV || flags & MAP_ANONYMOUS)
			return mapped;
		file = file_recognise(fd);
		if (!file)
			return mapped;
		errno = before;
	}
	mapped = map_region(file, fd, address, bytes, protection, flags, offset);
	file_leave(file);
	return mapped;
}

PRELOAD_EXPORT __attribute__((alias("mmap"))) void *
mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset);

PRELOAD_EXPORT int munmap(void *address, size_t bytes)
{
	int rc = libc()->munmap(address, bytes);

	if (rc == 0 && __builtin_expect(read_once(&mapping_count) != 0, 0))
		unmapped(address, bytes);
	return rc;
}
