/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of the application that is not all there is refused before a page of it is taken: a size
 * that is too big by mistake must not make the system find gigabytes.
 */
#include <sys/mman.h>

#include "backend/memory.h"
#include "engine/region.h"
#include "t.h"

enum { PAGE = 4096, PAGES = 64 };

static int resident_pages(uint8_t *memory, uint64_t pages)
{
	unsigned char resident[PAGES];
	int count = 0;

	EQUAL(mincore(memory, pages * PAGE, resident), 0);
	for (uint64_t i = 0; i < pages; i++)
		count += resident[i] & 1;
	return count;
}

int main(void)
{
	uint8_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct memory_source source = { .address = (uintptr_t)memory, .bytes = PAGES * PAGE };

	CHECK(memory != MAP_FAILED);
	/* A hole at its end. */
	EQUAL(munmap(memory + (PAGES - 1) * PAGE, PAGE), 0);
	EQUAL(memory_region_identify(&source), -EFAULT);
	EQUAL(resident_pages(memory, PAGES - 1), 0);
	/* More than any machine has, and beyond the last address. */
	source.bytes = 1ULL << 46;
	EQUAL(memory_region_identify(&source), -ENOMEM);
	source.bytes = UINT64_MAX - PAGE + 1;
	EQUAL(memory_region_identify(&source), -EFAULT);
	EQUAL(resident_pages(memory, PAGES - 1), 0);
	/* Without the hole it is taken, all of it. */
	source.bytes = (PAGES - 1) * PAGE;
	EQUAL(memory_region_identify(&source), 0);
	EQUAL(resident_pages(memory, PAGES - 1), PAGES - 1);
	return 0;
}
