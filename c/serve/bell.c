/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bells: what wakes one thread of a client that sleeps. Each is a pipe for either direction, of
 * which the client has one end and we the other: what it does to its end (fills it, empties it,
 * makes it block) cannot hold us up, as it could with a shared eventfd, and nobody else can take
 * the signal away from it.
 */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "server.h"

void bell_ring(struct waiter *waiter)
{
	/*
	 * Full: the client has not noticed the ones before. Broken: nobody is there any more; these
	 * threads have SIGPIPE blocked.
	 */
	if (write(waiter->event_fd, "", 1) < 0)
		return;
}

static void bell_free(struct bell *bell, const struct session *session)
{
	const struct descriptor *descriptor = &session->descriptor;

	for (int d = RX; d <= TX; d++) {
		uint32_t count = descriptor->last[d] - descriptor->first[d];

		for (uint32_t i = 0; bell->links[d] && i < count; i++)
			waiter_leave(&bell->links[d][i]);
		wakeup_cancel(&bell->waiter[d]);
		free(bell->links[d]);
		if (bell->waiter[d].event_fd >= 0)
			close(bell->waiter[d].event_fd);
	}
	free(bell);
}

void bells_free(struct session *session)
{
	while (session->bells) {
		struct bell *bell = session->bells;

		session->bells = bell->next;
		bell_free(bell, session);
	}
}

/* Whether somebody has the other end still. */
static int is_heard(const struct bell *bell)
{
	struct pollfd fd = { .fd = bell->waiter[RX].event_fd };

	return poll(&fd, 1, 0) <= 0;
}

/* Forgets those of clients that are gone. How many are left. */
static uint32_t prune(struct session *session)
{
	struct bell **at = &session->bells;
	uint32_t left = 0;

	while (*at) {
		struct bell *bell = *at;

		if (is_heard(bell)) {
			left++;
			at = &bell->next;
		} else {
			*at = bell->next;
			bell_free(bell, session);
		}
	}
	return left;
}

static int bell_fill(struct bell *bell, const struct session *session, int *fds)
{
	const struct descriptor *descriptor = &session->descriptor;

	for (int d = RX; d <= TX; d++) {
		uint32_t count = descriptor->last[d] - descriptor->first[d];
		int ends[2];

		bell->links[d] = calloc(count + 1, sizeof(struct waiter_link));
		if (!bell->links[d])
			return -ENOMEM;
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
			return -errno;
		fds[d == TX ? WIRE_FD_EVENT_TX : WIRE_FD_EVENT_RX] = ends[0];
		bell->waiter[d].event_fd = ends[1];
	}
	return 0;
}

int bell_make(struct session *session, int *fds)
{
	const struct descriptor *descriptor = &session->descriptor;
	struct bell *bell;
	int rc;

	fds[0] = fds[1] = -1;
	if (prune(session) >= BELLS_MAX)
		return -EMFILE;
	bell = calloc(1, sizeof(*bell));
	if (!bell)
		return -ENOMEM;
	bell->waiter[RX].event_fd = bell->waiter[TX].event_fd = -1;
	rc = bell_fill(bell, session, fds);
	if (rc < 0) {
		/* It is at no ring yet. */
		free(bell->links[RX]);
		free(bell->links[TX]);
		bell->links[RX] = bell->links[TX] = NULL;
		bell_free(bell, session);
		return rc;
	}
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			waiter_enter(&bell->links[d][i - descriptor->first[d]],
				     &descriptor->port->rings[d][i], &bell->waiter[d]);
	bell->next = session->bells;
	session->bells = bell;
	return 0;
}
