/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread_life.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "barrier.h"
#include "lookup_copy.h"

enum { SPIN_NS = 20 * 1000 }; /* about what a sleep and a wake-up cost */

/* A batch of another thread's; on that one's stack. */
struct thread_call {
	valet_lookup_script function;
	const struct valet_batch *batch;
	/*
	 * Its thread can give up while it waits, or is decided about with the copy; between the two, when
	 * its packets are being copied, that takes but a moment.
	 */
	enum { WAITING, COPYING, DECIDING, ANSWERED, GONE } state;
	int leaves; /* its thread waits for the moment to give up */
	int32_t result;
	pthread_cond_t wake; /* its thread: the call is answered, or there are calls for it */
	struct thread_call *next;
};

static __thread struct thread_life *mine;
static __thread int inside;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Over bells and calls of all threads. Never held while a function is called. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void thread_life_get(struct thread_life *life)
{
	if (life)
		__atomic_fetch_add(&life->references, 1, __ATOMIC_RELAXED);
}

void thread_life_put(struct thread_life *life)
{
	/* Whoever frees it comes after all that the others did with it. */
	if (life && __atomic_fetch_sub(&life->references, 1, __ATOMIC_ACQ_REL) == 1)
		life->release ? life->release(life) : free(life);
}

/* ---- under the lock ---- */

static void ring(struct thread_life *life)
{
	if (life->waits_for) {
		pthread_cond_signal(&life->waits_for->wake);
		life->missed = 1;
	} else if (life->bell.ring && !life->rung) {
		write_once(&life->rung, 1);
		life->bell.ring(life->bell.fd);
	}
}

static int is_finished(const struct thread_call *call)
{
	int state = (int)read_once(&call->state);

	return state == ANSWERED || state == GONE;
}

static void finish(struct thread_call *call, int state)
{
	/* Its thread, which may be spinning, takes the lock before it gives up the memory. */
	write_once(&call->state, state);
	pthread_cond_signal(&call->wake);
}

static void move_on(struct thread_call *call, int state)
{
	write_once(&call->state, state);
	if (call->leaves)
		pthread_cond_signal(&call->wake);
}

static struct thread_call *take_first(struct thread_life *life)
{
	struct thread_call *call = life->first;

	life->first = call->next;
	if (!life->first)
		life->last = &life->first;
	return call;
}

static void take_out(struct thread_life *life, const struct thread_call *call)
{
	struct thread_call **at = &life->first;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (life->last == &call->next)
		life->last = at;
}

/*
 * The caller's own, with its packets in its copy: unlocked, and locked again. Nobody's call is served
 * in between.
 */
static int32_t decide(struct thread_life *life, valet_lookup_script function,
		      const struct valet_batch *packets)
{
	uint32_t id = life->place->id;
	int32_t result;

	pthread_mutex_unlock(&lock);
	inside = 1;
	result = function(id, id, packets->count, packets->source);
	inside = 0;
	pthread_mutex_lock(&lock);
	return result;
}

static void serve_one(struct thread_life *life)
{
	struct thread_call *call = take_first(life);
	struct valet_batch batch = *call->batch;
	int32_t result;

	life->serves = call;
	move_on(call, COPYING);
	pthread_mutex_unlock(&lock);
	if (!life->place)
		life->place = lookup_place_take();
	if (life->place)
		lookup_copy_show(&life->place->copy, &batch,
				 (uintptr_t)life->place->copy.frames);
	pthread_mutex_lock(&lock);
	move_on(call, DECIDING);
	result = life->place ? decide(life, call->function, &batch) : -ECANCELED;
	life->silent = 0;
	if (!life->serves) /* it has given up, and is no more */
		return;
	if (result >= 0) {
		move_on(call, COPYING);
		pthread_mutex_unlock(&lock);
		lookup_copy_take(&life->place->copy, &batch);
		pthread_mutex_lock(&lock);
	}
	life->serves = NULL;
	call->result = result;
	finish(call, ANSWERED);
}

/* ---- a thread's own ---- */

static void end(void *argument)
{
	struct thread_life *life = argument;

	pthread_mutex_lock(&lock);
	/* Pairs with the load of who would call the thread's function. */
	store_release(&life->ended, 1);
	life->bell.ring = NULL;
	for (struct thread_call *call = life->first, *next; call; call = next) {
		next = call->next;
		finish(call, GONE);
	}
	life->first = NULL;
	if (life->serves)
		finish(life->serves, GONE);
	life->serves = NULL;
	pthread_mutex_unlock(&lock);
	/* What is inside still does not come back. */
	if (life->place && !inside)
		lookup_place_give(life->place);
	mine = NULL;
	thread_life_put(life);
}

static void make_key(void)
{
	pthread_key_create(&thread_end, end);
}

struct thread_life *thread_life_mine(void)
{
	if (!mine) {
		pthread_once(&once, make_key);
		mine = calloc(1, sizeof(*mine));
		if (mine) {
			mine->references = 1;
			mine->last = &mine->first;
			pthread_setspecific(thread_end, mine);
		}
	}
	return mine;
}

