/* SPDX-License-Identifier: BSD-2-Clause */
/* The control thread, and the functions that host programs start and stop it with. */
#define _GNU_SOURCE /* accept4, pthread_setname_np */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../backend/memory.h"
#include "../backend/nic.h"
#include "../valet.h"
#include "questions.h"
#include "remote_lookup.h"

static const struct engine_host host = {
	.remote = 1,
	.region_map = memory_region_map_shared,
	.region_identify = memory_region_identify_shared,
	.region_adopt = memory_region_adopt_shared,
	.region_unmap = memory_region_unmap,
	.wake = bell_ring,
	.wake_soon = wakeup_put_off,
	.wake_never = wakeup_cancel,
	.nics = &nic_devices,
};

/* ---- sessions coming and going ---- */

static void count_connection(struct server *server, uint32_t pid, int change)
{
	if (pid == (uint32_t)getpid())
		return;
	server->connections += (uint32_t)change;
	server->idle_since_ms = now_ms();
}

static void refuse(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->refused++;
	pthread_mutex_unlock(&server->lock);
}

static int spare_open(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

/* No descriptors are left: who knocks hears it, and does not wait until some come back. */
static void turn_away(struct server *server)
{
	struct wire_header answer = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = WIRE_HELLO,
		.id = WIRE_FIRST_ID,
		.result = -EMFILE,
	};
	int fd;

	if (server->spare >= 0)
		close(server->spare);
	fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		wire_send(fd, &answer, NULL, 0, NULL, 0);
		close(fd);
		refuse(server);
	} else {
		usleep(1000); /* not even the spare one */
	}
	server->spare = spare_open();
}

static void accept_one(struct server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN };
	struct session *session = NULL;
	uint32_t pid;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(server);
		return;
	}
	if (listener_admits(fd, &pid))
		session = session_make(server, fd, pid);
	event.data.ptr = session;
	if (!session || epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(session);
		close(fd);
		refuse(server);
		return;
	}
	pthread_mutex_lock(&server->lock);
	session->next = server->sessions;
	server->sessions = session;
	count_connection(server, pid, 1);
	pthread_mutex_unlock(&server->lock);
}

/* The last of it. The forwarder has nothing to do with it any more. */
static void retire(struct server *server, struct session *session)
{
	struct session **at = &server->sessions;
	int was_bound = session->forwarder != NULL;
	uint32_t pid = session->pid;

	pthread_mutex_lock(&server->lock);
	while (*at != session)
		at = &(*at)->next;
	*at = session->next;
	pthread_mutex_unlock(&server->lock);
	session_free(session);
	/* Nothing is left of what is not counted. */
	pthread_mutex_lock(&server->lock);
	count_connection(server, pid, -1);
	server->ports -= was_bound;
	pthread_mutex_unlock(&server->lock);
}

static void end(struct server *server, struct session *session)
{
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, session->socket, NULL);
	remote_lookups_end(&session->lookups);
	if (!session->forwarder) {
		retire(server, session);
		return;
	}
	server->ending++;
	session->ending = 1;
	forwarder_end(session);
}

void server_finished(struct server *server, struct session *session)
{
	pthread_mutex_lock(&server->lock);
	session->next_active = server->done;
	server->done = session;
	pthread_mutex_unlock(&server->lock);
	event_signal(server->finished);
}

static void reap(struct server *server)
{
	struct session *session, *next;

	event_take(server->finished);
	pthread_mutex_lock(&server->lock);
	session = server->done;
	server->done = NULL;
	pthread_mutex_unlock(&server->lock);
	for (; session; session = next) {
		struct wire_header header = {
			.magic = WIRE_MAGIC,
			.version = WIRE_VERSION,
			.type = WIRE_CLOSE,
			.id = session->close_id,
		};

		next = session->next_active;
		session->forwarder->sessions--;
		server->ending--;
		if (session->close_wanted)
			wire_send(session->socket, &header, NULL, 0, NULL, 0);
		retire(server, session);
	}
}

