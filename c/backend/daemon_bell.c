/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What wakes a thread that sleeps. Each has its own: of two that shared one, the first to wake
 * would take the other's signal away.
 */
#include <errno.h>
#include <unistd.h>

#include "daemon_client.h"

static int change(struct bell *bell, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&bell->state, &from, to, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* One of that state, which this thread then owns. */
static struct bell *find(struct client *client, enum bell_state from, uint32_t limit,
			 enum bell_state to)
{
	for (uint32_t i = 0; i < limit; i++)
		if (read_once(&client->bells[i].state) == from &&
		    change(&client->bells[i], from, to))
			return &client->bells[i];
	return NULL;
}

static void raise_limit(struct client *client, uint32_t limit)
{
	uint32_t before = load_acquire(&client->bell_limit);

	while (before < limit &&
	       !__atomic_compare_exchange_n(&client->bell_limit, &before, limit, 0,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		continue;
}

int client_events(struct client *client)
{
	struct bell *bell = find(client, BELL_NONE, CLIENT_BELLS, BELL_CHANGING);
	uint32_t fd_count = WIRE_EVENT_FDS;
	int rc, result;

	if (!bell)
		return -EMFILE;
	raise_limit(client, (uint32_t)(bell - client->bells) + 1);
	rc = client_ask(client, WIRE_EVENTS, NULL, NULL, 0, bell->fds, &fd_count, &result);
	if (rc >= 0)
		rc = result < 0 ? result : fd_count == WIRE_EVENT_FDS ? 0 : -EMFILE;
	if (rc < 0) {
		wire_close_fds(bell->fds, &fd_count);
		store_release(&bell->state, BELL_NONE);
		return rc;
	}
	client_give_bell(client, bell);
	return 0;
}

int client_take_bell(struct client *client, struct bell **out)
{
	int rc = 0;

	while (!(*out = find(client, BELL_READY, load_acquire(&client->bell_limit), BELL_TAKEN)) &&
	       rc == 0)
		rc = client_events(client);
	if (!*out)
		return rc;
	__atomic_sub_fetch(&client->has_events, 1, __ATOMIC_ACQ_REL);
	return 0;
}

void client_give_bell(struct client *client, struct bell *bell)
{
	__atomic_add_fetch(&client->has_events, 1, __ATOMIC_ACQ_REL);
	store_release(&bell->state, BELL_READY);
}

struct bell *client_my_bell(struct client *client)
{
	uint32_t limit = load_acquire(&client->bell_limit);

	for (uint32_t i = 0; i < limit; i++) {
		struct bell *bell = &client->bells[i];

		if (load_acquire(&bell->state) == BELL_BEGUN &&
		    pthread_equal(bell->sleeper, pthread_self()))
			return bell;
	}
	return NULL;
}

/* A signal handler may come in anywhere here, and begin and end to sleep on its own. */
int client_begin_bell(struct client *client, struct bell **out)
{
	int rc;

	*out = client_my_bell(client);
	if (*out) {
		(*out)->begun++;
		return 0;
	}
	rc = client_take_bell(client, out);
	if (rc < 0)
		return rc;
	(*out)->sleeper = pthread_self();
	(*out)->begun = 1;
	store_release(&(*out)->state, BELL_BEGUN);
	return 0;
}

void client_end_bell(struct client *client, struct bell *bell)
{
	if (bell->begun > 1) {
		bell->begun--; /* whoever is outside hears it still */
		return;
	}
	store_release(&bell->state, BELL_CHANGING);
	for (int d = RX; d <= TX; d++)
		bell_silence(bell, d);
	client_give_bell(client, bell);
}

void bell_silence(const struct bell *bell, enum direction direction)
{
	char bytes[256];

	while (read(bell_fd(bell, direction), bytes, sizeof(bytes)) == sizeof(bytes))
		continue;
}
