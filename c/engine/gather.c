/* SPDX-License-Identifier: BSD-2-Clause */
#include "gather.h"

#include <string.h>

#include "convert.h"
#include "engine.h"
#include "ring.h"

/* Why a slot cannot be sent, or VALET_DROP_CAUSES when it can. */
static enum valet_drop slot_fault(const struct ring *ring, struct slot_view slot, uint32_t offset)
{
	if (!buffer_valid(ring, slot.buffer))
		return VALET_DROP_BAD_BUFFER;
	if (slot.length > ring->buffer_bytes - offset)
		return VALET_DROP_TOO_LONG;
	return VALET_DROP_CAUSES;
}

/* Brings what lies at an address of the application into the slot's buffer, for all to see. */
static enum valet_drop take_indirect(const struct ring *ring, struct slot_view slot,
				     const struct netmap_slot *shared)
{
	const struct engine_host *host = ring->port->engine->host;
	uint64_t from = read_once(&shared->ptr);
	int rc = from ? 0 : -EFAULT;

	if (from && host->user_copy)
		rc = host->user_copy(buffer_at(ring, slot.buffer), from, slot.length);
	if (rc == -EFAULT)
		return VALET_DROP_BAD_BUFFER;
	return rc < 0 ? VALET_DROP_UNSUPPORTED : VALET_DROP_CAUSES;
}

/* Adds a packet in those slots to the batch. VALET_DROP_CAUSES, or why it cannot be sent. */
static enum valet_drop add_packet(const struct ring *ring, struct batch *batch,
				  const struct fragment *slot, uint32_t slots)
{
	struct valet_packet *packet = &batch->packet[batch->packets];
	uint32_t header = batch->header_bytes, at = 0;
	uint8_t *lead = NULL;

	/* Before the frame there may be the header; or the frame begins in the second slot. */
	if (slot[0].length == header && slots > 1) {
		lead = slot[at++].data;
		header = 0;
	} else if (slot[0].length <= header) {
		return VALET_DROP_TOO_SHORT;
	}
	*packet = (struct valet_packet){
		.data = slot[at].data + header,
		.length = slot[at].length - header,
		.first_length = (uint16_t)(slot[at].length - header),
		.fragments = (uint16_t)slots,
		.destination = VALET_DROP,
		.copy_to = VALET_DROP,
		.ring = ring->index,
		.more = batch->fragments,
	};
	while (++at < slots) {
		packet->length += slot[at].length;
		batch->fragment[batch->fragments++] = slot[at];
	}
	batch->lead[batch->packets++] = lead;
	batch->leads += lead != NULL;
	return VALET_DROP_CAUSES;
}

static void mark_quiet(struct batch *batch, uint32_t packet)
{
	batch->quiet[packet / 64] |= 1ull << (packet % 64);
	batch->quiets++;
}

/*
 * A packet that is not one good slot, or has NS_NO_LEARN. It ends at the first slot without NS_MOREFRAG or at `head`.
 * Returns the slot after it; the packet is added to the batch, or dropped and counted.
 */
static uint32_t gather_fragments(struct ring *ring, struct batch *batch, uint32_t at, uint32_t head)
{
	struct fragment part[NETMAP_MAX_FRAGS];
	enum valet_drop fault = VALET_DROP_CAUSES;
	uint32_t slots = 0, parts = 0, bytes = 0, flags = 0;
	struct slot_view slot;

	do {
		const struct netmap_slot *shared = &ring->shared->slot[at];
		uint32_t offset = 0;

		slot = slot_read(shared);
		/* An address (NS_INDIRECT) leaves no room for an offset. */
		if (!(slot.flags & NS_INDIRECT))
			offset = slot_offset(ring, shared);
		at = ring_next(ring, at);
		flags |= slot.flags;
		if (++slots > NETMAP_MAX_FRAGS)
			fault = VALET_DROP_FRAGMENTS; /* whatever else is wrong with it */
		if (fault != VALET_DROP_CAUSES)
			continue;
		fault = slot_fault(ring, slot, offset);
		if (fault == VALET_DROP_CAUSES && slot.flags & NS_INDIRECT)
			fault = take_indirect(ring, slot, shared);
		if (fault != VALET_DROP_CAUSES)
			continue;
		part[parts++] = (struct fragment){ .data = buffer_at(ring, slot.buffer) + offset,
						   .length = slot.length };
		bytes += slot.length;
	} while (slot.flags & NS_MOREFRAG && at != head);

	count_add(&ring->packets, 1);
	count_add(&ring->bytes, bytes);
	if (fault == VALET_DROP_CAUSES)
		fault = add_packet(ring, batch, part, parts);
	if (fault != VALET_DROP_CAUSES)
		ring_drop(ring, fault, 1);
	else if (flags & NS_NO_LEARN)
		mark_quiet(batch, batch->packets - 1);
	return at;
}

/* A batch of long frames ends here. At 1500 bytes half as much takes 2 % longer, and more gains nothing. */
enum { BATCH_BYTES = 128 * 1024 };

