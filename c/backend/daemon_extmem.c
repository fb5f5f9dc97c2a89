/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memfd_create */
#include "daemon_extmem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../engine/option.h"
#include "../wire.h"
#include "file_memory.h"

enum { PAGE_BYTES = 4096 };

/* A line of /proc/self/maps. */
struct mapping {
	uint64_t start, end, offset;
	dev_t device;
	ino_t inode;
	int writable, shared;
	char path[512];
};

static int parse_mapping(const char *line, struct mapping *out)
{
	unsigned major_number, minor_number;
	unsigned long inode;
	char mode[5];

	out->path[0] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %lu %511[^\n]", &out->start,
		   &out->end, mode, &out->offset, &major_number, &minor_number, &inode,
		   out->path) < 7)
		return 0;
	out->device = makedev(major_number, minor_number);
	out->inode = inode;
	out->writable = mode[0] == 'r' && mode[1] == 'w';
	out->shared = mode[3] == 's';
	return 1;
}

/* Whether one mapping goes on where another ends. */
static int goes_on(const struct mapping *before, const struct mapping *next)
{
	return next->start == before->end && next->writable && next->shared == before->shared &&
	       next->device == before->device && next->inode == before->inode &&
	       (!before->inode || next->offset == before->offset + (before->end - before->start));
}

/* The mapping that has all of the range; several that follow each other count as one. */
static int find_mapping(uint64_t address, uint64_t bytes, struct mapping *out)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int found = 0;
	char line[1024];

	if (!maps)
		return -EFAULT;
	while (fgets(line, sizeof(line), maps)) {
		struct mapping mapping;

		if (!parse_mapping(line, &mapping))
			continue;
		if (found && goes_on(out, &mapping)) {
			out->end = mapping.end;
		} else if (!found && mapping.start <= address && address < mapping.end) {
			*out = mapping;
			found = mapping.writable;
		} else if (found) {
			break;
		}
	}
	fclose(maps);
	return found && bytes <= out->end - address ? 0 : -EFAULT;
}

static int is_file(int fd, const struct mapping *mapping)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_dev == mapping->device && status.st_ino == mapping->inode;
}

/* The file of that path, if it is the one that is mapped. */
static int open_if(const char *path, const struct mapping *mapping)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && is_file(fd, mapping))
		return fd;
	if (fd >= 0)
		close(fd);
	return -EFAULT;
}

/* One of this process's descriptors that is of the file; opened anew, for writing. */
static int open_by_descriptor(const struct mapping *mapping)
{
	DIR *folder = opendir("/proc/self/fd");
	int found = -EFAULT;
	struct dirent *entry;

	while (folder && found < 0 && (entry = readdir(folder)) != NULL) {
		char path[300];

		if (entry->d_name[0] == '.' || !is_file(atoi(entry->d_name), mapping))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		found = open_if(path, mapping);
	}
	if (folder)
		closedir(folder);
	return found;
}

static int open_mapped(const struct mapping *mapping)
{
	char path[100];
	int fd = open_if(mapping->path, mapping);

	if (fd < 0)
		fd = open_by_descriptor(mapping);
	if (fd >= 0)
		return fd;
	/* For root only. */
	snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIx64 "-%" PRIx64, mapping->start,
		 mapping->end);
	return open_if(path, mapping);
}

/* A file with the memory's contents, in its place. */
static int replace_by_file(uint64_t address, uint64_t bytes)
{
	void *base = (void *)(uintptr_t)address;
	int fd = memfd_create("valet memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0)
		goto fail;
	for (uint64_t at = 0; at < bytes;) {
		ssize_t written = pwrite(fd, (uint8_t *)base + at, bytes - at, (off_t)at);

		if (written <= 0)
			goto fail;
		at += (uint64_t)written;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED)
		return fd;
fail:
	close(fd);
	return -EFAULT;
}

/* A file that is mapped privately is memory without a file: what is written is not in it. */
static int find_file(uint64_t address, uint64_t bytes, uint64_t *offset)
{
	int fd = file_memory_find(address, bytes, offset), rc;
	/* Memory shared between relatives looks as if it were a file. */
	static const char anonymous[] = "/dev/zero (deleted)";
	struct mapping mapping;

	if (fd != -ENOENT)
		return fd;
	if (!bytes || address % PAGE_BYTES)
		return -EINVAL;
	bytes = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	rc = find_mapping(address, bytes, &mapping);
	if (rc < 0)
		return rc;
	*offset = mapping.offset + (address - mapping.start);
	if (mapping.shared && mapping.inode && strcmp(mapping.path, anonymous) != 0)
		return open_mapped(&mapping);
	*offset = 0;
	return replace_by_file(address, bytes);
}

/* In a message, with offsets where netmap has pointers. */
static struct nmreq_opt_extmem *option_in(void *message)
{
	const struct nmreq_header *header = message;
	uint64_t at = header->nr_options;

	while (at) {
		struct nmreq_option *option = (void *)((uint8_t *)message + at);

		if (option->nro_reqtype == NETMAP_REQ_OPT_EXTMEM)
			return (void *)option;
		at = option->nro_next;
	}
	return NULL;
}

int client_extmem_send(const struct nmreq_header *header, void *message,
		       struct client_extmem *memory)
{
	struct nmreq_opt_extmem *option;
	uint64_t offset;
	int rc;

	if (header->nr_reqtype != NETMAP_REQ_REGISTER)
		return 0;
	option = option_in(message);
	if (!option)
		return 0;
	memory->address = option->nro_usrptr;
	rc = find_file(option->nro_usrptr, option->nro_info.nr_memsize, &offset);
	if (rc < 0) {
		struct nmreq_option *theirs = option_find(header, NETMAP_REQ_OPT_EXTMEM);

		theirs->nro_status = (uint32_t)-rc;
		return rc;
	}
	memory->fd = rc;
	option->nro_usrptr = offset;
	memory->first_offset = option->nro_info.nr_if_pool_offset;
	option->nro_info.nr_if_pool_offset = WIRE_MEMORY(getpid(), memory->fd);
	return 0;
}

void client_extmem_received(void *message, const struct client_extmem *memory)
{
	struct nmreq_opt_extmem *option = memory->fd < 0 ? NULL : option_in(message);

	if (!option)
		return;
	option->nro_usrptr = memory->address;
	option->nro_info.nr_if_pool_offset = memory->first_offset;
}

void client_extmem_done(struct client_extmem *memory)
{
	if (memory->fd >= 0)
		close(memory->fd);
	memory->fd = -1;
}
