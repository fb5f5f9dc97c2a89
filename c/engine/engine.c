/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "control.h"

struct engine *engine_create(const char *name, const struct engine_host *host)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	strncpy(engine->name, name, sizeof(engine->name) - 1);
	engine->host = host;
	pthread_mutex_init(&engine->control, NULL);
	return engine;
}

uint32_t engine_reclaim(struct engine *engine)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		left += bridge_reclaim(&engine->bridges[i]);
	return left;
}

int engine_idle(struct engine *engine)
{
	int idle;

	pthread_mutex_lock(&engine->control);
	idle = !engine->descriptors && !engine->interfaces && !engine_reclaim(engine);
	pthread_mutex_unlock(&engine->control);
	return idle;
}

uint32_t engine_interfaces(struct engine *engine)
{
	uint32_t count = 0;

	pthread_mutex_lock(&engine->control);
	for (struct port *port = engine->interfaces; port; port = port->next)
		count += !port->auto_delete;
	pthread_mutex_unlock(&engine->control);
	return count;
}

void engine_remove_interfaces(struct engine *engine)
{
	pthread_mutex_lock(&engine->control);
	for (struct port *port = engine->interfaces, *next; port; port = next) {
		next = port->next;
		if (port->opens || port->pipes)
			continue;
		if (port->bridge)
			bridge_remove(port);
		port->auto_delete = 1;
		port_drop_unused(port);
	}
	pthread_mutex_unlock(&engine->control);
}

void engine_destroy(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		free(engine->bridges[i].free_index);
	pthread_mutex_destroy(&engine->control);
	free(engine);
}

/* ---- regions ---- */

struct region *engine_region_find(struct engine *engine, uint16_t mem_id)
{
	for (struct region *region = engine->regions; region; region = region->next)
		if (region->mem_id == mem_id)
			return region;
	return NULL;
}

/*
 * As in the kernel, the number after the newest region's; 1 is the global region, so 2 comes first.
 * 0: all are taken.
 */
static uint16_t next_mem_id(struct engine *engine)
{
	uint64_t taken[(UINT16_MAX + 1) / 64] = { 3 }; /* 0 and 1 */
	uint32_t newest = engine->regions ? engine->regions->mem_id : 1;

	for (struct region *region = engine->regions; region; region = region->next)
		taken[region->mem_id / 64] |= 1ull << (region->mem_id % 64);
	for (uint32_t i = 1; i <= UINT16_MAX; i++) {
		uint32_t id = (newest + i) & UINT16_MAX;

		if (!(taken[id / 64] >> (id % 64) & 1))
			return (uint16_t)id;
	}
	return 0;
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
	uint16_t mem_id = next_mem_id(engine);
	int rc = mem_id ? region_create(engine->host, &want, mem_id, out) : -ENOMEM;

	if (rc < 0)
		return rc;
	(*out)->next = engine->regions;
	engine->regions = *out;
	return 0;
}

void engine_region_put(struct engine *engine, struct region *region)
{
	struct region **at = &engine->regions;

	if (--region->references)
		return;
	while (*at != region)
		at = &(*at)->next;
	*at = region->next;
	region_destroy(region);
}

/* ---- descriptors ---- */

void descriptor_open(struct engine *engine, struct descriptor *descriptor)
{
	memset(descriptor, 0, sizeof(*descriptor));
	descriptor->engine = engine;
	pthread_mutex_lock(&engine->control);
	engine->descriptors++;
	pthread_mutex_unlock(&engine->control);
}

void descriptor_close(struct descriptor *descriptor)
{
	struct engine *engine = descriptor->engine;

	pthread_mutex_lock(&engine->control);
	if (descriptor->port)
		control_unregister(descriptor);
	engine_reclaim(engine);
	engine->descriptors--;
	pthread_mutex_unlock(&engine->control);
}

int descriptor_control(struct descriptor *descriptor, struct nmreq_header *header)
{
	int rc;

	pthread_mutex_lock(&descriptor->engine->control);
	rc = control_request(descriptor, header);
	pthread_mutex_unlock(&descriptor->engine->control);
	return rc;
}

int descriptor_set_lookup(struct descriptor *descriptor, const char *bridge,
			  const struct lookup *lookup)
{
	int rc;

	pthread_mutex_lock(&descriptor->engine->control);
	rc = control_set_lookup(descriptor->engine, bridge, lookup);
	pthread_mutex_unlock(&descriptor->engine->control);
	return rc;
}

int descriptor_sync(struct descriptor *descriptor, enum direction direction)
{
	/* Pairs with the release at the end of REGISTER, which another thread may have done. */
	struct port *port = load_acquire(&descriptor->port);
	int rc = 0;

	if (!port)
		return -ENXIO;
	for (uint32_t i = descriptor->first[direction]; i < descriptor->last[direction]; i++) {
		struct ring *ring = &port->rings[direction][i];
		int one = direction == TX ? ring_txsync(ring) : ring_rxsync(ring);

		/* One ring's trouble does not keep the others from their sync. */
		if (one < 0 || rc == 0)
			rc = one;
	}
	return rc;
}

int descriptor_pending(struct descriptor *descriptor)
{
	struct port *port = load_acquire(&descriptor->port);

	for (uint32_t i = descriptor->first[TX]; port && i < descriptor->last[TX]; i++) {
		struct ring *ring = &port->rings[TX][i];

		if (read_once(&ring->shared->head) != read_once(&ring->hwcur))
			return 1;
	}
	return 0;
}

int descriptor_ready(struct descriptor *descriptor, enum direction direction)
{
	struct port *port = load_acquire(&descriptor->port);

	for (uint32_t i = descriptor->first[direction]; port && i < descriptor->last[direction];
	     i++) {
		struct netmap_ring *shared = port->rings[direction][i].shared;

		if (read_once(&shared->cur) != read_once(&shared->tail))
			return 1;
	}
	return 0;
}
