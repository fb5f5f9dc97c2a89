/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap's CSB mode and its sync loop, for backends without the kernel: the requests, and the loop,
 * which runs in the thread that asks for it (SYNC_KLOOP_START) until another stops it.
 *
 * The application stores cur and head of each ring in an atok entry, the loop does the syncs and
 * stores hwcur and hwtail in a ktoa entry: struct nm_csb_atok, struct nm_csb_ktoa. With a pair of
 * eventfds for each ring either side can sleep: who goes to sleep raises its need_kick and looks
 * once more, who has something for it stores that and then looks at need_kick.
 *
 * Source: struct nmreq_opt_csb and sync_kloop in netmap(4) and net/netmap.h.
 */
#ifndef VALET_SYNC_LOOP_H
#define VALET_SYNC_LOOP_H

#include <pthread.h>

#include "../engine/ring.h"

/* File descriptors that are readable when a ring has something: one for each direction, or less. */
struct loop_sleep {
	int fds[2];
	void *state; /* the backend's */
};

/* What the loop needs of a backend. `index` counts the rings that are bound in the direction. */
struct sync_loop_calls {
	/* Any request but those to the loop. */
	int (*control)(void *descriptor, struct nmreq_header *header);
	int (*is_registered)(void *descriptor);
	uint32_t (*rings)(void *descriptor, enum direction direction);
	void (*look)(void *descriptor, enum direction direction, uint32_t index,
		     struct ring_pointers *out);
	int (*sync)(void *descriptor, enum direction direction, uint32_t index,
		    struct ring_pointers *pointers);
	/* For as long as the loop runs. 0 or negative. */
	int (*sleep_open)(void *descriptor, struct loop_sleep *sleep);
	void (*sleep_close)(void *descriptor, struct loop_sleep *sleep);
	/* Between the two, what comes into a ring makes the descriptors readable. */
	int (*sleep_begin)(void *descriptor, struct loop_sleep *sleep);
	void (*sleep_end)(void *descriptor, struct loop_sleep *sleep);
	/* Empties the descriptors that were readable. */
	void (*silence)(void *descriptor, struct loop_sleep *sleep);
};

/* Of one descriptor. */
struct sync_loop {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	uint32_t running, stopping; /* under the lock; `stopping` is also looked at without */
	int stop_fd; /* eventfd of the loop that runs */
	/* Of the application; set once it is in CSB mode. */
	struct nm_csb_atok *atok;
	struct nm_csb_ktoa *ktoa;
};

void sync_loop_init(struct sync_loop *loop);
void sync_loop_destroy(struct sync_loop *loop);

/* Any request: those to the loop are executed, START by running it, others handed on. */
int sync_loop_control(struct sync_loop *loop, const struct sync_loop_calls *calls, void *descriptor,
		      struct nmreq_header *header);

/* Has the loop end, if one runs or is about to, without waiting for it. */
void sync_loop_end(struct sync_loop *loop);

/* In CSB mode: no other syncs, no poll. */
static inline int sync_loop_has_csb(const struct sync_loop *loop)
{
	return load_acquire(&loop->atok) != NULL;
}

/* CSB_PLACE of an address of this process. */
uint64_t csb_place(uint64_t address);

/* ---- between sync_loop.c and sync_loop_rings.c ---- */

/* A ring that the loop serves. */
struct loop_ring {
	enum direction direction;
	uint32_t index;
	struct nm_csb_atok *atok;
	struct nm_csb_ktoa *ktoa;
	int kick_fd, irq_fd; /* eventfds: from and to the application; -1: none */
	int is_direct; /* synced when kicked, and then only */
	int sleeps; /* the loop sleeps between rounds, whatever happens: no kicks */
	uint32_t hwcur, hwtail; /* as last shown */
};

void loop_ring_init(struct loop_ring *ring, const struct sync_loop_calls *calls, void *descriptor);
/* Syncs until there is nothing to do. 1: something has been done; -ECONNRESET: the daemon is gone. */
int loop_ring_serve(struct loop_ring *ring, const struct sync_loop_calls *calls, void *descriptor);

#endif
