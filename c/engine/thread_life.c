/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread_life.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "barrier.h"

enum { SPIN_NS = 20 * 1000 }; /* about what a sleep and a wake-up cost */

/* A batch of another thread's; on that one's stack. */
struct thread_call {
	valet_lookup_script function;
	uint32_t batch_id, region_id;
	const struct valet_batch *batch;
	enum { WAITING, ANSWERED, GONE } state;
	int32_t result;
	pthread_cond_t wake; /* its thread: the call is answered, or there are calls for it */
	struct thread_call *next;
};

static __thread struct thread_life *mine;
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

static void finish(struct thread_call *call, int state)
{
	/* Its thread, which may be spinning, takes the lock before it gives up the memory. */
	write_once(&call->state, state);
	pthread_cond_signal(&call->wake);
}

static void serve_one(struct thread_life *life)
{
	struct thread_call *call = life->first;

	life->first = call->next;
	if (!life->first)
		life->last = &life->first;
	pthread_mutex_unlock(&lock);
	call->result = call->function(call->batch_id, call->region_id, call->batch->count,
				      call->batch->source);
	pthread_mutex_lock(&lock);
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
	pthread_mutex_unlock(&lock);
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
	if (!mine || !read_once(&mine->rung))
		return 0;
	pthread_mutex_lock(&lock);
	write_once(&mine->rung, 0);
	for (; mine->first; calls++)
		serve_one(mine);
	pthread_mutex_unlock(&lock);
	return calls;
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
			if (read_once(&call->state) != WAITING)
				return;
			spin_pause();
		}
		sched_yield();
	} while (now_ns() < end_ns);
}

/* Two threads may each wait for the other's function. */
static void wait_and_serve(struct thread_call *call)
{
	while (call->state == WAITING) {
		if (mine && mine->first) {
			serve_one(mine);
			continue;
		}
		if (mine)
			mine->waits_for = call;
		pthread_cond_wait(&call->wake, &lock);
		if (mine)
			mine->waits_for = NULL;
	}
	if (mine && mine->missed) {
		mine->missed = 0;
		ring(mine);
	}
}

/* 0: handed over; 1: the thread has no event loop; -ESTALE: it has ended. */
static int hand_over(struct thread_life *life, struct thread_call *call)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (life->ended) {
		rc = -ESTALE;
	} else if (!life->bell.ring) {
		rc = 1;
	} else {
		*life->last = call;
		life->last = &call->next;
		ring(life);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int thread_life_call(struct thread_life *life, valet_lookup_script function, uint32_t batch_id,
		     uint32_t region_id, const struct valet_batch *batch, int32_t *result)
{
	struct thread_call call = {
		.function = function,
		.batch_id = batch_id,
		.region_id = region_id,
		.batch = batch,
		.wake = PTHREAD_COND_INITIALIZER,
	};
	int rc = life == mine ? 1 : hand_over(life, &call);

	if (rc == 1) {
		*result = function(batch_id, region_id, batch->count, batch->source);
		return 0;
	}
	if (rc < 0)
		return rc;
	spin_until_finished(&call);
	pthread_mutex_lock(&lock);
	wait_and_serve(&call);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&call.wake);
	*result = call.result;
	return call.state == GONE ? -ESTALE : 0;
}
