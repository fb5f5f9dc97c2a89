/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets to a port that does not take them as they are: between ports with different virtio-net
 * headers, with work left to do that the header names (virtio 1.2, 5.1.6): checksums, segmentation.
 */
#ifndef VALET_CONVERT_H
#define VALET_CONVERT_H

#include <stdint.h>

#include "batch.h"
#include "deliver.h"
#include "port.h"

#define VNET_HEADER_BYTES 10u /* struct virtio_net_hdr */
#define VNET_HEADER_BYTES_MAX 12u /* with the number of merged buffers */

/* How packets of a batch get into a ring. */
struct conversion {
	const struct batch *batch;
	struct ring *ring;
	uint32_t from_header, to_header; /* bytes */
};

static inline struct conversion conversion_of(const struct batch *batch, struct ring *ring)
{
	return (struct conversion){ .batch = batch,
				    .ring = ring,
				    .from_header = batch->header_bytes,
				    .to_header = read_once(&ring->port->header_bytes) };
}

/*
 * Slots are copied as they are, the frame is all that is in them, and begins where its buffer does:
 * copy_frame() may be used.
 */
static inline int conversion_is_none(const struct conversion *conversion)
{
	return !(conversion->from_header | conversion->to_header | conversion->batch->leads |
		 conversion->batch->is_loose | read_once(&conversion->ring->offset_mask));
}

/* The most slots that `count` packets may take, whose numbers are in `numbers` (NULL: from 0 on). */
uint32_t convert_slots(const struct conversion *conversion, const uint16_t *numbers,
		       uint32_t count);

/* Puts a packet where there is room for as many slots as it has, or drops and counts it. */
void convert_packet(const struct conversion *conversion, uint32_t number, struct room *room);

#endif
