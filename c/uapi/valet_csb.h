/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a daemon and the application meet at a ring: in its `sem`, which netmap leaves to the
 * application. The two halves are netmap's struct nm_csb_atok and nm_csb_ktoa, with words of ours
 * in their padding. Either side may find anything in what the other writes.
 */
#ifndef VALET_CSB_H
#define VALET_CSB_H

#include <stdint.h>

#include "netmap_memory.h"

struct csb_atok { /* written by the application */
	/* Receive rings on a bridge: slots before head are given back. Else: go with `request`. */
	uint32_t head, cur;
	uint32_t appl_need_kick; /* how many sleep until the ring has something */
	uint32_t sync_flags;
	uint32_t request; /* raised to have the ring synced */
	uint32_t lock; /* among the threads and processes of the application */
	uint32_t pad[10];
};

struct csb_ktoa { /* written by the daemon */
	uint32_t hwcur, hwtail;
	uint32_t kern_need_kick; /* the daemon sleeps: a request takes a kick */
	uint32_t done; /* the `request` that was served last */
	int32_t result; /* of that sync: 0, 1 or negative, see valet_txsync() */
	/* Receive rings on a bridge: enum csb_by_request, when the daemon wants to hear of a sync. */
	uint32_t by_request;
	uint32_t pad[10];
};

enum csb_by_request {
	CSB_RELEASES = 1, /* of each that gives slots back: somebody watches them */
	CSB_ALWAYS = 2, /* of each: it fails */
	CSB_FORWARDS = 4, /* of each that gives slots back with NR_FORWARD set */
};

struct csb {
	struct csb_atok atok;
	struct csb_ktoa ktoa;
};

_Static_assert(sizeof(struct csb_atok) == sizeof(struct nm_csb_atok), "");
_Static_assert(sizeof(struct csb_ktoa) == sizeof(struct nm_csb_ktoa), "");
_Static_assert(sizeof(struct csb) == sizeof(((struct netmap_ring *)0)->sem), "");

static inline struct csb *csb_of(struct netmap_ring *shared)
{
	return (struct csb *)(void *)shared->sem;
}

#endif
