/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Straight loops: for all packets and for some into one ring, for all into several; each with wide
 * moves and without. Slots are in a row, and each field is read once: 29 instructions a packet, not
 * 76.
 */
#include "fill.h"

#include "batch.h"
#include "copy.h"
#include "deliver.h"
#include "ring.h"

/* What filling slots in a row looks at: copies, see struct buffer_space. */
struct stretch {
	struct buffer_space space;
	struct netmap_slot *slot; /* the next one */
	uint64_t bad, bad_bytes; /* packets whose slots were no good */
};

static inline struct stretch stretch_of(const struct ring *ring, const struct room *room)
{
	return (struct stretch){ .space = buffers_of(ring), .slot = ring->shared->slot + room->at };
}

/* After `count` packets of so many bytes. */
static inline void room_use(struct room *room, const struct ring *ring, const struct stretch *stretch,
			    uint32_t count, uint64_t bytes)
{
	room->at += count;
	if (room->at == ring->slots)
		room->at = 0;
	room->left -= count;
	room->packets += count - stretch->bad;
	room->bytes += bytes - stretch->bad_bytes;
	room->bad += stretch->bad;
}

/* A slot that its owner has spoilt: the packet is lost, an empty one in its place. */
static void slot_spoilt(struct stretch *stretch, struct netmap_slot *slot, uint32_t length)
{
	slot_write(slot, 0, 0);
	stretch->bad++;
	stretch->bad_bytes += length;
}

/* ---- one ring ---- */

/*
 * Fills `count` slots with packets from number `at` on. Nothing is asked for ahead here: buffers lie in
 * the second cache, see BUFFER_STRIDE, and a store waits for nobody; asking 3 packets ahead made
 * learning at 60 bytes 20 % slower.
 */
COPY_INLINE uint64_t fill(struct stretch *stretch, const struct batch *batch, const uint16_t *numbers,
			  uint32_t at, uint32_t count)
{
	const struct buffer_space space = stretch->space;
	struct netmap_slot *slot = stretch->slot;
	uint64_t bytes = 0;

	for (uint32_t last = at + count; at < last; at++, slot++) {
		const struct valet_packet *packet = &batch->packet[numbers ? numbers[at] : at];
		uint32_t length = packet->length, buffer = read_once(&slot->buf_idx);

		bytes += length;
		if (__builtin_expect(!space_has(space, buffer) || length > space.bytes, 0)) {
			slot_spoilt(stretch, slot, length);
			continue;
		}
		copy_frame(space_at(space, buffer), packet->data, length);
		slot_write(slot, (uint16_t)length, 1 << NS_PORT_SHIFT);
	}
	return bytes;
}

/* Up to the ring's end, and from its beginning. */
COPY_INLINE void fill_around(const struct batch *batch, struct ring *ring, const uint16_t *numbers,
			     uint32_t first, uint32_t count, struct room *room)
{
	for (uint32_t end = first + count, now; first != end; first += now) {
		struct stretch stretch = stretch_of(ring, room);
		uint32_t in_a_row = ring->slots - room->at;
		uint64_t bytes;

		now = end - first < in_a_row ? end - first : in_a_row;
		bytes = fill(&stretch, batch, numbers, first, now);
		room_use(room, ring, &stretch, now, bytes);
	}
}

COPY_INLINE void fill_one(const struct batch *batch, struct ring *ring, const uint16_t *numbers,
			  uint32_t first, uint32_t count, struct room *room)
{
	if (numbers)
		fill_around(batch, ring, numbers, first, count, room);
	else
		fill_around(batch, ring, NULL, first, count, room);
}

static copy_wide void fill_one_wide(const struct batch *batch, struct ring *ring,
				    const uint16_t *numbers, uint32_t first, uint32_t count,
				    struct room *room)
{
	fill_one(batch, ring, numbers, first, count, room);
}

void fill_slots(const struct batch *batch, struct ring *ring, const uint16_t *numbers, uint32_t first,
		uint32_t count, struct room *room)
{
	if (copy_is_wide())
		fill_one_wide(batch, ring, numbers, first, count, room);
	else
		fill_one(batch, ring, numbers, first, count, room);
}

/* ---- several rings ---- */

/*
 * Slot number `at` is the packet's from now on. Returns where its frame goes, or NULL when the slot's
 * owner has spoilt it.
 */
