/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sleeps until a ring has something. */
#ifndef VALET_WAITER_H
#define VALET_WAITER_H

#include <stdint.h>

struct ring;

struct waiter_link {
	struct waiter *waiter;
	struct ring *ring;
	struct waiter_link *next;
};

struct waiter { /* the host's */
	int event_fd;
	struct wakeups *put_off; /* by whom; NULL: it is not */
	struct waiter *next_put_off;
	uint32_t ringing; /* threads that wake it, after having put it off */
	/*
	 * Asked first, with the ring locked, by who would wake it for packets that are few. 1: the
	 * calling thread does itself what it would have been woken for, soon. NULL: it cannot.
	 */
	int (*take_over)(struct waiter *waiter);
};

/*
 * Enters the waiter at the ring. What the caller checks after this, and finds not there yet, it
 * will be woken for: the sender stores and then looks for waiters, we become one and then look.
 */
void waiter_enter(struct waiter_link *link, struct ring *ring, struct waiter *waiter);
void waiter_leave(struct waiter_link *link);

#endif
