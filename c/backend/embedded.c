/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine in this process: direct calls on the caller's thread, an eventfd for who sleeps. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "../engine/csb_mode.h"
#include "../engine/line.h"
#include "../engine/thread_life.h"
#include "backend.h"
#include "config.h"
#include "engines.h"
#include "memory.h"
#include "nic.h"
#include "script_loop.h"
#include "sleeper.h"
#include "sync_loop.h"
#include "user_memory.h"

struct embedded {
	struct descriptor descriptor; /* the engine's */
	struct sleepers sleepers;
	struct sync_loop loop;
};

static void wake_waiter(struct waiter *waiter)
{
	event_signal(waiter->event_fd);
}

static const struct engine_host host = {
	.region_map = memory_region_map,
	.region_identify = memory_region_identify,
	.region_adopt = memory_region_adopt,
	.region_unmap = memory_region_unmap,
	.wake = wake_waiter,
	.user_copy = user_memory_copy,
	.nics = &nic_devices,
};

static int embedded_probe(void)
{
	return 0;
}

static struct engines engines = ENGINES_INITIALIZER(&host);

static int embedded_open(const char *instance, void **descriptor)
{
	struct embedded *embedded = line_alloc(sizeof(*embedded));
	int rc;

	if (!embedded)
		return -ENOMEM;
	rc = engines_open(&engines, instance ? instance : "", -1, &embedded->descriptor);
	if (rc < 0) {
		free(embedded);
		return rc;
	}
	sleepers_init(&embedded->sleepers);
	sync_loop_init(&embedded->loop);
	*descriptor = embedded;
	return 0;
}

static void embedded_close(void *descriptor)
{
	struct embedded *embedded = descriptor;

	engines_close(&engines, &embedded->descriptor);
	sleepers_destroy(&embedded->sleepers);
	sync_loop_destroy(&embedded->loop);
	free(embedded);
}

/* ---- operations ---- */

static int embedded_map(void *descriptor, uint64_t *out)
{
	struct port *port = load_acquire(&((struct embedded *)descriptor)->descriptor.port);

	if (!port)
		return -ENXIO;
	out[0] = (uintptr_t)port->region->base;
	out[1] = port->region->bytes;
	return 0;
}

static int embedded_txsync(void *descriptor)
{
	return descriptor_sync(&((struct embedded *)descriptor)->descriptor, TX);
}

static int embedded_rxsync(void *descriptor)
{
	return descriptor_sync(&((struct embedded *)descriptor)->descriptor, RX);
}

/* ---- waiting ---- */

static int poll_pending(void *descriptor)
{
	return descriptor_pending(descriptor);
}

static int poll_sync(void *descriptor, enum direction direction)
{
	return descriptor_sync(descriptor, direction);
}

static int poll_ready(void *descriptor, enum direction direction)
{
	return descriptor_ready(descriptor, direction);
}

static int poll_now(struct embedded *embedded, uint32_t events)
{
	static const struct poll_calls calls = { poll_pending, poll_sync, poll_ready };
	struct descriptor *descriptor = &embedded->descriptor;

	if (!load_acquire(&descriptor->port) || sync_loop_has_csb(&embedded->loop))
		return POLLERR;
	return poll_look(&calls, descriptor, descriptor->flags, events);
}

/*
 * Until an event, or wake, or the time is up. A full counter is emptied before the rings are looked
 * at again.
 */
static void sleep_on_event(const struct sleeper *sleeper, int32_t timeout_ms)
{
	struct pollfd fd = { .fd = sleeper->waiter.event_fd, .events = POLLIN };

	if (poll(&fd, 1, timeout_ms) > 0)
		event_take(fd.fd);
	script_loop_serve();
}

static int sleep_until_ready(struct embedded *embedded, struct sleeper *sleeper, uint32_t events,
			     int32_t timeout_ms)
{
	struct descriptor *descriptor = &embedded->descriptor;
	uint32_t rx = events & POLLIN ? descriptor->last[RX] - descriptor->first[RX] : 0;
	uint32_t tx = events & POLLOUT ? descriptor->last[TX] - descriptor->first[TX] : 0;
	struct waiter_link *links = calloc(rx + tx + 1, sizeof(*links));
	int64_t end = now_ms() + timeout_ms;
	int found = 0;

	if (!links)
		return -ENOMEM;
	for (uint32_t i = 0; i < rx; i++)
		waiter_enter(&links[i], &descriptor->port->rings[RX][descriptor->first[RX] + i],
			     &sleeper->waiter);
	for (uint32_t i = 0; i < tx; i++)
		waiter_enter(&links[rx + i],
			     &descriptor->port->rings[TX][descriptor->first[TX] + i],
			     &sleeper->waiter);
	/* Entered first, then looked: whoever sends after the look sees us waiting. */
	for (;;) {
		int32_t left = timeout_ms < 0 ? -1 : (int32_t)(end - now_ms());

		found = poll_now(embedded, events);
		if (found || load_acquire(&sleeper->woken) || (timeout_ms >= 0 && left <= 0))
			break;
		sleep_on_event(sleeper, left);
	}
	for (uint32_t i = 0; i < rx + tx; i++)
		waiter_leave(&links[i]);
	free(links);
	return found;
}