COPY_INLINE uint8_t *slot_take(struct stretch *stretch, uint32_t at, uint32_t length)
{
	struct netmap_slot *slot = stretch->slot + at;
	uint32_t buffer = read_once(&slot->buf_idx);

	if (__builtin_expect(space_has(stretch->space, buffer) && length <= stretch->space.bytes, 1)) {
		slot_write(slot, (uint16_t)length, 1 << NS_PORT_SHIFT);
		return space_at(stretch->space, buffer);
	}
	slot_spoilt(stretch, slot, length);
	return NULL;
}

COPY_INLINE void put_line(struct stretch *to, uint32_t at, uint32_t length, struct line line)
{
	uint8_t *place = slot_take(to, at, length);

	if (__builtin_expect(place != NULL, 1))
		line_store(place, line);
}

COPY_INLINE void put_lines(struct stretch *to, uint32_t at, uint32_t length, const uint8_t *data)
{
	uint8_t *place = slot_take(to, at, length);

	if (__builtin_expect(place != NULL, 1))
		copy_lines(place, data, length);
}

/*
 * fill() for 2 to 4 rings, a constant where it is called. With a frame's line loaded once for all of
 * them, a flood to 3 takes 24 instructions a copy, not 33, and has 18 % more packets a second; asking
 * for lines ahead takes time here. The stretches have names, as the compiler keeps no array in
 * registers: 37 instructions with one.
 */
COPY_INLINE uint64_t fill_some(struct stretch stretch[FILL_TOGETHER], uint32_t number,
			       const struct batch *batch, uint32_t first, uint32_t count)
{
	struct stretch a = stretch[0], b = stretch[1], c = stretch[2], d = stretch[3];
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct valet_packet *packet = &batch->packet[first + i];
		const uint8_t *data = packet->data;
		uint32_t length = packet->length;

		bytes += length;
		if (__builtin_expect(length <= 64, 1)) {
			struct line line = line_load(data);

			put_line(&a, i, length, line);
			put_line(&b, i, length, line);
			if (number > 2)
				put_line(&c, i, length, line);
			if (number > 3)
				put_line(&d, i, length, line);
			continue;
		}
		put_lines(&a, i, length, data);
		put_lines(&b, i, length, data);
		if (number > 2)
			put_lines(&c, i, length, data);
		if (number > 3)
			put_lines(&d, i, length, data);
	}
	stretch[0] = a;
	stretch[1] = b;
	stretch[2] = c;
	stretch[3] = d;
	return bytes;
}

/* Up to the first end of a ring, and on from there. */
COPY_INLINE void fill_some_around(const struct batch *batch, struct ring *const *rings,
				  struct room *rooms, uint32_t number, uint32_t count)
{
	for (uint32_t first = 0, now; first != count; first += now) {
		struct stretch stretch[FILL_TOGETHER] = { 0 };
		uint64_t bytes;

		now = count - first;
		for (uint32_t r = 0; r < number; r++) {
			uint32_t in_a_row = rings[r]->slots - rooms[r].at;

			stretch[r] = stretch_of(rings[r], &rooms[r]);
			now = now < in_a_row ? now : in_a_row;
		}
		bytes = fill_some(stretch, number, batch, first, now);
		for (uint32_t r = 0; r < number; r++)
			room_use(&rooms[r], rings[r], &stretch[r], now, bytes);
	}
}

COPY_INLINE void fill_number(const struct batch *batch, struct ring *const *rings, struct room *rooms,
			     uint32_t number, uint32_t count)
{
	if (number == 2)
		fill_some_around(batch, rings, rooms, 2, count);
	else if (number == 3)
		fill_some_around(batch, rings, rooms, 3, count);
	else
		fill_some_around(batch, rings, rooms, 4, count);
}

static copy_wide void fill_number_wide(const struct batch *batch, struct ring *const *rings,
				       struct room *rooms, uint32_t number, uint32_t count)
{
	fill_number(batch, rings, rooms, number, count);
}

void fill_together(const struct batch *batch, struct ring *const *rings, struct room *rooms,
		   uint32_t number, uint32_t count)
{
	if (copy_is_wide())
		fill_number_wide(batch, rings, rooms, number, count);
	else
		fill_number(batch, rings, rooms, number, count);
}
