/* SPDX-License-Identifier: BSD-2-Clause */
#include "wakeup.h"

#include <stddef.h>
#include <time.h>

#include "server.h"

enum {
	/* Nothing has come for so long: no more is coming. A busy client takes half of it. */
	QUIET_NS = 1000,
	LONGEST_NS = 50 * 1000,
};

static __thread struct wakeups *mine;

void wakeups_use(struct wakeups *wakeups)
{
	mine = wakeups;
}

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void wakeup_put_off(struct waiter *waiter)
{
	struct wakeups *nobody = NULL;

	if (!mine) {
		bell_ring(waiter);
		return;
	}
	/* Whoever has put it off already will ring after this. */
	if (!__atomic_compare_exchange_n(&waiter->put_off, &nobody, mine, 0, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	spin_lock(&mine->lock);
	if (!mine->first)
		mine->since_ns = clock_ns();
	waiter->next_put_off = mine->first;
	write_once(&mine->first, waiter);
	spin_unlock(&mine->lock);
}

/* Out of the list, as one that is being woken; NULL: there is none. */
static struct waiter *take_first(struct wakeups *wakeups)
{
	struct waiter *waiter;

	spin_lock(&wakeups->lock);
	waiter = wakeups->first;
	if (waiter) {
		write_once(&wakeups->first, waiter->next_put_off);
		__atomic_add_fetch(&waiter->ringing, 1, __ATOMIC_SEQ_CST);
		/* Then the bell: whoever does not see this has shown its packets before. */
		store_ordered(&waiter->put_off, NULL);
	}
	spin_unlock(&wakeups->lock);
	return waiter;
}

static void do_all(struct wakeups *wakeups)
{
	struct waiter *waiter;

	while ((waiter = take_first(wakeups))) {
		bell_ring(waiter);
		/* Pairs with wakeup_cancel(): it is not touched any more. */
		__atomic_sub_fetch(&waiter->ringing, 1, __ATOMIC_RELEASE);
	}
}

void wakeups_do(struct wakeups *wakeups, int64_t now_ns, int64_t busy_ns)
{
	if (read_once(&wakeups->first) &&
	    (now_ns - busy_ns > QUIET_NS || now_ns - wakeups->since_ns > LONGEST_NS))
		do_all(wakeups);
}

void wakeups_do_mine(void)
{
	if (mine && read_once(&mine->first))
		do_all(mine);
}

void wakeup_cancel(struct waiter *waiter)
{
	struct wakeups *wakeups = load_acquire(&waiter->put_off);

	if (wakeups) {
		spin_lock(&wakeups->lock);
		for (struct waiter **at = &wakeups->first; *at; at = &(*at)->next_put_off) {
			if (*at == waiter) {
				write_once(at, waiter->next_put_off);
				break;
			}
		}
		spin_unlock(&wakeups->lock);
	}
	/* It is counted here before it is in no list. */
	while (load_acquire(&waiter->ringing))
		sched_yield();
}
