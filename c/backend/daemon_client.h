/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's client in parts: daemon.c connection and requests, daemon_sync.c, daemon_wait.c. */
#ifndef VALET_DAEMON_CLIENT_H
#define VALET_DAEMON_CLIENT_H

#include "../uapi/valet_csb.h"
#include "../wire.h"
#include "daemon.h"
#include "sleeper.h"

/* A descriptor. */
struct client {
	int socket;
	char instance[WIRE_INSTANCE_BYTES];
	pthread_mutex_t asking; /* one request at a time */
	uint32_t last_id;
	struct sleepers sleepers;
	uint32_t empty_looks; /* syncs that found nothing; any thread */

	/* Of the port; `registered` is set, with release, when they are. */
	uint32_t registered;
	struct wire_port port;
	int kick; /* eventfd that wakes the daemon */
	uint32_t has_events; /* with release, when they are there */
	int events[WIRE_EVENT_FDS];
	uint8_t *memory;
	struct netmap_ring **rings[2]; /* by direction, from port.first to port.last - 1 */
};

/* A connection to the daemon of this user, or why there is none. */
int daemon_connect(void);

/*
 * A question and its answer on a connection that nobody else uses meanwhile. Returns the bytes of
 * the answer, or negative.
 */
int daemon_exchange(int socket, struct wire_header *header, const struct wire_part *part,
		    void *answer, uint32_t size, int *fds, uint32_t *fd_count);

/* All bound rings of the direction; the descriptor is registered. As valet_txsync(). */
int client_sync(void *descriptor, enum direction direction);
/* One sleeper fewer at the ring. Those that are left may have missed a signal that it took. */
void client_leave_sleep(struct client *client, enum direction direction, struct csb *csb);

int daemon_poll(void *descriptor, uint32_t events, int32_t timeout_ms);
void daemon_wake(void *descriptor);

/*
 * One request. Returns the bytes of the answer; *result is what the daemon says of it. Negative:
 * the connection failed.
 */
int client_ask(struct client *client, enum wire_type type, const struct wire_part *part,
	       void *answer, uint32_t size, int *fds, uint32_t *fd_count, int *result);

/* Gets the eventfds to sleep on, if they are not there yet. 0 or negative. */
int client_events(struct client *client);

/* The one that is signalled for rings of the direction. */
static inline int client_event(const struct client *client, enum direction direction)
{
	return client->events[direction == TX ? WIRE_FD_EVENT_TX : WIRE_FD_EVENT_RX];
}

/* Rings bound in that direction. */
static inline uint32_t client_rings(const struct client *client, enum direction direction)
{
	return client->port.last[direction] - client->port.first[direction];
}

#endif