void server_settle(struct server *server)
{
	enum { LIMIT_MS = 200 }; /* a lookup may hold a forwarder up */
	int64_t end_ms = now_ms() + LIMIT_MS;

	while (server->ending && now_ms() < end_ms) {
		reap(server);
		if (server->ending)
			usleep(20);
	}
}

/* ---- the control thread ---- */

static void handle(struct server *server, const struct epoll_event *event)
{
	struct session *session = event->data.ptr;
	int rc = event->events & (EPOLLHUP | EPOLLERR) ? -ECONNRESET : session_serve(session);

	if (rc >= 0)
		return;
	if (rc != -ECONNRESET && rc != -ESHUTDOWN)
		refuse(server);
	end(server, session);
}

static void *control(void *argument)
{
	enum { EVENTS_MAX = 64 };
	struct server *server = argument;
	struct epoll_event events[EVENTS_MAX];

	pthread_setname_np(pthread_self(), "valet control");
	for (;;) {
		int count = epoll_wait(server->epoll, events, EVENTS_MAX, parked_timeout(server));
		int knocks = 0;

		/* Who is gone goes first: a name that was given up is free for whoever asks now. */
		for (int i = 0; i < count; i++) {
			void *who = events[i].data.ptr;

			if (who == &server->stop)
				return NULL;
			if (who == &server->finished)
				reap(server);
			else if (who == &server->listener)
				knocks = 1;
			else if (events[i].events & (EPOLLHUP | EPOLLERR))
				handle(server, &events[i]);
		}
		for (int i = 0; i < count; i++) {
			void *who = events[i].data.ptr;

			if (who != &server->finished && who != &server->listener &&
			    !(events[i].events & (EPOLLHUP | EPOLLERR)))
				handle(server, &events[i]);
		}
		if (knocks)
			accept_one(server);
		if (server->parked)
			parked_look(server);
	}
}

/* ---- start and stop ---- */

static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER;
static struct server *running;
static uint32_t users; /* of `running`, in valet_serve_wait() and the like */

