/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests about bridges: attach, detach, list, and valet's own. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "control.h"
#include "nic.h"
#include "request.h"

/* What exists only in the engine is attached as it is; all else is a NIC. */
int control_attach(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct engine *engine = descriptor->engine;
	struct nmreq_vale_attach *body = request_body(header);
	struct port_path path;
	struct bridge *bridge;
	struct port *port;
	int rc = vale_path_parse(header->nr_name, &path);

	if (rc < 0)
		return rc;
	if (path.pipe)
		return -EINVAL;
	bridge = bridge_find(engine, path.bridge);
	if (bridge && !bridge_admits(bridge, descriptor))
		return -EACCES;
	if (bridge_port_find(bridge, path.port))
		return -EBUSY;
	port = interface_find(engine, path.port);
	if (!port)
		return nic_attach(descriptor, &path, header);
	if (nic_is_socket(header))
		return -EEXIST;
	if (port->bridge || port->opens || port->pipes)
		return -EBUSY;
	rc = bridge_find_or_make(engine, path.bridge, &bridge);
	if (rc == 0)
		rc = bridge_add(bridge, port);
	if (rc == 0)
		body->port_index = port->index;
	return rc;
}

int control_detach(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct engine *engine = descriptor->engine;
	struct nmreq_vale_detach *body = request_body(header);
	struct port_path path;
	struct bridge *bridge;
	struct port *port;
	int rc = vale_path_parse(header->nr_name, &path);

	if (rc == -EINVAL)
		return rc;
	if (rc < 0 || path.pipe)
		return -ENXIO;
	bridge = bridge_find(engine, path.bridge);
	if (bridge && !bridge_admits(bridge, descriptor))
		return -EACCES;
	port = bridge_port_find(bridge, path.port);
	if (!port)
		return -ENXIO;
	if (port->kind == VALET_PORT_NIC)
		return nic_detach(port, &body->port_index);
	if (port->kind == VALET_PORT_EPHEMERAL || port->opens || port->pipes)
		return -EBUSY;
	body->port_index = port->index;
	bridge_remove(port);
	return 0;
}

/* The full name of a port on its bridge. */
static void listed_name(const struct port *port, char name[NETMAP_REQ_IFNAMSIZ])
{
	const char *colon = strchr(port->name, ':');

	/* Both parts are at most 15 characters, but for the '^' of a host's side. */
	snprintf(name, NETMAP_REQ_IFNAMSIZ, "%.15s:%.16s", port->bridge->name,
		 colon ? colon + 1 : port->name);
}

static int list_next(struct engine *engine, struct nmreq_header *header,
		     struct nmreq_vale_list *body)
{
	uint32_t from = body->nr_port_idx;

	for (uint32_t b = body->nr_bridge_idx; b < engine->bridge_limit; b++, from = 0) {
		const struct bridge_view *view = engine->bridges[b].view;

		for (uint32_t i = from; view && i < view->limit; i++) {
			if (!view->port[i] || view->port[i]->bridge != &engine->bridges[b])
				continue;
			body->nr_bridge_idx = (uint16_t)b;
			body->nr_port_idx = i;
			listed_name(view->port[i], header->nr_name);
			return 0;
		}
	}
	return -ENOENT;
}

int control_list(struct engine *engine, struct nmreq_header *header)
{
	struct nmreq_vale_list *body = request_body(header);
	struct bridge *bridge;
	struct port_path path;
	struct port *port;
	int rc;

	if (!header->nr_name[0])
		return list_next(engine, header, body);
	rc = vale_path_parse(header->nr_name, &path);
	if (rc == -EINVAL)
		return rc;
	bridge = rc < 0 ? NULL : bridge_find(engine, path.bridge);
	if (!bridge)
		return -ENOENT;
	port = path.pipe ? NULL : bridge_port_find(bridge, path.port);
	body->nr_bridge_idx = (uint16_t)bridge_number(bridge);
	body->nr_port_idx = port ? port->index : NM_BDG_NOPORT;
	return 0;
}

/* ---- valet's own ---- */

/* "vale0" and "vale0:" both name the bridge. */
static struct bridge *named_bridge(struct engine *engine, const char *name)
{
	char bridge[NETMAP_REQ_IFNAMSIZ];
	size_t length = strcspn(name, ":");

	if (name[length] && name[length + 1])
		return NULL;
	memcpy(bridge, name, length);
	bridge[length] = '\0';
	return bridge_find(engine, bridge);
}

static void bridge_get(struct bridge *bridge, struct valet_req_bridge *body)
{
	uint32_t entries = 0, age_ms;

	for (uint32_t i = 0; i < TABLE_BUCKETS; i++)
		entries += table_entry(&bridge->table, i, &age_ms) != 0;
	*body = (struct valet_req_bridge){
		.index = bridge_number(bridge),
		.ports = bridge->count,
		.lookup = view_lookup_kind(bridge->view),
		.table_buckets = TABLE_BUCKETS,
		.table_entries = entries,
		.ageing_ms = read_once(&bridge->table.ageing_ms),
		.port_limit = BRIDGE_PORTS_MAX - 2,
	};
}

