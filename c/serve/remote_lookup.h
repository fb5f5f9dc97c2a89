/* SPDX-License-Identifier: BSD-2-Clause */
/* Lookups in another process, as lookups of a bridge. */
#ifndef VALET_REMOTE_LOOKUP_H
#define VALET_REMOTE_LOOKUP_H

#include "server.h"

struct remote_lookup;

/* With one reference, the caller's: remote_lookup_enter() takes it over, or it is dropped. */
int remote_lookup_make(struct remote_lookup **out);
void remote_lookup_drop(struct remote_lookup *remote);
/* WIRE_LOOKUP_FDS descriptors for the client, until they have been handed over. */
const int *remote_lookup_fds(const struct remote_lookup *remote);
void remote_lookup_handed_over(struct remote_lookup *remote);
/* For bridge_set_lookup(). Views of the bridge hold it as long as they are in use. */
struct lookup remote_lookup_as_lookup(struct remote_lookup *remote);

/* The list of those that a client has set. When it goes, bridges fall back to learning. */
void remote_lookup_enter(struct remote_lookup **list, struct remote_lookup *remote);
/* Lets go of those that the client has done with. How many are left. */
uint32_t remote_lookups_prune(struct remote_lookup **list);
void remote_lookups_end(struct remote_lookup **list);

#endif
