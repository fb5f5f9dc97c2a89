/* SPDX-License-Identifier: BSD-2-Clause */
/* The option OFFSETS of REGISTER: packets that do not begin where their buffers do. */
#ifndef VALET_OFFSETS_H
#define VALET_OFFSETS_H

#include "engine.h"

/*
 * Does what the option says, if the request has it, to the rings that the descriptor is being bound
 * to. 0 or what the option's status says: -EINVAL; -EBUSY: somebody has them open with less;
 * -EOPNOTSUPP: a zero-copy monitor.
 */
int offsets_init(const struct descriptor *descriptor, struct port *port,
		 const struct nmreq_header *header);
/* Of a ring that nobody has open any more. */
void offsets_forget(struct ring *ring);

#endif
