/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has which buffer of a region. As in the kernel, a buffer belongs to the place that names it:
 * an application may exchange buffers between the rings of ports in one region, and the extra
 * buffers that it was given. What a place names when it goes is free again. Under the control lock.
 */
#ifndef VALET_BUFFERS_H
#define VALET_BUFFERS_H

#include <stdint.h>

struct descriptor;
struct port;
struct region;
struct ring;

/* The lowest free buffers for a ring, noted in ring->own. -ENOMEM, with nothing taken. */
int ring_take_buffers(struct ring *ring);

/* Undoes it; the slots have not been shown to anybody. */
void ring_return_own(struct ring *ring);

/*
 * Nobody uses the ring any more, nor its peer: frees what its slots name, but for what is no buffer,
 * or free already, or in another ring too.
 */
void ring_give_buffers(struct ring *ring);

/* A descriptor's extra buffers: as many of the wanted as there are, as a list in its netmap_if. */
void extra_take(struct descriptor *descriptor, struct port *port, uint32_t wanted);

/* Frees what the list then has in it, up to the first entry that ring_give_buffers() would keep. */
void extra_give(struct descriptor *descriptor, struct port *port);

/* No descriptor is bound to a port of the region: what was lost on the way is free again. */
void region_reclaim(struct region *region);

#endif
