/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes: what one end sends, the other receives, without a copy. The slots of a transmit ring and
 * of the receive ring at the other end name the same buffers; a sync copies slots, not frames. A
 * sent slot comes back to the sender only when the receiver has given it back, so a pipe loses
 * nothing: a full one is full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffers.h"
#include "engine.h"
#include "monitor.h"

int pipe_create(struct port *parent, const char *id, const struct port_shape *shape,
		struct port **master)
{
	struct port_shape other = {
		.count = { shape->count[TX], shape->count[RX] },
		.slots = { shape->slots[TX], shape->slots[RX] },
	};
	char name[2 * NETMAP_REQ_IFNAMSIZ];
	struct port *end[2];
	int rc;

	snprintf(name, sizeof(name), "%s{%s", parent->name, id);
	rc = port_create(parent->engine, name, VALET_PORT_PIPE, shape, parent->region, &end[0]);
	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "%s}%s", parent->name, id);
	rc = port_create(parent->engine, name, VALET_PORT_PIPE, &other, parent->region, &end[1]);
	if (rc < 0) {
		port_put(end[0]);
		return rc;
	}
	for (int i = 0; i < 2; i++) {
		end[i]->parent = parent;
		end[i]->other_end = end[1 - i];
		snprintf(end[i]->pipe_id, sizeof(end[i]->pipe_id), "%s", id);
	}
	port_get(parent);
	parent->pipes++;
	*master = end[0];
	return 0;
}

/*
 * Joins each ring of `first` with the ring of `second` at its other side, which gets the same
 * buffers.
 */
static void join_rings(struct port *first, struct port *second)
{
	for (int d = RX; d <= TX; d++) {
		for (uint32_t i = 0; i < first->count[d]; i++) {
			struct ring *ring = &first->rings[d][i];
			struct ring *peer = &second->rings[d == TX ? RX : TX][i];

			peer->peer = ring;
			ring->peer = peer;
			ring_reset(ring, ring->own);
			ring_reset(peer, ring->own);
		}
	}
}

static int take_buffers(struct port *port)
{
	struct ring *rings = port->rings[RX];
	uint32_t all = port->count[RX] + port->count[TX], taken;
	int rc = 0;

	for (taken = 0; rc == 0 && taken < all; taken++)
		rc = ring_take_buffers(&rings[taken]);
	if (rc < 0)
		while (taken)
			ring_return_own(&rings[--taken]);
	return rc;
}

/* On failure nobody has the pipe open: it goes, and what was made with it. */
int pipe_rings_make(struct port *port)
{
	int rc;

	if (port->rings[RX])
		return 0;
	rc = port_rings_make(port);
	if (rc == 0)
		rc = port_rings_make(port->other_end);
	/* The end that is opened first brings the buffers of both. */
	if (rc == 0)
		rc = take_buffers(port);
	if (rc == 0)
		join_rings(port, port->other_end);
	return rc;
}

void pipe_give_buffers(struct port *port)
{
	for (int end = 0; end < 2; end++, port = port->other_end)
		for (int d = RX; d <= TX && port->rings[RX]; d++)
			for (uint32_t i = 0; i < port->count[d]; i++)
				ring_give_buffers(&port->rings[d][i]);
}

/*
 * What passing a slot looks at: copies, made once a sync. There and back a packet takes 95
 * instructions, not 132.
 */
struct passage {
	struct ring *from, *to;
	struct netmap_slot *from_slot, *to_slot;
	struct buffer_space space;
	uint32_t slots;
	uint64_t offset_mask; /* of the receiver */
};

static inline struct passage passage_of(struct ring *from, struct ring *to)
{
	return (struct passage){ .from = from,
				 .to = to,
				 .from_slot = from->shared->slot,
				 .to_slot = to->shared->slot,
				 .space = buffers_of(from),
				 .slots = from->slots,
				 .offset_mask = read_once(&to->offset_mask) };
}

/* Whether the packet would lie beyond its buffer, by what its receiver takes for an offset. */
static inline int offset_is_bad(const struct passage *passage, struct slot_view view, uint64_t ptr)
{
	uint64_t offset = ptr & passage->offset_mask, bytes = passage->space.bytes;

	return offset > bytes || view.length > bytes - offset;
}

