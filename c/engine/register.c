/* SPDX-License-Identifier: BSD-2-Clause */
/* REGISTER: binds a descriptor to rings of a port. */
#include <stdlib.h>
#include <string.h>

#include "buffers.h"
#include "control.h"
#include "csb.h"
#include "csb_mode.h"
#include "extmem.h"
#include "hardware.h"
#include "monitor.h"
#include "offsets.h"
#include "option.h"

/* A direction with fewer rings gives its first, as in the kernel. */
static int choose_one(struct descriptor *descriptor, enum direction d, uint32_t ring, uint32_t first,
		      uint32_t count)
{
	descriptor->first[d] = first + (ring < count ? ring : 0);
	descriptor->last[d] = descriptor->first[d] + (count != 0);
	return ring < count;
}

/* Which rings the mode and flags ask for. -EINVAL: a mode that the port does not have. */
static int choose_rings(struct descriptor *descriptor, const struct port *port,
			const struct nmreq_register *reg)
{
	uint32_t mode = port->kind == VALET_PORT_NULL ? NR_REG_ALL_NIC : reg->nr_mode;
	int is_host = mode == NR_REG_SW || mode == NR_REG_ONE_SW, found = 0;

	if ((is_host || mode == NR_REG_NIC_SW) && !port->host_count[RX])
		return -EINVAL;
	for (int d = RX; d <= TX; d++) {
		uint32_t first = is_host ? port->count[d] : 0;
		uint32_t end = is_host || mode == NR_REG_NIC_SW ? port_rings(port, d)
								 : port->count[d];

		if (mode == NR_REG_ONE_NIC || mode == NR_REG_ONE_SW) {
			found |= choose_one(descriptor, d, reg->nr_ringid, first, end - first);
			continue;
		}
		if (mode != NR_REG_ALL_NIC && mode != NR_REG_SW && mode != NR_REG_NIC_SW)
			return -EINVAL;
		descriptor->first[d] = first;
		descriptor->last[d] = end;
		found = 1;
	}
	if (reg->nr_flags & NR_RX_RINGS_ONLY)
		descriptor->last[TX] = descriptor->first[TX];
	if (reg->nr_flags & NR_TX_RINGS_ONLY)
		descriptor->last[RX] = descriptor->first[RX];
	return found ? 0 : -EINVAL;
}

static int sharing_allowed(const struct descriptor *descriptor, const struct port *port,
			   int exclusive)
{
	for (int d = RX; d <= TX; d++) {
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++) {
			const struct ring *ring = &port->rings[d][i];

			if (ring->opens && (exclusive || ring->exclusive))
				return 0;
		}
	}
	return 1;
}

/* The descriptor's own netmap_if over the port's rings. */
static int make_if(struct descriptor *descriptor, struct port *port)
{
	struct region *region = port->region;
	uint32_t tx = port->count[TX], rx = port->count[RX];
	uint32_t host_tx = port_host_rings_listed(port, TX);
	uint32_t host_rx = port_host_rings_listed(port, RX);
	uint32_t bytes = if_bytes(tx + host_tx + rx + host_rx);
	struct netmap_if *nifp;
	int64_t offset;

	if (bytes > region->pool[POOL_IF].object_bytes)
		return region_too_small(region, POOL_IF, bytes);
	offset = region_take(region, POOL_IF, 1);
	if (offset < 0)
		return (int)offset;
	descriptor->if_offset = (uint64_t)offset;
	nifp = (struct netmap_if *)(region->base + offset);
	memset(nifp, 0, region->pool[POOL_IF].object_bytes);
	memcpy(nifp->ni_name, port->name, sizeof(nifp->ni_name) - 1);
	nifp->ni_flags = region == port->engine->global ? 0 : NI_PRIV_MEM;
	nifp->ni_tx_rings = tx;
	nifp->ni_rx_rings = rx;
	nifp->ni_host_tx_rings = host_tx;
	nifp->ni_host_rx_rings = host_rx;
	for (int d = RX; d <= TX; d++) {
		int64_t *at = &nifp->ring_ofs[d == TX ? 0 : tx + host_tx];

		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			at[i] = (uint8_t *)port->rings[d][i].shared - (uint8_t *)nifp;
	}
	return 0;
}

