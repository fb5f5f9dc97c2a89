/* SPDX-License-Identifier: BSD-2-Clause */
#include "convert.h"

#include <string.h>

#include "offload.h"
#include "ring.h"

static struct segment_limits limits_of(const struct conversion *conversion)
{
	const struct ring *ring = conversion->ring;
	uint32_t mtu = read_once(&ring->port->mtu);
	uint32_t slot_bytes = ring->buffer_bytes - (uint32_t)read_once(&ring->offset_max);

	return (struct segment_limits){
		.mtu = mtu ? mtu : SEGMENT_MTU_DEFAULT,
		.slot_bytes = slot_bytes ? slot_bytes : 1,
		.by_stack = mtu || conversion->batch->by_stack,
		/* Frames in several slots are more than most applications expect. */
		.one_slot = ring->port->kind != VALET_PORT_NIC,
	};
}

/* The slots that the packet was sent in, its header included. */
static uint32_t slots_of(const struct conversion *conversion, uint32_t number,
			 struct fragment *slot)
{
	const struct batch *batch = conversion->batch;
	const struct valet_packet *packet = &batch->packet[number];
	uint32_t header = conversion->from_header, count = 0, more = packet->more;

	if (batch->lead[number]) {
		slot[count++] = (struct fragment){ batch->lead[number], header };
		header = 0;
	}
	slot[count++] =
		(struct fragment){ packet->data - header, packet->first_length + header };
	while (count < packet->fragments && count < NETMAP_MAX_FRAGS)
		slot[count++] = batch->fragment[more++];
	return count;
}

/* The sender may be writing there: what counts is this one look. */
static struct vnet_header header_of(const struct conversion *conversion, uint32_t number)
{
	const struct batch *batch = conversion->batch;
	const uint8_t *at = batch->lead[number];
	struct vnet_header header;

	if (!at)
		at = batch->packet[number].data - conversion->from_header;
	memcpy(&header, at, sizeof(header));
	return header;
}

/* The header's work is to be done here: the receiver will not see it. */
static int header_ends_here(const struct conversion *conversion)
{
	return conversion->from_header && !conversion->to_header;
}

static uint32_t slots_needed(const struct conversion *conversion, uint32_t number)
{
	const struct valet_packet *packet = &conversion->batch->packet[number];
	struct segment_limits limits = limits_of(conversion);
	struct vnet_header header;
	uint32_t slots;

	if (!header_ends_here(conversion))
		return packet->fragments;
	header = header_of(conversion, number);
	if (!header.segment_type)
		return packet->fragments;
	slots = segment_slots(&header, &limits, packet->length);
	return slots > packet->fragments ? slots : packet->fragments;
}

uint32_t convert_slots(const struct conversion *conversion, const uint16_t *numbers, uint32_t count)
{
	uint32_t slots = 0;

	for (uint32_t i = 0; i < count; i++)
		slots += slots_needed(conversion, numbers ? numbers[i] : i);
	return slots;
}

/* ---- writing ---- */

/* Where a slot's bytes go, or NULL when it has no room for so many. */
static uint8_t *slot_room(const struct ring *ring, uint32_t at, uint32_t length)
{
	struct netmap_slot *slot = &ring->shared->slot[at];
	uint32_t buffer = read_once(&slot->buf_idx), offset = slot_offset(ring, slot);

	if (!buffer_valid(ring, buffer) || length > ring->buffer_bytes - offset ||
	    length > UINT16_MAX)
		return NULL;
	if (offset)
		slot_put_offset(slot, read_once(&ring->offset_mask), offset); /* may have been more */
	return buffer_at(ring, buffer) + offset;
}

/* Takes `slots` slots, with `packets` packets in them; if they are no good, as empty ones. */
static void finish(struct ring *ring, struct room *room, uint32_t slots, uint32_t packets,
		   uint32_t bytes, int good)
{
	if (!good) {
		uint32_t at = room->at;

		for (uint32_t i = 0; i < slots; i++, at = ring_next(ring, at))
			slot_write(&ring->shared->slot[at], 0, 0);
		room->bad++;
	} else {
		room->packets += packets;
		room->bytes += bytes;
	}
	for (uint32_t i = 0; i < slots; i++)
		room->at = ring_next(ring, room->at);
	room->left -= slots;
}

/*
 * Slot by slot, with another header in the first one, or as it was. `check`: where in the frame a
 * checksum goes, with `value`, or VNET_NO_CHECKSUM.
 */
