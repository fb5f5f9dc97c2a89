/* SPDX-License-Identifier: BSD-2-Clause */
#include "port.h"

#include <stdlib.h>
#include <string.h>

#include "buffers.h"
#include "engine.h"
#include "line.h"
#include "monitor.h"

static uint32_t bounded(uint32_t value, uint32_t standard, uint32_t most)
{
	if (value == 0)
		return standard < most ? standard : most;
	return value < most ? value : most;
}

void port_shape_bound(struct port_shape *shape, uint32_t rings_max, uint32_t tx_slots_default,
		      uint32_t rx_slots_default)
{
	enum { EXTRA_BUFFERS_MAX = 128 * PORT_SLOTS_MAX };

	for (int d = RX; d <= TX; d++)
		shape->count[d] = bounded(shape->count[d], 1, rings_max);
	shape->slots[TX] = bounded(shape->slots[TX], tx_slots_default, PORT_SLOTS_MAX);
	shape->slots[RX] = bounded(shape->slots[RX], rx_slots_default, PORT_SLOTS_MAX);
	if (shape->extra_buffers > EXTRA_BUFFERS_MAX)
		shape->extra_buffers = EXTRA_BUFFERS_MAX;
}

int port_create(struct engine *engine, const char *name, enum valet_port_kind kind,
		const struct port_shape *shape, struct region *region, struct port **out)
{
	struct port *port = line_alloc(sizeof(*port));
	int rc;

	if (!port)
		return -ENOMEM;
	strncpy(port->name, name, sizeof(port->name) - 1);
	port->engine = engine;
	port->kind = kind;
	port->references = 1;
	memcpy(port->count, shape->count, sizeof(port->count));
	memcpy(port->slots, shape->slots, sizeof(port->slots));
	if (region) {
		region->references++;
		port->region = region;
	} else {
		rc = engine_region_create(engine, shape, &port->region);
		if (rc < 0) {
			free(port);
			return rc;
		}
	}
	*out = port;
	return 0;
}

void port_get(struct port *port)
{
	port->references++;
}

/* Gives what the rings have back to the region. `rings` has the receive rings first. */
static void rings_free(struct port *port, struct ring *rings)
{
	for (uint32_t i = 0; i < port_rings(port, RX) + port_rings(port, TX); i++) {
		if (!rings[i].shared)
			break;
		ring_give_buffers(&rings[i]);
		region_give(port->region, POOL_RING,
			    (uint64_t)((uint8_t *)rings[i].shared - port->region->base), 1);
	}
	free(rings);
}

void port_put(struct port *port)
{
	if (--port->references)
		return;
	if (port->rings[RX])
		rings_free(port, port->rings[RX]);
	engine_region_put(port->engine, port->region);
	free(port->hardware);
	free(port);
}

static void ring_setup(struct port *port, struct ring *ring, enum direction direction,
		       uint32_t index, uint64_t offset)
{
	struct region *region = port->region;
	struct pool *buffers = &region->pool[POOL_BUFFER];
	struct netmap_ring *shared = (struct netmap_ring *)(region->base + offset);

	ring->shared = shared;
	ring->port = port;
	ring->buffers = region->base + buffers->offset;
	ring->buffer_bytes = buffers->object_bytes;
	ring->buffer_count = buffers->objects;
	ring->slots = port->slots[direction];
	ring->index = (uint16_t)index;
	ring->direction = (uint8_t)direction;
	if (port->kind == VALET_PORT_HARDWARE && direction == RX)
		ring->monitored = MONITORED_FORWARD;
	/* Those of an attached NIC are synced by a thread of the host. */
	ring->remote = port->engine->host->remote && port->kind != VALET_PORT_NIC;

	memset(shared, 0, sizeof(*shared));
	shared->buf_ofs = (int64_t)(buffers->offset - offset);
	shared->num_slots = ring->slots;
	shared->nr_buf_size = buffers->object_bytes;
	shared->ringid = (uint16_t)index;
	shared->dir = direction == TX ? NR_DIR_TX : NR_DIR_RX;
}

/* Receive rings first, as in the kernel. */
static int make_objects(struct port *port, struct ring *rings)
{
	uint32_t receive = port_rings(port, RX);

	for (uint32_t i = 0; i < receive + port_rings(port, TX); i++) {
		enum direction d = i < receive ? RX : TX;
		int64_t offset = region_take(port->region, POOL_RING, 1);

		if (offset < 0)
			return (int)offset;
		ring_setup(port, &rings[i], d, d == RX ? i : i - receive,
			   (uint64_t)offset);
	}
	return 0;
}

int port_rings_make(struct port *port)
{
	const struct pool *pool = &port->region->pool[POOL_RING];
	uint32_t all = port_rings(port, RX) + port_rings(port, TX);
	uint32_t slots = port->slots[port->slots[RX] < port->slots[TX] ? TX : RX];
	struct ring *rings;
	int rc;

	if (port->rings[RX])
		return 0;
	if (all > pool->objects - pool->used)
		return region_short_of(port->region, POOL_RING, all);
	if (all && ring_bytes(slots) > pool->object_bytes)
		return region_too_small(port->region, POOL_RING, ring_bytes(slots));
	rings = line_alloc((all + 1) * sizeof(*rings));
	if (!rings)
		return -ENOMEM;
	rc = make_objects(port, rings);
	if (rc < 0) {
		rings_free(port, rings);
		return rc;
	}
	/* Senders on a bridge may look from now on. */
	store_release(&port->rings[TX], rings + port_rings(port, RX));
	store_release(&port->rings[RX], rings);
	return 0;
}

void port_report(struct port *port, struct valet_req_port *out)
{
	memset(out, 0, sizeof(*out));
	out->bridge = port->bridge ? bridge_number(port->bridge) : UINT32_MAX;
	out->index = port->bridge ? port->index : 0;
	out->tx_rings = port->count[TX];
	out->rx_rings = port->count[RX];
	out->opens = port->opens;
	out->kind = port->kind;
	out->mem_id = port->region->mem_id;
	out->device = port->device;
	for (int d = RX; d <= TX && port->rings[RX]; d++) {
		for (uint32_t i = 0; i < port_rings(port, d); i++) {
			struct ring *ring = &port->rings[d][i];

			*(d == TX ? &out->tx_packets : &out->rx_packets) +=
				read_once(&ring->packets);
			*(d == TX ? &out->tx_bytes : &out->rx_bytes) += read_once(&ring->bytes);
			out->ring_resets += read_once(&ring->resets);
			for (int cause = 0; cause < VALET_DROP_CAUSES; cause++)
				out->drops[cause] += read_once(&ring->drops[cause]);
		}
	}
	out->drops[VALET_DROP_NOT_OPEN] += read_once(&port->unopened_drops);
}
