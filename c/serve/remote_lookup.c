/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lookups in another process. A batch is copied into a window that both map; the client writes its
 * answers there. What it writes is a number a packet, checked like any other lookup's.
 */
#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS */
#include "remote_lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wakeup.h"

enum {
	SPIN_NS = 20 * 1000, /* about what a sleep and a wake-up cost */
};

struct remote_lookup {
	struct thread_life life; /* first: views hold it */
	struct remote_lookup *next; /* of the session's */
	pthread_mutex_t busy; /* one batch at a time */
	struct lookup_window *window;
	int bell; /* our end */
	int fds[WIRE_LOOKUP_FDS]; /* the client's, until it has them */
	uint32_t call; /* our own word for it */
};

void remote_lookup_handed_over(struct remote_lookup *remote)
{
	for (int i = 0; i < WIRE_LOOKUP_FDS; i++) {
		if (remote->fds[i] >= 0)
			close(remote->fds[i]);
		remote->fds[i] = -1;
	}
}

static void release(struct thread_life *life)
{
	struct remote_lookup *remote = (struct remote_lookup *)life;

	if (remote->window)
		munmap(remote->window, sizeof(*remote->window));
	remote_lookup_handed_over(remote);
	if (remote->bell >= 0)
		close(remote->bell);
	pthread_mutex_destroy(&remote->busy);
	free(remote);
}

static int make_window(struct remote_lookup *remote)
{
	int fd = memfd_create("valet lookup", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int bell[2];
	void *window;

	if (fd < 0)
		return -errno;
	remote->fds[WIRE_FD_WINDOW] = fd;
	if (ftruncate(fd, sizeof(struct lookup_window)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	window =
		mmap(NULL, sizeof(struct lookup_window), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (window == MAP_FAILED)
		return -errno;
	remote->window = window;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, bell) < 0)
		return -errno;
	remote->bell = bell[0];
	remote->fds[WIRE_FD_BELL] = bell[1];
	return 0;
}

int remote_lookup_make(struct remote_lookup **out)
{
	struct remote_lookup *remote = calloc(1, sizeof(*remote));
	int rc;

	if (!remote)
		return -ENOMEM;
	remote->life = (struct thread_life){ .references = 1, .release = release };
	pthread_mutex_init(&remote->busy, NULL);
	remote->bell = remote->fds[WIRE_FD_WINDOW] = remote->fds[WIRE_FD_BELL] = -1;
	rc = make_window(remote);
	if (rc < 0)
		release(&remote->life);
	else
		*out = remote;
	return rc;
}

const int *remote_lookup_fds(const struct remote_lookup *remote)
{
	return remote->fds;
}

void remote_lookup_enter(struct remote_lookup **list, struct remote_lookup *remote)
{
	remote->next = *list;
	*list = remote;
}

void remote_lookup_drop(struct remote_lookup *remote)
{
	store_release(&remote->life.ended, 1);
	/* Whoever waits for an answer need not, and the client hears of it. */
	shutdown(remote->bell, SHUT_RDWR);
	thread_life_put(&remote->life);
}

/* Nobody has the other end of its bell. */
static int is_hung_up(const struct remote_lookup *remote)
{
	struct pollfd fd = { .fd = remote->bell };

	return poll(&fd, 1, 0) > 0;
}

uint32_t remote_lookups_prune(struct remote_lookup **list)
{
	uint32_t left = 0;

	while (*list) {
		struct remote_lookup *remote = *list;

		if (load_acquire(&remote->window->closed) || is_hung_up(remote)) {
			*list = remote->next;
			remote_lookup_drop(remote);
		} else {
			list = &remote->next;
			left++;
		}
	}
	return left;
}

void remote_lookups_end(struct remote_lookup **list)
{
	while (*list) {
		struct remote_lookup *remote = *list;

		*list = remote->next;
		remote_lookup_drop(remote);
	}
}

/* ---- a batch ---- */

static int has_answered(const struct remote_lookup *remote)
{
	/* Pairs with the client's store: destinations and result are there. */
	return load_ordered(&remote->window->answered) == remote->call;
}

/* Nobody will answer. Then the bridge learns from the next batch on. */
static int is_gone(struct remote_lookup *remote)
{
	if (load_acquire(&remote->window->closed))
		store_release(&remote->life.ended, 1);
	return load_acquire(&remote->life.ended) != 0;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The bell has rung, or nobody has its other end any more. */
static int hear(struct remote_lookup *remote, short events)
{
	wire_silence(remote->bell);
	if (!(events & (POLLHUP | POLLERR)) || has_answered(remote))
		return 0;
	store_release(&remote->life.ended, 1);
	return -ESTALE;
}

static int wait_for_answer(struct remote_lookup *remote)
{
	struct pollfd fd = { .fd = remote->bell, .events = POLLIN };
	int64_t spin_end = now_ns() + SPIN_NS, end_ms = now_ms() + LOOKUP_LIMIT_MS;
	int rc = 0;

	do {
		for (int i = 0; i < 32; i++) {
			if (has_answered(remote))
				return 0;
			spin_pause();
		}
		sched_yield();
	} while (now_ns() < spin_end);
	wakeups_do_mine();
	/* Raised, then looked: the client stores `answered` and then looks at this. */
	store_ordered(&remote->window->daemon_sleeps, 1);
	while (!has_answered(remote) && rc == 0) {
		int64_t left_ms = end_ms - now_ms();

		if (is_gone(remote))
			rc = -ESTALE;
		else if (left_ms <= 0)
			rc = -ETIMEDOUT;
		else if (poll(&fd, 1, (int)left_ms) > 0)
			rc = hear(remote, fd.revents);
	}
	store_ordered(&remote->window->daemon_sleeps, 0);
	return rc;
}

static int32_t call(struct valet_batch *batch, void *context)
{
	struct remote_lookup *remote = context;
	struct lookup_window *window = remote->window;
	int rc = -ECANCELED;

	pthread_mutex_lock(&remote->busy);
	if (is_gone(remote)) {
		rc = -ESTALE;
		goto out;
	}
	/* A call that was given up is in the client's hands still. */
	if (!has_answered(remote))
		goto out;
	lookup_copy_show(&window->copy, batch, offsetof(struct lookup_window, copy.frames));
	window->count = batch->count;
	window->source = batch->source;
	store_ordered(&window->call, ++remote->call);
	if (load_ordered(&window->client_sleeps))
		wire_ring(remote->bell);
	rc = wait_for_answer(remote);
	if (rc == 0)
		rc = read_once(&window->result);
	/* The places are computed anew: those in the window are the client's to change. */
	if (rc >= 0)
		lookup_copy_take(&window->copy, batch);
out:
	pthread_mutex_unlock(&remote->busy);
	return rc;
}

struct lookup remote_lookup_as_lookup(struct remote_lookup *remote)
{
	return (struct lookup){
		.kind = VALET_LOOKUP_SCRIPT,
		.is_remote = 1,
		.function = call,
		.context = remote,
		.thread = &remote->life,
	};
}