/* Several threads may wait at once, for the same or for different events. */
static int embedded_poll(void *descriptor, uint32_t events, int32_t timeout_ms)
{
	struct embedded *embedded = descriptor;
	struct sleeper sleeper;
	struct thread_bell bell;
	int found = poll_now(embedded, events);
	int rc;

	if (found || timeout_ms == 0)
		return found;
	rc = sleeper_enter(&embedded->sleepers, &sleeper);
	if (rc < 0)
		return rc;
	/* What we wait for may itself wait for a lookup of this thread's. */
	bell = thread_life_swap((struct thread_bell){ event_signal, sleeper.waiter.event_fd });
	found = sleep_until_ready(embedded, &sleeper, events, timeout_ms);
	thread_life_swap(bell);
	sleeper_leave(&embedded->sleepers, &sleeper);
	return found;
}

/* ---- the sync loop ---- */

static int loop_control(void *descriptor, struct nmreq_header *header)
{
	return descriptor_control(&((struct embedded *)descriptor)->descriptor, header);
}

static int loop_is_registered(void *descriptor)
{
	return load_acquire(&((struct embedded *)descriptor)->descriptor.port) != NULL;
}

static uint32_t loop_rings(void *descriptor, enum direction direction)
{
	const struct descriptor *bound = &((struct embedded *)descriptor)->descriptor;

	return bound->last[direction] - bound->first[direction];
}

static void loop_look(void *descriptor, enum direction direction, uint32_t index,
		      struct ring_pointers *out)
{
	csb_mode_look(&((struct embedded *)descriptor)->descriptor, direction, index, out);
}

static int loop_sync(void *descriptor, enum direction direction, uint32_t index,
		     struct ring_pointers *pointers)
{
	return csb_mode_sync(&((struct embedded *)descriptor)->descriptor, direction, index,
			     pointers);
}

/* A sleeper for each direction, so that it is known what has come. */
struct loop_sleeper {
	struct sleeper sleeper[2];
	struct waiter_link links[];
};

static int loop_sleep_open(void *descriptor, struct loop_sleep *sleep)
{
	struct sleepers *sleepers = &((struct embedded *)descriptor)->sleepers;
	uint32_t count = loop_rings(descriptor, RX) + loop_rings(descriptor, TX);
	struct loop_sleeper *state = calloc(1, sizeof(*state) + count * sizeof(state->links[0]));
	int rc = state ? sleeper_enter(sleepers, &state->sleeper[RX]) : -ENOMEM;

	if (rc == 0) {
		rc = sleeper_enter(sleepers, &state->sleeper[TX]);
		if (rc < 0)
			sleeper_leave(sleepers, &state->sleeper[RX]);
	}
	if (rc < 0) {
		free(state);
		return rc;
	}
	for (int d = RX; d <= TX; d++)
		sleep->fds[d] = state->sleeper[d].waiter.event_fd;
	sleep->state = state;
	return 0;
}

static void loop_sleep_close(void *descriptor, struct loop_sleep *sleep)
{
	struct sleepers *sleepers = &((struct embedded *)descriptor)->sleepers;
	struct loop_sleeper *state = sleep->state;

	sleeper_leave(sleepers, &state->sleeper[TX]);
	sleeper_leave(sleepers, &state->sleeper[RX]);
	free(state);
}

static int loop_sleep_begin(void *descriptor, struct loop_sleep *sleep)
{
	struct descriptor *bound = &((struct embedded *)descriptor)->descriptor;
	struct loop_sleeper *state = sleep->state;
	uint32_t n = 0;

	for (int d = RX; d <= TX; d++)
		for (uint32_t i = bound->first[d]; i < bound->last[d]; i++)
			waiter_enter(&state->links[n++], &bound->port->rings[d][i],
				     &state->sleeper[d].waiter);
	return 0;
}

static void loop_sleep_end(void *descriptor, struct loop_sleep *sleep)
{
	struct loop_sleeper *state = sleep->state;

	for (uint32_t n = loop_rings(descriptor, RX) + loop_rings(descriptor, TX); n-- > 0;)
		waiter_leave(&state->links[n]);
}

static void loop_silence(void *descriptor, struct loop_sleep *sleep)
{
	(void)descriptor;
	event_take(sleep->fds[RX]);
	event_take(sleep->fds[TX]);
}

static const struct sync_loop_calls loop_calls = {
	.control = loop_control,
	.is_registered = loop_is_registered,
	.rings = loop_rings,
	.look = loop_look,
	.sync = loop_sync,
	.sleep_open = loop_sleep_open,
	.sleep_close = loop_sleep_close,
	.sleep_begin = loop_sleep_begin,
	.sleep_end = loop_sleep_end,
	.silence = loop_silence,
};

static int embedded_control(void *descriptor, struct nmreq_header *header)
{
	return sync_loop_control(&((struct embedded *)descriptor)->loop, &loop_calls, descriptor,
				 header);
}

static int embedded_config(void *descriptor, struct nm_ifreq *request)
{
	return config_send(embedded_control, descriptor, request);
}

static void embedded_closing(void *descriptor)
{
	sync_loop_end(&((struct embedded *)descriptor)->loop);
}

static void embedded_wake(void *descriptor)
{
	sleepers_wake(&((struct embedded *)descriptor)->sleepers);
}

const struct backend backend_embedded = {
	.name = "embedded",
	.id = VALET_BACKEND_EMBEDDED,
	.probe = embedded_probe,
	.open = embedded_open,
	.control = embedded_control,
	.config = embedded_config,
	.map = embedded_map,
	.txsync = embedded_txsync,
	.rxsync = embedded_rxsync,
	.poll = embedded_poll,
	.wake = embedded_wake,
	.closing = embedded_closing,
	.close = embedded_close,
};
