/* SPDX-License-Identifier: BSD-2-Clause */
/* Polls that wait on a descriptor, and what ends them: their eventfds. Any number of threads. */
#ifndef VALET_SLEEPER_H
#define VALET_SLEEPER_H

#include <pthread.h>
#include <stdint.h>

#include "../engine/ring.h"
#include "../engine/waiter.h"

/* A poll that waits. */
struct sleeper {
	struct waiter waiter; /* its event_fd is this sleeper's alone */
	uint32_t woken; /* by sleepers_wake() */
	struct sleeper *next;
};

/* Those of one descriptor. */
struct sleepers {
	pthread_mutex_t lock;
	struct sleeper *first;
	int spare_event_fd; /* of a poll before, for the next one; -1: none */
	int wake_next; /* sleepers_wake() found nobody asleep */
};

void sleepers_init(struct sleepers *sleepers);
void sleepers_destroy(struct sleepers *sleepers);
/* 0, or negative when there is no file descriptor for it. */
int sleeper_enter(struct sleepers *sleepers, struct sleeper *sleeper);
void sleeper_leave(struct sleepers *sleepers, struct sleeper *sleeper);
/* Ends the polls that wait, or else the next one at once. */
void sleepers_wake(struct sleepers *sleepers);

/* What netmap's poll() is made of, on a descriptor that is registered. */
struct poll_calls {
	int (*pending)(void *descriptor); /* a transmit ring has something to sync */
	int (*sync)(void *descriptor, enum direction direction);
	int (*ready)(void *descriptor, enum direction direction); /* cur is not tail somewhere */
};

/*
 * What poll() finds now, after the syncs that it implies: POLLIN, POLLOUT, POLLERR. `flags` are
 * those of REGISTER. Negative: a sync failed.
 */
int poll_look(const struct poll_calls *calls, void *descriptor, uint64_t flags, uint32_t events);

/* Raises an eventfd. */
void event_signal(int fd);
/* Empties it. */
void event_take(int fd);

int64_t now_ms(void);

#endif
