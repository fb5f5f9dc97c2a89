/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a lookup needs to be there: the thread of a function in a script, which dies with the thread
 * that its isolate runs on, or another process.
 */
#ifndef VALET_THREAD_LIFE_H
#define VALET_THREAD_LIFE_H

#include <stdint.h>

struct thread_life {
	uint32_t ended; /* set by the thread as it ends; the packets' path reads it with acquire */
	uint32_t references; /* the thread's own, and those of views */
	void (*release)(struct thread_life *life); /* of the last reference; NULL: free() */
};

/* This thread's, which it holds until it ends. NULL: no memory. */
struct thread_life *thread_life_mine(void);
/* Both take NULL. The last one frees it. */
void thread_life_get(struct thread_life *life);
void thread_life_put(struct thread_life *life);

#endif
