/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads with an event loop: how they hear of packets that wait for their lookups. */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../engine/barrier.h"
#include "../engine/thread_life.h"
#include "../valet.h"
#include "../wire.h"
#include "daemon_lookup.h"
#include "script_loop.h"

enum {
	/* A sender has its next batch sooner than an event loop comes around. */
	SPIN_NS = 30 * 1000,
	TURN_NS = 1000 * 1000, /* then the loop is to do what else there is */
};

static __thread struct own_end {
	int fd;
	int is_open;
} own;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The thread may end with a bell still hanging; nobody rings it then. */
static void close_own_end(void *argument)
{
	struct own_end *end = argument;

	thread_life_hang((struct thread_bell){ NULL, -1 });
	if (end->is_open)
		close(end->fd);
	end->is_open = 0;
}

static void make_key(void)
{
	pthread_key_create(&thread_end, close_own_end);
}

int32_t valet_loop_open(void)
{
	int ends[2];

	if (own.is_open)
		return -EBUSY;
	if (!thread_life_mine())
		return -ENOMEM;
	pthread_once(&once, make_key);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	own = (struct own_end){ ends[0], 1 };
	pthread_setspecific(thread_end, &own);
	thread_life_hang((struct thread_bell){ wire_ring, own.fd });
	return ends[1];
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

uint32_t script_loop_serve(void)
{
	return thread_life_serve() + lookup_serve_mine();
}

int32_t valet_loop_serve(void)
{
	int64_t start = now_ns(), now = start, last = start;
	int32_t batches = 0;
	/* What the daemon asks meanwhile needs no signal. */
	int is_looking = lookup_wait_begin() == 0;

	do {
		uint32_t found = script_loop_serve();

		now = now_ns();
		batches += (int32_t)found;
		if (found)
			last = now;
		else
			spin_pause();
	} while (now - last < SPIN_NS && now - start < TURN_NS);
	if (is_looking)
		lookup_wait_end();
	return batches;
}

int32_t valet_loop_close(void)
{
	if (!own.is_open)
		return -EBADF;
	close_own_end(&own);
	return 0;
}
