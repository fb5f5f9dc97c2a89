/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling a batch with descriptors of what a ring sends. All of them empty the batch first; what
 * cannot be sent is dropped and counted.
 */
#ifndef VALET_GATHER_H
#define VALET_GATHER_H

#include <stdint.h>

#include "batch.h"

struct ring;

/* The packets in the slots from `at` on, up to `head`; returns the first slot not taken. */
uint32_t gather(struct ring *ring, struct batch *batch, uint32_t at, uint32_t head);
/* The same for a port with virtio-net headers: batch->header_bytes. */
uint32_t gather_headed(struct ring *ring, struct batch *batch, uint32_t at, uint32_t head);
/*
 * Whole frames, as those of bridge_forward_frames(); returns how many were taken, and their bytes.
 * The ring says how long a fragment may be, and counts what is dropped.
 */
uint32_t gather_frames(struct ring *ring, struct batch *batch, const struct fragment *frames,
		       uint32_t count, uint64_t *bytes);

#endif