void thread_life_hang(struct thread_bell bell)
{
	if (!mine)
		return;
	pthread_mutex_lock(&lock);
	mine->bell = bell;
	write_once(&mine->rung, 0);
	mine->silent = 0;
	pthread_mutex_unlock(&lock);
}

struct thread_bell thread_life_swap(struct thread_bell bell)
{
	struct thread_bell before = { NULL, -1 };
	uint32_t was_rung;

	if (!mine)
		return before;
	pthread_mutex_lock(&lock);
	before = mine->bell;
	if (before.ring && bell.ring) {
		was_rung = mine->rung;
		mine->bell = bell;
		write_once(&mine->rung, 0);
		if (was_rung)
			ring(mine);
	}
	pthread_mutex_unlock(&lock);
	return before;
}

int thread_life_ring(struct thread_life *life)
{
	int has_bell;

	pthread_mutex_lock(&lock);
	has_bell = life->bell.ring != NULL;
	if (has_bell)
		ring(life);
	pthread_mutex_unlock(&lock);
	return has_bell;
}

uint32_t thread_life_serve(void)
{
	uint32_t calls = 0;

	/* Whoever has work for us rings. */
	if (!mine || inside || !read_once(&mine->rung))
		return 0;
	pthread_mutex_lock(&lock);
	write_once(&mine->rung, 0);
	mine->silent = 0;
	for (; mine->first; calls++)
		serve_one(mine);
	pthread_mutex_unlock(&lock);
	return calls;
}

int thread_life_is_inside(void)
{
	return inside;
}

/* ---- calls of another thread's functions ---- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void spin_until_finished(const struct thread_call *call)
{
	int64_t end_ns = now_ns() + SPIN_NS;

	do {
		for (int i = 0; i < 32; i++) {
			if (is_finished(call))
				return;
			spin_pause();
		}
		sched_yield();
	} while (now_ns() < end_ns);
}

/* Whether the call is given up: it is out of the other thread's reach then. */
static int give_up(struct thread_life *life, struct thread_call *call)
{
	switch (call->state) {
	case WAITING:
		take_out(life, call);
		break;
	case DECIDING:
		life->serves = NULL;
		break;
	default:
		call->leaves = 1;
		pthread_cond_wait(&call->wake, &lock);
		return 0;
	}
	life->silent = 1;
	return 1;
}

/* Two threads may each wait for the other's function. -ETIMEDOUT: the call is given up. */
static int wait_and_serve(struct thread_life *life, struct thread_call *call, int64_t limit_ns)
{
	struct timespec limit = { .tv_sec = limit_ns / 1000000000, .tv_nsec = limit_ns % 1000000000 };
	int rc = 0;

	while (!is_finished(call)) {
		if (mine && mine->first) {
			serve_one(mine);
			continue;
		}
		if (mine)
			mine->waits_for = call;
		rc = pthread_cond_timedwait(&call->wake, &lock, &limit);
		if (mine)
			mine->waits_for = NULL;
		if (rc == ETIMEDOUT && !is_finished(call) && give_up(life, call))
			break;
		rc = 0;
	}
	if (mine && mine->missed) {
		mine->missed = 0;
		ring(mine);
	}
	return rc ? -ETIMEDOUT : 0;
}

/* 0: handed over; 1: the thread has no event loop; -ESTALE: it has ended; -EBUSY: it is silent. */
static int hand_over(struct thread_life *life, struct thread_call *call)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (life->ended) {
		rc = -ESTALE;
	} else if (!life->bell.ring) {
		rc = 1;
	} else if (life->silent) {
		ring(life); /* it says so when it has come around */
		rc = -EBUSY;
	} else {
		*life->last = call;
		life->last = &call->next;
		ring(life);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static void call_make(struct thread_call *call)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&call->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* The thread is another one, with an event loop. */
static int call_other(struct thread_life *life, struct thread_call *call)
{
	int64_t limit_ns = now_ns() + (int64_t)LOOKUP_LIMIT_MS * 1000000;
	int rc = hand_over(life, call);

	if (rc)
		return rc;
	spin_until_finished(call);
	pthread_mutex_lock(&lock);
	rc = wait_and_serve(life, call, limit_ns);
	pthread_mutex_unlock(&lock);
	return rc == 0 && call->state == GONE ? -ESTALE : rc;
}

int thread_life_call(struct thread_life *life, valet_lookup_script function, uint32_t batch_id,
		     uint32_t region_id, const struct valet_batch *batch, int32_t *result)
{
	struct thread_call call = { .function = function, .batch = batch };
	int rc = 1;

	if (life != mine) {
		call_make(&call);
		rc = call_other(life, &call);
		pthread_cond_destroy(&call.wake);
	}
	if (rc == 1)
		*result = function(batch_id, region_id, batch->count, batch->source);
	else
		*result = rc < 0 ? -ECANCELED : call.result;
	return rc == -ESTALE ? rc : 0;
}
