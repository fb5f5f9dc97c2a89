/* SPDX-License-Identifier: BSD-2-Clause */
/* What is laid out in cache lines. */
#ifndef VALET_LINE_H
#define VALET_LINE_H

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 64

/* Zeroed memory that begins on a line, for types that are aligned to it. free() it; NULL: there is none. */
static inline void *line_alloc(size_t bytes)
{
	void *memory = aligned_alloc(LINE_BYTES, (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);

	return memory ? memset(memory, 0, bytes) : NULL;
}

#endif
