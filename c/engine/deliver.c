/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sender leases a stretch of the ring under a lock, copies into it without the lock, and gives
 * the lease back under the lock. Slots become visible in ring order: a lease that is finished
 * before an older one waits for it, and whoever finishes the oldest shows all that are done. So the
 * lock is held for a few instructions a batch, whatever the number of packets.
 */
#include "deliver.h"

#include <sched.h>
#include <string.h>

#include "batch.h"
#include "convert.h"
#include "copy.h"
#include "csb.h"
#include "monitor.h"
#include "port.h"
#include "ring.h"

/*
 * Packets between asking for a destination's cache line and writing it. The nearest cache has room for
 * 16 such lines, see fill(): with 6 instead of 3 they push each other out, 7 % less at 60 bytes.
 */
#define PREFETCH_AHEAD 3

static struct lease *lease_at(struct ring *ring, uint32_t n)
{
	return &ring->leases[(ring->lease_first + n) % RING_LEASES];
}

/* As many of the wanted slots as are free. */
static struct room lease_take(struct ring *ring, uint32_t wanted)
{
	struct room room = { .left = wanted };
	uint32_t free;

	spin_lock(&ring->lease);
	while (ring->lease_count == RING_LEASES) {
		spin_unlock(&ring->lease);
		sched_yield();
		spin_lock(&ring->lease);
	}
	if (ring->remote)
		csb_take_back(ring);
	/* Pairs with the reader's store in rxsync: it has read what lies before its hwcur. */
	free = ring->slots - 1 - ring_distance(ring, load_acquire(&ring->hwcur), ring->leased);
	/* Closed since we looked: its buffers may be others' already. */
	if (!read_once(&ring->opens))
		free = 0;
	if (room.left > free)
		room.left = free;
	room.at = ring->leased;
	room.lease = (ring->lease_first + ring->lease_count) % RING_LEASES;
	ring->leased += room.left;
	if (ring->leased >= ring->slots)
		ring->leased -= ring->slots;
	ring->leases[room.lease] = (struct lease){ .end = ring->leased };
	ring->lease_count++;
	spin_unlock(&ring->lease);
	return room;
}

/*
 * Slots that were leased and not filled: given back if nobody leased after them, else empty
 * packets.
 */
static void lease_return(struct ring *ring, struct room *room)
{
	if (room->left && lease_at(ring, ring->lease_count - 1) == &ring->leases[room->lease]) {
		ring->leased = ring->leases[room->lease].end = room->at;
		room->left = 0;
	}
	for (; room->left; room->left--) {
		slot_write(&ring->shared->slot[room->at], 0, 0);
		room->at = ring_next(ring, room->at);
	}
}

static void lease_finish(struct ring *ring, struct room *room)
{
	uint32_t tail;
	int moved = 0;

	spin_lock(&ring->lease);
	lease_return(ring, room);
	ring->leases[room->lease].done = 1;
	tail = ring->hwtail;
	while (ring->lease_count && lease_at(ring, 0)->done) {
		moved |= tail != lease_at(ring, 0)->end;
		tail = lease_at(ring, 0)->end;
		ring->lease_first = (ring->lease_first + 1) % RING_LEASES;
		ring->lease_count--;
	}
	count_add(&ring->packets, room->packets);
	count_add(&ring->bytes, room->bytes);
	if (room->bad)
		ring_drop(ring, VALET_DROP_RECEIVE_BUFFER, room->bad);
	/*
	 * Pairs with the reader's acquire: slots are filled before the tail says so. Ordered before
	 * the look at `waiting`: a reader that goes to sleep now has seen the new tail, or we see
	 * it waiting.
	 */
	if (moved) {
		if (ring_is_copied(ring))
			monitors_copy(ring, ring->hwtail, tail);
		ring_set_hwtail(ring, tail);
	}
	spin_unlock(&ring->lease);
	if (moved)
		ring_notify_soon(ring);
}

/* Room for a fragment in the slot: where, or NULL when the slot's owner has spoilt it. */
static inline uint8_t *slot_buffer(struct buffer_space space, const struct netmap_slot *slot,
				   uint32_t length)
{
	uint32_t buffer = read_once(&slot->buf_idx);

	if (__builtin_expect(!space_has(space, buffer) || length > space.bytes, 0))
		return NULL;
	return space_at(space, buffer);
}

