/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of a batch's packets, for a lookup that another thread or process calls: who has sent them
 * can give up waiting, and has its buffers to itself again.
 */
#ifndef VALET_LOOKUP_COPY_H
#define VALET_LOOKUP_COPY_H

#include <stdint.h>

#include "../valet_lookup.h"

/* Descriptors, and the first slots of the packets. */
struct lookup_copy {
	struct valet_packet packets[VALET_BATCH_PACKETS];
	uint8_t frames[VALET_BATCH_PACKETS * 2048];
};

/*
 * Frames start at cache lines, as in their buffers; `data` of each counts from `frames`. One that
 * finds no room is shown as empty.
 */
void lookup_copy_show(struct lookup_copy *copy, const struct valet_batch *batch, uintptr_t frames);
/*
 * The answers. What the lookup has written into packets is written into the sender's buffers. Of the
 * copy nothing is trusted: it may be another process's to write.
 */
void lookup_copy_take(const struct lookup_copy *copy, const struct valet_batch *batch);

/*
 * A thread's, for the batches of others. Its number is for valet_batch_address() and
 * valet_region_address(), above those of batches and regions.
 */
#define LOOKUP_COPY_ID_BASE 0x40000000u

struct lookup_place {
	_Alignas(64) struct lookup_copy copy;
	uint32_t id;
	struct lookup_place *next; /* of those without a thread */
};

/*
 * NULL: no memory. What was given back is for others, and never freed: a script may still hold
 * views of it.
 */
struct lookup_place *lookup_place_take(void);
void lookup_place_give(struct lookup_place *place);
/* NULL: there is none of that number. */
struct lookup_copy *lookup_copy_by_id(uint32_t id);

#endif
