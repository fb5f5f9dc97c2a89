/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling leased slots with plain packets: of one slot each, that have room, as they are. */
#ifndef VALET_FILL_H
#define VALET_FILL_H

#include <stdint.h>

struct batch;
struct ring;
struct room;

#define FILL_TOGETHER 4 /* rings that can get the same packets in one go */

/*
 * Packets into one ring: `count` of those that `numbers` lists or, where that is NULL, from number
 * `first` on. No more than `room` has left.
 */
void fill_slots(const struct batch *batch, struct ring *ring, const uint16_t *numbers, uint32_t first,
		uint32_t count, struct room *room);

/* The batch's first `count` packets into each of `number` rings, 2 to FILL_TOGETHER of them. */
void fill_together(const struct batch *batch, struct ring *const *rings, struct room *rooms,
		   uint32_t number, uint32_t count);

#endif
