/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread_life.h"

#include <pthread.h>
#include <stdlib.h>

#include "barrier.h"

static __thread struct thread_life *mine;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Pairs with the load of who would call the thread's function. */
static void end(void *life)
{
	store_release(&((struct thread_life *)life)->ended, 1);
	mine = NULL;
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
		if (mine)
			pthread_setspecific(thread_end, mine);
	}
	return mine;
}
