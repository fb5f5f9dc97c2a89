/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for netmap descriptors together with others: poll(), select() and epoll are made of it.
 *
 * A wait has a list of watches, one for each netmap descriptor that is waited for, and a list of
 * struct pollfd for the real poll: the program's other descriptors, then for each watch the events
 * that the daemon signals and the connection, whose end wakes too.
 */
#ifndef VALET_PRELOAD_WAIT_H
#define VALET_PRELOAD_WAIT_H

#include "preload.h"

struct watch {
	struct file *file; /* entered by who made the watch, left by wait_end() */
	void *descriptor; /* NULL: it cannot be had: POLLERR */
	uint32_t wanted; /* POLLIN, POLLOUT */
	uint32_t found; /* those, POLLERR, POLLHUP */
	uint32_t owner; /* the program's fd that it is for */
	int begun; /* daemon_sleep_begin() */

	/* Of a member of an epoll set. */
	uint32_t index, serial;
	int edge; /* it finds what has changed since wait_mark() was `reported` */
	uint64_t reported;
};

enum { WAIT_FDS = 64, WAIT_WATCHES = 16 }; /* with room of their own */

struct wait {
	struct pollfd *fds;
	uint32_t fd_count; /* the program's; after them those of the watches */
	struct watch *watches;
	uint32_t watch_count;
	uint32_t room; /* watches */
	int cancel; /* whether the thread could be cancelled before */
	void *memory; /* beyond what follows */
	size_t memory_bytes;
	struct pollfd some_fds[WAIT_FDS];
	struct watch some_watches[WAIT_WATCHES];
};

/* Room for so many descriptors of the program's and watches. 0 or -ENOMEM. */
int wait_begin(struct wait *wait, uint32_t fds, uint32_t watches);
/* Of a netmap descriptor; there must be room. */
struct watch *wait_add(struct wait *wait, struct file *file, uint32_t wanted, uint32_t owner);
/* To be called for each, without the table's lock. `fd` is the file's number if it is known. */
void wait_resolve(struct watch *watch, int fd);
void wait_end(struct wait *wait);

/* Whether any watch finds something now. Sets `found`. */
int wait_look(struct wait *wait);
/*
 * Sleeps until something is found or an fd has its events, the time is up (NULL: never), or a
 * signal comes. Sets `found` and the fds' revents. Returns as ppoll() does for the program's fds,
 * but 0 also when a watch woke it: there may be something or not.
 */
int wait_sleep(struct wait *wait, const struct timespec *timeout, const sigset_t *mask);

/* A number that changes when rings of those events move; never 0. */
uint64_t wait_mark(void *descriptor, uint32_t wanted);

/* The time that a wait may take. */
struct deadline {
	int forever;
	struct timespec end;
};

void deadline_set(struct deadline *deadline, const struct timespec *timeout); /* NULL: for ever */
struct timespec *deadline_left(const struct deadline *deadline, struct timespec *left);
int deadline_over(const struct deadline *deadline);
/* For a call that takes ms, < 0: for ever. */
struct timespec *timespec_of_ms(int timeout_ms, struct timespec *out);

/* POLLIN and POLLOUT of the events that a program asks for, and the ones to give back for them. */
static inline uint32_t netmap_events(uint32_t events)
{
	return (events & (POLLIN | POLLRDNORM) ? POLLIN : 0) |
	       (events & (POLLOUT | POLLWRNORM) ? POLLOUT : 0);
}

static inline uint32_t program_events(uint32_t found, uint32_t events)
{
	return (found & POLLIN ? events & (POLLIN | POLLRDNORM) : 0) |
	       (found & POLLOUT ? events & (POLLOUT | POLLWRNORM) : 0) |
	       (found & (POLLERR | POLLHUP));
}

/* preload_epoll.c: the number of watches that a set has; adds them, resolved. */
uint32_t epoll_watch_count(struct file *set);
void epoll_add_watches(struct wait *wait, struct file *set, uint32_t owner);

/* preload_poll.c: ppoll() when there is something of ours among the fds. */
int wait_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	      const sigset_t *mask);
/* Whether there is. */
int wait_concerns(int fd);

#endif
