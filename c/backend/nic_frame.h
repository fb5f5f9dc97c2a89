/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames in the slots of a ring, as devices take them. */
#ifndef VALET_NIC_FRAME_H
#define VALET_NIC_FRAME_H

#include "../device/device.h"
#include "../engine/ring.h"

/* Of a frame: its slots, and a virtio-net header. */
enum { FRAME_PARTS_MAX = NETMAP_MAX_FRAGS + 1 };

/* Slots of one frame, and its parts if it is a good one. */
struct outgoing {
	uint32_t slots, parts;
	enum valet_drop fault; /* VALET_DROP_CAUSES: none */
};

/*
 * The frame that begins in a slot, with an empty virtio-net header of `header_bytes` in front. Its
 * last part is the one without `more`; an unfinished one ends at `end`, as netmap sends it.
 */
struct outgoing frame_at(const struct ring *ring, uint32_t header_bytes, uint32_t at, uint32_t end,
			 struct device_part *parts);

#endif
