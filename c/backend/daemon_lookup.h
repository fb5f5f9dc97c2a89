/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lookups of this process on bridges of the daemon. The daemon puts a batch into a window; whoever
 * is at hand calls the function:
 *  - the thread that has set the lookup, while it waits for the daemon itself;
 *  - else a thread of ours, whose call the script's runtime hands to that thread's event loop.
 */
#ifndef VALET_DAEMON_LOOKUP_H
#define VALET_DAEMON_LOOKUP_H

#include "../uapi/valet_requests.h"
#include "daemon_client.h"

struct pollfd;

/*
 * Where windows are mapped. The addresses are never given back, so that a script's stale view of
 * one does not crash.
 */
struct place {
	struct lookup_window *window;
	uint32_t id;
	struct place *next; /* of the free ones */
};

/* Maps a window. NULL: no memory, or too many. */
struct place *place_take(int fd);
void place_give(struct place *place);

/* Ids of batches and regions in windows; those of the engine in this process are below. */
#define LOOKUP_ID_BASE 0x80000000u

/* LOOKUP_SET of a script's function; body->busy as in the engine. */
int lookup_set(struct client *client, const char *bridge, struct valet_req_lookup *body);
/* The lookups of this process with that function on the bridge. 1: somebody is still inside. */
int lookup_take_back(struct client *client, const char *bridge, uint64_t function);
/* After the bridge has been given another lookup: 1: somebody is still inside the old one. */
int lookup_retire(const struct client *client, const char *bridge);
void lookup_retire_client(const struct client *client);

/*
 * For a thread that is about to wait for the daemon: from here on the lookups that it has set are
 * its own to call. -EBUSY: one of them waits for the thread's event loop; then it must not wait.
 */
int lookup_wait_begin(void);
void lookup_wait_end(void);
/* In between: calls them if there is something to decide. For how many batches. */
uint32_t lookup_serve_mine(void);
/* poll() that calls them meanwhile. */
int lookup_poll(struct pollfd *fds, uint32_t count, int32_t timeout_ms);
/* Whether this thread is inside such a call. */
int lookup_is_inside(void);

/* For valet_batch_address() and valet_region_address(), with ids from LOOKUP_ID_BASE on. */
struct valet_packet *lookup_batch_address(uint32_t id);
int lookup_region_address(uint32_t id, uint64_t *out);

#endif
