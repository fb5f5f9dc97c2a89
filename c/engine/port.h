/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port: its rings, its region, and where it is attached. Everything here is changed under the
 * engine's control lock only; what the packets' path reads of it without the lock comes first.
 */
#ifndef VALET_PORT_H
#define VALET_PORT_H

#include <stdint.h>

#include "../uapi/netmap.h"
#include "../uapi/valet_requests.h"
#include "region.h"
#include "ring.h"

struct engine;
struct bridge;
struct hardware;
struct nic;

struct port {
	/* The packets' path: what it reads of a port is one cache line. */
	struct engine *engine __attribute__((aligned(LINE_BYTES)));
	struct ring *rings[2]; /* NULL until first opened */
	struct bridge *bridge; /* with acquire; NULL when not attached */
	uint32_t count[2]; /* rings, by direction */
	uint32_t index; /* on the bridge */
	enum valet_port_kind kind;
	uint32_t header_bytes; /* virtio-net header in front of each frame */
	uint32_t ended; /* what a monitor watched has been closed, or the interface is gone */
	uint64_t unopened_drops; /* packets for it before it had rings */

	char name[NETMAP_REQ_IFNAMSIZ]; /* "vale0:a", "vi0", "vale0:a{1" */
	uint32_t references; /* descriptors, views, the interface list, pipe ends, being attached */
	uint32_t opens; /* descriptors bound to it */
	int is_in_views; /* of a bridge: it is on it, or has left it and a sender may not know yet */
	struct port *next_gone; /* of those that have left it with the same view */
	struct port *next_named; /* on a bridge: in the same bucket of engine->named */
	struct region *region;
	uint32_t slots[2]; /* per ring, by direction */
	uint32_t host_count[2]; /* rings of the host's stack, behind those */
	uint32_t mtu; /* of an interface, in bytes; 0: it is none; the packets' path */
	int auto_delete; /* persistent, but made for a pipe: goes with its last pipe */

	struct port *parent, *other_end; /* of a pipe */
	char pipe_id[NETMAP_REQ_IFNAMSIZ]; /* of a pipe */
	uint32_t pipes; /* that have it as their parent */

	struct port *monitors; /* that watch it */
	uint32_t monitors_made; /* ever */
	struct port *watched; /* by a monitor; NULL when that has been closed */
	int zero_copy, watches[2]; /* of a monitor */
	uint32_t strip_bytes; /* of a monitor: headers of the watched port that it does not show */

	struct port *next; /* in the engine's list of its kind */

	struct hardware *hardware; /* of an interface that is opened by name */
	struct nic *nic; /* of a NIC that is attached; NULL once it is on its way out */
	uint32_t device; /* of it: as struct valet_req_port has it */
	struct port *other_side; /* of it: the host's, or that of the host's */
};

/* Its rings of a direction, those of the host's stack too. */
static inline uint32_t port_rings(const struct port *port, enum direction direction)
{
	return port->count[direction] + port->host_count[direction];
}

/* netmap lists a host ring in each direction also where there is none behind it. */
static inline uint32_t port_host_rings_listed(const struct port *port, enum direction direction)
{
	return port->host_count[direction] ? port->host_count[direction] : 1;
}

/*
 * What a new port shall look like; 0 is the default, too much is cut to netmap's limits, both
 * written back.
 */
struct port_shape {
	uint32_t count[2], slots[2];
	uint32_t extra_buffers;
	int no_pipes; /* its region needs no room for them */
};

#define PORT_RINGS_MAX 16
#define PORT_SLOTS_MAX 4096
#define PORT_SLOTS_DEFAULT 1024
#define PIPE_RINGS_MAX 256
#define PIPES_MAX 64

void port_shape_bound(struct port_shape *shape, uint32_t rings_max, uint32_t tx_slots_default,
		      uint32_t rx_slots_default);

/* Both with one reference, held by the caller. -ENOMEM. `region` NULL: a new one. */
int port_create(struct engine *engine, const char *name, enum valet_port_kind kind,
		const struct port_shape *shape, struct region *region, struct port **out);
void port_get(struct port *port);
void port_put(struct port *port);

/* Makes the rings, without buffers, if they are not there yet. -ENOMEM when the region is full. */
int port_rings_make(struct port *port);

/* Fills in counters and shape. */
void port_report(struct port *port, struct valet_req_port *out);

/* pipe.c: both ends at once. Each has one reference, held by the pair; the parent has one more. */
int pipe_create(struct port *parent, const char *id, const struct port_shape *shape,
		struct port **master);
/* Makes the rings of both ends; a receive ring has the buffers of the other end's transmit ring. */
int pipe_rings_make(struct port *port);
/* Nobody has either end open any more. Before one of them goes. */
void pipe_give_buffers(struct port *port);
/* null_port.c */
int null_sync(struct ring *ring);

int pipe_txsync(struct ring *ring);
int pipe_rxsync(struct ring *ring);

#endif
