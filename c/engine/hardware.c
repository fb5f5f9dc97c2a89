/* SPDX-License-Identifier: BSD-2-Clause */
#include "hardware.h"

#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "csb.h"
#include "deliver.h"
#include "gather.h"
#include "monitor.h"

static const struct nic_port_host *host_of(const struct engine *engine)
{
	return engine->host->nics ? engine->host->nics->ports : NULL;
}

/* ---- finding ---- */

static int request_read(const struct descriptor *asking, const char *name, struct nic_request *out)
{
	const struct valet_opt_interface *more = asking->interface;

	*out = (struct nic_request){ .pid = asking->pid, .host_side = 1 };
	if (strlen(name) >= sizeof(out->name))
		return -ENXIO;
	strcpy(out->name, name);
	if (!more)
		return 0;
	/* The others are no interfaces that have queues, and a host behind them. */
	if (more->device >= VALET_DEVICE_TAP)
		return -EINVAL;
	out->device = more->device;
	memcpy(out->netns, more->netns, sizeof(out->netns) - 1);
	return 0;
}

static struct port *find(const struct engine *engine, const struct nic_identity *identity)
{
	struct port *port = engine->hardware;

	while (port && (memcmp(&port->hardware->identity, identity, sizeof(*identity)) ||
			load_acquire(&port->ended)))
		port = port->next;
	return port;
}

static int make(struct engine *engine, const struct nic_request *request,
		const struct nic_found *found, struct region *region, struct port **out)
{
	/* Others are not to be had: what a request says of them is not looked at, as in the kernel. */
	struct port_shape shape = {
		.count = { found->rings, found->rings },
		.slots = { PORT_SLOTS_DEFAULT, PORT_SLOTS_DEFAULT },
	};
	struct hardware *hardware = calloc(1, sizeof(*hardware));
	int rc = hardware ? 0 : -ENOMEM;

	/* NICs share one memory, so that frames go from one to another without a copy. */
	if (rc == 0 && !region)
		rc = engine_region_find(engine, 1, &region);
	if (rc == 0)
		rc = port_create(engine, request->name, VALET_PORT_HARDWARE, &shape, region, out);
	if (rc < 0) {
		free(hardware);
		return rc;
	}
	(*out)->host_count[RX] = (*out)->host_count[TX] = 1;
	(*out)->hardware = hardware;
	hardware->identity = found->identity;
	(*out)->next = engine->hardware;
	engine->hardware = *out;
	return 0;
}

int hardware_find(const struct descriptor *asking, const char *name, int is_made,
		  struct region *region, struct port **out)
{
	struct engine *engine = asking->engine;
	const struct nic_port_host *host = host_of(engine);
	struct nic_request request;
	struct nic_found found;
	int rc = request_read(asking, name, &request);

	if (rc == 0)
		rc = host ? host->find(&request, &found) : -ENXIO;
	if (rc < 0)
		return rc;
	*out = find(engine, &found.identity);
	if (!*out)
		rc = is_made ? make(engine, &request, &found, region, out) : -ENXIO;
	if (rc < 0)
		return rc;
	if (!(*out)->opens) {
		(*out)->hardware->request = request;
		(*out)->hardware->request.rings = (*out)->count[RX];
		(*out)->hardware->mtu = found.mtu;
		write_once(&(*out)->mtu, found.mtu);
	}
	return 0;
}

/* ---- opening and closing ---- */

static int is_open(const struct port *port, enum direction d, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		if (port->rings[d][i].opens)
			return 1;
	return 0;
}

/*
 * As in the kernel: what the interface receives is taken when one of its receive rings is open,
 * what the host sends when one of its transmit rings is.
 */
static uint32_t wanted(const struct port *port)
{
	uint32_t what = 0;

	if (is_open(port, RX, 0, port->count[RX]))
		what |= HARDWARE_RECEIVED;
	if (is_open(port, TX, 0, port->count[TX]))
		what |= HARDWARE_SENT;
	for (int d = RX; d <= TX; d++)
		if (is_open(port, d, port->count[d], port_rings(port, d)))
			what |= HARDWARE_HOST;
	return what;
}

int hardware_take(struct port *port)
{
	struct hardware *hardware = port->hardware;
	uint32_t what = wanted(port);
	int rc = what == hardware->taken ? 0
					 : host_of(port->engine)->take(hardware->nic, what);

	if (rc == 0)
		hardware->taken = what;
	return rc;
}