static int batch_has_room(const struct batch *batch, uint64_t bytes)
{
	return batch->packets < VALET_BATCH_PACKETS && bytes < BATCH_BYTES &&
	       batch->fragments < BATCH_FRAGMENTS - NETMAP_MAX_FRAGS;
}

static void batch_empty(struct batch *batch)
{
	batch->packets = batch->fragments = 0;
	if (batch->leads)
		memset(batch->lead, 0, sizeof(batch->lead));
	batch->leads = 0;
	if (batch->quiets)
		memset(batch->quiet, 0, sizeof(batch->quiet));
	batch->quiets = 0;
}

/* gather() for rings whose frames do not begin where their buffers do. */
uint32_t gather_headed(struct ring *ring, struct batch *batch, uint32_t at, uint32_t head)
{
	uint64_t before = ring->bytes;

	batch_empty(batch);
	while (at != head && batch_has_room(batch, ring->bytes - before))
		at = gather_fragments(ring, batch, at, head);
	return at;
}

/*
 * Packets of one good slot each, as far as there are such: from `count` slots at most, and until the
 * batch has its bytes. A straight loop with its own copies of what it needs, a stretch of the ring at
 * a time, and halves of descriptors written as a whole: 27 instructions a packet, not 54.
 */
static uint32_t gather_plain(const struct ring *ring, struct batch *batch, uint32_t at,
			     uint32_t count, uint64_t *bytes)
{
	const uint32_t special = (uint32_t)(NS_MOREFRAG | NS_INDIRECT | NS_NO_LEARN) << 16;
	const packet_half rest = { VALET_DROP, ring->index, 0, VALET_DROP };
	const struct buffer_space space = buffers_of(ring);
	const struct netmap_slot *slot = &ring->shared->slot[at], *first = slot;
	struct valet_packet *packet = &batch->packet[batch->packets];
	uint64_t sum = *bytes;

	for (const struct netmap_slot *end = slot + count; slot != end && sum < BATCH_BYTES; slot++) {
		slot_word word = read_once((const slot_word *)&slot->buf_idx);
		uint32_t buffer = (uint32_t)word, length = word >> 32 & (special | UINT16_MAX), both;

		if (__builtin_expect(!space_has(space, buffer) || length - 1 >= space.bytes, 0))
			break;
		packet->data = space_at(space, buffer);
		__builtin_prefetch(packet->data);
		packet->length = length;
		both = length | 1u << 16;
		memcpy(&packet->first_length, &both, sizeof(both));
		*(packet_half *)&packet->destination = rest;
		sum += length;
		packet++;
	}
	*bytes = sum;
	batch->packets += (uint32_t)(slot - first);
	return (uint32_t)(slot - first);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Fills the batch from slot `at` on; returns the first slot not taken. */
uint32_t gather(struct ring *ring, struct batch *batch, uint32_t at, uint32_t head)
{
	uint32_t n = 0;
	uint64_t bytes = 0;

	batch_empty(batch);
	while (at != head && batch_has_room(batch, bytes)) {
		uint32_t in_a_row = (head > at ? head : ring->slots) - at;
		uint32_t most = smaller(in_a_row, VALET_BATCH_PACKETS - batch->packets);
		uint32_t plain = gather_plain(ring, batch, at, most, &bytes);

		n += plain;
		at += plain;
		if (at == ring->slots)
			at = 0;
		else if (plain < most && bytes < BATCH_BYTES)
			at = gather_fragments(ring, batch, at, head);
	}
	count_add(&ring->packets, n);
	count_add(&ring->bytes, bytes);
	return at;
}

/* ---- frames that are in no slot ---- */

/*
 * One frame, header first, in as many fragments as the receivers' buffers take. What it cannot be is
 * counted at the ring. Returns its bytes.
 */
static uint32_t gather_frame(struct ring *ring, struct batch *batch, struct fragment frame)
{
	struct fragment part[NETMAP_MAX_FRAGS];
	enum valet_drop fault = VALET_DROP_FRAGMENTS;
	/* The first leaves room for a receiver's header, where that is longer. */
	uint32_t most = ring->buffer_bytes - (VNET_HEADER_BYTES_MAX - batch->header_bytes);
	uint32_t parts = 0, at;

	for (at = 0; at < frame.length && parts < NETMAP_MAX_FRAGS; at += part[parts++].length) {
		part[parts] = (struct fragment){
			.data = frame.data + at,
			.length = frame.length - at < most ? frame.length - at : most,
		};
		most = ring->buffer_bytes;
	}
	if (at == frame.length)
		fault = parts ? add_packet(ring, batch, part, parts) : VALET_DROP_TOO_SHORT;
	if (fault != VALET_DROP_CAUSES)
		ring_drop(ring, fault, 1);
	return frame.length;
}

uint32_t gather_frames(struct ring *ring, struct batch *batch, const struct fragment *frames,
		       uint32_t count, uint64_t *bytes)
{
	uint32_t at = 0;

	*bytes = 0;
	batch_empty(batch);
	batch->by_stack = 1;
	batch->is_loose = 1; /* behind one is the next, which may be for somebody else */
	while (at < count && batch_has_room(batch, *bytes))
		*bytes += gather_frame(ring, batch, frames[at++]);
	return at;
}
