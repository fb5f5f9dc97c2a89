/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor.h"

#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "csb.h"
#include "engine.h"
#include "hardware.h"
#include "port.h"

/* ---- the packets' path ---- */

/* What goes from a ring to a monitor at once. Caller holds the monitor's `lease`. */
struct passage {
	struct ring *from, *to;
	uint32_t at; /* next slot of `from` */
	uint32_t left; /* slots of `from` to go */
	uint32_t put; /* next slot of `to` */
	uint16_t mark; /* flags to set */
	int inside; /* the next slot is not the first of its packet */
	uint64_t packets, bytes, lost, bad;
};

static uint32_t room(struct ring *to)
{
	if (to->remote)
		csb_take_back(to);
	/* Pairs with the reader's store in rxsync: it has read what lies before its hwcur. */
	return to->slots - 1 - ring_distance(to, load_acquire(&to->hwcur), to->hwtail);
}

/* Slot by slot; true if it was the last of a packet. */
static int skip_slot(struct passage *p)
{
	int last = !(slot_read(&p->from->shared->slot[p->at]).flags & NS_MOREFRAG);

	p->lost += (uint64_t)last;
	p->at = ring_next(p->from, p->at);
	p->left--;
	return last;
}

/*
 * What there is no room for is lost, the oldest first as in the kernel; and a packet whose start is
 * lost is lost whole.
 */
static void skip_excess(struct passage *p, uint32_t free)
{
	int last = 1;

	while (p->left > free)
		last = skip_slot(p);
	while (p->left && !last)
		last = skip_slot(p);
}

static void begin_at(struct passage *p)
{
	p->put = p->to->hwtail;
	/* What comes from another monitor is marked already. */
	p->mark = p->from->direction == TX ? NS_TXMON : 0;
}

static void begin(struct passage *p, uint32_t first, uint32_t end)
{
	spin_lock(&p->to->lease);
	p->at = first;
	p->left = ring_distance(p->from, first, end);
	begin_at(p);
	skip_excess(p, room(p->to));
}

static void finish(struct passage *p)
{
	struct ring *to = p->to;
	int moved = p->put != to->hwtail;

	count_add(&to->packets, p->packets);
	count_add(&to->bytes, p->bytes);
	if (p->lost)
		ring_drop(to, VALET_DROP_RING_FULL, p->lost);
	if (p->bad)
		ring_drop(to, VALET_DROP_RECEIVE_BUFFER, p->bad);
	/* Pairs with the reader's acquire, see lease_finish(). */
	if (moved)
		ring_set_hwtail(to, p->put);
	spin_unlock(&to->lease);
	if (moved)
		ring_notify_soon(to);
}

static void count(struct passage *p, struct slot_view view)
{
	p->packets += !(view.flags & NS_MOREFRAG);
	p->bytes += view.length;
}

/* Flags as the monitor shows them. */
static uint16_t flags_for(const struct passage *p, struct slot_view view)
{
	return (uint16_t)((view.flags & ~NS_INDIRECT) | p->mark);
}

/* One slot; what cannot be read safely, or has no place to go, comes empty. */
static void copy_slot(struct passage *p)
{
	struct netmap_slot *slot = &p->to->shared->slot[p->put];
	struct slot_view view = slot_read(&p->from->shared->slot[p->at]);
	uint32_t buffer = read_once(&slot->buf_idx), to_offset = slot_offset(p->to, slot);
	uint32_t offset = slot_offset(p->from, &p->from->shared->slot[p->at]);

	if (view.flags & NS_INDIRECT || !buffer_valid(p->from, view.buffer) ||
	    view.length > p->from->buffer_bytes - offset)
		view.length = 0;
	if (!p->inside && p->to->port->strip_bytes <= view.length) {
		offset += p->to->port->strip_bytes;
		view.length -= (uint16_t)p->to->port->strip_bytes;
	}
	p->inside = (view.flags & NS_MOREFRAG) != 0;
	if (view.length > p->to->buffer_bytes - to_offset)
		view.length = (uint16_t)(p->to->buffer_bytes - to_offset);
	if (!buffer_valid(p->to, buffer)) {
		p->bad++;
		view.length = 0;
	} else if (view.length) {
		memcpy(buffer_at(p->to, buffer) + to_offset,
		       buffer_at(p->from, view.buffer) + offset, view.length);
	}
	view.flags = flags_for(p, view);
	slot_write(slot, view.length, view.flags);
	count(p, view);
}

