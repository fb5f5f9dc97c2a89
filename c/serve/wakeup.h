/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waking clients a little later. A wake-up costs as much as forwarding a hundred packets and more,
 * and a receiver that is woken for each batch sleeps again before the next one comes. So a
 * forwarding thread puts off wake-ups for new packets as long as more packets keep coming, though
 * not for long, nor when the ring is filling up.
 */
#ifndef VALET_WAKEUP_H
#define VALET_WAKEUP_H

#include <stdint.h>

#include "../engine/barrier.h"
#include "../engine/waiter.h"

/* Those that a thread has put off. */
struct wakeups {
	struct spinlock lock;
	struct waiter *first;
	int64_t since_ns; /* the oldest of them */
};

/* The calling thread puts wake-ups off from here on, and will see to them. */
void wakeups_use(struct wakeups *wakeups);

/* struct engine_host's wake_soon. */
void wakeup_put_off(struct waiter *waiter);

/* Does those that are due. busy_ns: when the thread last had something to do. */
void wakeups_do(struct wakeups *wakeups, int64_t now_ns, int64_t busy_ns);

/* Does all that the calling thread has put off: it is about to wait for something itself. */
void wakeups_do_mine(void);

/* The waiter is going away. It has left its rings, so that nobody puts it off any more. */
void wakeup_cancel(struct waiter *waiter);

#endif
