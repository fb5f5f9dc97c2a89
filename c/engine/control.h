/* SPDX-License-Identifier: BSD-2-Clause */
/* Netmap's control requests, executed on an engine. All under its control lock. */
#ifndef VALET_CONTROL_H
#define VALET_CONTROL_H

#include "engine.h"
#include "../uapi/valet_requests.h"

/* A port's name taken apart. */
struct port_path {
	char bridge[NM_BDG_IFNAMSIZ]; /* "vale0"; empty: a network interface */
	char port[NETMAP_REQ_IFNAMSIZ]; /* what follows the ':', or the interface */
	char base[NETMAP_REQ_IFNAMSIZ]; /* the name without the pipe */
	char pipe; /* '{', '}' or 0 */
	char pipe_id[NETMAP_REQ_IFNAMSIZ];
};

/* -EINVAL for a bad pipe, -ENOMEM for a bad VALE name, as the kernel answers. */
int port_path_parse(const char *name, struct port_path *out);
/* The same for a name that must be a bridge or a port of one. -EINVAL without "vale" in front. */
int vale_path_parse(const char *name, struct port_path *out);

/*
 * The port of that name. With a shape, one that does not exist is made, where opening makes it. The
 * caller gets no reference: port_drop_unused() when it does not keep the port open.
 */
int port_find(const struct descriptor *asking, const char *name, struct port_shape *shape,
	      uint16_t mem_id, struct port **out);
/* The same, in a region (NULL: one of its own) if it is made. */
int port_find_in(const struct descriptor *asking, const char *name, struct port_shape *shape,
		 struct region *region, struct port **out);
/* Removes a port that exists only while it is open, and isn't. */
void port_drop_unused(struct port *port);
/* A port on a bridge by what follows the ':'. */
struct port *bridge_port_find(struct bridge *bridge, const char *name);
struct port *interface_find(struct engine *engine, const char *name);
/* A persistent port in the engine's list, which holds its reference. */
int interface_create(struct engine *engine, const char *name, struct port_shape *shape,
		     struct region *region, struct port **out);

/* null_port.c. -EINVAL without a region. */
int null_port_create(struct engine *engine, const char *name, const struct port_shape *shape,
		     struct region *region, struct port **out);

int control_request(struct descriptor *descriptor, struct nmreq_header *header);

/* register.c */
int control_register(struct descriptor *descriptor, struct nmreq_header *header);
void control_unregister(struct descriptor *descriptor);

/* bridge_requests.c: attach, detach, list, and valet's own requests */
int control_attach(struct descriptor *descriptor, struct nmreq_header *header);
int control_detach(struct descriptor *descriptor, struct nmreq_header *header);
int control_list(struct engine *engine, struct nmreq_header *header);
/* "vale0" or "vale0:". -ENXIO: no such bridge; -EACCES: it is exclusive; else as bridge_set_lookup(). */
int control_set_lookup(struct descriptor *descriptor, const char *name,
		       const struct lookup *lookup);
/* exclusive.c: `bridge` is the one that the header names, or NULL */
int control_exclusive(struct descriptor *descriptor, struct nmreq_header *header,
		      struct bridge *bridge);
/* Whether the descriptor may change the bridge. */
int bridge_admits(const struct bridge *bridge, const struct descriptor *descriptor);
int control_valet(struct descriptor *descriptor, struct nmreq_header *header);

static inline void *request_body(const struct nmreq_header *header)
{
	return (void *)(uintptr_t)header->nr_body;
}

#endif