void monitors_copy(struct ring *ring, uint32_t first, uint32_t end)
{
	if (first == end)
		return;
	spin_lock(&ring->monitor_lock);
	for (struct ring *to = ring->copies; to; to = to->next_copy[ring->direction]) {
		struct passage p = { .from = ring, .to = to };

		begin(&p, first, end);
		for (; p.left; p.left--) {
			copy_slot(&p);
			p.at = ring_next(ring, p.at);
			p.put = ring_next(to, p.put);
		}
		finish(&p);
	}
	spin_unlock(&ring->monitor_lock);
}

/* ---- frames that lie in no slot ---- */

/* Bytes that any slot of a monitor takes. */
static uint32_t slot_capacity(const struct ring *to)
{
	uint32_t offset = load_acquire(&to->offset_mask) ? (uint32_t)read_once(&to->offset_max) : 0;
	uint32_t bytes = offset < to->buffer_bytes ? to->buffer_bytes - offset : 0;

	return bytes < UINT16_MAX ? bytes : UINT16_MAX;
}

static uint32_t slots_for(const struct fragment *frame, uint32_t capacity)
{
	return (frame->length + capacity - 1) / capacity;
}

/* Without the header, where the monitor's owner does not know of it. */
static struct fragment shown_part(const struct ring *to, const struct fragment *frame)
{
	uint32_t strip = to->port->strip_bytes;

	if (strip >= frame->length)
		return (struct fragment){ frame->data, 0 };
	return (struct fragment){ frame->data + strip, frame->length - strip };
}

static void copy_frame(struct passage *p, const struct fragment *frame, uint32_t capacity)
{
	for (uint32_t at = 0, bytes; at < frame->length; at += bytes) {
		struct netmap_slot *slot = &p->to->shared->slot[p->put];
		uint32_t buffer = read_once(&slot->buf_idx);
		uint32_t left = frame->length - at;
		uint16_t more = left > capacity ? NS_MOREFRAG : 0;

		bytes = more ? capacity : left;
		if (buffer_valid(p->to, buffer)) {
			memcpy(buffer_at(p->to, buffer) + slot_offset(p->to, slot), frame->data + at,
			       bytes);
			slot_write(slot, (uint16_t)bytes, (uint16_t)(p->mark | more));
		} else {
			p->bad++;
			slot_write(slot, 0, (uint16_t)(p->mark | more));
		}
		p->put = ring_next(p->to, p->put);
	}
	p->packets++;
	p->bytes += frame->length;
}

static void show_frames(struct ring *ring, struct ring *to, const struct fragment *frames,
			uint32_t count)
{
	struct passage p = { .from = ring, .to = to };
	uint32_t capacity = slot_capacity(to), wanted = 0, free, at = 0;

	spin_lock(&to->lease);
	begin_at(&p);
	free = capacity ? room(to) : 0;
	for (uint32_t i = 0; capacity && i < count; i++)
		wanted += slots_for(&frames[i], capacity);
	for (; at < count && (!capacity || wanted > free); at++, p.lost++)
		wanted -= capacity ? slots_for(&frames[at], capacity) : 0;
	for (; at < count; at++) {
		struct fragment part = shown_part(to, &frames[at]);

		copy_frame(&p, &part, capacity);
	}
	finish(&p);
}

