/* SPDX-License-Identifier: BSD-2-Clause */
#include "ring.h"

#include <time.h>

#include "bridge.h"
#include "csb.h"
#include "engine.h"
#include "hardware.h"
#include "monitor.h"
#include "port.h"
#include "waiter.h"

/* Rings that are synced by request only: head and cur come with it, in the same cache line. */
static int comes_with_request(const struct ring *ring)
{
	return ring->remote && (ring->direction == TX || ring->peer);
}

/* Where the application says how far it is. */
static void read_pointers(struct ring *ring, uint32_t *head, uint32_t *cur)
{
	struct csb_atok *atok = &csb_of(ring->shared)->atok;
	int by_request = comes_with_request(ring);

	if (!ring->remote && read_once(&ring->csb_mode)) {
		*head = ring->csb_head;
		*cur = ring->csb_cur;
		return;
	}
	/*
	 * Pairs with the application's store of head, its last: cur and slots are as it left them.
	 */
	*head = load_acquire(by_request ? &atok->head : &ring->shared->head);
	*cur = read_once(by_request ? &atok->cur : &ring->shared->cur);
}

int64_t ring_check(struct ring *ring, uint32_t tail)
{
	uint32_t owned = ring_distance(ring, ring->hwcur, tail);
	uint32_t head, cur;

	read_pointers(ring, &head, &cur);

	if (head < ring->slots && cur < ring->slots) {
		uint32_t to_head = ring_distance(ring, ring->hwcur, head);
		uint32_t to_cur = ring_distance(ring, ring->hwcur, cur);

		if (to_head <= to_cur && to_cur <= owned)
			return head;
	}
	write_once(&ring->shared->head, ring->hwcur);
	write_once(&ring->shared->cur, ring->hwcur);
	store_release(&ring->shared->tail, tail);
	count_add(&ring->resets, 1);
	return -EINVAL;
}

void ring_set_hwtail(struct ring *ring, uint32_t tail)
{
	store_ordered(&ring->hwtail, tail);
	if (ring->remote)
		csb_show(ring);
}

/* The sleeper raises this and then looks at what we have just stored. */
static int somebody_sleeps(struct ring *ring)
{
	return load_ordered(ring->remote ? &csb_of(ring->shared)->atok.appl_need_kick
					 : &ring->waiting) != 0;
}

static void wake_all(struct ring *ring, void (*wake)(struct waiter *waiter), int is_soon)
{
	spin_lock(&ring->waiting_lock);
	for (struct waiter_link *link = ring->waiters; link; link = link->next) {
		struct waiter *waiter = link->waiter;

		if (!is_soon || !waiter->take_over || !waiter->take_over(waiter))
			wake(waiter);
	}
	spin_unlock(&ring->waiting_lock);
}

void ring_notify(struct ring *ring)
{
	if (somebody_sleeps(ring))
		wake_all(ring, ring->port->engine->host->wake, 0);
}

void ring_notify_soon(struct ring *ring)
{
	const struct engine_host *host = ring->port->engine->host;
	uint32_t filled;

	if (!somebody_sleeps(ring))
		return;
	filled = ring_distance(ring, read_once(&ring->hwcur), read_once(&ring->hwtail));
	if (filled < ring->slots / 2)
		wake_all(ring, host->wake_soon ? host->wake_soon : host->wake, 1);
	else
		wake_all(ring, host->wake, 0);
}

void waiter_enter(struct waiter_link *link, struct ring *ring, struct waiter *waiter)
{
	link->waiter = waiter;
	link->ring = ring;
	spin_lock(&ring->waiting_lock);
	link->next = ring->waiters;
	ring->waiters = link;
	store_ordered(&ring->waiting, ring->waiting + 1);
	spin_unlock(&ring->waiting_lock);
}

void waiter_leave(struct waiter_link *link)
{
	struct ring *ring = link->ring;

	spin_lock(&ring->waiting_lock);
	for (struct waiter_link **at = &ring->waiters; *at; at = &(*at)->next) {
		if (*at == link) {
			*at = link->next;
			break;
		}
	}
	store_ordered(&ring->waiting, ring->waiting - 1);
	spin_unlock(&ring->waiting_lock);
}

