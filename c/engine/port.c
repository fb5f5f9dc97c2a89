/* SPDX-License-Identifier: BSD-2-Clause */
#include "port.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"

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
	struct port *port = calloc(1, sizeof(*port));
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
	struct pool *pool = &port->region->pool[POOL_BUFFER];
	uint32_t all = port->count[RX] + port->count[TX];

	for (uint32_t i = 0; i < all; i++) {
		struct ring *ring = &rings[i];

		if (ring->took_buffers)
			region_give(port->region, POOL_BUFFER,
				    pool->offset +
					    (uint64_t)ring->first_buffer * pool->object_bytes,
				    ring->slots);
	}
	if (port->ring_offset)
		region_give(port->region, POOL_RING, port->ring_offset, all);
	free(rings);
}

void port_put(struct port *port)
{
	if (--port->references)
		return;
	if (port->rings[RX])
		rings_free(port, port->rings[RX]);
	engine_region_put(port->engine, port->region);
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
	ring->index = index;
	ring->direction = direction;
	ring->remote = (uint32_t)port->engine->host->remote;

	memset(shared, 0, sizeof(*shared));
	shared->buf_ofs = (int64_t)(buffers->offset - offset);
	shared->num_slots = ring->slots;
	shared->nr_buf_size = buffers->object_bytes;
	shared->ringid = (uint16_t)index;
	shared->dir = direction == TX ? NR_DIR_TX : NR_DIR_RX;
}

/* Buffers of its own for a ring: consecutive ones, as the kernel hands them out. */
static int ring_take_buffers(struct ring *ring)
{
	struct pool *pool = &ring->port->region->pool[POOL_BUFFER];
	int64_t offset = region_take(ring->port->region, POOL_BUFFER, ring->slots);

	if (offset < 0)
		return (int)offset;
	ring->first_buffer = (uint32_t)(((uint64_t)offset - pool->offset) / pool->object_bytes);
	ring->took_buffers = 1;
	return 0;
}

int port_rings_make(struct port *port)
{
	struct region *region = port->region;
	uint32_t object = region->pool[POOL_RING].object_bytes;
	uint32_t all = port->count[RX] + port->count[TX];
	struct ring *rings;
	int64_t offset;
	int rc;

	if (port->rings[RX])
		return 0;
	if (ring_bytes(port->slots[RX]) > object || ring_bytes(port->slots[TX]) > object)
		return -ENOMEM;
	rings = aligned_alloc(64, all * sizeof(*rings));
	if (!rings)
		return -ENOMEM;
	memset(rings, 0, all * sizeof(*rings));
	port->ring_offset = 0;
	offset = region_take(region, POOL_RING, all);
	rc = (int)offset;
	if (offset < 0)
		goto undo;
	port->ring_offset = (uint64_t)offset;
	/* Receive rings first, as in the kernel. */
	for (uint32_t i = 0; i < all; i++) {
		enum direction d = i < port->count[RX] ? RX : TX;

		ring_setup(port, &rings[i], d, d == RX ? i : i - port->count[RX],
			   port->ring_offset + (uint64_t)i * object);
		/* The second end of a pipe has the buffers of the first: pipe_rings_make(). */
		if (port->other_end && port->other_end->rings[RX])
			continue;
		rc = ring_take_buffers(&rings[i]);
		if (rc < 0)
			goto undo;
	}
	if (!port->other_end)
		for (uint32_t i = 0; i < all; i++)
			ring_reset(&rings[i]);
	/* Senders on a bridge may look from now on. */
	store_release(&port->rings[TX], rings + port->count[RX]);
	store_release(&port->rings[RX], rings);
	return 0;

undo:
	rings_free(port, rings);
	return rc;
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
	for (int d = RX; d <= TX && port->rings[RX]; d++) {
		for (uint32_t i = 0; i < port->count[d]; i++) {
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
