/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets' way over a bridge: gather descriptors of what a ring sends, ask the lookup, sort by
 * receive ring, deliver. Everything here runs on the sender's thread, batch by batch.
 */
#include <stddef.h>
#include <string.h>

#include "batch.h"
#include "bridge.h"
#include "deliver.h"
#include "engine.h"
#include "forecast.h"
#include "gather.h"
#include "monitor.h"

int bridge_forward_allowed(void)
{
	struct batch *batch = batch_mine();

	if (!batch)
		return -ENOMEM;
	return batch->in_use || thread_life_is_inside() ? -EDEADLK : 0;
}

/*
 * Names the view that this forward works with, so that control leaves it alone. NULL: not attached.
 */
static struct bridge_view *view_enter(const struct ring *ring, struct batch *batch)
{
	struct port *port = ring->port;
	struct bridge *bridge;
	struct bridge_view *view;

	do {
		bridge = load_ordered(&port->bridge);
		view = bridge ? load_ordered(&bridge->view) : NULL;
		/*
		 * Control replaces the view, then looks at `using`; we set it, then look at the
		 * view.
		 */
		store_ordered(&batch->using, view);
		if (!view)
			return NULL;
	} while (load_ordered(&bridge->view) != view || load_ordered(&port->bridge) != bridge);
	return view;
}

static void view_leave(struct batch *batch)
{
	store_release(&batch->using, NULL);
}

/* ---- the lookup ---- */

/* The learning bridge, for neighbours; those of one kind at a time. */
static void learn_run(const struct bridge_view *view, const struct batch *batch,
		      const struct valet_batch *packets, uint32_t from, uint32_t to)
{
	struct table *table = &view->bridge->table;

	for (uint32_t end; from < to; from = end) {
		int quiet = batch->quiets && is_quiet(batch, from);
		struct valet_batch run = { .packets = packets->packets + from,
					   .source = packets->source };

		end = batch->quiets ? from + 1 : to;
		while (end < to && is_quiet(batch, end) == quiet)
			end++;
		run.count = end - from;
		table_decide(table, &run, !quiet);
	}
}

/* What a lookup's answer needs. Each half is one load, and with four a turn it takes 4 instructions a packet, not 7. */
static uint32_t needs_of(const struct batch *batch)
{
	const struct valet_packet *packet = batch->packet, *end = packet + batch->packets;
	const packet_half same = { packet->destination, packet->ring, 0, VALET_DROP };
	packet_half different = { 0 };

#pragma GCC unroll 4
	for (; packet < end; packet++)
		different |= *(const packet_half *)&packet->destination ^ same;
	return (different[0] | different[1] ? NEEDS_WAYS : 0) | (different[3] ? NEEDS_COPIES : 0);
}

/* What the lookup leaves to the learning bridge. */
static void learn(const struct bridge_view *view, const struct batch *batch,
		  const struct valet_batch *packets)
{
	const struct valet_packet *first = packets->packets, *end = first + packets->count;

	for (const struct valet_packet *packet = first; packet < end;) {
		const struct valet_packet *from = packet;

		if (packet++->destination != VALET_LEARN)
			continue;
		while (packet < end && packet->destination == VALET_LEARN)
			packet++;
		learn_run(view, batch, packets, (uint32_t)(from - first),
			  (uint32_t)(packet - first));
	}
}

