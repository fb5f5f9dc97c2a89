/* SPDX-License-Identifier: BSD-2-Clause */
/* The syncs of the daemon's client: as much as can be done here, the rest by request. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "daemon_client.h"
#include "daemon_lookup.h"
#include "guard.h"
#include "user_memory.h"

int client_check(const struct client *client)
{
	struct pollfd fd = { .fd = client->socket };

	return poll(&fd, 1, 0) > 0 ? -ECONNRESET : 0;
}

static int is_done(const struct csb *csb, uint32_t request)
{
	/* Pairs with the daemon's store: the tail and the result are there. */
	return (int32_t)(load_acquire(&csb->ktoa.done) - request) >= 0;
}

/* Ordered: head and slots are before it, the look at who sleeps after. */
static uint32_t raise_request(struct csb *csb)
{
	return __atomic_add_fetch(&csb->atok.request, 1, __ATOMIC_SEQ_CST);
}

/*
 * How often a thread that nobody wakes looks by itself, and after how many looks it asks again. An
 * answer that takes so long is an exception, or the csb is not as we left it: a program may write
 * where it should not, and others may have the region too.
 */
enum { LOOK_MS = 100, LOOKS_PER_QUESTION = 10 };

/* Nobody woke us. Returns what to wait for. */
static uint32_t look_again(const struct client *client, struct csb *csb, uint32_t request,
			   uint32_t looks)
{
	uint32_t nobody = 0, again;

	/* It counts this thread too. */
	__atomic_compare_exchange_n(&csb->atok.appl_need_kick, &nobody, 1, 0, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	/* The daemon may sleep, and not look as if it did. */
	event_signal(client->kick);
	if (looks % LOOKS_PER_QUESTION)
		return request;
	again = raise_request(csb);
	/* Both are answered by the answer to the later one, unless the numbers were moved. */
	return (int32_t)(again - request) < 0 ? again : request;
}

static int sleep_until_done(struct client *client, enum direction direction, struct csb *csb,
			    uint32_t request)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .fd = client->socket } };
	struct bell *bell;
	uint32_t looks = 0;
	int rc = client_take_bell(client, &bell);

	if (rc < 0)
		return rc;
	fds[0].fd = bell_fd(bell, direction);
	/* Raised, then looked: the daemon stores `done` and then looks at this. */
	__atomic_add_fetch(&csb->atok.appl_need_kick, 1, __ATOMIC_SEQ_CST);
	while (rc == 0 && !is_done(csb, request)) {
		int found = lookup_poll(fds, 2, LOOK_MS);

		if (found < 0)
			continue;
		/* The csb is not there any more, for one of the two sides at least. */
		if (client->is_file && guard_was_hit(client->memory))
			rc = -EIO;
		if (fds[0].revents)
			bell_silence(bell, direction);
		if (fds[1].revents & (POLLHUP | POLLERR) && !is_done(csb, request))
			rc = -ECONNRESET;
		if (found == 0 && rc == 0 && !is_done(csb, request))
			request = look_again(client, csb, request, ++looks);
	}
	__atomic_sub_fetch(&csb->atok.appl_need_kick, 1, __ATOMIC_SEQ_CST);
	client_give_bell(client, bell);
	return rc;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Time that a sync mostly takes with a daemon that is awake; a sleep and a wake-up cost more. */
enum { SPIN_NS = 20000 };

static int wait_until_done(struct client *client, enum direction direction, struct csb *csb,
			   uint32_t request)
{
	int64_t end = now_ns() + SPIN_NS;

	do {
		for (int i = 0; i < 32; i++) {
			if (is_done(csb, request))
				return 0;
			spin_pause();
		}
		/* It may need this core, or a lookup of this thread. */
		lookup_serve_mine();
		sched_yield();
	} while (now_ns() < end);
	return sleep_until_done(client, direction, csb, request);
}

static uint32_t distance(const struct netmap_ring *ring, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + ring->num_slots - from;
}

/* hwcur <= head <= cur <= hwtail in ring order. */
static int is_legal(const struct netmap_ring *ring, uint32_t hwcur, uint32_t hwtail, uint32_t head,
		    uint32_t cur)
{
	uint32_t slots = ring->num_slots;

	return head < slots && cur < slots &&
	       distance(ring, hwcur, head) <= distance(ring, hwcur, cur) &&
	       distance(ring, hwcur, cur) <= distance(ring, hwcur, hwtail);
}

/*
 * Other threads and processes may be showing a tail as well: an older one never follows a newer
 * one, as whoever stores has read the daemon's after what it replaces.
 */
