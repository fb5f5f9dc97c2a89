/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of a batch into one receive ring, in their order, several senders at the same time. */
#ifndef VALET_DELIVER_H
#define VALET_DELIVER_H

#include <stdint.h>

struct batch;
struct ring;

/*
 * Delivers the `count` packets whose numbers are in `unicast` (NULL: packets 0 to count - 1) and
 * the `floods` ones in `flood`, merged by number. What does not fit is dropped and counted at the
 * ring.
 */
void deliver(struct batch *batch, struct ring *ring, const uint16_t *unicast, uint32_t count,
	     const uint16_t *flood, uint32_t floods);

#endif
