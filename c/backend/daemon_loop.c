/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sync loop of the daemon's client. It runs in the client, where the application's memory and
 * eventfds are, and syncs through the rings as any thread of the application does.
 */
#include <poll.h>

#include "daemon_client.h"

static int loop_is_registered(void *descriptor)
{
	return load_acquire(&((struct client *)descriptor)->registered) != 0;
}

static uint32_t loop_rings(void *descriptor, enum direction direction)
{
	return client_rings(descriptor, direction);
}

static void loop_look(void *descriptor, enum direction direction, uint32_t index,
		      struct ring_pointers *out)
{
	client_look_at(descriptor, direction, index, out);
	out->head = out->cur = out->hwcur;
}

static int loop_sync(void *descriptor, enum direction direction, uint32_t index,
		     struct ring_pointers *pointers)
{
	return client_sync_one(descriptor, direction, index, pointers);
}

static int loop_sleep_open(void *descriptor, struct loop_sleep *sleep)
{
	struct bell *bell;
	int rc = client_take_bell(descriptor, &bell);

	if (rc < 0)
		return rc;
	for (int d = RX; d <= TX; d++)
		sleep->fds[d] = bell_fd(bell, (enum direction)d);
	sleep->state = bell;
	return 0;
}

static void loop_sleep_close(void *descriptor, struct loop_sleep *sleep)
{
	client_give_bell(descriptor, sleep->state);
}

static int loop_sleep_begin(void *descriptor, struct loop_sleep *sleep)
{
	int rc = client_check(descriptor);

	(void)sleep;
	if (rc == 0)
		client_count_sleepers(descriptor, POLLIN | POLLOUT, 1);
	return rc;
}

static void loop_sleep_end(void *descriptor, struct loop_sleep *sleep)
{
	(void)sleep;
	client_count_sleepers(descriptor, POLLIN | POLLOUT, -1);
}

static void loop_silence(void *descriptor, struct loop_sleep *sleep)
{
	(void)descriptor;
	bell_silence(sleep->state, RX);
	bell_silence(sleep->state, TX);
}

int client_loop_control(struct client *client, int (*control)(void *, struct nmreq_header *),
			struct nmreq_header *header)
{
	const struct sync_loop_calls calls = {
		.control = control,
		.is_registered = loop_is_registered,
		.rings = loop_rings,
		.look = loop_look,
		.sync = loop_sync,
		.sleep_open = loop_sleep_open,
		.sleep_close = loop_sleep_close,
		.sleep_begin = loop_sleep_begin,
		.sleep_end = loop_sleep_end,
		.silence = loop_silence,
	};

	return sync_loop_control(&client->loop, &calls, client, header);
}
