/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a thread still lives: a function in a script dies with the thread that its isolate runs on. */
#ifndef VALET_THREAD_LIFE_H
#define VALET_THREAD_LIFE_H

#include <stdint.h>

struct thread_life {
	uint32_t ended; /* set by the thread as it ends; the packets' path reads it with acquire */
};

/* This thread's; it outlives the thread and is never freed. NULL: no memory. */
struct thread_life *thread_life_mine(void);

#endif