/* Each ring that nobody had open gets buffers of its own; a pipe's rings have them already. */
static int take_buffers(struct descriptor *descriptor, struct port *port)
{
	const struct pool *pool = &port->region->pool[POOL_BUFFER];
	uint64_t needed = 0;

	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			if (!port->rings[d][i].opens && !port->rings[d][i].peer)
				needed += port->slots[d];
	if (needed > pool->objects - pool->used)
		return region_short_of(port->region, POOL_BUFFER, (uint32_t)needed);
	for (int d = RX; d <= TX; d++) {
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++) {
			struct ring *ring = &port->rings[d][i];
			int rc = ring->opens || ring->peer ? 0 : ring_take_buffers(ring);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Of those that were not opened after all. */
static void return_buffers(struct descriptor *descriptor, struct port *port)
{
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			if (!port->rings[d][i].opens && !port->rings[d][i].peer)
				ring_return_own(&port->rings[d][i]);
}

static void count_opens(struct descriptor *descriptor, struct port *port, int exclusive)
{
	for (int d = RX; d <= TX; d++) {
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++) {
			struct ring *ring = &port->rings[d][i];

			/*
			 * Nothing that an earlier owner left is shown to a new one; a pipe keeps
			 * what it holds.
			 */
			if (!ring->opens && !ring->peer)
				ring_reset(ring, ring->own);
			else if (!ring->opens && ring->remote)
				csb_reopen(ring);
			write_once(&ring->opens, ring->opens + 1);
			ring->exclusive = (uint32_t)exclusive;
		}
	}
	port->opens++;
	port->region->users++;
	port_get(port);
}

static int bind_rings(struct descriptor *descriptor, struct port *port,
		      const struct nmreq_register *reg, uint32_t extra_buffers)
{
	int exclusive = (reg->nr_flags & NR_EXCLUSIVE) != 0;
	int rc = choose_rings(descriptor, port, reg);

	if (rc < 0)
		return rc;
	rc = port->kind == VALET_PORT_PIPE ? pipe_rings_make(port) : port_rings_make(port);
	if (rc < 0)
		return rc;
	if (!sharing_allowed(descriptor, port, exclusive))
		return -EBUSY;
	rc = take_buffers(descriptor, port);
	if (rc == 0)
		rc = make_if(descriptor, port);
	if (rc < 0) {
		return_buffers(descriptor, port);
		return rc;
	}
	for (int d = RX; d <= TX; d++)
		descriptor->rings[d] = &port->rings[d][descriptor->first[d]];
	extra_take(descriptor, port, extra_buffers);
	count_opens(descriptor, port, exclusive);
	descriptor->flags = reg->nr_flags;
	return 0;
}

static void close_rings(struct descriptor *descriptor, struct port *port)
{
	csb_mode_leave(descriptor, port);
	for (int d = RX; d <= TX; d++) {
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++) {
			struct ring *ring = &port->rings[d][i];

			write_once(&ring->opens, ring->opens - 1);
			ring->exclusive = 0;
			if (!ring->opens && !ring->peer)
				ring_give_buffers(ring);
			if (!ring->opens && !ring->peer)
				offsets_forget(ring);
		}
	}
}

/* Undoes bind_rings(). The port may go with it. */
static void unbind_rings(struct descriptor *descriptor, struct port *port)
{
	struct region *region = port->region;

	if (port->kind == VALET_PORT_MONITOR)
		monitor_stop(port);
	if (port->opens == 1)
		monitors_end(port);
	if (port->hardware)
		hardware_unbind(descriptor, port);
	close_rings(descriptor, port);
	extra_give(descriptor, port);
	region_give(region, POOL_IF, descriptor->if_offset, 1);
	port->opens--;
	if (port->hardware && port->opens)
		hardware_take(port);
	port_drop_unused(port);
	if (--region->users == 0)
		region_reclaim(region);
	port_put(port);
}

static void reply(const struct descriptor *descriptor, const struct port *port,
		  struct nmreq_register *reg)
{
	reg->nr_offset = descriptor->if_offset;
	reg->nr_memsize = port->region->bytes;
	reg->nr_tx_slots = port->slots[TX];
	reg->nr_rx_slots = port->slots[RX];
	reg->nr_tx_rings = (uint16_t)port->count[TX];
	reg->nr_rx_rings = (uint16_t)port->count[RX];
	reg->nr_host_tx_rings = (uint16_t)port->host_count[TX];
	reg->nr_host_rx_rings = (uint16_t)port->host_count[RX];
	reg->nr_mem_id = port->region->mem_id;
	reg->nr_extra_bufs = descriptor->extras;
}

