/* SPDX-License-Identifier: BSD-2-Clause */
#include "nic.h"

#include <stdio.h>
#include <string.h>

#include "buffers.h"
#include "monitor.h"

/* Network stacks send in bursts, and take the sender's retransmissions for a loss of capacity. */
enum { NIC_SLOTS_DEFAULT = 2 * PORT_SLOTS_DEFAULT };

/*
 * As if the host's threads were a descriptor with all rings. What they forward lies in no slot, so
 * the transmit rings have no buffers.
 */
static int open_rings(struct port *port)
{
	for (uint32_t i = 0; i < port->count[RX]; i++) {
		struct ring *ring = &port->rings[RX][i];
		int rc = ring_take_buffers(ring);

		if (rc < 0)
			return rc;
		ring_reset(ring, ring->own);
	}
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = 0; i < port->count[d]; i++)
			write_once(&port->rings[d][i].opens, 1);
	return 0;
}

static void close_rings(struct port *port)
{
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = 0; i < port->count[d]; i++)
			write_once(&port->rings[d][i].opens, 0);
}

/* Nobody uses it any more. */
static void port_release(struct port *port)
{
	port->engine->nics--;
	port_put(port);
}

static int side_add(struct bridge *bridge, const char *name, struct nic *nic, enum nic_side side,
		    const struct nic_shape *made, const struct port_shape *shape, struct port **out)
{
	struct port *port;
	int rc = port_create(bridge->engine, name, VALET_PORT_NIC, shape, NULL, &port);

	if (rc < 0)
		return rc;
	bridge->engine->nics++;
	port->nic = nic;
	port->header_bytes = made->header_bytes[side];
	port->device = made->device[side];
	rc = port_rings_make(port);
	if (rc == 0)
		rc = open_rings(port);
	if (rc == 0)
		rc = bridge_add(bridge, port);
	if (rc < 0) {
		port_release(port);
		return rc;
	}
	*out = port;
	return 0;
}

static void side_remove(struct port *port)
{
	port->nic = NULL;
	close_rings(port);
	monitors_end(port);
	bridge_remove(port);
}

static int sides_add(struct engine *engine, const struct nic_request *request, const char *bridge,
		     struct nic *nic, const struct nic_shape *made, struct port_shape *shape,
		     struct port **ports)
{
	char host_name[NETMAP_IFNAMSIZ + 1];
	struct bridge *on;
	int rc = bridge_find_or_make(engine, bridge, &on);

	shape->count[RX] = shape->count[TX] = made->rings;
	port_shape_bound(shape, PORT_RINGS_MAX, NIC_SLOTS_DEFAULT, NIC_SLOTS_DEFAULT);
	if (rc == 0)
		rc = side_add(on, request->name, nic, NIC_INTERFACE, made, shape,
			      &ports[NIC_INTERFACE]);
	if (rc < 0 || !request->host_side)
		return rc;
	snprintf(host_name, sizeof(host_name), "%s^", request->name);
	shape->count[RX] = shape->count[TX] = 1;
	rc = side_add(on, host_name, nic, NIC_HOST, made, shape, &ports[NIC_HOST]);
	if (rc < 0)
		return rc;
	ports[NIC_INTERFACE]->other_side = ports[NIC_HOST];
	ports[NIC_HOST]->other_side = ports[NIC_INTERFACE];
	return 0;
}

static int request_read(const struct descriptor *descriptor, const struct port_path *path,
			const struct nmreq_header *header, struct nic_request *out)
{
	const struct valet_req_attach *more = request_body(header);
	const struct nmreq_register *reg = &more->attach.reg;

	*out = (struct nic_request){
		.pid = descriptor->pid,
		.rings = reg->nr_rx_rings > reg->nr_tx_rings ? reg->nr_rx_rings : reg->nr_tx_rings,
		.host_side = reg->nr_mode == NR_REG_NIC_SW,
	};
	if (strlen(path->port) >= sizeof(out->name))
		return -EINVAL;
	strcpy(out->name, path->port);
	if (header->nr_reqtype != VALET_REQ_ATTACH)
		return 0;
	if (more->device >= VALET_DEVICES)
		return -EINVAL;
	out->device = more->device;
	memcpy(out->netns, more->netns, sizeof(out->netns) - 1);
	memcpy(out->socket, more->socket, sizeof(out->socket) - 1);
	memcpy(out->peer, more->peer, sizeof(out->peer) - 1);
	return 0;
}

