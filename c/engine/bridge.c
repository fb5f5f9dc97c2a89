/* SPDX-License-Identifier: BSD-2-Clause */
#include "bridge.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "engine.h"

uint32_t bridge_number(const struct bridge *bridge)
{
	return (uint32_t)(bridge - bridge->engine->bridges);
}

struct bridge *bridge_find(struct engine *engine, const char *name)
{
	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		if (engine->bridges[i].view && !strcmp(engine->bridges[i].name, name))
			return &engine->bridges[i];
	return NULL;
}

/* ---- views ---- */

/*
 * A view with the ports that the present one has, but for those that have left, and `newcomer` if there
 * is one. It copies pointers, and looks at no port: a bridge of 4,000 takes one more in 5 us.
 */
static struct bridge_view *view_make(struct bridge *bridge, struct lookup lookup,
				     struct port *newcomer)
{
	const struct bridge_view *old = bridge->view;
	uint32_t limit = bridge->indices;
	struct bridge_view *view =
		calloc(1, sizeof(*view) + 2 * (size_t)limit * sizeof(struct port *));

	if (!view)
		return NULL;
	view->bridge = bridge;
	view->lookup = lookup;
	thread_life_get(lookup.thread);
	view->limit = limit;
	view->port = view->ports + limit;
	if (old) {
		memcpy(view->port, old->port, old->limit * sizeof(*old->port));
		for (const struct port *port = old->gone; port; port = port->next_gone)
			view->port[port->index] = NULL;
	}
	if (newcomer)
		view->port[newcomer->index] = newcomer;
	for (uint32_t i = 0; i < limit; i++)
		if (view->port[i])
			view->ports[view->count++] = view->port[i];
	return view;
}

/* No view has the port any more, so no sender takes its index for it: that is free. */
static void release_port(struct bridge *bridge, struct port *port)
{
	port->is_in_views = 0;
	bridge->free_index[bridge->free_count++] = (uint16_t)port->index;
	port_put(port);
}

static void view_free(struct bridge_view *view)
{
	struct port *first = NULL, *port, *next;

	for (port = view->gone; port; port = next) { /* the last one to leave comes first there */
		next = port->next_gone;
		port->next_gone = first;
		first = port;
	}
	for (port = first; port; port = next) {
		next = port->next_gone;
		release_port(view->bridge, port);
	}
	thread_life_put(view->lookup.thread);
	free(view);
}

/* What has left with the view may be in older ones, which is when it is let go then. */
static void leave_to_older(struct bridge_view *view)
{
	struct port **at = &view->gone;

	if (!view->next)
		return;
	while (*at)
		at = &(*at)->next_gone;
	*at = view->next->gone;
	view->next->gone = view->gone;
	view->gone = NULL;
}

uint32_t bridge_reclaim(struct bridge *bridge)
{
	struct bridge_view **at = &bridge->replaced;
	uint32_t left = 0;

	while (*at) {
		struct bridge_view *view = *at;

		if (batches_look_at(view)) {
			left++;
			at = &view->next;
		} else {
			*at = view->next;
			leave_to_older(view);
			view_free(view);
		}
	}
	return left;
}

static void view_publish(struct bridge *bridge, struct bridge_view *view)
{
	struct bridge_view *old = bridge->view;

	store_ordered(&bridge->view, view);
	if (old) {
		old->next = bridge->replaced;
		bridge->replaced = old;
	}
	bridge_reclaim(bridge);
}

int bridge_set_lookup(struct bridge *bridge, const struct lookup *lookup)
{
	struct bridge_view *view = view_make(bridge, *lookup, NULL);

	if (!view)
		return -ENOMEM;
	view_publish(bridge, view);
	return bridge_reclaim(bridge) > 0;
}

/* ---- bridges and their ports ---- */

