/* SPDX-License-Identifier: BSD-2-Clause */
/* The regions of an engine. Under its control lock. */
#ifndef VALET_ENGINE_MEMORY_H
#define VALET_ENGINE_MEMORY_H

#include <stdint.h>

struct descriptor;
struct engine;
struct nmreq_header;
struct port_shape;
struct region;

/* A region of its own for a port. One reference. -ENOMEM; -EINVAL: beyond netmap's limits. */
int engine_region_create(struct engine *engine, const struct port_shape *shape,
			 struct region **out);
void engine_region_put(struct engine *engine, struct region *region);
/*
 * The region of that number, without a reference. 1 is the global one, which is always there.
 * -EINVAL: there is no such; -ENOMEM: none for the global one.
 */
int engine_region_find(struct engine *engine, uint16_t mem_id, struct region **out);

/* MEMORY_GET, MEMORY_SET, SHORTAGE_GET. */
int control_memory(struct descriptor *descriptor, struct nmreq_header *header);

#endif
