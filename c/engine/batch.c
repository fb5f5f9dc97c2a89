/* SPDX-License-Identifier: BSD-2-Clause */
#include "batch.h"

#include <pthread.h>
#include <stdlib.h>

#include "barrier.h"

enum { BATCHES_MAX = 4096 };

static __thread struct batch *mine;
static struct batch *all[BATCHES_MAX];
static struct batch *unused;
static uint32_t batches;
static struct spinlock lock;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A script may still hold views of a batch that its lookups saw, so the memory is never freed. */
static void keep_for_others(void *batch)
{
	struct batch *left = batch;

	mine = NULL; /* a later destructor of the thread may send, and must not do so with it */
	left->in_use = 0;
	spin_lock(&lock);
	left->next = unused;
	unused = left;
	spin_unlock(&lock);
}

static void make_key(void)
{
	pthread_key_create(&thread_end, keep_for_others);
}

static struct batch *make(void)
{
	struct batch *batch = NULL;

	spin_lock(&lock);
	if (unused) {
		batch = unused;
		unused = batch->next;
	} else if (batches < BATCHES_MAX) {
		batch = calloc(1, sizeof(*batch));
		if (batch) {
			batch->id = batches;
			store_release(&all[batches], batch);
			/* Ordered before the look at a bridge's view: see batches_look_at(). */
			store_ordered(&batches, batches + 1);
		}
	}
	spin_unlock(&lock);
	return batch;
}

struct batch *batch_mine(void)
{
	if (__builtin_expect(!mine, 0)) {
		pthread_once(&once, make_key);
		mine = make();
		if (mine)
			pthread_setspecific(thread_end, mine);
	}
	return mine;
}

int batches_look_at(const struct bridge_view *view)
{
	/* A batch that is not counted yet will look for the bridge's view later, and find another. */
	for (uint32_t i = load_ordered(&batches); i-- > 0;)
		if (load_ordered(&load_acquire(&all[i])->using) == view)
			return 1;
	return 0;
}

struct batch *batch_by_id(uint32_t id)
{
	return id < BATCHES_MAX ? load_acquire(&all[id]) : NULL;
}
