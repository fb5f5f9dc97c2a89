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
	TURNS_BETWEEN_KICKS = 64, /* looks at the active sessions between looks at the others */
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

/* Takes the kicks that have come. 0: the thread has to stop. */
static int take_kicks(struct forwarder *forwarder, int timeout_ms)
{
	struct epoll_event events[KICKS_MAX];
	int count = epoll_wait(forwarder->epoll, events, KICKS_MAX, timeout_ms);
	int64_t now = now_ns();

	for (int i = 0; i < count; i++) {
		struct session *session = events[i].data.ptr;

		if (!session)
			return 0;
		event_take(session->kick);
		activate(forwarder, session, now);
	}
	return 1;
}

static void finish(struct forwarder *forwarder, struct session *session)
{
	/* The client has the eventfd too: closing ours would not take it out. */
	epoll_ctl(forwarder->epoll, EPOLL_CTL_DEL, session->kick, NULL);
	session_unbind(session);
	server_finished(forwarder->server, session);
}

/* One look at each active session. */
static void serve_active(struct forwarder *forwarder)
{
	struct session **at = &forwarder->active;
	int64_t now = now_ns();

	while (*at) {
		struct session *session = *at, *next = session->next_active;

		if (load_acquire(&session->ending)) {
			*at = next;
			finish(forwarder, session);
			continue;
		}
		if (serve_rings(session))
			session->busy_ns = now;
		if (now - session->busy_ns > AWAKE_NS && deactivate(session))
			*at = next;
		else
			at = &session->next_active;
	}
}

static void *forward(void *argument)
{
	struct forwarder *forwarder = argument;
	uint32_t turns = 0;

	pthread_setname_np(pthread_self(), "valet forward");
	for (;;) {
		if (!forwarder->active) {
			if (!take_kicks(forwarder, -1))
				return NULL;
		} else if (++turns % TURNS_BETWEEN_KICKS == 0) {
			if (!take_kicks(forwarder, 0))
				return NULL;
			/* A client may need this core to go on. */
			sched_yield();
		}
		serve_active(forwarder);
		spin_pause();
	}
}

int forwarder_adopt(struct forwarder *forwarder, struct session *session)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

	session->forwarder = forwarder;
	if (epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, session->kick, &event) < 0) {
		session->forwarder = NULL;
		return -errno;
	}
	forwarder->sessions++;
	return 0;
}

int forwarder_start(struct forwarder *forwarder, struct server *server)
{
	struct epoll_event event = { .events = EPOLLIN };
	int rc;

	*forwarder = (struct forwarder){ .server = server };
	forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (forwarder->epoll < 0)
		return -errno;
	forwarder->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (forwarder->stop < 0) {
		rc = -errno;
		goto close_epoll;
	}
	rc = epoll_ctl(forwarder->epoll, EPOLL_CTL_ADD, forwarder->stop, &event) < 0 ? -errno : 0;
	if (rc == 0)
		rc = -pthread_create(&forwarder->thread, NULL, forward, forwarder);
	if (rc == 0)
		return 0;
	close(forwarder->stop);
close_epoll:
	close(forwarder->epoll);
	return rc;
}

void forwarder_stop(struct forwarder *forwarder)
{
	event_signal(forwarder->stop);
	pthread_join(forwarder->thread, NULL);
	close(forwarder->stop);
	close(forwarder->epoll);
}
