/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread_life.h"

#include <pthread.h>
#include <stdlib.h>

#include "barrier.h"

static __thread struct thread_life *mine;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

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

static void end(void *argument)
{
	struct thread_life *life = argument;

	/* Pairs with the load of who would call the thread's function. */
	store_release(&life->ended, 1);
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
			pthread_setspecific(thread_end, mine);
		}
	}
	return mine;
}
