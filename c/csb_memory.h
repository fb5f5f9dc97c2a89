/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for communication status blocks, whose addresses never go back to the system: see memory.c. */
#ifndef VALET_CSB_MEMORY_H
#define VALET_CSB_MEMORY_H

#include <stdint.h>

/* Zeroed pages, or NULL. */
void *csb_memory_take(uint64_t bytes);
void csb_memory_give(void *memory);

#endif