int hardware_bound(struct port *port)
{
	struct hardware *hardware = port->hardware;
	uint32_t buffer_bytes = port->region->pool[POOL_BUFFER].object_bytes;
	int rc = 0;

	/* As in the kernel. Frames in several slots are more than most programs expect. */
	if (is_open(port, RX, 0, port_rings(port, RX)) && hardware->mtu > buffer_bytes)
		return -EINVAL;
	if (!hardware->nic) {
		hardware->taken = 0;
		rc = host_of(port->engine)->open(&hardware->request, port, &hardware->nic);
	}
	return rc < 0 ? rc : hardware_take(port);
}

void hardware_unbind(const struct descriptor *descriptor, struct port *port)
{
	struct hardware *hardware = port->hardware;

	if (port->opens == 1 && hardware->nic) {
		host_of(port->engine)->close(hardware->nic);
		hardware->nic = NULL;
	}
	for (uint32_t i = descriptor->first[TX]; i < descriptor->last[TX]; i++) {
		struct ring *ring = &port->rings[TX][i];

		/* Nobody else will send what is left there. */
		spin_lock(&ring->busy);
		if (ring->opens == 1)
			ring->handed_over = ring->hwcur;
		spin_unlock(&ring->busy);
	}
}

void hardware_gone(struct port *port)
{
	store_ordered(&port->ended, 1);
	for (int d = RX; d <= TX; d++) {
		for (uint32_t i = 0; i < port_rings(port, d); i++) {
			struct ring *ring = &port->rings[d][i];

			if (ring->remote)
				csb_show_by_request(ring);
			ring_notify(ring);
		}
	}
}

/* ---- sending ---- */

/* What has been handed over, as far as it goes. Caller holds `busy`. */
static void send_some(struct ring *ring)
{
	struct port *port = ring->port;
	uint32_t first = ring->hwcur, end = first;

	if (first != ring->handed_over)
		end = host_of(port->engine)->send(port->hardware->nic, ring, ring->handed_over);
	if (end != first) {
		if (ring_is_copied(ring))
			monitors_copy(ring, first, end);
		if (ring_is_exchanged(ring))
			monitors_exchange(ring, first, end);
		write_once(&ring->hwcur, end); /* descriptor_pending() looks at it */
	}
	ring_set_hwtail(ring, ring_previous(ring, end));
}

int hardware_txsync(struct ring *ring)
{
	int64_t head = ring_check(ring, ring_previous(ring, ring->hwcur));

	if (load_acquire(&ring->port->ended))
		return -EIO;
	if (head < 0) {
		if (ring->remote)
			csb_show(ring);
		return 1;
	}
	ring->handed_over = (uint32_t)head;
	send_some(ring);
	ring_show_tail(ring, ring->hwtail);
	return 0;
}

int hardware_go_on(struct ring *ring)
{
	uint32_t before;
	int is_done;

	spin_lock(&ring->busy);
	before = ring->hwcur;
	if (read_once(&ring->opens))
		send_some(ring);
	is_done = ring->hwcur == ring->handed_over || !read_once(&ring->opens);
	spin_unlock(&ring->busy);
	if (before != read_once(&ring->hwcur))
		ring_notify(ring);
	return is_done;
}

void hardware_released(struct ring *ring, uint32_t first, uint32_t end)
{
	struct port *port = ring->port;
	/* NULL while it is being opened: then nothing has come yet. */
	struct nic_port *nic = read_once(&port->hardware->nic);

	/* Not in CSB mode, as in the kernel. */
	if (nic && read_once(&ring->shared->flags) & NR_FORWARD && !read_once(&ring->csb_mode))
		host_of(port->engine)->forward(nic, ring, first, end);
}

/* ---- receiving ---- */

int hardware_receive(struct ring *ring, struct inflow *inflow)
{
	struct batch *batch = batch_mine();
	uint64_t bytes;

	while (inflow->is_gathered || inflow->at < inflow->count) {
		if (!read_once(&ring->opens)) {
			inflow->at = inflow->count;
			inflow->is_gathered = 0;
			break;
		}
		if (!inflow->is_gathered) {
			batch->header_bytes = inflow->header_bytes;
			inflow->at += gather_frames(ring, batch, inflow->frames + inflow->at,
						    inflow->count - inflow->at, &bytes);
			inflow->packets_done = 0;
			inflow->is_gathered = 1;
		}
		inflow->packets_done = deliver_from(batch, ring, inflow->packets_done);
		if (inflow->packets_done < batch->packets)
			return 0;
		inflow->is_gathered = 0;
	}
	return 1;
}
