/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for the regions of engines in this process; see struct engine_host. */
#ifndef VALET_MEMORY_H
#define VALET_MEMORY_H

#include <stdint.h>

struct region;

/* For this process alone, and as a memfd that other processes can map. */
int memory_region_map(struct region *region, uint64_t buffers_offset);
int memory_region_map_shared(struct region *region, uint64_t buffers_offset);
void memory_region_unmap(struct region *region);
/* A descriptor of a shared region's memory, the caller's to close. -ENOENT: there is no such. */
int memory_region_share(uint32_t id);
/*
 * out[0] address, out[1] bytes of a region that exists; -ENOENT for one that does not (any more).
 */
int memory_region_address(uint32_t id, uint64_t *out);

#endif
