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

	if (!load_acquire(&client->registered) || sync_loop_has_csb(&client->loop))
		return POLLERR;
	return poll_look(&calls, client, client->port.flags, events);
}

void client_count_sleepers(struct client *client, uint32_t events, int32_t change)
{
	for (int d = RX; d <= TX; d++) {
		if (!(events & (d == TX ? POLLOUT : POLLIN)))
			continue;
		for (uint32_t i = 0; i < client_rings(client, d); i++)
			__atomic_add_fetch(&csb_of(client->rings[d][i])->atok.appl_need_kick,
					   (uint32_t)change, __ATOMIC_SEQ_CST);
	}
}

static void silence(const struct bell *bell, uint32_t events)
{
	if (events & POLLIN)
		bell_silence(bell, RX);
	if (events & POLLOUT)
		bell_silence(bell, TX);
}

int daemon_event(void *descriptor, uint32_t event)
{
	struct bell *bell = client_my_bell(descriptor);

	return bell ? bell_fd(bell, event & POLLOUT ? TX : RX) : -1;
}

int daemon_sleep_begin(void *descriptor, uint32_t events)
{
	struct client *client = descriptor;
	struct bell *bell;
	int found;

	if (!load_acquire(&client->registered))
		return POLLERR;
	found = client_begin_bell(client, &bell);
	if (found < 0)
		return found;
	/* Counted first, then looked: whoever sends after the look sees us waiting. */
	client_count_sleepers(client, events, 1);
	found = look(client, events);
	if (found < 0) {
		client_count_sleepers(client, events, -1);
		client_end_bell(client, bell);
	}
	return found;
}

int daemon_sleep_end(void *descriptor, uint32_t events)
{
	struct client *client = descriptor;
	struct bell *bell = client_my_bell(client);

	if (!bell)
		return POLLERR;
	client_count_sleepers(client, events, -1);
	client_end_bell(client, bell);
	return look(client, events);
}

/* Until a signal, or wake, or the time is up. -ECONNRESET: the daemon is gone. */
static int sleep_on_bell(struct client *client, const struct sleeper *sleeper,
			 const struct bell *bell, uint32_t events, int32_t timeout_ms)
{
	struct pollfd fds[4] = {
		{ .fd = client->socket },
		{ .fd = sleeper->waiter.event_fd, .events = POLLIN },
		{ .fd = events & POLLIN ? bell_fd(bell, RX) : -1, .events = POLLIN },
		{ .fd = events & POLLOUT ? bell_fd(bell, TX) : -1, .events = POLLIN },
	};

	if (lookup_poll(fds, 4, timeout_ms) <= 0)
		return 0;
	if (fds[0].revents & (POLLHUP | POLLERR))
		return -ECONNRESET;
	if (fds[1].revents)
		event_take(fds[1].fd);
	silence(bell, (fds[2].revents ? POLLIN : 0) | (fds[3].revents ? POLLOUT : 0));
	return 0;
}

static int sleep_until_ready(struct client *client, const struct sleeper *sleeper,
			     const struct bell *bell, uint32_t events, int32_t timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	int rc = 0;

	client_count_sleepers(client, events, 1);
	while (rc == 0) {
		int32_t left = timeout_ms < 0 ? -1 : (int32_t)(end - now_ms());

		rc = look(client, events);
		if (rc || load_acquire(&sleeper->woken) || (timeout_ms >= 0 && left <= 0))
			break;
		rc = sleep_on_bell(client, sleeper, bell, events, left);
	}
	client_count_sleepers(client, events, -1);
	return rc;
}

int daemon_poll(void *descriptor, uint32_t events, int32_t timeout_ms)
{
	struct client *client = descriptor;
	int found = look(client, events);
	struct sleeper sleeper;
	struct bell *bell;
	int rc;

	if (found || timeout_ms == 0)
		return found;
	rc = client_take_bell(client, &bell);
	if (rc < 0)
		return rc;
	rc = lookup_wait_begin();
	if (rc < 0)
		goto give_bell;
	rc = sleeper_enter(&client->sleepers, &sleeper);
	if (rc == 0) {
		rc = sleep_until_ready(client, &sleeper, bell, events, timeout_ms);
		sleeper_leave(&client->sleepers, &sleeper);
	}
	lookup_wait_end();
give_bell:
	client_give_bell(client, bell);
	return rc;
}

void daemon_wake(void *descriptor)
{
	sleepers_wake(&((struct client *)descriptor)->sleepers);
}
