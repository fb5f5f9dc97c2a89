/* SPDX-License-Identifier: BSD-2-Clause */
#include "csb_memory.h"

#include <stddef.h>
#include <sys/mman.h>

#include "engine/barrier.h"

/* Enough for the largest ports, so that all are of one size. Only what is touched takes memory. */
enum { BLOCK_BYTES = 128 * 1024 };

/* The first word of a block that is free is the next one. */
struct block {
	struct block *next;
};

static struct spinlock lock;
static struct block *unused;

void *csb_memory_take(uint64_t bytes)
{
	struct block *block;
	void *memory;

	if (bytes > BLOCK_BYTES)
		return NULL;
	spin_lock(&lock);
	block = unused;
	if (block)
		unused = block->next;
	spin_unlock(&lock);
	if (block) {
		block->next = NULL;
		return block;
	}
	memory = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void csb_memory_give(void *memory)
{
	struct block *block = memory;

	madvise(memory, BLOCK_BYTES, MADV_DONTNEED);
	spin_lock(&lock);
	block->next = unused;
	unused = block;
	spin_unlock(&lock);
}