/*
 * One packet of several slots; all of them or, when one is no good, empty packets in their place.
 */
static void deliver_fragments(struct batch *batch, struct ring *ring,
			      const struct valet_packet *packet, struct room *room)
{
	struct fragment part = { packet->data, packet->first_length };
	uint32_t first = room->at, count = packet->fragments;
	int good = 1;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *to = slot_buffer(buffers_of(ring), &ring->shared->slot[room->at],
					  part.length);
		uint16_t more = i + 1 < count ? NS_MOREFRAG : 0;

		if (to)
			copy_frame(to, part.data, part.length);
		good &= to != NULL;
		slot_write(&ring->shared->slot[room->at], (uint16_t)part.length,
			   (uint16_t)(count << NS_PORT_SHIFT | more));
		room->at = ring_next(ring, room->at);
		if (more)
			part = batch->fragment[packet->more + i];
	}
	room->left -= count;
	if (good) {
		room->packets++;
		room->bytes += packet->length;
		return;
	}
	room->bad++;
	for (; first != room->at; first = ring_next(ring, first))
		slot_write(&ring->shared->slot[first], 0, 0);
}

static inline void deliver_packet(struct batch *batch, struct ring *ring,
				  const struct valet_packet *packet, struct room *room)
{
	uint8_t *to;

	if (__builtin_expect(packet->fragments > 1, 0)) {
		deliver_fragments(batch, ring, packet, room);
		return;
	}
	to = slot_buffer(buffers_of(ring), &ring->shared->slot[room->at], packet->length);
	if (__builtin_expect(to != NULL, 1)) {
		copy_frame(to, packet->data, packet->length);
		slot_write(&ring->shared->slot[room->at], (uint16_t)packet->length,
			   1 << NS_PORT_SHIFT);
		room->packets++;
		room->bytes += packet->length;
	} else {
		slot_write(&ring->shared->slot[room->at], 0, 0);
		room->bad++;
	}
	room->at = ring_next(ring, room->at);
	room->left--;
}

static uint32_t slots_needed(const struct batch *batch, const uint16_t *numbers, uint32_t count)
{
	uint32_t slots = 0;

	if (!batch->fragments)
		return count;
	for (uint32_t i = 0; i < count; i++)
		slots += batch->packet[numbers ? numbers[i] : i].fragments;
	return slots;
}

/* ---- plain packets: of one slot each, that have room, as they are ---- */

/* What filling slots in a row looks at: copies, see struct buffer_space. */
struct stretch {
	struct buffer_space space;
	struct netmap_slot *slot, *ahead; /* the next one, and the one whose buffer is asked for */
	struct netmap_slot *first, *end; /* of the ring */
	uint64_t bytes, bad; /* delivered, and packets whose slots were no good */
};

/*
 * Fills `count` slots with packets from number `at` on. Buffers start at only two places in a page,
 * so the near caches hold few of their first lines, and a load waits for earlier stores whose
 * addresses look alike in their low 12 bits: with each frame for the line that an earlier frame is
 * being written to. Asking for that line some packets ahead makes the wait short: +35 % at 60 bytes.
 */
COPY_INLINE void fill(struct stretch *stretch, const struct batch *batch, const uint16_t *numbers,
		      uint32_t at, uint32_t count)
{
	const struct buffer_space space = stretch->space;
	struct netmap_slot *slot = stretch->slot, *ahead = stretch->ahead;
	uint64_t bytes = 0;

	for (uint32_t end = at + count; at < end; at++, slot++) {
		const struct valet_packet *packet = &batch->packet[numbers ? numbers[at] : at];
		uint32_t length = packet->length, buffer = read_once(&slot->buf_idx);

		__builtin_prefetch(space_at(space, read_once(&ahead->buf_idx)), 1);
		if (++ahead == stretch->end)
			ahead = stretch->first;
		if (__builtin_expect(!space_has(space, buffer) || length > space.bytes, 0)) {
			slot_write(slot, 0, 0);
			stretch->bad++;
			continue;
		}
		copy_frame(space_at(space, buffer), packet->data, length);
		slot_write(slot, (uint16_t)length, 1 << NS_PORT_SHIFT);
		bytes += length;
	}
	stretch->slot = slot;
	stretch->ahead = ahead;
	stretch->bytes += bytes;
}