static int look_up(const struct bridge_view *view, struct ring *ring, struct batch *batch)
{
	const struct lookup *lookup = &view->lookup;
	struct valet_batch packets = {
		.packets = batch->packet,
		.count = batch->packets,
		.source = ring->port->index,
	};
	int rc, stale;

	switch (view_lookup_kind(view)) {
	case VALET_LOOKUP_SCRIPT:
		if (lookup->is_remote) {
			rc = lookup->function(&packets, lookup->context);
			break;
		}
		/*
		 * It may be run by another thread: one that wants to sync this ring must not wait
		 * for us.
		 */
		store_release(&ring->in_script, 1);
		stale = thread_life_call(lookup->thread, lookup->script, batch->id,
					 ring->port->region->id, &packets, &rc);
		store_release(&ring->in_script, 0);
		if (stale)
			return stale;
		break;
	case VALET_LOOKUP_NATIVE:
		rc = lookup->function(&packets, lookup->context);
		break;
	default:
		if (batch->quiets) {
			learn_run(view, batch, &packets, 0, packets.count);
			batch->needs = needs_of(batch);
		} else {
			int one_way = table_decide(&view->bridge->table, &packets, 1);

			batch->needs = one_way ? 0 : NEEDS_WAYS;
		}
		return 0;
	}
	if (rc >= 0) {
		batch->needs = needs_of(batch);
		if (batch->needs & NEEDS_WAYS || packets.packets->destination == VALET_LEARN) {
			learn(view, batch, &packets);
			batch->needs = needs_of(batch);
		}
		return 0;
	}
	if (rc == -ESTALE && lookup->is_remote)
		return rc;
	ring_drop(ring, VALET_DROP_FAILED, batch->packets);
	return -ECANCELED;
}

/*
 * A lookup that has gone with its batch still undecided (-ESTALE) has been replaced, or its bridge
 * learns now: the batch is the present one's to decide.
 */
static int look_up_current(struct bridge_view **view, struct ring *ring, struct batch *batch)
{
	enum { REPLACED_MAX = 16 }; /* while one batch waits */
	int rc = look_up(*view, ring, batch);

	for (int i = 0; rc == -ESTALE && i < REPLACED_MAX; i++) {
		*view = view_enter(ring, batch);
		if (!*view)
			break;
		rc = look_up(*view, ring, batch);
	}
	if (rc == -ESTALE)
		ring_drop(ring, VALET_DROP_FAILED, batch->packets);
	return rc;
}

/* ---- sorting by receive ring ---- */

/* Where the ring's outlet is noted, or would be. */
static uint16_t *outlet_slot(struct batch *batch, const struct ring *ring)
{
	uint32_t at = (uint32_t)((uintptr_t)ring / sizeof(*ring) * 0x9e3779b1u >> 16);

	for (;; at++) {
		uint16_t *slot = &batch->outlet_slot[at & (BATCH_OUTLETS - 1)];

		if (!*slot || batch->outlet[*slot - 1].ring == ring)
			return slot;
	}
}

static uint16_t outlet_for(struct batch *batch, struct ring *ring)
{
	uint16_t *slot = outlet_slot(batch, ring);

	if (!*slot) {
		batch->outlet[batch->outlets] = (struct outlet){ .ring = ring };
		*slot = (uint16_t)++batch->outlets;
	}
	return *slot - 1;
}

/*
 * Where a packet goes that is for one port: an outlet, or OUTLET_NONE when it cannot, and then
 * `packets` that go the same way are counted as dropped.
 */
static uint16_t resolve(const struct bridge_view *view, struct ring *from, struct batch *batch,
			uint32_t destination, uint32_t to_ring, uint32_t packets)
{
	struct port *port;
	struct ring *rings;

	if (destination == VALET_DROP)
		ring_drop(from, VALET_DROP_LOOKUP, packets);
	else if (destination == VALET_TOO_SHORT)
		ring_drop(from, VALET_DROP_TOO_SHORT, packets);
	else if (destination == VALET_GARBAGE)
		ring_drop(from, VALET_DROP_GARBAGE, packets);
	else if (destination >= view->limit || !view->port[destination])
		ring_drop(from, VALET_DROP_NO_PORT, packets);
	else if (view->port[destination] == from->port)
		ring_drop(from, VALET_DROP_SAME_PORT, packets);
	else
		goto found;
	return OUTLET_NONE;

found:
	port = view->port[destination];
	rings = load_acquire(&port->rings[RX]);
	if (!rings) {
		__atomic_fetch_add(&port->unopened_drops, packets, __ATOMIC_RELAXED);
		return OUTLET_NONE;
	}
	rings += to_ring % port->count[RX];
	ring_fetch(rings);
	return outlet_for(batch, rings);
}

