/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a lookup needs to be there: the thread of a function in a script, which dies with the thread
 * that its isolate runs on, or another process.
 *
 * A thread with an event loop runs its lookups itself: others hand it their batches and wait, for a
 * second at most, then it is busy or stuck, and nobody waits until it has come around again. It
 * works with copies, so that who gives up takes nothing away from it. What a script's runtime has for calls from other threads cannot be used, since it is gone some time
 * before its thread is, and then a call crashes the process, or never returns.
 */
#ifndef VALET_THREAD_LIFE_H
#define VALET_THREAD_LIFE_H

#include <stdint.h>

#include "../valet_lookup.h"

/*
 * A lookup that has not answered by then is busy or stuck. Its packets are dropped until it answers
 * again, and others are not held up.
 */
#define LOOKUP_LIMIT_MS 1000

struct thread_call;
struct lookup_place;

/* Wakes a thread that has calls to make for others. The host's; must not block. */
struct thread_bell {
	void (*ring)(int fd); /* NULL: the thread has no event loop */
	int fd;
};

struct thread_life {
	uint32_t ended; /* set by the thread as it ends; the packets' path reads it with acquire */
	uint32_t references; /* the thread's own, and those of views */
	void (*release)(struct thread_life *life); /* of the last reference; NULL: free() */
	struct thread_bell bell;
	uint32_t rung; /* and not yet heard */
	struct thread_call *first, **last; /* that wait for the thread */
	struct thread_call *waits_for; /* the thread's own, in which it sleeps */
	int missed; /* it was rung meanwhile */
	struct thread_call *serves; /* that it is inside for; NULL also once that was given up */
	int silent; /* somebody has given up since it last came around */
	struct lookup_place *place; /* where it finds the packets of others; its own */
};

/* This thread's, which it holds until it ends. NULL: no memory. */
struct thread_life *thread_life_mine(void);
/* Both take NULL. The last one frees it. */
void thread_life_get(struct thread_life *life);
void thread_life_put(struct thread_life *life);

/* How this thread is woken from now on; .ring NULL: not at all. */
void thread_life_hang(struct thread_bell bell);
/*
 * The same, if it has a bell; returns the one before. What waits rings the new one at once, so that
 * a thread may hang another one while it sleeps elsewhere than in its event loop.
 */
struct thread_bell thread_life_swap(struct thread_bell bell);
/* Rings a thread's bell, if it has one. Returns whether it does. */
int thread_life_ring(struct thread_life *life);

/*
 * Calls a script's function: by its thread, if that has an event loop and is not this one, which
 * meanwhile does the same for others. -ESTALE: the thread is gone, and has not called it. A thread
 * that does not answer is a lookup that failed: *result is -ECANCELED then.
 */
int thread_life_call(struct thread_life *life, valet_lookup_script function, uint32_t batch_id,
		     uint32_t region_id, const struct valet_batch *batch, int32_t *result);
/* Makes the calls that wait for this thread. How many. */
uint32_t thread_life_serve(void);
/* Whether this thread is inside such a call. */
int thread_life_is_inside(void);

#endif
