/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine: netmap and VALE in user space. One engine is what one loaded netmap module is to its
 * kernel.
 *
 * Control (opening, closing, requests) is serialised by one lock. The packets' path
 * (descriptor_txsync, descriptor_rxsync) takes it never.
 */
#ifndef VALET_ENGINE_H
#define VALET_ENGINE_H

#include <pthread.h>
#include <stdint.h>

#include "../uapi/netmap.h"
#include "bridge.h"
#include "host.h"
#include "memory.h"
#include "port.h"
#include "region.h"

#define ENGINE_NAME_BYTES 32
#define PORT_NAMES 1024

struct engine {
	char name[ENGINE_NAME_BYTES];
	const struct engine_host *host;
	pthread_mutex_t control;
	pthread_cond_t config_changed; /* for those who wait by config_waits() */
	uint32_t config_tickets;
	uint32_t descriptors; /* open */
	struct memory_parameters parameters;
	struct region *global; /* region 1; NULL: nobody has asked for it yet */
	struct region *regions; /* the others, newest first */
	struct region *region[UINT16_MAX + 1]; /* the same by mem_id */
	struct port *interfaces; /* persistent ports */
	struct port *pipes; /* masters */
	struct port *hardware; /* interfaces of the system that are open by name, or have pipes */
	struct port *named[PORT_NAMES]; /* those on bridges, by a hash of what follows the ':' */
	uint32_t nics; /* ports that threads of the host may still use */
	uint32_t bridge_limit; /* bridges ever used are below it */
	struct bridge bridges[BRIDGES_MAX];
};

/* An open("/dev/netmap"). The rings bound to it are first[d] to last[d] - 1. */
struct descriptor {
	/* What syncs read: one cache line, where its host has aligned it. */
	struct engine *engine __attribute__((aligned(LINE_BYTES)));
	struct port *port; /* NULL before REGISTER; set once */
	struct ring *rings[2]; /* the first of each direction, as `first` says */
	uint32_t first[2], last[2];
	uint32_t csb_mode; /* a sync loop does the syncs: see csb_mode.h */

	uint64_t *tokens; /* of exclusive bridges, that it has presented */
	uint32_t token_count;
	uint64_t if_offset; /* of its netmap_if in the region */
	uint64_t flags; /* NR_* */
	int memory_fd; /* file of the request's EXTMEM option, from another process; -1: none */
	uint32_t pid; /* of the process that has it; 0: this one. The host's to set */
	const struct valet_opt_interface *interface; /* of its REGISTER in progress; or NULL */
	uint32_t extras; /* buffers handed out with it */
	struct shortage shortage; /* why its last REGISTER failed with ENOMEM */
};

/* NULL: no memory. */
struct engine *engine_create(const char *name, const struct engine_host *host);
/* Nothing open and nothing persistent on it any more; caller keeps others from opening. */
int engine_idle(struct engine *engine);
void engine_destroy(struct engine *engine);
/* Takes those off their bridges and away that nobody has open; exclusive bridges too. */
void engine_remove_interfaces(struct engine *engine);
/* How many persistent interfaces and exclusive bridges it has. */
uint32_t engine_interfaces(struct engine *engine);

void descriptor_open(struct engine *engine, struct descriptor *descriptor);
void descriptor_close(struct descriptor *descriptor);
/* NIOCCTRL. */
int descriptor_control(struct descriptor *descriptor, struct nmreq_header *header);
/* As LOOKUP_SET, with the whole of a lookup. 1: somebody may still be inside the one before. */
int descriptor_set_lookup(struct descriptor *descriptor, const char *bridge,
			  const struct lookup *lookup);
/*
 * All bound rings of the direction. -ENXIO before REGISTER; -EBUSY in CSB mode; else as
 * ring_txsync().
 */
int descriptor_sync(struct descriptor *descriptor, enum direction direction);
/* Whether a transmit ring has something to sync. */
int descriptor_pending(struct descriptor *descriptor);
/* Whether poll() would call a bound ring of the direction ready, as things stand in its ring. */
int descriptor_ready(struct descriptor *descriptor, enum direction direction);

/* For the rest of the engine, under the control lock. */

/* bridge_reclaim() of all bridges. */
uint32_t engine_reclaim(struct engine *engine);

#endif