static void show_tail(struct netmap_ring *ring, struct csb *csb)
{
	uint32_t shown = load_acquire(&ring->tail), hwtail;

	do {
		/* Pairs with the daemon's store: the slots before it are filled, or free. */
		hwtail = load_acquire(&csb->ktoa.hwtail);
	} while (hwtail != shown && !__atomic_compare_exchange_n(&ring->tail, &shown, hwtail, 0,
								 __ATOMIC_SEQ_CST,
								 __ATOMIC_SEQ_CST));
}

/*
 * The sync of a ring that the daemon has no part in: nothing was handed over, and there is only the
 * tail to show.
 */
static int sync_here(struct netmap_ring *ring, struct csb *csb)
{
	/* Pairs with the daemon's store: the slots before it are filled, or free. */
	uint32_t hwtail = load_ordered(&csb->ktoa.hwtail);
	uint32_t hwcur = read_once(&csb->ktoa.hwcur);

	/* The interface is gone, for one: the daemon says so. */
	if (read_once(&csb->ktoa.by_request) & CSB_ALWAYS)
		return 0;
	if (read_once(&ring->head) != hwcur ||
	    !is_legal(ring, hwcur, hwtail, hwcur, read_once(&ring->cur)))
		return 0;
	show_tail(ring, csb);
	return 1;
}

/* A holder that has it for so long has died with it. */
enum { LOCK_BROKEN_MS = 1000 };

static void csb_lock(struct csb *csb)
{
	int64_t end = 0;

	for (uint32_t spins = 1; __atomic_exchange_n(&csb->atok.lock, 1, __ATOMIC_ACQUIRE);
	     spins++) {
		if (spins % 64)
			continue;
		sched_yield();
		if (!end)
			end = now_ms() + LOCK_BROKEN_MS;
		else if (now_ms() > end)
			return;
	}
}

static void csb_unlock(struct csb *csb)
{
	store_release(&csb->atok.lock, 0);
}

/* Whether so many slots, as the ring's header says, are in the port's memory: others can write there. */
static int has_slots(const struct client *client, const struct netmap_ring *ring, uint32_t slots)
{
	uint64_t ring_at = (uint64_t)((const uint8_t *)ring - client->memory);
	uint64_t most = (client->port.region_bytes - ring_at - sizeof(*ring)) / sizeof(ring->slot[0]);

	return slots <= most;
}

/*
 * Marks of slots that are given back without NR_FORWARD go before the daemon sees them, which may
 * be when the flag is set. Up to `head`, from where the last ones ended; caller holds the csb's lock.
 */
static void forget_marks(const struct client *client, struct netmap_ring *ring,
			 const struct csb *csb, uint32_t head)
{
	uint32_t slots = read_once(&ring->num_slots), at = read_once(&csb->atok.head);

	if (at >= slots || head >= slots || !has_slots(client, ring, slots))
		return;
	for (; at != head; at = at + 1 == slots ? 0 : at + 1) {
		uint16_t flags = read_once(&ring->slot[at].flags);

		if (__builtin_expect(flags & NS_FORWARD, 0))
			write_once(&ring->slot[at].flags, flags & (uint16_t)~NS_FORWARD);
	}
}

/* What is left for the daemon to do of a sync. */
enum rest { REST_NOTHING, REST_HEAR, REST_ALL };

/*
 * Receive rings on a bridge: slots are given back, and new ones shown, without the daemon, which
 * may want to hear of it. REST_ALL if the ring is not in a legal state; then it is the daemon's to
 * put right.
 */
static enum rest take_here(const struct client *client, struct netmap_ring *ring)
{
	struct csb *csb = csb_of(ring);
	uint32_t hwtail, head, cur, hears;
	int legal, gave = 0;

	csb_lock(csb);
	/* Pairs with the sender's store: the slots before it are filled. */
	hwtail = load_ordered(&csb->ktoa.hwtail);
	head = read_once(&ring->head);
	cur = read_once(&ring->cur);
	legal = is_legal(ring, csb->atok.head, hwtail, head, cur);
	if (legal) {
		gave = csb->atok.head != head;
		if (read_once(&csb->ktoa.by_request) & CSB_FORWARDS &&
		    !(read_once(&ring->flags) & NR_FORWARD))
			forget_marks(client, ring, csb, head);
		write_once(&csb->atok.cur, cur);
		/* Pairs with the sender's load: what lies before it has been read. */
		store_release(&csb->atok.head, head);
		store_release(&ring->tail, hwtail);
	}
	csb_unlock(csb);
	if (!legal)
		return REST_ALL;
	/* Ordered: the daemon says it, and then wakes whoever sleeps. */
	hears = load_ordered(&csb->ktoa.by_request);
	if (hears & CSB_FORWARDS && read_once(&ring->flags) & NR_FORWARD)
		hears |= CSB_RELEASES;
	return hears & CSB_ALWAYS || (hears & CSB_RELEASES && gave) ? REST_HEAR : REST_NOTHING;
}

