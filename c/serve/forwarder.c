/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A forwarding thread. While a session has had something to do lately it looks at the session's
 * rings again and again (a client's sync takes about a microsecond then); after that it sleeps, and
 * the next request takes a kick.
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../engine/csb.h"
#include "server.h"

enum {
	AWAKE_NS = 50 * 1000, /* after the last request; about what a sleep and a wake-up cost */
	/* Looks at the active sessions between looks at the others, and the time that they take. */
	TURNS_BETWEEN_KICKS = 64,
	NS_BETWEEN_KICKS = 50 * 1000,
	KICKS_MAX = 64,
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct ring *ring_of(const struct session *session, enum direction d, uint32_t i)
{
	return &session->descriptor.port->rings[d][i];
}

/* 1 if there was a request on a ring of the session. */
static int serve_rings(struct session *session)
{
	const struct descriptor *descriptor = &session->descriptor;
	int served = 0;

	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			served |= csb_serve(ring_of(session, d, i));
	return served;
}

static void set_kicks(struct session *session, uint32_t needed)
{
	const struct descriptor *descriptor = &session->descriptor;

	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			csb_need_kick(ring_of(session, d, i), needed);
}

static int is_asked(struct session *session)
{
	const struct descriptor *descriptor = &session->descriptor;

	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			if (csb_asked(ring_of(session, d, i)))
				return 1;
	return 0;
}

static void activate(struct forwarder *forwarder, struct session *session, int64_t now)
{
	session->busy_ns = now;
	if (session->is_active)
		return;
	set_kicks(session, 0);
	session->is_active = 1;
	session->next_active = forwarder->active;
	forwarder->active = session;
}

/* 0: a request came meanwhile. */
static int deactivate(struct session *session)
{
	set_kicks(session, 1);
	if (is_asked(session)) {
		set_kicks(session, 0);
		return 0;
	}
	session->is_active = 0;
	return 1;
}

/* Those that have to end are looked at once more, to be finished then. */
static void take_ending(struct forwarder *forwarder, int64_t now)
{
	struct session *session;

	event_take(forwarder->wake);
	pthread_mutex_lock(&forwarder->server->lock);
	session = forwarder->ending;
	forwarder->ending = NULL;
	pthread_mutex_unlock(&forwarder->server->lock);
	for (; session; session = session->next_ending) {
		session->to_finish = 1;
		activate(forwarder, session, now);
	}
}

/* Takes the kicks that have come. 0: the thread has to stop. */
static int take_kicks(struct forwarder *forwarder, int timeout_ms)
{
	struct epoll_event events[KICKS_MAX];
	int count = epoll_wait(forwarder->epoll, events, KICKS_MAX, timeout_ms);
	int64_t now = now_ns();

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			activate(forwarder, events[i].data.ptr, now);
		else if (load_acquire(&forwarder->stopping))
			return 0;
		else
			take_ending(forwarder, now);
	}
	return 1;
}

/*
 * Rings that are another descriptor's as well: its client has not kicked if we looked at them. What
 * it has asked for till now is done here.
 */
static void serve_shared(struct session *session)
{
	const struct descriptor *descriptor = &session->descriptor;

	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			if (read_once(&ring_of(session, d, i)->opens) > 1)
				csb_serve(ring_of(session, d, i));
}

static void finish(struct forwarder *forwarder, struct session *session)
{
	set_kicks(session, 1);
	serve_shared(session);
	/* The client has the eventfd too: closing ours would not take it out. */
	epoll_ctl(forwarder->epoll, EPOLL_CTL_DEL, session->kick, NULL);
	session_unbind(session);
	server_finished(forwarder->server, session);
}

/* One look at each active session. Returns when that was. */
static int64_t serve_active(struct forwarder *forwarder)
{
	struct session **at = &forwarder->active;
	int64_t now = now_ns();

	while (*at) {
		struct session *session = *at, *next = session->next_active;

		if (session->to_finish) {
			*at = next;
			finish(forwarder, session);
			continue;
		}
		if (serve_rings(session))
			forwarder->busy_ns = session->busy_ns = now = now_ns();
		if (now - session->busy_ns > AWAKE_NS && deactivate(session))
			*at = next;
		else
			at = &session->next_active;
	}
	wakeups_do(&forwarder->wakeups, now, forwarder->busy_ns);
	return now;
}

static void *forward(void *argument)
{
	struct forwarder *forwarder = argument;
	int64_t now = 0, kicks_ns = 0;
	uint32_t turns = 0;

	pthread_setname_np(pthread_self(), "valet forward");
	wakeups_use(&forwarder->wakeups);
	for (;;) {
		if (!forwarder->active) {
			wakeups_do_mine();
			if (!take_kicks(forwarder, -1))
				return NULL;
		} else if (++turns % TURNS_BETWEEN_KICKS == 0 ||
			   now - kicks_ns > NS_BETWEEN_KICKS) {
			if (!take_kicks(forwarder, 0))
				return NULL;
			kicks_ns = now;
			/* A client may need this core to go on. */
			sched_yield();
		}
		now = serve_active(forwarder);
		spin_pause();
	}
}

int forwarder_adopt(struct forwarder *forwarder, struct session *session)
{
	/* Edges: each write is one, whatever the counter was, so that it need not be read. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = session };

	session->forwarder = forwarder;
	if (epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, session->kick, &event) < 0) {
		session->forwarder = NULL;
		return -errno;
	}
	forwarder->sessions++;
	return 0;
}

void forwarder_end(struct session *session)
{
	struct forwarder *forwarder = session->forwarder;

	pthread_mutex_lock(&forwarder->server->lock);
	session->next_ending = forwarder->ending;
	forwarder->ending = session;
	pthread_mutex_unlock(&forwarder->server->lock);
	event_signal(forwarder->wake);
}

int forwarder_start(struct forwarder *forwarder, struct server *server)
{
	struct epoll_event event = { .events = EPOLLIN };
	int rc;

	*forwarder = (struct forwarder){ .server = server };
	forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (forwarder->epoll < 0)
		return -errno;
	forwarder->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (forwarder->wake < 0) {
		rc = -errno;
		goto close_epoll;
	}
	rc = epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, forwarder->wake, &event) < 0 ? -errno : 0;
	if (rc == 0)
		rc = -pthread_create(&forwarder->thread, NULL, forward, forwarder);
	if (rc == 0)
		return 0;
	close(forwarder->wake);
close_epoll:
	close(forwarder->epoll);
	return rc;
}

void forwarder_stop(struct forwarder *forwarder)
{
	store_release(&forwarder->stopping, 1);
	event_signal(forwarder->wake);
	pthread_join(forwarder->thread, NULL);
	close(forwarder->wake);
	close(forwarder->epoll);
}
