/* SPDX-License-Identifier: BSD-2-Clause */
#include "sleeper.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../engine/barrier.h"

void event_signal(int fd)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the sleeper is awake. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void event_take(int fd)
{
	uint64_t count;

	/* Another sleeper may have taken it: nothing is left then. */
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sleepers_init(struct sleepers *sleepers)
{
	pthread_mutex_init(&sleepers->lock, NULL);
	sleepers->first = NULL;
	sleepers->spare_event_fd = -1;
	sleepers->wake_next = 0;
}

void sleepers_destroy(struct sleepers *sleepers)
{
	if (sleepers->spare_event_fd >= 0)
		close(sleepers->spare_event_fd);
	pthread_mutex_destroy(&sleepers->lock);
}

int sleeper_enter(struct sleepers *sleepers, struct sleeper *sleeper)
{
	int rc = 0;

	pthread_mutex_lock(&sleepers->lock);
	sleeper->waiter = (struct waiter){ .event_fd = sleepers->spare_event_fd };
	sleepers->spare_event_fd = -1;
	if (sleeper->waiter.event_fd < 0)
		sleeper->waiter.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sleeper->waiter.event_fd < 0) {
		rc = -errno;
	} else {
		sleeper->woken = (uint32_t)sleepers->wake_next;
		sleepers->wake_next = 0;
		sleeper->next = sleepers->first;
		sleepers->first = sleeper;
	}
	pthread_mutex_unlock(&sleepers->lock);
	return rc;
}

void sleeper_leave(struct sleepers *sleepers, struct sleeper *sleeper)
{
	struct sleeper **at = &sleepers->first;

	pthread_mutex_lock(&sleepers->lock);
	while (*at != sleeper)
		at = &(*at)->next;
	*at = sleeper->next;
	if (sleepers->spare_event_fd < 0)
		sleepers->spare_event_fd = sleeper->waiter.event_fd;
	else
		close(sleeper->waiter.event_fd);
	pthread_mutex_unlock(&sleepers->lock);
}

void sleepers_wake(struct sleepers *sleepers)
{
	pthread_mutex_lock(&sleepers->lock);
	for (struct sleeper *sleeper = sleepers->first; sleeper; sleeper = sleeper->next) {
		/* Before the event: who wakes by it sees this. */
		store_release(&sleeper->woken, 1);
		event_signal(sleeper->waiter.event_fd);
	}
	sleepers->wake_next |= !sleepers->first;
	pthread_mutex_unlock(&sleepers->lock);
}

/* A sync within poll(): POLLERR as in the kernel where the ring itself has failed. */
static int look_sync(const struct poll_calls *calls, void *descriptor, enum direction direction)
{
	int rc = calls->sync(descriptor, direction);

	return rc == -EIO || rc > 0 ? POLLERR : rc;
}

int poll_look(const struct poll_calls *calls, void *descriptor, uint64_t flags, uint32_t events)
{
	int found = 0, rc;

	if (events & POLLOUT || (!(flags & NR_NO_TX_POLL) && calls->pending(descriptor))) {
		rc = look_sync(calls, descriptor, TX);
		if (rc < 0)
			return rc;
		found |= rc;
	}
	if (events & POLLIN || flags & NR_DO_RX_POLL) {
		rc = look_sync(calls, descriptor, RX);
		if (rc < 0)
			return rc;
		found |= rc;
	}
	if (events & POLLIN && calls->ready(descriptor, RX))
		found |= POLLIN;
	if (events & POLLOUT && calls->ready(descriptor, TX))
		found |= POLLOUT;
	return found;
}