void monitors_copy_frames(struct ring *ring, const struct fragment *frames, uint32_t count)
{
	spin_lock(&ring->monitor_lock);
	for (struct ring *to = ring->copies; to; to = to->next_copy[ring->direction])
		show_frames(ring, to, frames, count);
	if (ring->exchange)
		show_frames(ring, ring->exchange, frames, count);
	spin_unlock(&ring->monitor_lock);
}

/* ---- exchanging ---- */

/* 1 if the two slots have exchanged their buffers: both must name one that exists. */
static int exchange_slot(struct passage *p)
{
	struct netmap_slot *a = &p->from->shared->slot[p->at];
	struct netmap_slot *b = &p->to->shared->slot[p->put];
	struct slot_view from = slot_read(a), to = slot_read(b);
	uint64_t from_ptr = read_once(&a->ptr), to_ptr = read_once(&b->ptr);

	if (!buffer_valid(p->to, to.buffer)) {
		p->bad++;
		return 0;
	}
	if (from.flags & NS_INDIRECT || !buffer_valid(p->from, from.buffer))
		return 0;
	if (from.length > p->from->buffer_bytes)
		from.length = 0;
	to.flags = from.flags | NS_BUF_CHANGED;
	from.flags = flags_for(p, from);
	slot_put(a, to, to_ptr);
	slot_put(b, from, from_ptr);
	count(p, from);
	return 1;
}

void monitors_exchange(struct ring *ring, uint32_t first, uint32_t end)
{
	if (first == end)
		return;
	spin_lock(&ring->monitor_lock);
	if (ring->exchange) {
		struct passage p = { .from = ring, .to = ring->exchange };

		begin(&p, first, end);
		for (; p.left; p.left--) {
			if (exchange_slot(&p))
				p.put = ring_next(p.to, p.put);
			p.at = ring_next(ring, p.at);
		}
		finish(&p);
	}
	spin_unlock(&ring->monitor_lock);
}

void monitors_release(struct ring *ring, uint32_t first, uint32_t end)
{
	/* First: then the buffers are others. */
	if (read_once(&ring->monitored) & MONITORED_FORWARD)
		hardware_released(ring, first, end);
	if (ring_is_exchanged(ring))
		monitors_exchange(ring, first, end);
}

/* ---- control ---- */

static void set_monitored(struct ring *ring)
{
	write_once(&ring->monitored, (ring->copies ? MONITORED_COPY : 0) |
					     (ring->exchange ? MONITORED_ZERO_COPY : 0) |
					     (ring->monitored & MONITORED_FORWARD));
	if (ring->remote)
		csb_show_by_request(ring);
}

static void join_copy(struct ring *ring, struct ring *monitor)
{
	spin_lock(&ring->monitor_lock);
	monitor->next_copy[ring->direction] = ring->copies;
	ring->copies = monitor;
	set_monitored(ring);
	spin_unlock(&ring->monitor_lock);
}

static void leave_copy(struct ring *ring, struct ring *monitor)
{
	spin_lock(&ring->monitor_lock);
	for (struct ring **at = &ring->copies; *at; at = &(*at)->next_copy[ring->direction]) {
		if (*at == monitor) {
			*at = monitor->next_copy[ring->direction];
			break;
		}
	}
	set_monitored(ring);
	spin_unlock(&ring->monitor_lock);
}

static void set_exchange(struct ring *ring, struct ring *monitor)
{
	spin_lock(&ring->monitor_lock);
	ring->exchange = monitor;
	set_monitored(ring);
	spin_unlock(&ring->monitor_lock);
}

/* Behind those that are there already. Both directions of a port end in one chain. */
static void join_exchange(struct ring *ring, struct ring *monitor)
{
	while (ring->exchange) {
		if (ring->exchange == monitor)
			return;
		ring = ring->exchange;
	}
	if (ring != monitor)
		set_exchange(ring, monitor);
}

static void leave_exchange(struct ring *ring, struct ring *monitor)
{
	for (; ring->exchange; ring = ring->exchange)
		if (ring->exchange == monitor) {
			set_exchange(ring, monitor->exchange);
			return;
		}
}

