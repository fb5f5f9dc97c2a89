/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bridge: ports, a learning table, a lookup.
 *
 * The packets' path takes no lock on it. What it needs of the bridge is a view, an immutable
 * snapshot that is replaced as a whole when a port comes or goes or the lookup changes. A sender
 * names the view that it works with in its batch; a replaced view is freed when no batch names it, and
 * a port that has left when the views are gone that have it. So control never waits for packets (a lookup in
 * a script may itself be waiting for the thread that calls control), and packets never wait for
 * control.
 */
#ifndef VALET_BRIDGE_H
#define VALET_BRIDGE_H

#include <stdint.h>

#include "../uapi/netmap.h"
#include "../uapi/valet_requests.h"
#include "batch.h"
#include "port.h"
#include "table.h"
#include "thread_life.h"

/* Port indices are below this; 254 and 255 are never given. */
#define BRIDGE_PORTS_MAX 4352
#define BRIDGES_MAX 256

struct config_message;
struct descriptor;

struct lookup {
	enum valet_lookup_kind kind;
	valet_lookup_function function; /* NATIVE */
	valet_lookup_script script; /* SCRIPT */
	void *context;
	struct thread_life
		*thread; /* SCRIPT: the one that the function lives and dies with; or NULL */
	int is_remote; /* SCRIPT: in another process, which `function` asks; -ESTALE: it is gone */
};

struct bridge_view {
	struct bridge *bridge;
	struct bridge_view *next; /* of those that were replaced, the one before it */
	struct port *gone; /* ports that have left: no later view has them, by next_gone */
	struct lookup lookup;
	uint32_t limit; /* indices are below it */
	uint32_t count; /* ports */
	struct port **port; /* by index, NULL where there is none */
	struct port *ports[]; /* the same without gaps, ascending */
};

struct bridge {
	struct engine *engine;
	char name[NM_BDG_IFNAMSIZ]; /* without the ':'; empty: not in use */
	struct bridge_view *view; /* the packets' path; NULL when not in use */
	struct bridge_view *replaced;
	const struct descriptor *config_server; /* who gets NIOCCONFIG; NULL: nobody */
	struct config_message *config_messages;
	struct table table;
	uint64_t token; /* exclusive: only who has it changes it, and it stays without ports; else 0 */
	uint32_t count; /* ports */
	uint32_t indices; /* handed out at least once: 0 to this - 1 */
	uint16_t *free_index; /* given back, the last one on top */
	uint32_t free_count;
};

/* Control, under the engine's control lock. */

/* Enters a port where bridge_port_find() looks, and takes it out: bridge_add(), bridge_remove(). */
void port_names_add(struct engine *engine, struct port *port);
void port_names_remove(struct engine *engine, struct port *port);
/* The bridge of that name, or NULL. */
struct bridge *bridge_find(struct engine *engine, const char *name);
/* The same, made if need be. -ENOMEM: no more bridges. */
int bridge_find_or_make(struct engine *engine, const char *name, struct bridge **out);
/*
 * Puts a port on it and takes a reference; the index is in the port. -ENOMEM: no index left;
 * -EBUSY: a sender is still in a lookup from before the port left its last bridge.
 */
int bridge_add(struct bridge *bridge, struct port *port);
/* Takes it off. The bridge goes with its last port. */
void bridge_remove(struct port *port);
/* Makes it exclusive: it stays when its last port has left, until it is let go. -ENOMEM. */
int bridge_keep(struct bridge *bridge, uint64_t token);
void bridge_let_go(struct bridge *bridge);
/*
 * 1: another thread may still be inside the lookup that was there before. Negative: nothing
 * changed.
 */
int bridge_set_lookup(struct bridge *bridge, const struct lookup *lookup);
/* Frees what senders no longer look at. Returns how many replaced views are left. */
uint32_t bridge_reclaim(struct bridge *bridge);
uint32_t bridge_number(const struct bridge *bridge);

/* The lookup that decides; learning where what it needs is gone. */
static inline enum valet_lookup_kind view_lookup_kind(const struct bridge_view *view)
{
	const struct lookup *lookup = &view->lookup;

	if (lookup->thread && load_acquire(&lookup->thread->ended))
		return VALET_LOOKUP_LEARNING;
	return lookup->kind;
}

/* The packets' path. */

/* -EDEADLK: this thread is inside a forward, that is, in a lookup; -ENOMEM: for its first one. */
int bridge_forward_allowed(void);
/*
 * Forwards the slots from hwcur to head - 1. Caller holds ring->busy and has asked whether it may.
 * 0 or -ECANCELED.
 */
int bridge_forward(struct ring *ring, uint32_t head);
/*
 * The same for frames that lie in no slot: whole ones, with the port's virtio-net header in front,
 * which are cut into fragments of the size of the ring's buffers. Takes `busy` itself; the caller
 * has asked whether it may. Forwards one batch; returns how many frames that were.
 */
uint32_t bridge_forward_frames(struct ring *ring, const struct fragment *frames, uint32_t count);

#endif