static int table_get(struct bridge *bridge, struct valet_req_table *body)
{
	uint32_t i = body->cursor;

	body->count = 0;
	for (; i < TABLE_BUCKETS && body->count < VALET_TABLE_CHUNK; i++) {
		struct valet_table_entry *out = &body->entries[body->count];
		uint64_t entry = table_entry(&bridge->table, i, &out->age_ms);

		if (!entry)
			continue;
		for (int byte = 0; byte < 6; byte++)
			out->mac[byte] = (uint8_t)(entry >> 8 * byte);
		out->port = TABLE_PORT(entry);
		out->reserved = 0;
		body->count++;
	}
	body->cursor = i < TABLE_BUCKETS ? i : 0;
	return 0;
}

int control_set_lookup(struct descriptor *descriptor, const char *name, const struct lookup *lookup)
{
	struct bridge *bridge = named_bridge(descriptor->engine, name);

	if (!bridge)
		return -ENXIO;
	return bridge_admits(bridge, descriptor) ? bridge_set_lookup(bridge, lookup) : -EACCES;
}

/* Whether it is the lookup that decides now. */
static int is_set(const struct bridge *bridge, uint64_t function)
{
	const struct lookup *lookup = &bridge->view->lookup;

	return !lookup->is_remote &&
	       (lookup->kind == VALET_LOOKUP_SCRIPT ? (uintptr_t)lookup->script
						    : (uintptr_t)lookup->function) == function;
}

static int lookup_set(struct bridge *bridge, struct valet_req_lookup *body)
{
	struct lookup lookup = {
		.kind = body->kind,
		.function = (valet_lookup_function)(uintptr_t)body->function,
		.script = (valet_lookup_script)(uintptr_t)body->function,
		.context = (void *)(uintptr_t)body->context,
	};
	int rc;

	if (body->kind > VALET_LOOKUP_SCRIPT || (body->kind && !body->function))
		return -EINVAL;
	if (!body->kind && body->function && !is_set(bridge, body->function)) {
		body->busy = bridge_reclaim(bridge) > 0 || thread_life_is_inside();
		return 0;
	}
	if (body->kind == VALET_LOOKUP_SCRIPT) {
		lookup.thread = thread_life_mine();
		if (!lookup.thread)
			return -ENOMEM;
	}
	rc = bridge_set_lookup(bridge, &lookup);
	if (rc < 0)
		return rc;
	/* From where it was called the one before may be this function's caller, who has given up. */
	body->busy = rc > 0 || thread_life_is_inside();
	return 0;
}

static int port_get_report(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct port *port = descriptor->port;
	int rc = port || header->nr_name[0] ? 0 : -ENXIO;

	/* Its own name may be that of an interface in another network namespace. */
	if (header->nr_name[0] && !(port && !strcmp(header->nr_name, port->name)))
		rc = port_find(descriptor, header->nr_name, NULL, 0, &port);
	if (rc == 0)
		port_report(port, request_body(header));
	return rc;
}

static int interfaces_get(const struct engine *engine, struct valet_req_interfaces *body)
{
	const struct port *port = engine->interfaces;
	uint32_t i = 0;

	for (; port && i < body->cursor; i++)
		port = port->next;
	memset(body->names, 0, sizeof(body->names));
	for (body->count = 0; port && body->count < VALET_INTERFACES_CHUNK; i++) {
		char *name = body->names[body->count++];

		memcpy(name, port->name, strnlen(port->name, sizeof(body->names[0]) - 1));
		port = port->next;
	}
	body->cursor = port ? i : 0;
	return 0;
}

static int is_about_tokens(uint16_t type)
{
	return type == VALET_REQ_BRIDGE_CREATE || type == VALET_REQ_BRIDGE_DESTROY ||
	       type == VALET_REQ_BRIDGE_TOKEN;
}

static int changes_bridge(uint16_t type)
{
	return type == VALET_REQ_BRIDGE_SET || type == VALET_REQ_TABLE_FLUSH ||
	       type == VALET_REQ_LOOKUP_SET;
}

int control_valet(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct valet_req_bridge *body = request_body(header);
	struct bridge *bridge;

	if (request_body_bytes(header->nr_reqtype) < 0)
		return -EINVAL;
	if (header->nr_reqtype == VALET_REQ_PORT_GET)
		return port_get_report(descriptor, header);
	if (header->nr_reqtype == VALET_REQ_INTERFACES_GET)
		return interfaces_get(descriptor->engine, request_body(header));
	bridge = named_bridge(descriptor->engine, header->nr_name);
	if (header->nr_reqtype == VALET_REQ_CONFIG_SEND ||
	    header->nr_reqtype == VALET_REQ_CONFIG_SERVE)
		return control_config(descriptor, header, bridge);
	if (is_about_tokens(header->nr_reqtype))
		return control_exclusive(descriptor, header, bridge);
	if (!bridge)
		return -ENXIO;
	if (changes_bridge(header->nr_reqtype) && !bridge_admits(bridge, descriptor))
		return -EACCES;
	switch (header->nr_reqtype) {
	case VALET_REQ_BRIDGE_SET:
		/* First the ages: senders must not find all stations too old in between. */
		if (body->ageing_ms)
			table_refresh(&bridge->table);
		store_release(&bridge->table.ageing_ms, body->ageing_ms);
		bridge_get(bridge, body);
		return 0;
	case VALET_REQ_BRIDGE_GET:
		bridge_get(bridge, body);
		return 0;
	case VALET_REQ_TABLE_GET:
		return table_get(bridge, request_body(header));
	case VALET_REQ_TABLE_FLUSH:
		table_forget(&bridge->table, UINT32_MAX);
		return 0;
	case VALET_REQ_LOOKUP_SET:
		return lookup_set(bridge, request_body(header));
	default:
		return -EINVAL;
	}
}