/* Up to the ring's end, and from its beginning. */
COPY_INLINE void fill_around(const struct batch *batch, struct ring *ring, const uint16_t *numbers,
			     uint32_t count, struct room *room)
{
	struct netmap_slot *slots = ring->shared->slot;
	uint32_t in_a_row = ring->slots - room->at, done = 0;
	struct stretch stretch = {
		.space = buffers_of(ring),
		.slot = slots + room->at,
		.ahead = slots + (room->at + PREFETCH_AHEAD) % ring->slots,
		.first = slots,
		.end = slots + ring->slots,
	};

	while (done < count) {
		uint32_t now = count - done < in_a_row ? count - done : in_a_row;

		fill(&stretch, batch, numbers, done, now);
		if (stretch.slot == stretch.end)
			stretch.slot = slots;
		done += now;
		in_a_row = ring->slots;
	}
	room->at = (uint32_t)(stretch.slot - slots);
	room->left -= count;
	room->packets += count - stretch.bad;
	room->bytes += stretch.bytes;
	room->bad += stretch.bad;
}

/*
 * A loop each for all packets and for some, each slot in a row with the one before, and each field
 * read once: 31 instructions a packet, not 76.
 */
COPY_INLINE void fill_with(const struct batch *batch, struct ring *ring, const uint16_t *numbers,
			   uint32_t count, struct room *room)
{
	if (numbers)
		fill_around(batch, ring, numbers, count, room);
	else
		fill_around(batch, ring, NULL, count, room);
}

static copy_wide void fill_wide(const struct batch *batch, struct ring *ring,
				const uint16_t *numbers, uint32_t count, struct room *room)
{
	fill_with(batch, ring, numbers, count, room);
}

static void deliver_plain(const struct batch *batch, struct ring *ring, const uint16_t *numbers,
			  uint32_t count, struct room *room)
{
	if (copy_is_wide())
		fill_wide(batch, ring, numbers, count, room);
	else
		fill_with(batch, ring, numbers, count, room);
}

/* The most slots that a packet may take which is cut into segments. */
static uint32_t segment_slots(const struct conversion *conversion, uint32_t number)
{
	const uint16_t one = (uint16_t)number;

	return convert_slots(conversion, &one, 1);
}

/* Packets for one ring: two lists of numbers, each in order of sending. */
struct pending {
	const uint16_t *unicast; /* NULL: packets 0 to count - 1 */
	const uint16_t *flood;
	uint32_t count, floods;
	int is_kept; /* what does not fit now is tried again, and not lost */
};

/* How many of both lists' first `most` packets are of each. */
struct taken {
	uint32_t unicast, floods;
};

/* Lists those in one, in the order of sending. */
static struct taken merge(struct batch *batch, const struct pending *pending, uint32_t most)
{
	struct taken taken = { 0 };

	for (uint32_t i = 0; i < most; i++) {
		uint32_t unicast = UINT32_MAX, flood = UINT32_MAX;

		if (taken.unicast < pending->count)
			unicast = pending->unicast[taken.unicast];
		if (taken.floods < pending->floods)
			flood = pending->flood[taken.floods];
		batch->merged[i] = (uint16_t)(unicast < flood ? unicast : flood);
		taken.unicast += unicast < flood;
		taken.floods += unicast >= flood;
	}
	return taken;
}

/* Plain packets, as many as there is room for. */
static struct taken deliver_lists(struct batch *batch, struct ring *ring,
				  const struct pending *pending, struct room *room)
{
	struct taken taken = { 0 };

	if (!pending->floods) {
		taken.unicast = room->left;
		deliver_plain(batch, ring, pending->unicast, room->left, room);
	} else if (!pending->count) {
		taken.floods = room->left;
		deliver_plain(batch, ring, pending->flood, room->left, room);
	} else {
		/* As one list, in a straight loop: engine.macs.1000 takes 381 instructions, not 420. */
		taken = merge(batch, pending, room->left);
		deliver_plain(batch, ring, batch->merged, room->left, room);
	}
	return taken;
}

