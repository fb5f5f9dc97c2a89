/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon: an engine for other processes.
 *
 * One thread, control, owns the listener and all connections: it accepts, answers requests, and
 * notices who is gone. Forwarding threads own the sessions that are bound to a port: they do the
 * syncs that clients ask for, and it is they who end such a session, so that nothing is taken away
 * from under a sync. Everything that is read from a client is read once and checked.
 */
#ifndef VALET_SERVER_H
#define VALET_SERVER_H

#include <pthread.h>
#include <stdint.h>

#include "../backend/engines.h"
#include "../backend/sleeper.h"
#include "../wire.h"
#include "wakeup.h"

#define FORWARDERS_MAX 64

/* That one connection has at the same time. */
enum { BELLS_MAX = 256 };

struct forwarder {
	struct server *server;
	pthread_t thread;
	int epoll; /* the kicks of its sessions, and `wake` */
	int wake; /* eventfd: control's, for what follows */
	struct session *ending; /* to be finished; under server->lock */
	uint32_t stopping;
	uint32_t sessions; /* control's */
	/* Its own. */
	struct session *active; /* those that it looks at without being kicked */
	int64_t busy_ns; /* when it last had something to do */
	struct wakeups wakeups;
};

/* What wakes one that sleeps, a thread of a client. */
struct bell {
	struct bell *next;
	struct waiter waiter[2]; /* their event_fd is a pipe's end to write to */
	struct waiter_link *links[2]; /* one a ring */
};

/* A connection. */
struct session {
	struct server *server;
	struct session *next; /* in server->sessions, or among the finished */
	int socket;
	uint32_t pid;
	int opened; /* HELLO came: there is a descriptor */
	struct descriptor descriptor;

	struct parked *parked; /* a request that waits for another client; control's */
	struct remote_lookup *lookups; /* that the client has set; control's */

	/* What somebody has to answer: under server->lock. */
	uint32_t question; /* its number; 0: none */
	uint32_t question_id; /* of the request */
	void *question_text;
	uint32_t question_bytes; /* 0: taken */

	/* Bound to a port. */
	struct forwarder *forwarder;
	int kick; /* eventfd, of which the client may make anything: never read, never written */
	struct bell *bells; /* control's */
	int ending; /* control has done with it, and waits for the forwarder to finish it */
	struct session *next_ending;
	int close_wanted; /* the client waits for that */
	uint32_t close_id;

	/* The forwarder's. */
	int to_finish;
	int is_active;
	int64_t busy_ns; /* when it last had something to do */
	struct session *next_active;
};

struct server {
	struct engines engines;
	struct sockaddr_un *address;
	int lock_fd, listener, epoll;
	int stop, finished; /* eventfds */
	int spare; /* a descriptor to give up when there are no more */
	pthread_t thread;
	struct forwarder forwarders[FORWARDERS_MAX];
	uint32_t forwarder_count;
	uint32_t ending; /* sessions that forwarders have still to finish; control's */
	uint8_t *payload; /* the request at hand; control's */
	uint32_t parked; /* sessions with a request that waits; control's */

	/* For what follows, and for the sockets of sessions that the host program answers. */
	pthread_mutex_t lock;
	struct session *sessions;
	struct session *done; /* by forwarders, to be taken by control */
	uint64_t refused;
	uint32_t connections; /* of other processes */
	uint32_t ports; /* sessions bound to one */
	int64_t idle_since_ms;
	uint32_t last_question;
	int stopping;
	pthread_cond_t asked;
};

/* listener.c: a socket that is this user's alone, and the lock that goes with it. 0 or negative. */
int listener_open(struct server *server, const char *path);
void listener_close(struct server *server);
/* Whether the other end is this user. */
int listener_admits(int socket, uint32_t *pid);

/* session.c: control's. */
struct session *session_make(struct server *server, int socket, uint32_t pid);
/* The request that has come. Negative: the session has to end. */
int session_serve(struct session *session);
/* Frees what a session holds that is not bound to a port (any more). */
void session_free(struct session *session);
/* Takes the port away; by whoever owns the session. */
void session_unbind(struct session *session);

/* The answer to a WIRE_CONTROL that leaves the session as it is. */
int session_answer_control(struct session *session, const struct wire_header *request, int result,
			   const void *message, uint32_t bytes);

/* parked.c: control's */
/* Keeps a request that waits, its message with offsets. */
int parked_keep(struct session *session, const struct wire_header *request,
		uint32_t wait_ms, const void *message, uint32_t bytes);
void parked_forget(struct session *session);
/* Something has changed, or time has passed. */
void parked_look(struct server *server);
/* Milliseconds until one has waited long enough; -1: there is none. */
int parked_timeout(const struct server *server);

/* forwarder.c */
int forwarder_start(struct forwarder *forwarder, struct server *server);
/* Ends its sessions and the thread. */
void forwarder_stop(struct forwarder *forwarder);
/* Hands a session to it. Caller: control. 0 or negative. */
int forwarder_adopt(struct forwarder *forwarder, struct session *session);
/* Has it finished: server_finished() follows. Caller: control. */
void forwarder_end(struct session *session);

/* bell.c */
/* One more, for rings that the session is bound to; the ends in `fds` are for the client alone. */
int bell_make(struct session *session, int *fds);
void bells_free(struct session *session);
/* struct engine_host's wake. */
void bell_ring(struct waiter *waiter);

/* server.c, for forwarders: the session is unbound; control takes it from here. */
void server_finished(struct server *server, struct session *session);
/* For control: waits, but not for ever, until sessions that are ending have ended. */
void server_settle(struct server *server);

/* questions.c */
int question_ask(struct session *session, uint32_t id, const void *text, uint32_t bytes);

#endif
