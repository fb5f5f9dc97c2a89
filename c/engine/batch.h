/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A forward's working memory: one a thread, made when the thread first sends, and kept for others
 * after it.
 */
#ifndef VALET_BATCH_H
#define VALET_BATCH_H

#include <stdint.h>

#include "../uapi/netmap.h"
#include "../valet_lookup.h"

struct bridge_view;
struct ring;

#define BATCH_FRAGMENTS 1024 /* further fragments of all packets of a batch */
#define BATCH_PLACES (2 * VALET_BATCH_PACKETS) /* where packets go: each to one port, and a copy */
#define BATCH_OUTLETS 1024 /* a power of two, twice BATCH_PLACES */

struct fragment {
	uint8_t *data; /* lookups may write the first one */
	uint32_t length; /* bytes */
};

/* A receive ring that packets of the batch go to, and which. */
struct outlet {
	struct ring *ring;
	uint32_t count; /* packets */
	uint32_t start; /* of their numbers in `order` */
};

struct batch {
	struct valet_packet packet[VALET_BATCH_PACKETS];
	struct fragment fragment[BATCH_FRAGMENTS];
	uint32_t packets, fragments; /* filled */
	uint32_t header_bytes; /* virtio-net header that the source has in front of each frame */
	int by_stack; /* the source is an interface: stacks have sent the packets, see struct segment_limits */
	int is_loose; /* frames may lie anywhere: neither what is behind one nor its end is a buffer's */

	uint32_t needs; /* NEEDS_* of the lookup's answer */
	uint16_t outlet_of[VALET_BATCH_PACKETS]; /* which outlet, or one of OUTLET_* */
	uint16_t copy_of[VALET_BATCH_PACKETS]; /* the same for its copy */
	uint16_t order[BATCH_PLACES]; /* packet numbers, outlet by outlet */
	uint16_t flood[VALET_BATCH_PACKETS]; /* numbers of broadcast packets */
	uint16_t merged[BATCH_PLACES]; /* both of them, for one ring */
	uint32_t floods;
	struct outlet outlet[BATCH_PLACES];
	uint32_t outlets;
	uint16_t outlet_slot[BATCH_OUTLETS]; /* hash of ring -> outlet + 1, 0 = none */

	/*
	 * First slots that hold what comes before the frame, and nothing of it: its header, or
	 * nothing at all. NULL: the header, if there is one, lies right before the frame.
	 */
	uint8_t *lead[VALET_BATCH_PACKETS];
	uint32_t leads; /* that are not NULL */

	/* Packets whose sources are not to be learned: a bit each, none while the count is 0. */
	uint64_t quiet[VALET_BATCH_PACKETS / 64];
	uint32_t quiets;

	struct bridge_view *using; /* what a forward in progress looks at; see bridge.c */
	uint32_t id;
	int in_use; /* the thread is inside a forward */
	struct batch *next; /* of those without a thread */
};

#define OUTLET_NONE 0xffffu /* dropped and counted */
#define OUTLET_FLOOD 0xfffeu

/* Some go elsewhere than the first, or to another ring; some are copied to a further port. */
enum { NEEDS_WAYS = 1, NEEDS_COPIES = 2 };

/* The second half of a descriptor, as one load or store: destination, ring, more, copy_to. */
typedef uint32_t packet_half __attribute__((vector_size(16), may_alias, aligned(8)));

/* Whether no station is to be learned from the packet: NS_NO_LEARN. */
static inline int is_quiet(const struct batch *batch, uint32_t packet)
{
	return batch->quiet[packet / 64] >> (packet % 64) & 1;
}

/* This thread's; NULL when there is no memory. */
struct batch *batch_mine(void);
/*
 * Whether a forward of any thread works with the view. A thread names its view with an ordered store
 * and then looks whether it is still the bridge's; call this after it no longer is.
 */
int batches_look_at(const struct bridge_view *view);
/* By its number, which never changes; NULL if there is none. */
struct batch *batch_by_id(uint32_t id);

#endif