/* Where the packet's copy goes: it reaches no port twice. */
static uint16_t resolve_copy(const struct bridge_view *view, struct ring *from, struct batch *batch,
			     const struct valet_packet *packet)
{
	uint32_t to = packet->copy_to;

	if (to == VALET_DROP || to == packet->destination)
		return OUTLET_NONE;
	/* A broadcast has reached every port that there is. */
	if (packet->destination == VALET_BROADCAST && to < view->limit && view->port[to] &&
	    view->port[to] != from->port)
		return OUTLET_NONE;
	return resolve(view, from, batch, to, packet->ring, 1);
}

/*
 * Decides about every packet. Neighbours mostly go the same way, so the answer for the packet
 * before is tried first. `copies` is a constant where this is called, as most batches have
 * none: a flood takes 23 instructions a packet here and in sort(), not 43.
 */
static inline void classify(const struct bridge_view *view, struct ring *from, struct batch *batch,
			    int copies)
{
	uint32_t last_destination = VALET_DROP, last_ring = 0;
	uint16_t last = OUTLET_NONE;

	batch->floods = 0;
	for (uint32_t i = 0; i < batch->packets; i++) {
		const struct valet_packet *packet = &batch->packet[i];
		uint32_t is_flood = packet->destination == VALET_BROADCAST;

		if (copies) {
			uint16_t copy = resolve_copy(view, from, batch, packet);

			batch->copy_of[i] = copy;
			if (copy != OUTLET_NONE)
				batch->outlet[copy].count++;
		}
		if (!is_flood && (packet->destination != last_destination ||
				  packet->ring != last_ring || last == OUTLET_NONE)) {
			last = resolve(view, from, batch, packet->destination, packet->ring, 1);
			last_destination = packet->destination;
			last_ring = packet->ring;
		}
		batch->flood[batch->floods] = (uint16_t)i;
		batch->floods += is_flood;
		batch->outlet_of[i] = is_flood ? OUTLET_FLOOD : last;
		if (last != OUTLET_NONE)
			batch->outlet[last].count += !is_flood;
	}
}

static void add_to_order(struct batch *batch, uint16_t to, uint32_t number)
{
	if (to < OUTLET_FLOOD) {
		struct outlet *outlet = &batch->outlet[to];

		batch->order[outlet->start + outlet->count++] = (uint16_t)number;
	}
}

/*
 * The numbers of packets for the only outlet that there is. The rest are broadcasts or lost: nobody could
 * guess which, so there is no branch.
 */
static void list_one(struct batch *batch)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < batch->packets; i++) {
		batch->order[count] = (uint16_t)i;
		count += batch->outlet_of[i] < OUTLET_FLOOD;
	}
}

/* Packet numbers grouped by outlet, in their order within each. */
static inline void sort(struct batch *batch, int copies)
{
	uint32_t start = 0;

	if (!copies && batch->outlets == 1) {
		list_one(batch);
		return;
	}

	for (uint32_t i = 0; i < batch->outlets; i++) {
		batch->outlet[i].start = start;
		start += batch->outlet[i].count;
		batch->outlet[i].count = 0;
	}
	for (uint32_t i = 0; i < batch->packets; i++) {
		add_to_order(batch, batch->outlet_of[i], i);
		if (copies)
			add_to_order(batch, batch->copy_of[i], i);
	}
}

/* Backwards, so that those behind a removed one are still found. */
static void forget_outlets(struct batch *batch)
{
	while (batch->outlets) {
		uint16_t *slot = outlet_slot(batch, batch->outlet[batch->outlets - 1].ring);

		*slot = 0;
		batch->outlets--;
	}
}

/* ---- delivery ---- */

/* Ring 0 of the port, if what is flooded reaches it: who sends and who is not open gets nothing. */
static struct ring *flooded_ring(const struct ring *from, const struct batch *batch,
				 struct port *port)
{
	struct ring *ring = load_acquire(&port->rings[RX]);

	if (port == from->port)
		return NULL;
	if (!ring)
		__atomic_fetch_add(&port->unopened_drops, batch->floods, __ATOMIC_RELAXED);
	return ring;
}

