/* SPDX-License-Identifier: BSD-2-Clause */
/* The regions of an engine: the global one, those of ports, and the parameters that both have. */
#include "memory.h"

#include <string.h>

#include "control.h"

enum { GLOBAL_REGION = 1 };

/* ---- regions by number ---- */

static int sizes_differ(const struct region *region, const struct pool_size sizes[POOLS])
{
	return memcmp(region->sizes, sizes, sizeof(region->sizes)) != 0;
}

static int is_untouched(const struct region *region)
{
	return !region->users && !region->pool[POOL_IF].used && !region->pool[POOL_RING].used;
}

/* It is always there, so it is made when it is first asked for; parameters take effect here. */
static int global_region(struct engine *engine, struct region **out)
{
	const struct pool_size *sizes = engine->parameters.global;
	int rc = 0;

	if (!engine->global)
		rc = region_create(engine->host, sizes, GLOBAL_REGION, &engine->global);
	else if (sizes_differ(engine->global, sizes) && is_untouched(engine->global))
		rc = region_change(engine->global, sizes);
	*out = engine->global;
	return rc;
}

int engine_region_find(struct engine *engine, uint16_t mem_id, struct region **out)
{
	if (mem_id == GLOBAL_REGION)
		return global_region(engine, out);
	*out = engine->region[mem_id];
	return *out ? 0 : -EINVAL;
}

/*
 * As in the kernel, the number after the newest region's; 1 is the global region, so 2 comes first.
 * 0: all are taken.
 */
static uint16_t next_mem_id(struct engine *engine)
{
	uint32_t newest = engine->regions ? engine->regions->mem_id : GLOBAL_REGION;

	for (uint32_t i = 1; i <= UINT16_MAX; i++) {
		uint32_t id = (newest + i) & UINT16_MAX;

		if (id > GLOBAL_REGION && !engine->region[id])
			return (uint16_t)id;
	}
	return 0;
}

static void enter(struct engine *engine, struct region *region)
{
	region->next = engine->regions;
	if (region->next)
		region->next->previous = region;
	engine->regions = engine->region[region->mem_id] = region;
}

int engine_region_create(struct engine *engine, const struct port_shape *shape, struct region **out)
{
	struct region_request want = {
		.tx_rings = shape->count[TX],
		.rx_rings = shape->count[RX],
		.tx_slots = shape->slots[TX],
		.rx_slots = shape->slots[RX],
		.extra_buffers = shape->extra_buffers,
		.no_pipes = shape->no_pipes,
	};
	struct pool_size sizes[POOLS];
	uint16_t mem_id = next_mem_id(engine);
	int rc = mem_id ? region_sizes(&engine->parameters, &want, sizes) : -ENOMEM;

	if (rc == 0)
		rc = region_create(engine->host, sizes, mem_id, out);
	if (rc == 0)
		enter(engine, *out);
	return rc;
}

int engine_region_adopt(struct engine *engine, const struct memory_source *source,
			const struct pool pool[], struct region **out)
{
	uint16_t mem_id = next_mem_id(engine);
	int rc = mem_id ? region_adopt(engine->host, source, pool, mem_id, out) : -ENOMEM;

	if (rc == 0)
		enter(engine, *out);
	return rc;
}

struct region *engine_region_of(struct engine *engine, const struct memory_source *source)
{
	for (struct region *region = engine->regions; region; region = region->next) {
		if (!memcmp(region->identity, source->identity, sizeof(region->identity)) &&
		    region->bytes == source->bytes) {
			region->references++;
			return region;
		}
	}
	return NULL;
}

void engine_region_put(struct engine *engine, struct region *region)
{
	if (--region->references || region == engine->global)
		return;
	if (region->previous)
		region->previous->next = region->next;
	else
		engine->regions = region->next;
	if (region->next)
		region->next->previous = region->previous;
	engine->region[region->mem_id] = NULL;
	region_destroy(region);
}

/* ---- requests ---- */

static void report_pool(const struct engine *engine, int pool, struct valet_req_memory *out)
{
	const struct region *global = engine->global;

	out->global[pool] = (struct valet_pool_parameters){
		.size = engine->parameters.global[pool].object_bytes,
		.num = engine->parameters.global[pool].objects,
		.curr_size = global ? global->pool[pool].object_bytes : 0,
		.curr_num = global ? global->pool[pool].objects : 0,
	};
	out->priv[pool].size = engine->parameters.alone[pool].object_bytes;
	out->priv[pool].num = engine->parameters.alone[pool].objects;
}

static int memory_get(const struct engine *engine, struct valet_req_memory *body)
{
	memset(body, 0, sizeof(*body));
	for (int i = 0; i < POOLS; i++)
		report_pool(engine, i, body);
	body->users = engine->global ? engine->global->users : 0;
	return 0;
}

static void change(uint32_t *parameter, uint32_t value)
{
	if (value)
		*parameter = value;
}

static int memory_set(struct engine *engine, struct valet_req_memory *body)
{
	struct memory_parameters wanted = engine->parameters;
	int rc;

	for (int i = 0; i < POOLS; i++) {
		change(&wanted.global[i].object_bytes, body->global[i].size);
		change(&wanted.global[i].objects, body->global[i].num);
		change(&wanted.alone[i].object_bytes, body->priv[i].size);
		change(&wanted.alone[i].objects, body->priv[i].num);
	}
	rc = memory_parameters_check(&wanted);
	if (rc < 0)
		return rc;
	engine->parameters = wanted;
	return memory_get(engine, body);
}

static int shortage_get(const struct descriptor *descriptor, struct valet_req_shortage *body)
{
	const struct shortage *found = &descriptor->shortage;

	*body = (struct valet_req_shortage){
		.pool = found->pool,
		.mem_id = found->mem_id,
		.is_size = found->is_size,
		.needed = found->needed,
		.available = found->available,
		.total = found->total,
	};
	return found->pool == POOLS ? -ENOENT : 0;
}

int control_memory(struct descriptor *descriptor, struct nmreq_header *header)
{
	switch (header->nr_reqtype) {
	case VALET_REQ_MEMORY_GET:
		return memory_get(descriptor->engine, request_body(header));
	case VALET_REQ_MEMORY_SET:
		return memory_set(descriptor->engine, request_body(header));
	default:
		return shortage_get(descriptor, request_body(header));
	}
}
