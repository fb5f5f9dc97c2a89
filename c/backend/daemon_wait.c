/* SPDX-License-Identifier: BSD-2-Clause */
/* poll() of the daemon's client. */
#include <errno.h>
#include <poll.h>

#include "daemon_client.h"
#include "daemon_lookup.h"

static int client_pending(void *descriptor)
{
	struct client *client = descriptor;

	for (uint32_t i = 0; i < client_rings(client, TX); i++) {
		struct netmap_ring *ring = client->rings[TX][i];

		if (read_once(&ring->head) != read_once(&csb_of(ring)->ktoa.hwcur))
			return 1;
	}
	return 0;
}

static int client_ready(void *descriptor, enum direction direction)
{
	struct client *client = descriptor;

	for (uint32_t i = 0; i < client_rings(client, direction); i++) {
		struct netmap_ring *ring = client->rings[direction][i];

		if (read_once(&ring->cur) != read_once(&ring->tail))
			return 1;
	}
	return 0;
}

static int look(struct client *client, uint32_t events)
{
	static const struct poll_calls calls = { client_pending, client_sync, client_ready };

	if (!load_acquire(&client->registered))
		return POLLERR;
	return poll_look(&calls, client, client->port.flags, events);
}

/* For each ring of the events: raises or lowers what the daemon looks at before it signals. */
static void count_sleepers(struct client *client, uint32_t events, int raise)
{
	for (int d = RX; d <= TX; d++) {
		if (!(events & (d == TX ? POLLOUT : POLLIN)))
			continue;
		for (uint32_t i = 0; i < client_rings(client, d); i++) {
			struct csb *csb = csb_of(client->rings[d][i]);

			if (raise)
				__atomic_add_fetch(&csb->atok.appl_need_kick, 1, __ATOMIC_SEQ_CST);
			else
				client_leave_sleep(client, d, csb);
		}
	}
}

int daemon_event(void *descriptor, uint32_t event)
{
	struct client *client = descriptor;

	if (!load_acquire(&client->registered) || client_events(client) < 0)
		return -1;
	return client_event(client, event & POLLOUT ? TX : RX);
}

int daemon_sleep_begin(void *descriptor, uint32_t events)
{
	struct client *client = descriptor;
	int found;

	if (!load_acquire(&client->registered))
		return POLLERR;
	found = client_events(client);
	if (found < 0)
		return found;
	/* Counted first, then looked: whoever sends after the look sees us waiting. */
	count_sleepers(client, events, 1);
	found = look(client, events);
	if (found < 0)
		count_sleepers(client, events, 0);
	return found;
}

int daemon_sleep_end(void *descriptor, uint32_t events)
{
	struct client *client = descriptor;

	if (!load_acquire(&client->registered))
		return POLLERR;
	if (events & POLLIN)
		event_take(client_event(client, RX));
	if (events & POLLOUT)
		event_take(client_event(client, TX));
	count_sleepers(client, events, 0);
	return look(client, events);
}

/* Until a signal, or wake, or the time is up. -ECONNRESET: the daemon is gone. */
static int sleep_on_events(struct client *client, const struct sleeper *sleeper, uint32_t events,
			   int32_t timeout_ms)
{
	struct pollfd fds[4] = {
		{ .fd = client->socket },
		{ .fd = sleeper->waiter.event_fd, .events = POLLIN },
		{ .fd = events & POLLIN ? client_event(client, RX) : -1, .events = POLLIN },
		{ .fd = events & POLLOUT ? client_event(client, TX) : -1, .events = POLLIN },
	};

	if (lookup_poll(fds, 4, timeout_ms) <= 0)
		return 0;
	if (fds[0].revents & (POLLHUP | POLLERR))
		return -ECONNRESET;
	for (int i = 1; i < 4; i++)
		if (fds[i].revents & POLLIN)
			event_take(fds[i].fd);
	return 0;
}

int daemon_poll(void *descriptor, uint32_t events, int32_t timeout_ms)
{
	struct client *client = descriptor;
	int64_t end = now_ms() + timeout_ms;
	int found = look(client, events);
	struct sleeper sleeper;
	int rc;

	if (found || timeout_ms == 0)
		return found;
	rc = client_events(client);
	if (rc == 0)
		rc = lookup_wait_begin();
	if (rc < 0)
		return rc;
	rc = sleeper_enter(&client->sleepers, &sleeper);
	if (rc < 0) {
		lookup_wait_end();
		return rc;
	}
	count_sleepers(client, events, 1);
	while (rc == 0) {
		int32_t left = timeout_ms < 0 ? -1 : (int32_t)(end - now_ms());

		rc = look(client, events);
		if (rc || load_acquire(&sleeper.woken) || (timeout_ms >= 0 && left <= 0))
			break;
		rc = sleep_on_events(client, &sleeper, events, left);
	}
	count_sleepers(client, events, 0);
	sleeper_leave(&client->sleepers, &sleeper);
	lookup_wait_end();
	return rc;
}

void daemon_wake(void *descriptor)
{
	sleepers_wake(&((struct client *)descriptor)->sleepers);
}
