/* SPDX-License-Identifier: BSD-2-Clause */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/barrier.h"
#include "sync_loop.h"

enum {
	INDEX_BITS = 16,
	CHUNK = 1024,
	CHUNKS = (1 << INDEX_BITS) / CHUNK,
	GENERATIONS = 1 << (31 - INDEX_BITS),
};

#define OPEN (1ull << 31)
#define USERS (OPEN - 1)
#define GENERATION(state) ((uint32_t)((state) >> 32))

static struct handle
	*chunks[CHUNKS]; /* never freed: a stale number must find something to look at */
static struct handle *unused;
static uint32_t handles;
static struct spinlock lock;

static struct handle *find(uint32_t index)
{
	struct handle *chunk = load_acquire(&chunks[index / CHUNK]);

	return chunk ? &chunk[index % CHUNK] : NULL;
}

static int take(struct handle **out)
{
	int rc = 0;

	spin_lock(&lock);
	if (!unused && handles == CHUNK * CHUNKS) {
		rc = -EMFILE;
	} else if (unused) {
		*out = unused;
		unused = unused->next;
	} else {
		if (handles % CHUNK == 0) {
			struct handle *chunk = calloc(CHUNK, sizeof(*chunk));

			if (chunk)
				store_release(&chunks[handles / CHUNK], chunk);
			else
				rc = -ENOMEM;
		}
		if (rc == 0) {
			*out = find(handles);
			(*out)->index = handles++;
		}
	}
	spin_unlock(&lock);
	return rc;
}

int32_t handle_make(const struct backend *backend, void *descriptor)
{
	struct handle *handle = NULL;
	uint32_t generation;
	int rc = take(&handle);

	if (rc < 0)
		return rc;
	handle->backend = backend;
	handle->descriptor = descriptor;
	/* 1 to GENERATIONS - 1, so that a handle is positive. */
	generation = GENERATION(read_once(&handle->state)) % (GENERATIONS - 1) + 1;
	/* Pairs with handle_enter(): who sees the new generation sees the descriptor. */
	store_release(&handle->state, (uint64_t)generation << 32 | OPEN);
	return (int32_t)(generation << INDEX_BITS | handle->index);
}

struct handle *handle_enter(int32_t number)
{
	struct handle *handle =
		number > 0 ? find((uint32_t)number & ((1 << INDEX_BITS) - 1)) : NULL;
	uint64_t state;

	if (!handle)
		return NULL;
	state = load_acquire(&handle->state);
	do {
		if (GENERATION(state) != (uint32_t)number >> INDEX_BITS || !(state & OPEN))
			return NULL;
	} while (!__atomic_compare_exchange_n(&handle->state, &state, state + 1, 0,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return handle;
}

void handle_again(struct handle *handle)
{
	__atomic_add_fetch(&handle->state, 1, __ATOMIC_ACQ_REL);
}

void handle_leave(struct handle *handle)
{
	uint64_t state;

	/* Closed meanwhile: whoever else sleeps in it must hear of it too. */
	if (!(load_acquire(&handle->state) & OPEN))
		handle->backend->wake(handle->descriptor);
	state = __atomic_sub_fetch(&handle->state, 1, __ATOMIC_ACQ_REL);
	if (state & (OPEN | USERS))
		return;
	library_loop_free(handle);
	handle->backend->close(handle->descriptor);
	handle->descriptor = NULL;
	spin_lock(&lock);
	handle->next = unused;
	unused = handle;
	spin_unlock(&lock);
}

int32_t handle_close(int32_t number)
{
	struct handle *handle = handle_enter(number);

	if (!handle)
		return -EBADF;
	/* Of two that close at once, one has closed it. */
	if (!(__atomic_fetch_and(&handle->state, ~OPEN, __ATOMIC_ACQ_REL) & OPEN)) {
		handle_leave(handle);
		return -EBADF;
	}
	handle->backend->closing(handle->descriptor);
	library_loop_wake(handle);
	handle_leave(handle);
	return 0;
}
