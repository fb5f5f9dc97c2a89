/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "control.h"
#include "nic.h"

struct engine *engine_create(const char *name, const struct engine_host *host)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	pthread_condattr_t monotonic;

	if (!engine)
		return NULL;
	strncpy(engine->name, name, sizeof(engine->name) - 1);
	engine->host = host;
	engine->parameters = memory_parameters_default;
	pthread_mutex_init(&engine->control, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&engine->config_changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return engine;
}

uint32_t engine_reclaim(struct engine *engine)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		left += bridge_reclaim(&engine->bridges[i]);
	return left;
}

static uint32_t exclusive_bridges(const struct engine *engine)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		count += engine->bridges[i].token != 0;
	return count;
}

int engine_idle(struct engine *engine)
{
	int idle;

	pthread_mutex_lock(&engine->control);
	idle = !engine->descriptors && !engine->interfaces && !engine->nics && !engine->hardware &&
	       !exclusive_bridges(engine) &&
	       !engine_reclaim(engine);
	pthread_mutex_unlock(&engine->control);
	return idle;
}

uint32_t engine_interfaces(struct engine *engine)
{
	uint32_t count = 0;

	pthread_mutex_lock(&engine->control);
	for (struct port *port = engine->interfaces; port; port = port->next)
		count += !port->auto_delete;
	count += exclusive_bridges(engine);
	pthread_mutex_unlock(&engine->control);
	return count;
}

void engine_remove_interfaces(struct engine *engine)
{
	pthread_mutex_lock(&engine->control);
	nics_detach(engine);
	for (struct port *port = engine->interfaces, *next; port; port = next) {
		next = port->next;
		if (port->opens || port->pipes)
			continue;
		if (port->bridge)
			bridge_remove(port);
		port->auto_delete = 1;
		port_drop_unused(port);
	}
	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		if (engine->bridges[i].token)
			bridge_let_go(&engine->bridges[i]);
	pthread_mutex_unlock(&engine->control);
}

void engine_destroy(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		free(engine->bridges[i].free_index);
	if (engine->global)
		region_destroy(engine->global);
	pthread_cond_destroy(&engine->config_changed);
	pthread_mutex_destroy(&engine->control);
	free(engine);
}

/* ---- descriptors ---- */

void descriptor_open(struct engine *engine, struct descriptor *descriptor)
{
	memset(descriptor, 0, sizeof(*descriptor));
	descriptor->engine = engine;
	descriptor->shortage.pool = POOLS;
	descriptor->memory_fd = -1;
	pthread_mutex_lock(&engine->control);
	engine->descriptors++;
	pthread_mutex_unlock(&engine->control);
}

void descriptor_close(struct descriptor *descriptor)
{
	struct engine *engine = descriptor->engine;

	pthread_mutex_lock(&engine->control);
	if (descriptor->port)
		control_unregister(descriptor);
	config_leave(descriptor);
	free(descriptor->tokens);
	descriptor->tokens = NULL;
	engine_reclaim(engine);
	engine->descriptors--;
	pthread_mutex_unlock(&engine->control);
}

/* Until it is served or answered, or the time is up. Where others' requests wait, it does not. */
static int wait_for_config(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct engine *engine = descriptor->engine;
	uint32_t wait_ms = engine->host->remote ? 0 : config_wait_ms(header);
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (wait_ms && rc == 0 && config_waits(header)) {
		if (pthread_cond_timedwait(&engine->config_changed, &engine->control, &until))
			break;
		rc = control_request(descriptor, header);
	}
	return rc;
}

int descriptor_control(struct descriptor *descriptor, struct nmreq_header *header)
{
	int rc;

	pthread_mutex_lock(&descriptor->engine->control);
	rc = control_request(descriptor, header);
	if (rc == 0 && config_waits(header))
		rc = wait_for_config(descriptor, header);
	pthread_mutex_unlock(&descriptor->engine->control);
	return rc;
}

int descriptor_set_lookup(struct descriptor *descriptor, const char *bridge,
			  const struct lookup *lookup)
{
	int rc;

	pthread_mutex_lock(&descriptor->engine->control);
	rc = control_set_lookup(descriptor, bridge, lookup);
	pthread_mutex_unlock(&descriptor->engine->control);
	return rc;
}

int descriptor_sync(struct descriptor *descriptor, enum direction direction)
{
	/* Pairs with the release at the end of REGISTER, which another thread may have done. */
	struct port *port = load_acquire(&descriptor->port);
	struct ring *ring, *end;
	int rc = 0;

	if (!port)
		return -ENXIO;
	if (load_acquire(&descriptor->csb_mode))
		return -EBUSY;
	ring = descriptor->rings[direction];
	end = ring + (descriptor->last[direction] - descriptor->first[direction]);
	for (; ring < end; ring++) {
		int one;

		ring_fetch(ring);
		__builtin_prefetch(port);
		if (direction == RX && read_once(&ring->reader) != descriptor)
			write_once(&ring->reader, descriptor);
		one = direction == TX ? ring_txsync(ring) : ring_rxsync(ring);

		/* One ring's trouble does not keep the others from their sync. */
		if (one < 0 || rc == 0)
			rc = one;
	}
	return rc;
}

int descriptor_pending(struct descriptor *descriptor)
{
	struct port *port = load_acquire(&descriptor->port);

	for (uint32_t i = descriptor->first[TX]; port && i < descriptor->last[TX]; i++) {
		struct ring *ring = &port->rings[TX][i];

		if (read_once(&ring->shared->head) != read_once(&ring->hwcur))
			return 1;
	}
	return 0;
}

int descriptor_ready(struct descriptor *descriptor, enum direction direction)
{
	struct port *port = load_acquire(&descriptor->port);

	for (uint32_t i = descriptor->first[direction]; port && i < descriptor->last[direction];
	     i++) {
		struct netmap_ring *shared = port->rings[direction][i].shared;

		if (read_once(&shared->cur) != read_once(&shared->tail))
			return 1;
	}
	return 0;
}