static void count_alone(const struct bridge_view *view, struct ring *from,
			const struct batch *batch)
{
	if (view->count == 1)
		ring_drop(from, VALET_DROP_ALONE, batch->floods);
}

/* A broadcast reaches every other port, in one order with what is for that port alone. */
static void flood(const struct bridge_view *view, struct ring *from, struct batch *batch)
{
	static const struct outlet nothing;

	count_alone(view, from, batch);
	for (uint32_t i = 0; i < view->count; i++) {
		struct ring *ring = flooded_ring(from, batch, view->ports[i]);
		const struct outlet *outlet = &nothing;

		if (!ring)
			continue;
		if (*outlet_slot(batch, ring))
			outlet = &batch->outlet[*outlet_slot(batch, ring) - 1];
		deliver(batch, ring, batch->order + outlet->start, outlet->count, batch->flood,
			batch->floods);
	}
}

/*
 * The same when there is nothing else in the batch, and no list of what is: 23 instructions a packet
 * less. Several rings in one go: see deliver_together().
 */
static void flood_all(const struct bridge_view *view, struct ring *from, struct batch *batch)
{
	struct ring *rings[DELIVER_TOGETHER];
	uint32_t number = 0;

	batch->floods = batch->packets;
	count_alone(view, from, batch);
	for (uint32_t i = 0; i < view->count; i++) {
		struct ring *ring = flooded_ring(from, batch, view->ports[i]);

		if (ring)
			rings[number++] = ring;
		if (number == DELIVER_TOGETHER || (number && i + 1 == view->count)) {
			deliver_to_all(batch, rings, number);
			number = 0;
		}
	}
}

static int is_flooded(const struct batch *batch, const struct ring *ring)
{
	return batch->floods && ring->index == 0;
}

/*
 * Lists the broadcasts. Returns the number of the first packet that is none if all such have the same
 * destination; otherwise how many packets there are.
 */
static uint32_t list_floods(struct batch *batch)
{
	uint32_t first = 0, floods = 0;
	uint64_t to, one;

	while (first < batch->packets && batch->packet[first].destination == VALET_BROADCAST)
		first++;
	if (first == batch->packets)
		return first;
	memcpy(&one, &batch->packet[first].destination, sizeof(one)); /* and the ring */
	for (uint32_t i = 0; i < batch->packets; i++) {
		uint32_t is_flood = batch->packet[i].destination == VALET_BROADCAST;

		memcpy(&to, &batch->packet[i].destination, sizeof(to));
		batch->flood[floods] = (uint16_t)i;
		floods += is_flood;
		if (__builtin_expect(!is_flood & (to != one), 0))
			return batch->packets;
	}
	batch->floods = floods;
	return first;
}

/*
 * Two ports that talk, with some stations that nobody knows: one port gets all packets, so that no list
 * is needed of what it gets, and the others what is flooded. engine.macs.1000 takes 53 instructions
 * less, and has 19 % more packets a second. 0: there is more to it.
 */
static int deliver_two_ways(const struct bridge_view *view, struct ring *from, struct batch *batch)
{
	uint32_t first = list_floods(batch);
	const struct valet_packet *packet = &batch->packet[first];
	const struct ring *to = NULL;
	uint16_t outlet;

	if (first == batch->packets || !batch->floods)
		return 0;
	outlet = resolve(view, from, batch, packet->destination, packet->ring,
			 batch->packets - batch->floods);
	if (outlet != OUTLET_NONE)
		to = batch->outlet[outlet].ring;
	if (to && !is_flooded(batch, to))
		return 0;
	count_alone(view, from, batch);
	for (uint32_t i = 0; i < view->count; i++) {
		struct ring *ring = flooded_ring(from, batch, view->ports[i]);

		if (ring && ring == to)
			deliver(batch, ring, NULL, batch->packets, NULL, 0);
		else if (ring)
			deliver(batch, ring, batch->flood, batch->floods, NULL, 0);
	}
	return 1;
}

