/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are mapped to be the memory of ports. */
#ifndef VALET_FILE_MEMORY_H
#define VALET_FILE_MEMORY_H

#include <stdint.h>

/* valet_memory_open(), _sync() and _close(). */
int32_t file_memory_open(const char *path, uint32_t flags, uint64_t *range);
int32_t file_memory_sync(int32_t id, uint64_t *range);
int32_t file_memory_close(int32_t id);

/*
 * The file behind a stretch of this process's memory, if file_memory_open() mapped it: a descriptor
 * of it, the caller's, and where in the file that is. -ENOENT: it is no such memory.
 */
int file_memory_find(uint64_t address, uint64_t bytes, uint64_t *offset);

/* A port of the kernel's is in that memory: it stays until the port is closed. */
void file_memory_hold(uint64_t address, int change);

/* A region has gone: files that were closed, and had to wait for that, go too. */
void file_memory_reap(void);

#endif