static void copy_slots(const struct conversion *conversion, struct fragment *slot, uint32_t count,
		       const uint8_t *header, uint32_t check, uint16_t value, struct room *room)
{
	struct ring *ring = conversion->ring;
	uint32_t at = room->at, before = header ? conversion->to_header : 0, bytes = 0;
	int good = 1;

	for (uint32_t i = 0; i < count; i++, before = 0, at = ring_next(ring, at)) {
		uint32_t length = before + slot[i].length;
		uint16_t more = i + 1 < count ? NS_MOREFRAG : 0;
		uint8_t *to = slot_room(ring, at, length);

		good &= to != NULL;
		bytes += length;
		if (!to)
			continue;
		if (before)
			memcpy(to, header, before);
		memcpy(to + before, slot[i].data, slot[i].length);
		if (i == 0 && check != VNET_NO_CHECKSUM)
			memcpy(to + check, &value, sizeof(value));
		slot_write(&ring->shared->slot[at], (uint16_t)length,
			   (uint16_t)(count << NS_PORT_SHIFT | more));
	}
	finish(ring, room, count, 1, bytes, good);
}

/* The slots from *at on that a segment goes to, in parts of `most` bytes. 0: one has no room. */
static uint32_t segment_room(const struct ring *ring, uint32_t *at, uint32_t length, uint32_t most,
			     struct fragment *to)
{
	uint32_t count = 0;
	int good = 1;

	for (; length; length -= to[count++].length, *at = ring_next(ring, *at)) {
		to[count].length = length < most ? length : most;
		to[count].data = slot_room(ring, *at, to[count].length);
		good &= to[count].data != NULL;
	}
	return good ? count : 0;
}

static void show_segment(const struct ring *ring, uint32_t at, const struct fragment *to,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, at = ring_next(ring, at)) {
		uint32_t flags = i + 1 < count ? NS_MOREFRAG : 0;

		/* As netmap, which has no segments of several slots, and no number of them here. */
		if (count > 1)
			flags |= count << NS_PORT_SHIFT;
		slot_write(&ring->shared->slot[at], (uint16_t)to[i].length, (uint16_t)flags);
	}
}

/* A TCP or UDP packet as several, each with headers of its own, that a wire could carry. */
static void segment(const struct conversion *conversion, const struct vnet_header *header,
		    const struct fragment *slot, uint32_t count, struct room *room)
{
	struct segment_limits limits = limits_of(conversion);
	struct fragment to[NETMAP_MAX_FRAGS];
	struct ring *ring = conversion->ring;
	struct segmenter segmenter;
	uint32_t at = room->at, bytes = 0, parts, slots;
	int good = 1;

	if (segmenter_start(&segmenter, header, slot, count, &limits) < 0) {
		ring_drop(ring, VALET_DROP_OFFLOAD, 1);
		return;
	}
	parts = (segmenter_next_bytes(&segmenter) + limits.slot_bytes - 1) / limits.slot_bytes;
	slots = segmenter_slots(&segmenter, limits.slot_bytes);
	if (parts > NETMAP_MAX_FRAGS || slots > room->left) {
		ring_drop(ring, parts > NETMAP_MAX_FRAGS ? VALET_DROP_FRAGMENTS :
							   VALET_DROP_RING_FULL, 1);
		return;
	}
	for (uint32_t i = 0; i < segmenter.segments; i++) {
		uint32_t length = segmenter_next_bytes(&segmenter), first = at;

		parts = segment_room(ring, &at, length, limits.slot_bytes, to);
		good &= parts != 0;
		bytes += length;
		if (!good)
			continue; /* all of them come empty */
		segmenter_next(&segmenter, to, parts);
		show_segment(ring, first, to, parts);
	}
	finish(ring, room, slots, segmenter.segments, bytes, good);
}

/* ---- from a header to another, or to none ---- */

static void change_header(const struct conversion *conversion, uint32_t number,
			  struct fragment *slot, uint32_t count, struct room *room)
{
	uint8_t to_header[VNET_HEADER_BYTES_MAX] = { 0 };
	struct vnet_header header = { 0 };
	uint32_t check = VNET_NO_CHECKSUM;
	uint16_t value = 0;

	if (conversion->from_header) {
		header = header_of(conversion, number);
		memcpy(to_header, &header, sizeof(header));
	}
	slot->data += conversion->from_header;
	slot->length -= conversion->from_header;
	if (!conversion->to_header && !slot->length && count > 1) {
		slot++;
		count--;
	}
	if (header_ends_here(conversion)) {
		struct segment_limits limits = limits_of(conversion);

		if (!vnet_header_valid(&header, &limits)) {
			ring_drop(conversion->ring, VALET_DROP_OFFLOAD, 1);
			return;
		}
		if (header.segment_type) {
			segment(conversion, &header, slot, count, room);
			return;
		}
		check = vnet_checksum(&header, slot, count, &value);
	}
	copy_slots(conversion, slot, count, to_header, check, value, room);
}

void convert_packet(const struct conversion *conversion, uint32_t number, struct room *room)
{
	struct fragment slot[NETMAP_MAX_FRAGS];
	uint32_t count = slots_of(conversion, number, slot);

	if (conversion->from_header == conversion->to_header)
		copy_slots(conversion, slot, count, NULL, VNET_NO_CHECKSUM, 0, room);
	else
		change_header(conversion, number, slot, count, room);
}
