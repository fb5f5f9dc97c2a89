/* SPDX-License-Identifier: BSD-2-Clause */
/* One ring of a sync loop. */
#include "sleeper.h"
#include "sync_loop.h"

/* Rounds without a packet before a receive ring is left alone. */
enum { DRY_ROUNDS = 2 };
/* Rounds on one ring before the others get their turn. */
enum { ROUNDS = 32 };

static void read_atok(const struct loop_ring *ring, struct ring_pointers *pointers)
{
	/*
	 * head first: the application stores it last. Pairs with that store: cur, slots and buffers
	 * are as it left them.
	 */
	pointers->head = load_acquire(&ring->atok->head);
	pointers->cur = load_acquire(&ring->atok->cur);
}

static void show(struct loop_ring *ring, const struct ring_pointers *pointers)
{
	write_once(&ring->ktoa->hwcur, pointers->hwcur);
	/*
	 * hwtail last: the application loads it first. Ordered before the look at appl_need_kick:
	 * who goes to sleep now has seen it, or we see that it sleeps.
	 */
	store_ordered(&ring->ktoa->hwtail, pointers->hwtail);
	ring->hwcur = pointers->hwcur;
	ring->hwtail = pointers->hwtail;
}

static void need_kick(struct loop_ring *ring, uint32_t needed)
{
	/* The application stores head and then looks at this. */
	store_ordered(&ring->ktoa->kern_need_kick, needed);
}

/* The news is only told once. */
static void interrupt(struct loop_ring *ring, int *news)
{
	if (!*news || ring->irq_fd < 0 || ring->is_direct ||
	    !load_ordered(&ring->atok->appl_need_kick))
		return;
	event_signal(ring->irq_fd);
	*news = 0;
}

void loop_ring_init(struct loop_ring *ring, const struct sync_loop_calls *calls, void *descriptor)
{
	struct ring_pointers pointers;

	calls->look(descriptor, ring->direction, ring->index, &pointers);
	write_once(&ring->atok->head, pointers.head);
	write_once(&ring->atok->cur, pointers.cur);
	write_once(&ring->atok->appl_need_kick, 1);
	write_once(&ring->atok->sync_flags, 1);
	show(ring, &pointers);
	need_kick(ring, 1);
}

/* Nothing more to send, or no slots to receive into: it is for the application to go on. */
static int is_idle(const struct loop_ring *ring, uint32_t synced, const struct ring_pointers *now)
{
	if (ring->direction == TX)
		return now->head == synced;
	return now->hwtail == (now->head ? now->head : now->slots) - 1;
}

/* 0: more to do. */
static int rest(struct loop_ring *ring, uint32_t synced, struct ring_pointers *pointers)
{
	read_atok(ring, pointers);
	if (!is_idle(ring, synced, pointers))
		return 0;
	if (ring->sleeps)
		return 1;
	need_kick(ring, 1);
	read_atok(ring, pointers);
	if (is_idle(ring, synced, pointers))
		return 1;
	need_kick(ring, 0);
	return 0;
}

int loop_ring_serve(struct loop_ring *ring, const struct sync_loop_calls *calls, void *descriptor)
{
	struct ring_pointers pointers;
	int news = 0, done = 0, dry = 0;
	uint32_t synced;

	if (!ring->is_direct)
		need_kick(ring, 0);
	read_atok(ring, &pointers);
	for (int round = 0; ring->is_direct || round < ROUNDS; round++) {
		int rc, changed;

		synced = pointers.head;
		rc = calls->sync(descriptor, ring->direction, ring->index, &pointers);
		if (rc != 0) {
			if (!ring->sleeps)
				need_kick(ring, 1);
			if (rc == -ECONNRESET)
				return rc;
			break;
		}
		changed = pointers.hwtail != ring->hwtail;
		done |= changed | (pointers.hwcur != ring->hwcur);
		news |= changed;
		dry = changed ? 0 : dry + 1;
		show(ring, &pointers);
		interrupt(ring, &news);
		if (rest(ring, synced, &pointers))
			break;
		/* The rest takes the other end of a pipe, or a sender: the backend tells of them. */
		if (ring->direction == RX ? pointers.hwtail == synced || dry >= DRY_ROUNDS
					  : pointers.hwtail == synced)
			break;
	}
	interrupt(ring, &news);
	return done;
}
