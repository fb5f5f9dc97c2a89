/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine in this process: direct calls on the caller's thread, an eventfd for who sleeps. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "../engine/thread_life.h"
#include "backend.h"
#include "engines.h"
#include "memory.h"
#include "script_loop.h"
#include "sleeper.h"

struct embedded {
	struct descriptor descriptor; /* the engine's */
	struct sleepers sleepers;
};

static void wake_waiter(struct waiter *waiter)
{
	event_signal(waiter->event_fd);
}

static const struct engine_host host = {
	.region_map = memory_region_map,
	.region_unmap = memory_region_unmap,
	.wake = wake_waiter,
};

static int embedded_probe(void)
{
	return 0;
}

static struct engines engines = ENGINES_INITIALIZER(&host);

static int embedded_open(const char *instance, void **descriptor)
{
	struct embedded *embedded = calloc(1, sizeof(*embedded));
	int rc;

	if (!embedded)
		return -ENOMEM;
	rc = engines_open(&engines, instance ? instance : "", &embedded->descriptor);
	if (rc < 0) {
		free(embedded);
		return rc;
	}
	sleepers_init(&embedded->sleepers);
	*descriptor = embedded;
	return 0;
}

static void embedded_close(void *descriptor)
{
	struct embedded *embedded = descriptor;

	engines_close(&engines, &embedded->descriptor);
	sleepers_destroy(&embedded->sleepers);
	free(embedded);
}

/* ---- operations ---- */

static int embedded_control(void *descriptor, struct nmreq_header *header)
{
	return descriptor_control(&((struct embedded *)descriptor)->descriptor, header);
}

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

	if (!load_acquire(&descriptor->port))
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
	.map = embedded_map,
	.txsync = embedded_txsync,
	.rxsync = embedded_rxsync,
	.poll = embedded_poll,
	.wake = embedded_wake,
	.close = embedded_close,
};
