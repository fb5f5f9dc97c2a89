/* SPDX-License-Identifier: BSD-2-Clause */
#include "nic_frame.h"

/* What a frame without a virtio-net header begins with for a device that has them. */
static const uint8_t no_header[16];

static enum valet_drop part_of(const struct ring *ring, const struct netmap_slot *shared,
			       struct slot_view slot, struct device_part *out)
{
	uint32_t offset = slot_offset(ring, shared);

	if (!buffer_valid(ring, slot.buffer))
		return VALET_DROP_BAD_BUFFER;
	if (slot.length > ring->buffer_bytes - offset)
		return VALET_DROP_TOO_LONG;
	*out = (struct device_part){ buffer_at(ring, slot.buffer) + offset, slot.length, 1 };
	return VALET_DROP_CAUSES;
}

struct outgoing frame_at(const struct ring *ring, uint32_t header_bytes, uint32_t at, uint32_t end,
			 struct device_part *parts)
{
	struct outgoing frame = { .fault = VALET_DROP_CAUSES };
	uint32_t bytes = 0;
	uint16_t flags;

	if (header_bytes)
		parts[frame.parts++] = (struct device_part){ no_header, header_bytes, 1 };
	do {
		const struct netmap_slot *shared = &ring->shared->slot[at];
		struct slot_view slot = slot_read(shared);
		struct device_part part;
		enum valet_drop fault = part_of(ring, shared, slot, &part);

		flags = slot.flags;
		at = ring_next(ring, at);
		if (++frame.slots > NETMAP_MAX_FRAGS)
			fault = VALET_DROP_FRAGMENTS;
		if (frame.fault == VALET_DROP_CAUSES)
			frame.fault = fault;
		if (frame.fault != VALET_DROP_CAUSES)
			continue;
		bytes += part.length;
		if (part.length)
			parts[frame.parts++] = part;
	} while (flags & NS_MOREFRAG && at != end);
	if (frame.fault == VALET_DROP_CAUSES && bytes < 14) /* Ethernet's header */
		frame.fault = VALET_DROP_TOO_SHORT;
	parts[frame.parts - (frame.parts != 0)].more = 0;
	return frame;
}