void ring_reset(struct ring *ring, const uint32_t *buffers)
{
	struct netmap_ring *shared = ring->shared;

	spin_lock(&ring->busy);
	spin_lock(&ring->lease);
	/* A sender copies a bounded amount and calls nobody meanwhile: its lease ends soon. */
	while (ring->lease_count) {
		spin_unlock(&ring->lease);
		sched_yield();
		spin_lock(&ring->lease);
	}
	for (uint32_t i = 0; i < ring->slots; i++) {
		slot_put(&shared->slot[i],
			 (struct slot_view){ .buffer = buffers[i],
					     .length = (uint16_t)ring->buffer_bytes },
			 0);
	}
	store_release(&ring->hwcur, 0);
	ring->handed_over = 0;
	ring->leased = 0;
	store_ordered(&ring->hwtail, ring->direction == TX ? ring->slots - 1 : 0);
	write_once(&shared->head, 0);
	write_once(&shared->cur, 0);
	write_once(&shared->flags, 0);
	store_release(&shared->tail, ring->hwtail);
	if (ring->remote)
		csb_reset(ring);
	spin_unlock(&ring->lease);
	spin_unlock(&ring->busy);
}

/*
 * Takes what was sent from a port that forwards: all of it, at once, whoever can receive it or not.
 */
static int vale_txsync(struct ring *ring)
{
	int64_t head = ring_check(ring, ring_previous(ring, ring->hwcur));
	int rc = 0;

	if (head < 0)
		return 1;
	if ((uint32_t)head != ring->hwcur) {
		uint32_t first = ring->hwcur;

		if (ring_is_copied(ring))
			monitors_copy(ring, first, (uint32_t)head);
		rc = bridge_forward(ring, (uint32_t)head);
		if (ring_is_exchanged(ring))
			monitors_exchange(ring, first, (uint32_t)head);
		write_once(&ring->hwcur, (uint32_t)head); /* descriptor_pending() looks at it */
	}
	write_once(&ring->hwtail, ring_previous(ring, ring->hwcur));
	ring_show_tail(ring, ring->hwtail);
	return rc;
}

static int vale_rxsync(struct ring *ring)
{
	/*
	 * Pairs with lease_finish(): slots are filled, and who sleeps after this look is seen
	 * waiting.
	 */
	uint32_t tail = load_ordered(&ring->hwtail);
	int64_t head = ring_check(ring, tail);

	if (head < 0)
		return 1;
	ring_released(ring, ring->hwcur, (uint32_t)head);
	/* Pairs with the sender's load: it may overwrite what was read before this. */
	store_release(&ring->hwcur, (uint32_t)head);
	ring_show_tail(ring, tail);
	/* A monitor whose port has been closed shows what it has, and fails. */
	return __builtin_expect(load_acquire(&ring->port->ended), 0) ? -EIO : 0;
}

/* Nothing can be sent on a monitor. */
static int monitor_txsync(const struct ring *ring)
{
	return read_once(&ring->shared->head) == ring->hwcur ? 0 : -EIO;
}

/*
 * Waits for another thread's sync to end, but not for a lookup in a script: that may be waiting for
 * this thread's event loop. -EBUSY then; what was to be sent stays in the ring for the next sync.
 */
static int lock_to_send(struct ring *ring)
{
	while (!spin_try(&ring->busy)) {
		if (load_acquire(&ring->in_script))
			return -EBUSY;
		sched_yield();
	}
	return 0;
}

/* By the kind of the ring's port. */
static int txsync_as(struct ring *ring)
{
	if (ring->port->kind == VALET_PORT_MONITOR)
		return monitor_txsync(ring);
	if (ring->port->kind == VALET_PORT_NULL)
		return null_sync(ring);
	if (ring->port->kind == VALET_PORT_HARDWARE)
		return hardware_txsync(ring);
	return ring->peer ? pipe_txsync(ring) : vale_txsync(ring);
}

int ring_txsync(struct ring *ring)
{
	int rc = bridge_forward_allowed();

	if (rc == 0)
		rc = lock_to_send(ring);
	if (rc < 0)
		return rc;
	rc = txsync_as(ring);
	spin_unlock(&ring->busy);
	return rc;
}

static void stamp(struct netmap_ring *shared)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	write_once(&shared->ts.tv_sec, now.tv_sec);
	write_once(&shared->ts.tv_usec, now.tv_nsec / 1000);
}

int ring_rxsync(struct ring *ring)
{
	int rc;

	spin_lock(&ring->busy);
	rc = ring->peer ? pipe_rxsync(ring) : vale_rxsync(ring);
	if (read_once(&ring->shared->flags) & NR_TIMESTAMP)
		stamp(ring->shared);
	spin_unlock(&ring->busy);
	return rc;
}
