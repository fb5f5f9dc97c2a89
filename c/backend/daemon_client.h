/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's client in parts: daemon.c connection and requests, daemon_sync.c, daemon_wait.c. */
#ifndef VALET_DAEMON_CLIENT_H
#define VALET_DAEMON_CLIENT_H

#include "../uapi/valet_csb.h"
#include "../wire.h"
#include "daemon.h"
#include "sleeper.h"
#include "sync_loop.h"

/*
 * What the daemon rings for a thread that sleeps, which has it for itself meanwhile. A fixed number
 * of them, taken and given back without a lock: a signal handler may come in between.
 */
struct bell {
	uint32_t state; /* enum bell_state */
	int fds[WIRE_EVENT_FDS];
	pthread_t sleeper; /* BELL_BEGUN */
	uint32_t begun; /* how often */
};

/* BEGUN: from daemon_sleep_begin() to daemon_sleep_end(), which may be nested in one thread. */
enum bell_state { BELL_NONE, BELL_CHANGING, BELL_READY, BELL_TAKEN, BELL_BEGUN };

enum { CLIENT_BELLS = 256 }; /* threads that sleep on one descriptor at the same time */

/* A descriptor. */
struct client {
	int socket;
	char instance[WIRE_INSTANCE_BYTES];
	pthread_mutex_t asking; /* one request at a time */
	uint32_t last_id;
	struct sleepers sleepers;
	struct sync_loop loop;
	uint32_t empty_looks; /* syncs that found nothing; any thread */

	/* Of the port; `registered` is set, with release, when they are. */
	uint32_t registered;
	struct wire_port port;
	int kick; /* eventfd that wakes the daemon */
	uint32_t has_events; /* how many bells are ready to be taken */
	uint32_t bell_limit; /* bells ever used are below it */
	struct bell bells[CLIENT_BELLS];
	uint8_t *memory;
	int is_file; /* others may cut it short: guard.h */
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
/*
 * For a sync loop: where one of the rings stands, and its sync with a head and cur given. As
 * ring_txsync(), -ECONNRESET also.
 */
void client_look_at(const struct client *client, enum direction direction, uint32_t index,
		    struct ring_pointers *out);
int client_sync_one(struct client *client, enum direction direction, uint32_t index,
		    struct ring_pointers *pointers);
/* All requests: those to the sync loop are executed here, the others by `control`. */
int client_loop_control(struct client *client, int (*control)(void *, struct nmreq_header *),
			struct nmreq_header *header);

/* Whether the daemon is still there. Said without asking it: 0 or -ECONNRESET. */
int client_check(const struct client *client);

int daemon_poll(void *descriptor, uint32_t events, int32_t timeout_ms);
void daemon_wake(void *descriptor);

/*
 * One request. Returns the bytes of the answer; *result is what the daemon says of it. Negative:
 * the connection failed.
 */
int client_ask(struct client *client, enum wire_type type, const struct wire_part *part,
	       void *answer, uint32_t size, int *fds, uint32_t *fd_count, int *result);

/* Has the daemon make one more bell. 0 or negative. */
int client_events(struct client *client);
/* One for this thread, until it gives it back. 0 or negative; -EMFILE also: too many sleep. */
int client_take_bell(struct client *client, struct bell **out);
void client_give_bell(struct client *client, struct bell *bell);
/* The one that this thread has begun to sleep with, or NULL. */
struct bell *client_my_bell(struct client *client);
/* From daemon_sleep_begin() on: take and give back, the innermost pair of several for nothing. */
int client_begin_bell(struct client *client, struct bell **out);
void client_end_bell(struct client *client, struct bell *bell);

/* The end that is readable when something is to be heard for the direction. */
static inline int bell_fd(const struct bell *bell, enum direction direction)
{
	return bell->fds[direction == TX ? WIRE_FD_EVENT_TX : WIRE_FD_EVENT_RX];
}

/* Empties it. */
void bell_silence(const struct bell *bell, enum direction direction);

/* For each ring of the events: raises or lowers what the daemon looks at before it signals. */
void client_count_sleepers(struct client *client, uint32_t events, int32_t change);

/* Rings bound in that direction. */
static inline uint32_t client_rings(const struct client *client, enum direction direction)
{
	return client->port.last[direction] - client->port.first[direction];
}

#endif
