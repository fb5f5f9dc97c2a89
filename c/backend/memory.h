/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for the regions of engines in this process; see struct engine_host. */
#ifndef VALET_MEMORY_H
#define VALET_MEMORY_H

#include <stdint.h>

struct memory_source;
struct region;

/* For this process alone, and as a memfd that other processes can map. */
int memory_region_map(struct region *region, uint64_t buffers_offset);
int memory_region_map_shared(struct region *region, uint64_t buffers_offset);
void memory_region_unmap(struct region *region);
/* Memory of this process, and of a file that another process has sent: see struct engine_host. */
int memory_region_identify(struct memory_source *source);
int memory_region_adopt(struct region *region, const struct memory_source *source);
int memory_region_identify_shared(struct memory_source *source);
int memory_region_adopt_shared(struct region *region, const struct memory_source *source);
/* Whether a region is in that memory of this process. */
int memory_in_use(const void *base, uint64_t bytes);
/* Addresses of private memory, to be used for a later region of that size. */
void memory_give(void *base, uint64_t bytes);
/*
 * A descriptor of a shared region's memory, the caller's to close, and where in the file it begins.
 * -ENOENT: there is no such.
 */
int memory_region_share(uint32_t id, uint64_t *offset);
/*
 * out[0] address, out[1] bytes of a region that exists; -ENOENT for one that does not (any more).
 */
int memory_region_address(uint32_t id, uint64_t *out);

#endif