/*
 * A null port whatever the name, else the port of the name; in a region of the request's, if it is
 * made. Without a reference.
 */
static int find_port(struct descriptor *descriptor, const struct nmreq_header *header,
		     struct port_shape *shape, struct port **out)
{
	const struct nmreq_register *reg = request_body(header);
	struct engine *engine = descriptor->engine;
	struct region *external, *region;
	int rc = extmem_region(descriptor, header, &external);

	region = external;
	if (rc == 0 && !region && reg->nr_mem_id)
		rc = engine_region_find(engine, reg->nr_mem_id, &region);
	if (rc < 0)
		return rc;
	rc = reg->nr_mode == NR_REG_NULL
		     ? null_port_create(engine, header->nr_name, shape, region, out)
		     : port_find_in(descriptor, header->nr_name, shape, region, out);
	/* The port has its own reference, if it is in it. */
	if (external)
		engine_region_put(engine, external);
	return rc;
}

/* The interface itself, or what watches it, or a pipe of it. */
static int is_of_hardware(const struct port *port)
{
	if (port->watched)
		port = port->watched;
	return port->hardware || (port->parent && port->parent->hardware);
}

static int register_port(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct nmreq_register *reg = request_body(header);
	struct port_shape shape = {
		.count = { reg->nr_rx_rings, reg->nr_tx_rings },
		.slots = { reg->nr_rx_slots, reg->nr_tx_slots },
		.extra_buffers = reg->nr_extra_bufs,
	};
	struct nmreq_opt_csb *csb;
	struct port *port;
	int rc;

	rc = find_port(descriptor, header, &shape, &port);
	if (rc < 0)
		return rc;
	if (reg->nr_flags & NR_ZCOPY_MON)
		reg->nr_flags |= NR_MONITOR_TX | NR_MONITOR_RX;
	if (reg->nr_mode != NR_REG_NULL && register_asks_monitor(reg->nr_flags)) {
		struct port *watched = port;

		rc = monitor_create(watched, reg, &port);
		if (rc < 0) {
			port_drop_unused(watched);
			return rc;
		}
	}
	/* The rings of a NIC are the bridge's while it is attached. */
	if (port->kind == VALET_PORT_NIC)
		rc = -EBUSY;
	/* Who has not said that he knows virtio-net headers would take them for frames. */
	else if (port->header_bytes && !(reg->nr_flags & NR_ACCEPT_VNET_HDR))
		rc = -EIO;
	else
		rc = bind_rings(descriptor, port, reg, shape.extra_buffers);
	if (rc < 0) {
		port_drop_unused(port);
		return rc;
	}
	csb = option_find(header, NETMAP_REQ_OPT_CSB);
	rc = csb ? csb_mode_enter(descriptor, port, csb) : 0;
	if (rc == 0)
		rc = offsets_init(descriptor, port, header);
	if (rc == 0 && descriptor->interface && is_of_hardware(port))
		option_done(header, VALET_OPT_INTERFACE);
	if (rc == 0)
		rc = options_left(header);
	if (rc == 0 && port->hardware)
		rc = hardware_bound(port);
	if (rc < 0) {
		unbind_rings(descriptor, port);
		return rc;
	}
	if (port->kind == VALET_PORT_MONITOR)
		monitor_start(descriptor, port);
	reply(descriptor, port, reg);
	/* Pairs with the acquire of syncs on other threads. */
	store_release(&descriptor->port, port);
	return 0;
}

int control_register(struct descriptor *descriptor, struct nmreq_header *header)
{
	int rc;

	if (descriptor->port)
		return -EBUSY;
	shortage_clear();
	descriptor->interface = option_find(header, VALET_OPT_INTERFACE);
	rc = register_port(descriptor, header);
	descriptor->interface = NULL;
	/* What extra buffers lacked is no failure. */
	if (rc != -ENOMEM)
		shortage_clear();
	descriptor->shortage = shortage;
	return rc;
}

void control_unregister(struct descriptor *descriptor)
{
	struct port *port = descriptor->port;

	store_release(&descriptor->port, NULL);
	unbind_rings(descriptor, port);
}
