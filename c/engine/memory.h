/* SPDX-License-Identifier: BSD-2-Clause */
/* The regions of an engine. Under its control lock. */
#ifndef VALET_ENGINE_MEMORY_H
#define VALET_ENGINE_MEMORY_H

#include <stdint.h>

#include "region.h"

struct descriptor;
struct engine;

struct nmreq_header;

struct port_shape;


/* A region of its own for a port. One reference. -ENOMEM; -EINVAL: beyond netmap's limits. */
int engine_region_create(struct engine *engine, const struct port_shape *shape,
			 struct region **out);
/* One in memory of an application. One reference. -ENOMEM, -EFAULT. */
int engine_region_adopt(struct engine *engine, const struct memory_source *source,
			const struct pool pool[], struct region **out);
/* The region that is in that memory already, with one reference more; NULL: there is none. */
struct region *engine_region_of(struct engine *engine, const struct memory_source *source);
void engine_region_put(struct engine *engine, struct region *region);
/*
 * The region of that number, without a reference. 1 is the global one, which is always there.
 * -EINVAL: there is no such; -ENOMEM: none for the global one.
 */
int engine_region_find(struct engine *engine, uint16_t mem_id, struct region **out);

/* MEMORY_GET, MEMORY_SET, SHORTAGE_GET. */
int control_memory(struct descriptor *descriptor, struct nmreq_header *header);

#endif