int nic_is_socket(const struct nmreq_header *header)
{
	const struct valet_req_attach *body = request_body(header);

	return header->nr_reqtype == VALET_REQ_ATTACH && (body->device == VALET_DEVICE_STREAM ||
							   body->device == VALET_DEVICE_DGRAM);
}

int nic_attach(struct descriptor *descriptor, const struct port_path *path,
	       struct nmreq_header *header)
{
	const struct nic_host *host = descriptor->engine->host->nics;
	struct nmreq_vale_attach *body = request_body(header);
	struct port_shape shape = { .slots = { body->reg.nr_rx_slots, body->reg.nr_tx_slots } };
	struct port *ports[NIC_SIDES] = { NULL };
	struct nic_request request;
	struct nic *nic;
	struct nic_shape made;
	int rc = request_read(descriptor, path, header, &request);

	if (rc == 0)
		rc = host ? host->open(&request, &nic, &made) : -ENODEV;
	if (rc < 0)
		return rc == -ENODEV ? -EINVAL : rc; /* as the kernel says that there is none */
	rc = sides_add(descriptor->engine, &request, path->bridge, nic, &made, &shape,
		       ports);
	if (rc == 0)
		rc = host->start(nic, ports);
	if (rc == 0) {
		body->port_index = ports[NIC_INTERFACE]->index;
		return 0;
	}
	host->stop(nic);
	for (int side = 0; side < NIC_SIDES; side++) {
		if (ports[side]) {
			side_remove(ports[side]);
			port_release(ports[side]);
		}
	}
	return rc;
}

/* Takes it off the bridge, whatever its threads are at. */
static void detach(struct port *port)
{
	struct port *ports[NIC_SIDES] = { port, port->other_side };
	const struct nic_host *host = port->engine->host->nics;
	struct nic *nic = port->nic;

	for (int side = 0; side < NIC_SIDES; side++)
		if (ports[side])
			side_remove(ports[side]);
	if (host->stop(nic))
		return;
	for (int side = 0; side < NIC_SIDES; side++)
		if (ports[side])
			port_release(ports[side]);
}

static int is_host_side(const struct port *port)
{
	return port->name[strlen(port->name) - 1] == '^';
}

int nic_detach(struct port *port, uint32_t *index)
{
	if (is_host_side(port))
		return -EINVAL;
	*index = port->index;
	detach(port);
	return 0;
}

static struct port *nic_find(const struct engine *engine)
{
	for (uint32_t b = 0; b < engine->bridge_limit; b++) {
		const struct bridge_view *view = engine->bridges[b].view;

		for (uint32_t i = 0; view && i < view->count; i++)
			if (view->ports[i]->nic && !is_host_side(view->ports[i]))
				return view->ports[i];
	}
	return NULL;
}

void nics_detach(struct engine *engine)
{
	struct port *port;

	while ((port = nic_find(engine)))
		detach(port);
}

int nic_polling(struct port *port, const struct nmreq_vale_polling *polling)
{
	if (!port->nic)
		return -EOPNOTSUPP;
	return port->engine->host->nics->poll(port->nic, polling);
}

int nic_gone(struct port *port)
{
	struct engine *engine = port->engine;
	struct port *ports[NIC_SIDES] = { port, port->other_side };

	if (pthread_mutex_trylock(&engine->control))
		return -EBUSY;
	if (!port->nic) { /* stop() is about to be called */
		pthread_mutex_unlock(&engine->control);
		return -EBUSY;
	}
	for (int side = 0; side < NIC_SIDES; side++) {
		if (ports[side]) {
			side_remove(ports[side]);
			port_release(ports[side]);
		}
	}
	pthread_mutex_unlock(&engine->control);
	return 0;
}

void nic_released(struct port *port)
{
	struct engine *engine = port->engine;

	pthread_mutex_lock(&engine->control);
	port_release(port);
	pthread_mutex_unlock(&engine->control);
}