static void raise_limits(void)
{
	struct rlimit files;

	/* A port takes five descriptors. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int watch(struct server *server, int fd, void *who)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = who };

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void stop_forwarders(struct server *server)
{
	while (server->forwarder_count)
		forwarder_stop(&server->forwarders[--server->forwarder_count]);
}

static int start_threads(struct server *server, uint32_t threads)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t all, before;
	int rc = 0;

	/* Signals are for the host program's own threads, but for what a thread does itself: guard.c. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!threads)
		threads = cores > 2 ? (uint32_t)cores / 2 : 1;
	if (threads > FORWARDERS_MAX)
		threads = FORWARDERS_MAX;
	while (rc == 0 && server->forwarder_count < threads) {
		rc = forwarder_start(&server->forwarders[server->forwarder_count], server);
		server->forwarder_count += rc == 0;
	}
	if (rc == 0)
		rc = -pthread_create(&server->thread, NULL, control, server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		stop_forwarders(server);
	return rc;
}

static void free_server(struct server *server)
{
	const int fds[] = { server->epoll, server->stop, server->finished, server->spare };

	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pthread_cond_destroy(&server->asked);
	pthread_mutex_destroy(&server->lock);
	free(server->payload);
	free(server);
}

static struct server *make_server(void)
{
	struct server *server = calloc(1, sizeof(*server));
	pthread_condattr_t monotonic;

	if (!server)
		return NULL;
	server->engines = (struct engines)ENGINES_INITIALIZER(&host);
	server->idle_since_ms = now_ms();
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&server->asked, &monotonic);
	pthread_condattr_destroy(&monotonic);
	server->payload = aligned_alloc(64, WIRE_BYTES_MAX);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->spare = spare_open();
	return server;
}

static int start(const char *path, uint32_t threads)
{
	struct server *server;
	int rc;

	if (running)
		return -EADDRINUSE;
	raise_limits();
	server = make_server();
	if (!server)
		return -ENOMEM;
	rc = server->payload ? 0 : -ENOMEM;
	if (rc == 0 &&
	    (server->epoll < 0 || server->stop < 0 || server->finished < 0 || server->spare < 0))
		rc = -EMFILE;
	if (rc == 0)
		rc = listener_open(server, path);
	if (rc < 0) {
		free_server(server);
		return rc;
	}
	rc = watch(server, server->listener, &server->listener);
	if (rc == 0)
		rc = watch(server, server->stop, &server->stop);
	if (rc == 0)
		rc = watch(server, server->finished, &server->finished);
	if (rc == 0)
		rc = start_threads(server, threads);
	if (rc < 0) {
		listener_close(server);
		free_server(server);
		return rc;
	}
	running = server;
	return 0;
}

int32_t valet_serve_start(const char *path, uint32_t threads)
{
	int rc;

	pthread_mutex_lock(&running_lock);
	rc = start(path, threads);
	pthread_mutex_unlock(&running_lock);
	return rc;
}

/* All that were connected hear of it by their sockets. */
static void end_all(struct server *server)
{
	struct session *session, *next;

	for (session = server->sessions; session; session = next) {
		next = session->next;
		if (!session->ending)
			end(server, session);
	}
	while (server->ending) {
		reap(server);
		usleep(100);
	}
}

int32_t valet_serve_stop(void)
{
	struct server *server;

	pthread_mutex_lock(&running_lock);
	server = running;
	running = NULL;
	pthread_mutex_unlock(&running_lock);
	if (!server)
		return -EBADF;
	event_signal(server->stop);
	pthread_join(server->thread, NULL);
	/* From here on this thread is control. */
	listener_close(server);
	end_all(server);
	stop_forwarders(server);
	pthread_mutex_lock(&server->lock);
	server->stopping = 1;
	pthread_cond_broadcast(&server->asked);
	pthread_mutex_unlock(&server->lock);
	engines_clear(&server->engines);
	pthread_mutex_lock(&running_lock);
	while (load_acquire(&users)) {
		pthread_mutex_unlock(&running_lock);
		usleep(100);
		pthread_mutex_lock(&running_lock);
	}
	pthread_mutex_unlock(&running_lock);
	free_server(server);
	return 0;
}

/* ---- for the host program ---- */

static struct server *enter(void)
{
	struct server *server;

	pthread_mutex_lock(&running_lock);
	server = running;
	if (server)
		__atomic_add_fetch(&users, 1, __ATOMIC_ACQ_REL);
	pthread_mutex_unlock(&running_lock);
	return server;
}

static void leave(void)
{
	__atomic_sub_fetch(&users, 1, __ATOMIC_ACQ_REL);
}

int32_t valet_serve_wait(uint32_t *id, void *question, uint32_t size, int32_t timeout_ms)
{
	struct server *server = enter();
	int rc;

	if (!server)
		return -EBADF;
	rc = question_wait(server, id, question, size, timeout_ms);
	leave();
	return rc;
}

int32_t valet_serve_answer(uint32_t id, const void *text, uint32_t bytes)
{
	struct server *server = enter();
	int rc;

	if (!server)
		return -EBADF;
	rc = question_answer(server, id, text, bytes);
	leave();
	return rc;
}

int32_t valet_serve_status(uint64_t *out)
{
	struct server *server = enter();
	uint32_t engines, persistent;

	if (!server)
		return -EBADF;
	engines_count(&server->engines, &engines, &persistent);
	memset(out, 0, VALET_SERVE_FIGURES * sizeof(*out));
	out[VALET_SERVE_ENGINES] = engines;
	out[VALET_SERVE_PERSISTENT] = persistent;
	pthread_mutex_lock(&server->lock);
	out[VALET_SERVE_CONNECTIONS] = server->connections;
	out[VALET_SERVE_PORTS] = server->ports;
	out[VALET_SERVE_IDLE_MS] =
		server->connections ? 0 : (uint64_t)(now_ms() - server->idle_since_ms);
	out[VALET_SERVE_REFUSED] = server->refused;
	pthread_mutex_unlock(&server->lock);
	leave();
	return 0;
}
