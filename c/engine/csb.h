/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings whose application is another process: the two sides meet in the ring's struct csb, and a
 * forwarding thread of the host's does the syncs that the application asks for.
 *
 * A receive ring on a bridge needs no thread: senders look into the csb for the slots that the
 * application has given back, and show it new ones there. All other syncs are requests.
 */
#ifndef VALET_ENGINE_CSB_H
#define VALET_ENGINE_CSB_H

#include "../uapi/valet_csb.h"
#include "monitor.h"
#include "ring.h"

/*
 * The ring as it is, for the application; after every change of hwcur or hwtail. Caller holds what
 * hwtail is changed under, or an older one could be shown after a newer: `lease` of a receive ring
 * on a bridge, `busy` of a pipe's other end.
 */
static inline void csb_show(struct ring *ring)
{
	struct csb_ktoa *ktoa = &csb_of(ring->shared)->ktoa;

	write_once(&ktoa->hwcur, read_once(&ring->hwcur));
	/*
	 * Pairs with the application's acquire: the slots before it are filled. Ordered before the
	 * look at appl_need_kick: who goes to sleep now has seen it, or we see that it sleeps.
	 */
	store_ordered(&ktoa->hwtail, ring->hwtail);
}

/*
 * Receive rings on a bridge: takes the slots that the application has given back, if what it says
 * is possible. Caller holds `lease`.
 */
static inline void csb_take_back(struct ring *ring)
{
	/* Pairs with the application's release: it has read the slots before. */
	uint32_t head = load_acquire(&csb_of(ring->shared)->atok.head);
	uint32_t hwcur = read_once(&ring->hwcur);

	if (head != hwcur && head < ring->slots &&
	    ring_distance(ring, hwcur, head) <= ring_distance(ring, hwcur, ring->hwtail)) {
		ring_released(ring, hwcur, head);
		store_release(&ring->hwcur, head);
	}
}

/* Says which syncs of a receive ring on a bridge the daemon has to hear of. */
void csb_show_by_request(struct ring *ring);

/* A new owner's. Caller holds `busy` and `lease`. */
void csb_reset(struct ring *ring);

/* A pipe's, which keeps what it holds: only what the last owner left in the csb goes. */
void csb_reopen(struct ring *ring);

/*
 * Does the sync that the application asks for, if it does. 1 if so, and it may be asking for the
 * next. Any number of threads may call it.
 */
int csb_serve(struct ring *ring);

/*
 * Whether the one who serves the ring is about to sleep: then a request takes a kick. Look at
 * csb_asked() after setting it.
 */
static inline void csb_need_kick(struct ring *ring, uint32_t needed)
{
	/* The application raises `request` and then looks at this. */
	store_ordered(&csb_of(ring->shared)->ktoa.kern_need_kick, needed);
}

static inline int csb_asked(struct ring *ring)
{
	return load_ordered(&csb_of(ring->shared)->atok.request) != read_once(&ring->served);
}

#endif