/* The first that does not fit ends it: a later one must not overtake. The rest stays pending. */
static void deliver_some(struct batch *batch, struct ring *ring, struct pending *pending)
{
	struct conversion conversion = conversion_of(batch, ring);
	const uint16_t *unicast = pending->unicast, *flood = pending->flood;
	uint32_t count = pending->count, floods = pending->floods, u = 0, f = 0;
	int straight = conversion_is_none(&conversion);
	struct room room =
		lease_take(ring, straight ? slots_needed(batch, unicast, count) +
						    slots_needed(batch, flood, floods) :
					    convert_slots(&conversion, unicast, count) +
						    convert_slots(&conversion, flood, floods));

	if (straight && !batch->fragments) {
		struct taken taken = deliver_lists(batch, ring, pending, &room);

		u = taken.unicast;
		f = taken.floods;
	}
	while (u < count || f < floods) {
		uint32_t number_u = u < count ? (unicast ? unicast[u] : u) : UINT32_MAX;
		uint32_t number_f = f < floods ? flood[f] : UINT32_MAX;
		uint32_t number = number_u < number_f ? number_u : number_f;

		if (batch->packet[number].fragments > room.left)
			break;
		/* As several, it would be dropped where they do not fit. */
		if (pending->is_kept && !straight && segment_slots(&conversion, number) > room.left)
			break;
		if (straight)
			deliver_packet(batch, ring, &batch->packet[number], &room);
		else
			convert_packet(&conversion, number, &room);
		if (number == number_u)
			u++;
		else
			f++;
	}
	lease_finish(ring, &room);
	if (u && !unicast) { /* nobody has sorted, so the order is free to use */
		for (uint32_t i = u; i < count; i++)
			batch->order[i] = (uint16_t)i;
		unicast = batch->order;
	}
	pending->unicast = unicast ? unicast + u : NULL;
	pending->flood = flood ? flood + f : NULL;
	pending->count = count - u;
	pending->floods = floods - f;
}

/*
 * An interface sends as fast as its thread is let. As netmap, which sends on the interface itself
 * when a ring for it is full: what does not fit is tried again after the thread has had its turn,
 * as long as that makes room.
 */
static void deliver_patiently(struct batch *batch, struct ring *ring, struct pending *pending)
{
	enum { TRIES_MAX = 64 };

	for (int tries = 0; pending->count + pending->floods && tries < TRIES_MAX; tries++) {
		uint32_t before = load_acquire(&ring->hwcur);

		ring_notify(ring);
		sched_yield();
		if (before == load_acquire(&ring->hwcur))
			return;
		deliver_some(batch, ring, pending);
	}
}

void deliver(struct batch *batch, struct ring *ring, const uint16_t *unicast, uint32_t count,
	     const uint16_t *flood, uint32_t floods)
{
	struct pending pending = { unicast, flood, count, floods, 0 };

	if (!read_once(&ring->opens)) {
		ring_drop(ring, VALET_DROP_NOT_OPEN, count + floods);
		return;
	}
	deliver_some(batch, ring, &pending);
	if (pending.count + pending.floods && ring->port->kind == VALET_PORT_NIC)
		deliver_patiently(batch, ring, &pending);
	if (pending.count + pending.floods)
		ring_drop(ring, VALET_DROP_RING_FULL, pending.count + pending.floods);
}

uint32_t deliver_from(struct batch *batch, struct ring *ring, uint32_t first)
{
	struct conversion conversion = conversion_of(batch, ring);
	struct pending pending = { .count = batch->packets - first, .is_kept = 1 };

	while (pending.count) {
		uint32_t before = pending.count;

		for (uint32_t i = 0; i < pending.count; i++)
			batch->order[i] = (uint16_t)(batch->packets - pending.count + i);
		pending.unicast = batch->order;
		deliver_some(batch, ring, &pending);
		if (pending.count != before)
			continue;
		/* It may have room for it some day. */
		if (segment_slots(&conversion, batch->packets - pending.count) < ring->slots)
			break;
		ring_drop(ring, VALET_DROP_RING_FULL, 1);
		pending.count--;
	}
	return batch->packets - pending.count;
}