static void stamp(struct netmap_ring *ring)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	write_once(&ring->ts.tv_sec, now.tv_sec);
	write_once(&ring->ts.tv_usec, now.tv_nsec / 1000);
}

/* Rings synced with one round trip. */
enum { RINGS_MAX = 256 };

/* A receive ring on a bridge: atok.head is what has been given back, which need no request. */
static int gives_back(const struct client *client, enum direction direction)
{
	return direction == RX && !client->port.is_pipe;
}

static enum rest needs_daemon(const struct client *client, enum direction direction,
			struct netmap_ring *ring)
{
	if (direction == RX && read_once(&ring->flags) & NR_TIMESTAMP)
		stamp(ring);
	if (gives_back(client, direction))
		return take_here(client, ring);
	return sync_here(ring, csb_of(ring)) ? REST_NOTHING : REST_ALL;
}

/*
 * Brings what slots have at an address of this process (NS_INDIRECT) into their buffers, where the
 * daemon finds it: it sees no other memory of ours. Clears the pointer where there is nothing.
 */
static void bring_indirect(const struct client *client, struct netmap_ring *ring, uint32_t at,
			   uint32_t head)
{
	/* Others may be able to write the ring's header: each field is read once, and checked. */
	uint64_t ring_at = (uint64_t)((uint8_t *)ring - client->memory);
	uint64_t buffers_at = ring_at + (uint64_t)read_once(&ring->buf_ofs);
	uint32_t slots = read_once(&ring->num_slots), size = read_once(&ring->nr_buf_size);
	uint64_t end = client->port.region_bytes;

	if (at >= slots || head >= slots || buffers_at > end || !has_slots(client, ring, slots))
		return;
	for (; at != head; at = at + 1 == slots ? 0 : at + 1) {
		struct netmap_slot *slot = &ring->slot[at];
		uint64_t place;
		uint16_t length;

		/* Nothing else is read of the others: 10 instructions a slot, not 12. */
		if (__builtin_expect(!(read_once(&slot->flags) & NS_INDIRECT), 1))
			continue;
		place = (uint64_t)read_once(&slot->buf_idx) * size;
		length = read_once(&slot->len);
		/* The daemon will say what is wrong with those. */
		if (length > size || place + length > end - buffers_at)
			continue;
		if (user_memory_copy(client->memory + buffers_at + place, slot->ptr, length) < 0)
			slot->ptr = 0;
	}
}

/*
 * Slots before `head` are the daemon's. Written last: it never finds head beyond cur. Caller holds
 * the csb's lock.
 */
static void hand_over(const struct client *client, enum direction direction,
		      struct netmap_ring *ring, uint32_t head, uint32_t cur)
{
	struct csb *csb = csb_of(ring);

	if (direction == TX && client->port.is_on_bridge)
		bring_indirect(client, ring, read_once(&csb->ktoa.hwcur), head);
	write_once(&csb->atok.cur, cur);
	store_release(&csb->atok.head, head);
}

/* Raises the request. Returns its number. */
static uint32_t request_sync(const struct client *client, enum direction direction,
			     struct netmap_ring *ring, struct csb *csb)
{
	uint32_t request;

	csb_lock(csb);
	if (!gives_back(client, direction)) {
		/* Read before cur, which may be moving on. */
		uint32_t head = load_acquire(&ring->head);

		hand_over(client, direction, ring, head, read_once(&ring->cur));
	}
	request = raise_request(csb);
	csb_unlock(csb);
	return request;
}

static int result_of(const struct client *client, enum direction direction,
		     struct netmap_ring *ring, struct csb *csb, enum rest rest)
{
	if (gives_back(client, direction) && rest == REST_ALL) {
		csb_lock(csb);
		csb->atok.head = read_once(&csb->ktoa.hwcur);
		csb_unlock(csb);
	}
	show_tail(ring, csb);
	return read_once(&csb->ktoa.result);
}

