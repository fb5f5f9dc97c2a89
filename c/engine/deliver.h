/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of a batch into one receive ring, in their order, several senders at the same time. */
#ifndef VALET_DELIVER_H
#define VALET_DELIVER_H

#include <stdint.h>

#include "fill.h"

struct batch;
struct ring;

#define DELIVER_TOGETHER FILL_TOGETHER /* rings that get all packets in one go */

/* Slots of a receive ring that a sender has leased. */
struct room {
	uint32_t lease; /* which */
	uint32_t at; /* next slot to fill */
	uint32_t left; /* slots */
	uint64_t packets, bytes; /* delivered */
	uint64_t bad; /* dropped: the ring's own slot was no good */
};

/*
 * Delivers the `count` packets whose numbers are in `unicast` (NULL: packets 0 to count - 1) and
 * the `floods` ones in `flood`, merged by number. What does not fit is dropped and counted at the
 * ring.
 */
void deliver(struct batch *batch, struct ring *ring, const uint16_t *unicast, uint32_t count,
	     const uint16_t *flood, uint32_t floods);

/*
 * All of the batch's packets to each of so many rings, DELIVER_TOGETHER at most, of one bridge's ports
 * in ascending order.
 */
void deliver_to_all(struct batch *batch, struct ring *const *rings, uint32_t number);

/*
 * The batch's packets from number `first` on, as far as there is room for them now. Returns the first
 * that is left. One that the ring could never hold is dropped and counted.
 */
uint32_t deliver_from(struct batch *batch, struct ring *ring, uint32_t first);

#endif
