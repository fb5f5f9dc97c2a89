/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports by name, and the making and going of those that exist only while they are open. */
#include <string.h>

#include "control.h"
#include "hardware.h"
#include "monitor.h"

/* ---- ports on bridges ---- */

static const char *name_on_bridge(const struct port *port)
{
	const char *colon = strchr(port->name, ':');

	return colon ? colon + 1 : port->name;
}

/* FNV-1a. */
static struct port **bucket_of(struct engine *engine, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return &engine->named[(hash ^ hash >> 16) % PORT_NAMES];
}

void port_names_add(struct engine *engine, struct port *port)
{
	struct port **bucket = bucket_of(engine, name_on_bridge(port));

	port->next_named = *bucket;
	*bucket = port;
}

void port_names_remove(struct engine *engine, struct port *port)
{
	struct port **at = bucket_of(engine, name_on_bridge(port));

	while (*at != port)
		at = &(*at)->next_named;
	*at = port->next_named;
}

struct port *bridge_port_find(struct bridge *bridge, const char *name)
{
	if (!bridge)
		return NULL;
	for (struct port *port = *bucket_of(bridge->engine, name); port; port = port->next_named)
		if (port->bridge == bridge && !strcmp(name_on_bridge(port), name))
			return port;
	return NULL;
}

/* ---- others ---- */

struct port *interface_find(struct engine *engine, const char *name)
{
	for (struct port *port = engine->interfaces; port; port = port->next)
		if (!strcmp(port->name, name))
			return port;
	return NULL;
}

/* Unlinks a port from the list that it is certainly in. */
static void list_remove(struct port **list, struct port *port)
{
	while (*list != port)
		list = &(*list)->next;
	*list = port->next;
}

void port_drop_unused(struct port *port)
{
	struct port *parent = port->parent;

	if (port->opens || port->pipes)
		return;
	if (port->kind == VALET_PORT_PIPE) {
		struct port *other = port->other_end;

		if (other->opens)
			return;
		list_remove(&port->engine->pipes, strchr(port->name, '{') ? port : other);
		parent->pipes--;
		pipe_give_buffers(port);
		port_put(other);
		port_put(port);
		port_drop_unused(parent);
		port_put(parent);
	} else if (port->kind == VALET_PORT_NULL) {
		port_put(port);
	} else if (port->kind == VALET_PORT_EPHEMERAL) {
		bridge_remove(port);
		port_put(port);
	} else if (port->kind == VALET_PORT_MONITOR) {
		monitor_stop(port);
		port_put(port);
	} else if (port->kind == VALET_PORT_HARDWARE) {
		list_remove(&port->engine->hardware, port);
		port_put(port);
	} else if (port->auto_delete) {
		list_remove(&port->engine->interfaces, port);
		port_put(port);
	}
}

static int make_ephemeral(struct engine *engine, const struct port_path *path,
			  struct port_shape *shape, struct region *region, struct port **out)
{
	struct bridge *bridge;
	int rc;

	/* An interface of that name is not yet on the bridge: that takes an attach, not an open. */
	if (interface_find(engine, path->port))
		return -EINVAL;
	port_shape_bound(shape, PORT_RINGS_MAX, PORT_SLOTS_DEFAULT, PORT_SLOTS_DEFAULT);
	rc = bridge_find_or_make(engine, path->bridge, &bridge);
	if (rc < 0)
		return rc;
	rc = port_create(engine, path->base, VALET_PORT_EPHEMERAL, shape, region, out);
	if (rc < 0)
		return rc;
	rc = bridge_add(bridge, *out);
	if (rc < 0)
		port_put(*out);
	return rc;
}

static int find_base(const struct descriptor *asking, const struct port_path *path,
		     struct port_shape *shape, struct region *region, struct port **out)
{
	struct engine *engine = asking->engine;

	if (!path->bridge[0]) {
		*out = interface_find(engine, path->port);
		return *out ? 0 : hardware_find(asking, path->port, shape != NULL, region, out);
	}
	*out = bridge_port_find(bridge_find(engine, path->bridge), path->port);
	if (*out)
		return 0;
	return shape ? make_ephemeral(engine, path, shape, region, out) : -ENXIO;
}

int interface_create(struct engine *engine, const char *name, struct port_shape *shape,
		     struct region *region, struct port **out)
{
	int rc;

	port_shape_bound(shape, PORT_RINGS_MAX, PORT_SLOTS_DEFAULT, PORT_SLOTS_DEFAULT);
	rc = port_create(engine, name, VALET_PORT_PERSISTENT, shape, region, out);
	if (rc < 0)
		return rc;
	(*out)->next = engine->interfaces;
	engine->interfaces = *out;
	return 0;
}

static struct port *pipe_find(struct port *parent, const char *id)
{
	for (struct port *pipe = parent->engine->pipes; pipe; pipe = pipe->next)
		if (pipe->parent == parent && !strcmp(pipe->pipe_id, id))
			return pipe;
	return NULL;
}

static int find_pipe(const struct descriptor *asking, const struct port_path *path,
		     struct port_shape *shape, struct region *region, struct port **out)
{
	struct engine *engine = asking->engine;
	struct port_shape parent_shape = shape ? *shape : (struct port_shape){ 0 };
	struct port *parent, *master;
	int rc = find_base(asking, path, shape ? &parent_shape : NULL, region, &parent);

	if (rc == -ENXIO && shape && path->port[0] && strlen(path->port) < NM_BDG_IFNAMSIZ) {
		rc = interface_create(engine, path->port, &parent_shape, region, &parent);
		if (rc == 0)
			parent->auto_delete = 1;
	}
	if (rc < 0)
		return rc;
	master = pipe_find(parent, path->pipe_id);
	if (!master) {
		rc = -ENODEV;
		if (shape && parent->pipes < PIPES_MAX) {
			port_shape_bound(shape, PIPE_RINGS_MAX, parent->slots[TX],
					 parent->slots[RX]);
			rc = pipe_create(parent, path->pipe_id, shape, &master);
		} else if (shape) {
			rc = -ENOMEM;
		}
		if (rc < 0) {
			port_drop_unused(parent);
			return rc;
		}
		master->next = engine->pipes;
		engine->pipes = master;
	}
	*out = path->pipe == '{' ? master : master->other_end;
	return 0;
}

int port_find(const struct descriptor *asking, const char *name, struct port_shape *shape,
	      uint16_t mem_id, struct port **out)
{
	struct region *region = NULL;
	int rc = mem_id ? engine_region_find(asking->engine, mem_id, &region) : 0;

	return rc < 0 ? rc : port_find_in(asking, name, shape, region, out);
}

int port_find_in(const struct descriptor *asking, const char *name, struct port_shape *shape,
		 struct region *region, struct port **out)
{
	struct port_path path;
	int rc = port_path_parse(name, &path);

	if (rc < 0)
		return rc;
	if (path.pipe)
		return find_pipe(asking, &path, shape, region, out);
	return find_base(asking, &path, shape, region, out);
}