int bridge_find_or_make(struct engine *engine, const char *name, struct bridge **out)
{
	struct bridge *bridge = bridge_find(engine, name);

	for (uint32_t i = 0; !bridge && i < BRIDGES_MAX; i++) {
		/* One whose last sender has not left yet is not free. */
		if (engine->bridges[i].view || bridge_reclaim(&engine->bridges[i]))
			continue;
		bridge = &engine->bridges[i];
		free(bridge->free_index);
		memset(bridge, 0, sizeof(*bridge));
		bridge->engine = engine;
		strncpy(bridge->name, name, sizeof(bridge->name) - 1);
		if (i >= engine->bridge_limit)
			engine->bridge_limit = i + 1;
	}
	*out = bridge;
	return bridge ? 0 : -ENOMEM;
}

/* The index given back last, else the next new one. */
static int64_t index_take(struct bridge *bridge)
{
	if (!bridge->free_index) {
		bridge->free_index = malloc(BRIDGE_PORTS_MAX * sizeof(*bridge->free_index));
		if (!bridge->free_index)
			return -ENOMEM;
	}
	if (bridge->free_count)
		return bridge->free_index[--bridge->free_count];
	if (bridge->indices == VALET_BROADCAST)
		bridge->indices += 2; /* over VALET_DROP as well */
	if (bridge->indices == BRIDGE_PORTS_MAX)
		return -ENOMEM;
	return bridge->indices++;
}

/*
 * Until no sender is left that has not seen that the port left its last bridge. A sender that only
 * forwards is through soon; one in a lookup may be waiting for us, hence the bound. 0 or -EBUSY.
 */
static int wait_for_senders(struct port *port)
{
	enum { LOOKS_MAX = 1000 };

	for (int looks = 0; port->is_in_views; looks++) {
		if (looks == LOOKS_MAX)
			return -EBUSY;
		if (looks)
			sched_yield();
		engine_reclaim(port->engine);
	}
	return 0;
}

int bridge_add(struct bridge *bridge, struct port *port)
{
	const struct lookup learning = { .kind = VALET_LOOKUP_LEARNING };
	struct bridge_view *view;
	int64_t index;

	if (wait_for_senders(port) < 0)
		return -EBUSY;
	bridge_reclaim(bridge); /* an index may have become free since */
	index = index_take(bridge);
	if (index < 0)
		return (int)index;
	port->index = (uint32_t)index;
	view = view_make(bridge, bridge->view ? bridge->view->lookup : learning, port);
	if (!view) {
		bridge->free_index[bridge->free_count++] = (uint16_t)index;
		return -ENOMEM;
	}
	bridge->count++;
	port_get(port);
	port->is_in_views = 1;
	port_names_add(bridge->engine, port);
	view_publish(bridge, view);
	store_ordered(&port->bridge, bridge);
	return 0;
}

int bridge_keep(struct bridge *bridge, uint64_t token)
{
	const struct lookup learning = { .kind = VALET_LOOKUP_LEARNING };
	struct bridge_view *view = view_make(bridge, learning, NULL);

	if (!view)
		return -ENOMEM;
	view_publish(bridge, view);
	bridge->token = token;
	return 0;
}

void bridge_let_go(struct bridge *bridge)
{
	bridge->token = 0;
	if (!bridge->count) {
		config_clear(bridge);
		view_publish(bridge, NULL);
	}
}

void bridge_remove(struct port *port)
{
	struct bridge *bridge = port->bridge;
	struct bridge_view *view = NULL;

	/* Before the view: who sees the new view sees this too, and does not touch the view. */
	store_ordered(&port->bridge, NULL);
	/*
	 * At once, however long others hold on to the old view. It has no senders that could learn
	 * again.
	 */
	table_forget(&bridge->table, port->index);
	port_names_remove(bridge->engine, port);
	/* It goes with the last view that has it. */
	port->next_gone = bridge->view->gone;
	bridge->view->gone = port;
	if (--bridge->count || bridge->token) {
		view = view_make(bridge, bridge->view->lookup, NULL);
		if (!view)
			return; /* no memory: the next view will be without it */
	} else {
		config_clear(bridge);
	}
	view_publish(bridge, view);
}