static void deliver_sorted(const struct bridge_view *view, struct ring *from, struct batch *batch,
			   int copies)
{
	if (!copies && deliver_two_ways(view, from, batch))
		return;
	if (copies) {
		classify(view, from, batch, 1);
		sort(batch, 1);
	} else {
		classify(view, from, batch, 0);
		if (batch->outlets) /* or all are broadcasts */
			sort(batch, 0);
	}
	for (uint32_t i = 0; i < batch->outlets; i++) {
		const struct outlet *outlet = &batch->outlet[i];

		if (!is_flooded(batch, outlet->ring))
			deliver(batch, outlet->ring, batch->order + outlet->start, outlet->count,
				NULL, 0);
	}
	if (batch->floods)
		flood(view, from, batch);
}

/* Where the first packet goes. The usual case, apart from the others: +9 % at 60 bytes. */
static void deliver_one_way(const struct bridge_view *view, struct ring *from, struct batch *batch)
{
	const struct valet_packet *first = batch->packet;
	uint16_t outlet;

	if (first->destination == VALET_BROADCAST) {
		flood_all(view, from, batch);
		return;
	}
	outlet = resolve(view, from, batch, first->destination, first->ring, batch->packets);
	if (outlet != OUTLET_NONE) {
		struct ring *to = batch->outlet[outlet].ring;

		deliver(batch, to, NULL, batch->packets, NULL, 0);
		forecast_make(&from->forecast, to);
	}
}

static void deliver_batch(const struct bridge_view *view, struct ring *from, struct batch *batch)
{
	batch->outlets = 0;
	if (!batch->needs)
		deliver_one_way(view, from, batch);
	else
		deliver_sorted(view, from, batch, (batch->needs & NEEDS_COPIES) != 0);
	forget_outlets(batch);
}

/* What has been gathered. 0 or -ECANCELED. */
static int forward_batch(struct bridge_view **view, struct ring *ring, struct batch *batch)
{
	if (batch->packets == 0)
		return 0;
	if (!*view) /* to nobody, as the kernel does with a port that is on no bridge */
		ring_drop(ring, VALET_DROP_NOT_ATTACHED, batch->packets);
	else if (look_up_current(view, ring, batch) < 0)
		return -ECANCELED;
	else
		deliver_batch(*view, ring, batch);
	return 0;
}

int bridge_forward(struct ring *ring, uint32_t head)
{
	struct batch *batch = batch_mine();
	struct bridge_view *view = view_enter(ring, batch);
	uint32_t at = ring->hwcur;
	int rc = 0;

	forecast_fetch(&ring->forecast);
	batch->in_use = 1;
	batch->header_bytes = read_once(&ring->port->header_bytes);
	batch->is_loose = read_once(&ring->offset_mask) != 0;
	batch->by_stack = 0;
	while (at != head) {
		at = batch->header_bytes || batch->is_loose ?
			     gather_headed(ring, batch, at, head) :
			     gather(ring, batch, at, head);
		if (forward_batch(&view, ring, batch) < 0)
			rc = -ECANCELED;
	}
	batch->in_use = 0;
	view_leave(batch);
	return rc;
}

uint32_t bridge_forward_frames(struct ring *ring, const struct fragment *frames, uint32_t count)
{
	struct batch *batch = batch_mine();
	struct bridge_view *view;
	uint64_t bytes;
	uint32_t taken;

	spin_lock(&ring->busy);
	view = view_enter(ring, batch);
	batch->in_use = 1;
	batch->header_bytes = read_once(&ring->port->header_bytes);
	taken = gather_frames(ring, batch, frames, count, &bytes);
	if (__builtin_expect(read_once(&ring->monitored), 0))
		monitors_copy_frames(ring, frames, taken);
	count_add(&ring->packets, taken);
	count_add(&ring->bytes, bytes);
	forward_batch(&view, ring, batch); /* what a lookup that failed has cost is counted */
	batch->in_use = 0;
	view_leave(batch);
	spin_unlock(&ring->busy);
	return taken;
}
