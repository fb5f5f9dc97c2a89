/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine in this process: direct calls on the caller's thread, an eventfd for who sleeps. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../engine/engine.h"
#include "../engine/waiter.h"
#include "backend.h"
#include "memory.h"

/* A poll that waits. */
struct sleeper {
	struct waiter waiter;
	uint32_t woken; /* by embedded_wake() */
	struct sleeper *next;
};

struct embedded {
	struct descriptor descriptor; /* the engine's */
	pthread_mutex_t sleeping; /* for what follows */
	struct sleeper *sleepers;
	int spare_event_fd; /* of a poll before, for the next one; -1: none */
	int wake_next; /* embedded_wake() found nobody asleep */
};

struct engine_entry {
	struct engine *engine;
	struct engine_entry *next;
};

static pthread_mutex_t engines_lock = PTHREAD_MUTEX_INITIALIZER;
static struct engine_entry *engines;

static void signal_event(int fd)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the sleeper is awake. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void wake_waiter(struct waiter *waiter)
{
	signal_event(waiter->event_fd);
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

/* ---- engines by name ---- */

static struct engine *engine_get(const char *name)
{
	struct engine_entry *entry;

	for (entry = engines; entry; entry = entry->next)
		if (!strcmp(entry->engine->name, name))
			return entry->engine;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return NULL;
	entry->engine = engine_create(name, &host);
	if (!entry->engine) {
		free(entry);
		return NULL;
	}
	entry->next = engines;
	engines = entry;
	return entry->engine;
}

static void engine_drop_idle(struct engine *engine)
{
	struct engine_entry **at = &engines, *entry;

	if (!engine_idle(engine))
		return;
	while ((*at)->engine != engine)
		at = &(*at)->next;
	entry = *at;
	*at = entry->next;
	engine_destroy(engine);
	free(entry);
}

static int embedded_open(const char *instance, void **descriptor)
{
	struct embedded *embedded;
	struct engine *engine;

	if (!instance)
		instance = "";
	if (strlen(instance) >= ENGINE_NAME_BYTES)
		return -EINVAL;
	embedded = calloc(1, sizeof(*embedded));
	if (!embedded)
		return -ENOMEM;
	embedded->spare_event_fd = -1;
	pthread_mutex_init(&embedded->sleeping, NULL);
	pthread_mutex_lock(&engines_lock);
	engine = engine_get(instance);
	if (engine)
		descriptor_open(engine, &embedded->descriptor);
	pthread_mutex_unlock(&engines_lock);
	if (!engine) {
		free(embedded);
		return -ENOMEM;
	}
	*descriptor = embedded;
	return 0;
}

static void embedded_close(void *descriptor)
{
	struct embedded *embedded = descriptor;
	struct engine *engine = embedded->descriptor.engine;

	pthread_mutex_lock(&engines_lock);
	descriptor_close(&embedded->descriptor);
	engine_drop_idle(engine);
	pthread_mutex_unlock(&engines_lock);
	if (embedded->spare_event_fd >= 0)
		close(embedded->spare_event_fd);
	pthread_mutex_destroy(&embedded->sleeping);
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

/* What poll() finds now, after the syncs that it implies. Negative: a sync failed. */
static int poll_now(struct embedded *embedded, uint32_t events)
{
	struct descriptor *descriptor = &embedded->descriptor;
	int found = 0, rc;

	if (!load_acquire(&descriptor->port))
		return POLLERR;
	if (events & POLLOUT ||
	    (!(descriptor->flags & NR_NO_TX_POLL) && descriptor_pending(descriptor))) {
		rc = descriptor_sync(descriptor, TX);
		if (rc < 0)
			return rc;
		found |= rc ? POLLERR : 0;
	}
	if (events & POLLIN) {
		rc = descriptor_sync(descriptor, RX);
		if (rc < 0)
			return rc;
		found |= rc ? POLLERR : 0;
	}
	if (events & POLLIN && descriptor_ready(descriptor, RX))
		found |= POLLIN;
	if (events & POLLOUT && descriptor_ready(descriptor, TX))
		found |= POLLOUT;
	return found;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * Until an event, or wake, or the time is up. A full counter is emptied before the rings are looked
 * at again.
 */
static void sleep_on_event(const struct sleeper *sleeper, int32_t timeout_ms)
{
	struct pollfd fd = { .fd = sleeper->waiter.event_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&fd, 1, timeout_ms) > 0 && read(fd.fd, &count, sizeof(count)) < 0)
		return;
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

static int sleeper_enter(struct embedded *embedded, struct sleeper *sleeper)
{
	int rc = 0;

	pthread_mutex_lock(&embedded->sleeping);
	sleeper->waiter.event_fd = embedded->spare_event_fd;
	embedded->spare_event_fd = -1;
	if (sleeper->waiter.event_fd < 0)
		sleeper->waiter.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sleeper->waiter.event_fd < 0) {
		rc = -errno;
	} else {
		sleeper->woken = (uint32_t)embedded->wake_next;
		embedded->wake_next = 0;
		sleeper->next = embedded->sleepers;
		embedded->sleepers = sleeper;
	}
	pthread_mutex_unlock(&embedded->sleeping);
	return rc;
}

static void sleeper_leave(struct embedded *embedded, struct sleeper *sleeper)
{
	struct sleeper **at = &embedded->sleepers;

	pthread_mutex_lock(&embedded->sleeping);
	while (*at != sleeper)
		at = &(*at)->next;
	*at = sleeper->next;
	if (embedded->spare_event_fd < 0)
		embedded->spare_event_fd = sleeper->waiter.event_fd;
	else
		close(sleeper->waiter.event_fd);
	pthread_mutex_unlock(&embedded->sleeping);
}

/* Several threads may wait at once, for the same or for different events. */
static int embedded_poll(void *descriptor, uint32_t events, int32_t timeout_ms)
{
	struct embedded *embedded = descriptor;
	struct sleeper sleeper;
	int found = poll_now(embedded, events);
	int rc;

	if (found || timeout_ms == 0)
		return found;
	rc = sleeper_enter(embedded, &sleeper);
	if (rc < 0)
		return rc;
	found = sleep_until_ready(embedded, &sleeper, events, timeout_ms);
	sleeper_leave(embedded, &sleeper);
	return found;
}

static void embedded_wake(void *descriptor)
{
	struct embedded *embedded = descriptor;

	pthread_mutex_lock(&embedded->sleeping);
	for (struct sleeper *sleeper = embedded->sleepers; sleeper; sleeper = sleeper->next) {
		/* Before the event: who wakes by it sees this. */
		store_release(&sleeper->woken, 1);
		signal_event(sleeper->waiter.event_fd);
	}
	embedded->wake_next |= !embedded->sleepers;
	pthread_mutex_unlock(&embedded->sleeping);
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
