/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include <string.h>

#include "convert.h"
#include "csb_mode.h"
#include "nic.h"
#include "option.h"
#include "request.h"

/* ---- information ---- */

static int port_info(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct engine *engine = descriptor->engine;
	struct nmreq_port_info_get *body = request_body(header);
	struct port_shape shape = {
		.count = { body->nr_rx_rings, body->nr_tx_rings },
		.slots = { body->nr_rx_slots, body->nr_tx_slots },
	};
	struct region *region;
	struct port *port;
	int rc;

	if (!header->nr_name[0]) {
		/* About a region, the global one unless it is said; the rest stays as it was. */
		rc = engine_region_find(engine, body->nr_mem_id ? body->nr_mem_id : 1, &region);
		if (rc < 0)
			return rc;
		body->nr_memsize = region->bytes;
		body->nr_mem_id = region->mem_id;
		return 0;
	}
	rc = port_find(descriptor, header->nr_name, &shape, body->nr_mem_id, &port);
	if (rc < 0)
		return rc;
	*body = (struct nmreq_port_info_get){
		.nr_memsize = port->region->bytes,
		.nr_tx_slots = port->slots[TX],
		.nr_rx_slots = port->slots[RX],
		.nr_tx_rings = (uint16_t)port->count[TX],
		.nr_rx_rings = (uint16_t)port->count[RX],
		.nr_host_tx_rings = (uint16_t)port->host_count[TX],
		.nr_host_rx_rings = (uint16_t)port->host_count[RX],
		.nr_mem_id = port->region->mem_id,
	};
	port_drop_unused(port);
	return 0;
}

static int pools_info(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct nmreq_pools_info *body = request_body(header);
	struct port_shape shape = { 0 };
	const struct pool *pool;
	struct port *port;
	int rc;

	rc = port_find(descriptor, header->nr_name, &shape, body->nr_mem_id, &port);
	if (rc < 0)
		return rc;
	pool = port->region->pool;
	*body = (struct nmreq_pools_info){
		.nr_memsize = port->region->bytes,
		.nr_mem_id = port->region->mem_id,
		.nr_if_pool_offset = pool[POOL_IF].offset,
		.nr_if_pool_objtotal = pool[POOL_IF].objects,
		.nr_if_pool_objsize = pool[POOL_IF].object_bytes,
		.nr_ring_pool_offset = pool[POOL_RING].offset,
		.nr_ring_pool_objtotal = pool[POOL_RING].objects,
		.nr_ring_pool_objsize = pool[POOL_RING].object_bytes,
		.nr_buf_pool_offset = pool[POOL_BUFFER].offset,
		.nr_buf_pool_objtotal = pool[POOL_BUFFER].objects,
		.nr_buf_pool_objsize = pool[POOL_BUFFER].object_bytes,
	};
	port_drop_unused(port);
	return 0;
}

/* The length of the virtio-net header in front of each frame of a port. */
static int port_header(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct nmreq_port_hdr *body = request_body(header);
	int is_set = header->nr_reqtype == NETMAP_REQ_PORT_HDR_SET;
	struct port *port;
	int rc;

	if (is_set && body->nr_hdr_len != 0 && body->nr_hdr_len != VNET_HEADER_BYTES &&
	    body->nr_hdr_len != VNET_HEADER_BYTES_MAX)
		return -EINVAL;
	rc = port_find(descriptor, header->nr_name, NULL, 0, &port);
	if (rc < 0)
		return rc == -ENODEV && is_set ? -ENXIO : rc;
	if (!is_set) {
		body->nr_hdr_len = port->header_bytes;
		return 0;
	}
	if (port->kind == VALET_PORT_PIPE || !port->bridge)
		return -ENXIO;
	if (port->kind == VALET_PORT_NIC) /* its device has said so */
		return port->header_bytes == body->nr_hdr_len ? 0 : -EBUSY;
	write_once(&port->header_bytes, body->nr_hdr_len);
	return 0;
}

/* ---- persistent ports ---- */