int client_sync(void *descriptor, enum direction direction)
{
	struct client *client = descriptor;
	uint32_t count = client_rings(client, direction);
	uint32_t requests[RINGS_MAX], asked[RINGS_MAX], n = 0;
	enum rest rests[RINGS_MAX];
	int kick = 0, rc = 0;

	if (direction == TX && lookup_is_inside())
		return -EDEADLK;
	if (sync_loop_has_csb(&client->loop))
		return -EBUSY;
	for (uint32_t i = 0; i < count; i++)
		if ((rests[n] = needs_daemon(client, direction, client->rings[direction][i])) !=
		    REST_NOTHING)
			asked[n++] = i;
	if (n && (rc = lookup_wait_begin()) < 0)
		return rc;
	for (uint32_t i = 0; i < n; i++) {
		struct netmap_ring *ring = client->rings[direction][asked[i]];
		struct csb *csb = csb_of(ring);

		requests[i] = request_sync(client, direction, ring, csb);
		kick |= load_ordered(&csb->ktoa.kern_need_kick) != 0;
	}
	if (kick)
		event_signal(client->kick);
	for (uint32_t i = 0; i < n; i++) {
		struct netmap_ring *ring = client->rings[direction][asked[i]];
		struct csb *csb = csb_of(ring);
		int one = wait_until_done(client, direction, csb, requests[i]);

		if (one == 0)
			one = result_of(client, direction, ring, csb, rests[i]);
		if (one < 0 || rc == 0)
			rc = one;
	}
	if (n)
		lookup_wait_end();
	/* Who only ever looks would not notice that the daemon is gone. */
	if (n == 0 && __atomic_add_fetch(&client->empty_looks, 1, __ATOMIC_RELAXED) % 64 == 0)
		return client_check(client);
	return rc;
}

/* ---- for a sync loop: head and cur do not come from the ring, nor does the tail go there ---- */

/* As take_here(). */
static int give_back(struct csb *csb, const struct netmap_ring *ring, struct ring_pointers *pointers)
{
	uint32_t head = pointers->head;
	int legal;

	csb_lock(csb);
	/* Pairs with the sender's store: the slots before it are filled. */
	pointers->hwtail = load_ordered(&csb->ktoa.hwtail);
	legal = is_legal(ring, csb->atok.head, pointers->hwtail, head, pointers->cur);
	if (legal) {
		write_once(&csb->atok.cur, pointers->cur);
		/* Pairs with the sender's load: what lies before it has been read. */
		store_release(&csb->atok.head, head);
	}
	pointers->hwcur = csb->atok.head;
	csb_unlock(csb);
	return legal ? 0 : 1;
}

static int ask_for(struct client *client, enum direction direction, struct netmap_ring *ring,
		   const struct ring_pointers *pointers)
{
	struct csb *csb = csb_of(ring);
	uint32_t request;
	int rc = lookup_wait_begin();

	if (rc < 0)
		return rc;
	csb_lock(csb);
	hand_over(client, direction, ring, pointers->head, pointers->cur);
	request = raise_request(csb);
	csb_unlock(csb);
	if (load_ordered(&csb->ktoa.kern_need_kick))
		event_signal(client->kick);
	rc = wait_until_done(client, direction, csb, request);
	lookup_wait_end();
	return rc < 0 ? rc : read_once(&csb->ktoa.result);
}

void client_look_at(const struct client *client, enum direction direction, uint32_t index,
		    struct ring_pointers *out)
{
	struct netmap_ring *ring = client->rings[direction][index];
	struct csb *csb = csb_of(ring);

	/* hwtail first: hwcur is never ahead of it. Pairs with the daemon's store. */
	out->hwtail = load_ordered(&csb->ktoa.hwtail);
	out->hwcur = gives_back(client, direction) ? read_once(&csb->atok.head)
						   : read_once(&csb->ktoa.hwcur);
	out->slots = ring->num_slots;
}

int client_sync_one(struct client *client, enum direction direction, uint32_t index,
		    struct ring_pointers *pointers)
{
	struct netmap_ring *ring = client->rings[direction][index];
	struct csb *csb = csb_of(ring);
	int rc = 0;

	if (gives_back(client, direction)) {
		pointers->slots = ring->num_slots;
		rc = give_back(csb, ring, pointers);
	} else {
		client_look_at(client, direction, index, pointers);
		if (pointers->head != pointers->hwcur ||
		    !is_legal(ring, pointers->hwcur, pointers->hwtail, pointers->head,
			      pointers->cur))
			rc = ask_for(client, direction, ring, pointers);
		client_look_at(client, direction, index, pointers);
	}
	/* Who only ever looks would not notice that the daemon is gone. */
	if (rc == 0 && __atomic_add_fetch(&client->empty_looks, 1, __ATOMIC_RELAXED) % 64 == 0)
		rc = client_check(client);
	return rc;
}