/* In place of a slot that the receiver could not read from safely: an empty one. */
static __attribute__((noinline)) struct slot_view replace(struct ring *from, const struct ring *to,
							  uint32_t at, struct slot_view view)
{
	ring_drop(from,
		  buffer_valid(from, view.buffer) ? VALET_DROP_TOO_LONG : VALET_DROP_BAD_BUFFER, 1);
	view.buffer = (from->own ? from->own : to->own)[at];
	view.length = 0;
	return view;
}

/* Returns what has gone over. */
static inline struct slot_view pass_slot(const struct passage *passage, uint32_t at)
{
	struct netmap_slot *slot = &passage->from_slot[at];
	struct slot_view view = slot_read(slot);
	uint64_t ptr = read_once(&slot->ptr);

	if (__builtin_expect(!space_has(passage->space, view.buffer) ||
				     view.length > passage->space.bytes ||
				     (passage->offset_mask &&
				      offset_is_bad(passage, view, ptr)),
			     0)) {
		view = replace(passage->from, passage->to, at, view);
		ptr &= ~passage->offset_mask;
	}
	slot_put(&passage->to_slot[at], view, ptr);
	if (view.flags & NS_BUF_CHANGED)
		slot_write(slot, view.length, view.flags & ~NS_BUF_CHANGED);
	return view;
}

static inline uint32_t slot_after(const struct passage *passage, uint32_t at)
{
	return at + 1 == passage->slots ? 0 : at + 1;
}

int pipe_txsync(struct ring *ring)
{
	struct ring *peer = ring->peer;
	uint32_t tail = load_ordered(&ring->hwtail); /* pairs with pipe_rxsync(): slots are back */
	int64_t head = ring_check(ring, tail);
	const struct passage passage = passage_of(ring, peer);
	uint32_t at = ring->hwcur, end = at;
	uint64_t packets = 0, bytes = 0;

	if (head < 0)
		return 1;
	if (ring_is_copied(ring))
		monitors_copy(ring, at, (uint32_t)head);
	while (at != (uint32_t)head) {
		struct slot_view view = pass_slot(&passage, at);

		at = slot_after(&passage, at);
		bytes += view.length;
		if (!(view.flags & NS_MOREFRAG)) {
			packets++;
			end = at;
		}
	}
	if (at != ring->hwcur) {
		write_once(&ring->hwcur, at);
		count_add(&ring->packets, packets);
		count_add(&ring->bytes, bytes);
		count_add(&peer->packets, packets);
		count_add(&peer->bytes, bytes);
	}
	ring_show_tail(ring, tail);
	/*
	 * Only whole packets are shown. Pairs with the receiver's acquire: their slots are there.
	 */
	if (packets) {
		if (ring_is_copied(peer))
			monitors_copy(peer, peer->hwtail, end);
		ring_set_hwtail(peer, end);
		ring_notify_soon(peer);
	}
	return 0;
}

int pipe_rxsync(struct ring *ring)
{
	struct ring *peer = ring->peer;
	uint32_t tail = load_ordered(&ring->hwtail); /* pairs with pipe_txsync() */
	int64_t head = ring_check(ring, tail);
	const struct passage passage = passage_of(ring, peer);
	uint32_t at = ring->hwcur, first = at;

	if (head < 0)
		return 1;
	if (at != head) {
		if (ring_is_exchanged(ring))
			monitors_exchange(ring, at, (uint32_t)head);
		/*
		 * The buffer that is now in the slot goes back, which need not be the one that
		 * came.
		 */
		for (; at != (uint32_t)head; at = slot_after(&passage, at))
			pass_slot(&passage, at);
		write_once(&ring->hwcur, at);
		if (ring_is_exchanged(peer))
			monitors_exchange(peer, first, at);
		/* Pairs with the sender's acquire: the slots are its own again. */
		ring_set_hwtail(peer, ring_previous(ring, at));
		ring_notify(peer);
	}
	ring_show_tail(ring, tail);
	return 0;
}