/* For each ring that a monitor's ring watches. */
static void each_watched(struct port *monitor, struct ring *ring,
			 void (*call)(struct ring *, struct ring *))
{
	struct port *port = monitor->watched;

	for (int d = RX; d <= TX; d++)
		if (monitor->watches[d] && ring->index < port->count[d] && port->rings[d])
			call(&port->rings[d][ring->index], ring);
}

int monitor_create(struct port *port, const struct nmreq_register *reg, struct port **out)
{
	int zero_copy = (reg->nr_flags & NR_ZCOPY_MON) != 0;
	uint64_t flags = reg->nr_flags;
	struct port_shape shape = {
		.count = { port->count[RX] > port->count[TX] ? port->count[RX] : port->count[TX],
			   1 },
		.slots = { reg->nr_rx_slots, reg->nr_tx_slots },
		.no_pipes = 1,
	};
	char name[2 * NETMAP_REQ_IFNAMSIZ];
	uint32_t strip = 0;
	struct port *monitor;
	int rc;

	if (!port->opens && !port->nic)
		return -EINVAL;
	/* The headers are ours, not the application's: it gets frames unless it asks for them. */
	if (port->kind == VALET_PORT_NIC && !(flags & NR_ACCEPT_VNET_HDR))
		strip = port->header_bytes;
	if (strip && zero_copy)
		return -EIO;
	port_shape_bound(&shape, shape.count[RX], port->slots[TX], port->slots[RX]);
	snprintf(name, sizeof(name), "%s/%s%s%s#%u", port->name, zero_copy ? "z" : "",
		 flags & NR_MONITOR_RX ? "r" : "", flags & NR_MONITOR_TX ? "t" : "",
		 port->monitors_made);
	rc = port_create(port->engine, name, VALET_PORT_MONITOR, &shape,
			 zero_copy ? port->region : NULL, &monitor);
	if (rc < 0)
		return rc;
	port->monitors_made++;
	monitor->zero_copy = zero_copy;
	monitor->strip_bytes = strip;
	monitor->watches[RX] = (flags & NR_MONITOR_RX) != 0;
	monitor->watches[TX] = (flags & NR_MONITOR_TX) != 0;
	monitor->watched = port;
	monitor->next = port->monitors;
	port->monitors = monitor;
	port_get(port);
	*out = monitor;
	return 0;
}

void monitor_start(const struct descriptor *descriptor, struct port *monitor)
{
	for (uint32_t i = descriptor->first[RX]; i < descriptor->last[RX]; i++)
		each_watched(monitor, &monitor->rings[RX][i],
			     monitor->zero_copy ? join_exchange : join_copy);
}

void monitor_stop(struct port *monitor)
{
	struct port *port = monitor->watched;

	if (!port)
		return;
	for (uint32_t i = 0; monitor->rings[RX] && i < monitor->count[RX]; i++)
		each_watched(monitor, &monitor->rings[RX][i],
			     monitor->zero_copy ? leave_exchange : leave_copy);
	for (uint32_t i = 0; monitor->rings[RX] && i < monitor->count[RX]; i++)
		set_exchange(&monitor->rings[RX][i], NULL);
	for (struct port **at = &port->monitors; *at; at = &(*at)->next) {
		if (*at == monitor) {
			*at = monitor->next;
			break;
		}
	}
	monitor->watched = NULL;
	port_put(port);
}

void monitors_end(struct port *port)
{
	struct port *monitor;

	while ((monitor = port->monitors)) {
		monitor_stop(monitor);
		/* Whoever sleeps is woken, and looks. */
		store_ordered(&monitor->ended, 1);
		for (uint32_t i = 0; monitor->rings[RX] && i < monitor->count[RX]; i++) {
			struct ring *ring = &monitor->rings[RX][i];

			if (!ring->opens)
				continue;
			if (ring->remote)
				csb_show_by_request(ring);
			ring_notify(ring);
		}
	}
}