/* What Linux takes as the name of a network interface, less its patterns. */
static int interface_name_valid(const char *name)
{
	size_t length = strnlen(name, NETMAP_REQ_IFNAMSIZ);

	if (length == 0 || length >= NETMAP_IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	if (!strncmp(name, NM_BDG_NAME, strlen(NM_BDG_NAME)))
		return 0;
	for (size_t i = 0; i < length; i++)
		if (strchr("/:{}%", name[i]) || (unsigned char)name[i] <= ' ' || name[i] == 127)
			return 0;
	return 1;
}

static int new_interface(struct engine *engine, struct nmreq_header *header)
{
	struct nmreq_vale_newif *body = request_body(header);
	struct region *region = NULL;
	struct port_shape shape = {
		.count = { body->nr_rx_rings, body->nr_tx_rings },
		.slots = { body->nr_rx_slots, body->nr_tx_slots },
	};
	struct port *port;
	int rc = 0;

	if (!interface_name_valid(header->nr_name))
		return -EINVAL;
	if (interface_find(engine, header->nr_name))
		return -EEXIST;
	if (body->nr_mem_id)
		rc = engine_region_find(engine, body->nr_mem_id, &region);
	if (rc == 0)
		rc = interface_create(engine, header->nr_name, &shape, region, &port);
	if (rc < 0)
		return rc;
	*body = (struct nmreq_vale_newif){
		.nr_tx_slots = port->slots[TX],
		.nr_rx_slots = port->slots[RX],
		.nr_tx_rings = (uint16_t)port->count[TX],
		.nr_rx_rings = (uint16_t)port->count[RX],
		.nr_mem_id = port->region->mem_id,
	};
	return 0;
}

static int delete_interface(struct engine *engine, struct nmreq_header *header)
{
	struct port *port = interface_find(engine, header->nr_name);

	if (!port)
		return -ENXIO;
	if (port->auto_delete)
		return -EINVAL;
	if (port->opens || port->pipes || port->bridge)
		return -EBUSY;
	port->auto_delete = 1; /* unused as it is, it goes at once */
	port_drop_unused(port);
	return 0;
}

/* ---- dispatch ---- */

static int polling(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct port_path path;
	struct port *port;
	int rc = vale_path_parse(header->nr_name, &path);

	if (rc == 0)
		rc = port_find(descriptor, header->nr_name, NULL, 0, &port);
	if (rc < 0)
		return rc;
	return nic_polling(port, header->nr_reqtype == NETMAP_REQ_VALE_POLLING_ENABLE
					 ? request_body(header)
					 : NULL);
}

static int execute(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct engine *engine = descriptor->engine;

	switch (header->nr_reqtype) {
	case NETMAP_REQ_REGISTER:
		return control_register(descriptor, header);
	case NETMAP_REQ_PORT_INFO_GET:
		return port_info(descriptor, header);
	case NETMAP_REQ_VALE_ATTACH:
		return control_attach(descriptor, header);
	case NETMAP_REQ_VALE_DETACH:
		return control_detach(descriptor, header);
	case NETMAP_REQ_VALE_LIST:
		return control_list(engine, header);
	case NETMAP_REQ_PORT_HDR_SET:
	case NETMAP_REQ_PORT_HDR_GET:
		return port_header(descriptor, header);
	case NETMAP_REQ_VALE_NEWIF:
		return new_interface(engine, header);
	case NETMAP_REQ_VALE_DELIF:
		return delete_interface(engine, header);
	case NETMAP_REQ_VALE_POLLING_ENABLE:
	case NETMAP_REQ_VALE_POLLING_DISABLE:
		return polling(descriptor, header);
	case NETMAP_REQ_POOLS_INFO_GET:
		return pools_info(descriptor, header);
	case NETMAP_REQ_CSB_ENABLE:
		return control_csb_enable(descriptor, header);
	case NETMAP_REQ_SYNC_KLOOP_START:
	case NETMAP_REQ_SYNC_KLOOP_STOP:
		return -EOPNOTSUPP; /* the host's */
	case VALET_REQ_ATTACH:
		return control_attach(descriptor, header);
	default:
		if (header->nr_reqtype >= VALET_REQ_MEMORY_GET &&
		    header->nr_reqtype <= VALET_REQ_SHORTAGE_GET)
			return control_memory(descriptor, header);
		if (request_is_valet(header->nr_reqtype) &&
		    request_body_bytes(header->nr_reqtype) >= 0)
			return control_valet(descriptor, header);
		return -EINVAL;
	}
}

int control_request(struct descriptor *descriptor, struct nmreq_header *header)
{
	int rc = request_check(header);

	if (rc < 0)
		return rc;
	header->nr_name[NETMAP_REQ_IFNAMSIZ - 1] = '\0';
	return execute(descriptor, header);
}
