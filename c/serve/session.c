/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection: its requests, and the port that it is bound to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../backend/memory.h"
#include "../engine/config.h"
#include "../engine/line.h"
#include "../message.h"
#include "client_memory.h"
#include "remote_lookup.h"
#include "server.h"

struct session *session_make(struct server *server, int socket, uint32_t pid)
{
	struct session *session = line_alloc(sizeof(*session));

	if (!session)
		return NULL;
	session->server = server;
	session->socket = socket;
	session->pid = pid;
	session->kick = -1;
	return session;
}

void session_unbind(struct session *session)
{
	bells_free(session);
	engines_close(&session->server->engines, &session->descriptor);
	session->opened = 0;
	if (session->kick >= 0)
		close(session->kick);
	session->kick = -1;
}

void session_free(struct session *session)
{
	if (session->opened)
		session_unbind(session);
	parked_forget(session);
	free(session->question_text);
	close(session->socket);
	free(session);
}

/* ---- answers ---- */

static int answer_with(struct session *session, const struct wire_header *request, int result,
		       const struct wire_part *parts, uint32_t count, const int *fds,
		       uint32_t fd_count)
{
	struct wire_header header = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = request->type,
		.id = request->id,
		.result = result,
	};

	/* Who does not take its answers, so that this would block, is not waited for. */
	return wire_send(session->socket, &header, parts, count, fds, fd_count);
}

static int answer(struct session *session, const struct wire_header *request, int result)
{
	return answer_with(session, request, result, NULL, 0, NULL, 0);
}

static void describe_port(const struct session *session, struct wire_port *out)
{
	const struct descriptor *descriptor = &session->descriptor;
	const struct port *port = descriptor->port;

	*out = (struct wire_port){
		.region_bytes = port->region->bytes,
		.if_offset = descriptor->if_offset,
		.flags = descriptor->flags,
		.listed_rx = port->count[TX] + port_host_rings_listed(port, TX),
		.is_pipe = port->kind == VALET_PORT_PIPE,
		.is_on_bridge = port->kind == VALET_PORT_EPHEMERAL ||
				port->kind == VALET_PORT_PERSISTENT,
		.region_id = port->region->id,
	};
	for (int d = RX; d <= TX; d++) {
		out->first[d] = descriptor->first[d];
		out->last[d] = descriptor->last[d];
		out->count[d] = port_rings(port, d);
	}
}

/* With what the client needs of its port, in front of what may follow. */
static int answer_port(struct session *session, const struct wire_header *request,
		       const struct wire_part *more)
{
	struct wire_port port;
	struct wire_part parts[2] = { { &port, sizeof(port) } };
	uint64_t offset = 0;
	int fds[WIRE_PORT_FDS] = {
		[WIRE_FD_REGION] =
			memory_region_share(session->descriptor.port->region->id, &offset),
		[WIRE_FD_KICK] = session->kick,
	};
	int rc = fds[WIRE_FD_REGION];

	if (rc < 0)
		return rc;
	describe_port(session, &port);
	port.region_offset = offset;
	if (more)
		parts[1] = *more;
	rc = answer_with(session, request, 0, parts, more ? 2 : 1, fds, WIRE_PORT_FDS);
	close(fds[WIRE_FD_REGION]);
	return rc;
}

/* ---- binding ---- */

static struct forwarder *least_busy(struct server *server)
{
	struct forwarder *least = &server->forwarders[0];

	for (uint32_t i = 1; i < server->forwarder_count; i++)
		if (server->forwarders[i].sessions < least->sessions)
			least = &server->forwarders[i];
	return least;
}

static int bind_port(struct session *session)
{
	int rc;

	session->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = session->kick < 0 ? -errno : forwarder_adopt(least_busy(session->server), session);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&session->server->lock);
	session->server->ports++;
	pthread_mutex_unlock(&session->server->lock);
	return 0;
}

/* For one that is going to sleep. Who does not take the ends is forgotten. */
static int answer_events(struct session *session, const struct wire_header *request)
{
	int fds[WIRE_EVENT_FDS];
	int rc = bell_make(session, fds);

	rc = rc < 0 ? answer(session, request, rc)
		    : answer_with(session, request, 0, NULL, 0, fds, WIRE_EVENT_FDS);
	for (int i = 0; i < WIRE_EVENT_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return rc;
}

/* ---- requests ---- */

/*
 * As in the kernel each network namespace has bridges of its own, unless the client names a switch.
 * Whose namespace cannot be looked at is taken to be in ours.
 */
static int netns_of_client(const struct session *session, const char *instance)
{
	char path[64];
	int fd;

	if (instance[0])
		return -1;
	snprintf(path, sizeof(path), "/proc/%u/ns/net", session->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int hello(struct session *session, const struct wire_header *request, void *payload,
		 uint32_t bytes)
{
	struct wire_hello *hello = payload;
	struct wire_part part = { hello, sizeof(*hello) };
	int rc, netns_fd;

	if (bytes != sizeof(*hello) || session->opened)
		return -EPROTO;
	hello->instance[sizeof(hello->instance) - 1] = '\0';
	netns_fd = netns_of_client(session, hello->instance);
	rc = engines_open(&session->server->engines, hello->instance, netns_fd,
			  &session->descriptor);
	if (netns_fd >= 0)
		close(netns_fd);
	session->opened = rc == 0;
	if (session->pid != (uint32_t)getpid())
		session->descriptor.pid = session->pid; /* whose network namespace it is in */
	hello->pid = (uint32_t)getpid();
	return answer_with(session, request, rc, &part, 1, NULL, 0);
}

/* Addresses in another process mean nothing here. The host program's own lookups are code here. */
static int is_allowed(const struct session *session, const struct nmreq_header *header)
{
	const struct valet_req_lookup *lookup = (const void *)(uintptr_t)header->nr_body;

	return header->nr_reqtype != VALET_REQ_LOOKUP_SET || !lookup ||
	       lookup->kind == VALET_LOOKUP_LEARNING ||
	       (lookup->kind == VALET_LOOKUP_NATIVE && session->pid == (uint32_t)getpid());
}

/* With the file of its option EXTMEM, if it has one. */
static int control_descriptor(struct session *session, struct nmreq_header *header)
{
	struct descriptor *descriptor = &session->descriptor;
	int rc;

	descriptor->memory_fd = memory_of_client(header);
	rc = descriptor_control(descriptor, header);
	if (descriptor->memory_fd >= 0)
		close(descriptor->memory_fd);
	descriptor->memory_fd = -1;
	return rc;
}

int session_answer_control(struct session *session, const struct wire_header *request, int result,
			   const void *message, uint32_t bytes)
{
	static const struct wire_port none;
	struct wire_part parts[2] = { { &none, sizeof(none) }, { message, bytes } };

	return answer_with(session, request, result, parts, 2, NULL, 0);
}

static int control(struct session *session, const struct wire_header *request, void *message,
		   uint32_t bytes)
{
	struct nmreq_header *header = message;
	struct wire_port none = { 0 };
	struct wire_part parts[2] = { { &none, sizeof(none) }, { message, bytes } };
	int was_bound = session->forwarder != NULL;
	uint32_t wait_ms;
	int rc;

	if (!session->opened || session->parked)
		return -EPROTO;
	rc = message_to_pointers(message, bytes);
	if (rc == 0) {
		server_settle(session->server);
		rc = is_allowed(session, header) ? control_descriptor(session, header)
						 : -EOPNOTSUPP;
		wait_ms = rc == 0 && config_waits(header) ? config_wait_ms(header) : 0;
		message_to_offsets(message);
		if (wait_ms)
			return parked_keep(session, request, wait_ms, message, bytes);
	}
	if (rc == 0 && !was_bound && session->descriptor.port) {
		rc = bind_port(session);
		if (rc == 0)
			rc = answer_port(session, request, &parts[1]);
		if (rc < 0) /* There is no way back to an unregistered descriptor: it ends. */
			answer_with(session, request, rc, parts, 2, NULL, 0);
		return rc;
	}
	return answer_with(session, request, rc, parts, 2, NULL, 0);
}

/* That one connection has at the same time. */
enum { LOOKUPS_MAX = 256 };

static int set_lookup(struct session *session, const struct wire_header *request, void *payload,
		      uint32_t bytes)
{
	struct wire_lookup *body = payload;
	struct wire_part part = { body, sizeof(*body) };
	struct remote_lookup *remote;
	struct lookup lookup;
	int rc;

	if (bytes != sizeof(*body) || !session->opened)
		return -EPROTO;
	body->bridge[sizeof(body->bridge) - 1] = '\0';
	rc = remote_lookups_prune(&session->lookups) < LOOKUPS_MAX ? remote_lookup_make(&remote)
								   : -EMFILE;
	if (rc < 0)
		return answer_with(session, request, rc, &part, 1, NULL, 0);
	server_settle(session->server);
	lookup = remote_lookup_as_lookup(remote);
	rc = descriptor_set_lookup(&session->descriptor, body->bridge, &lookup);
	if (rc < 0) {
		remote_lookup_drop(remote);
		return answer_with(session, request, rc, &part, 1, NULL, 0);
	}
	remote_lookup_enter(&session->lookups, remote);
	body->busy = (uint32_t)rc;
	rc = answer_with(session, request, 0, &part, 1, remote_lookup_fds(remote), WIRE_LOOKUP_FDS);
	remote_lookup_handed_over(remote);
	return rc;
}

static int close_session(struct session *session, const struct wire_header *request)
{
	if (!session->forwarder) {
		if (session->opened)
			session_unbind(session);
		return answer(session, request, 0);
	}
	session->close_wanted = 1;
	session->close_id = request->id;
	return -ESHUTDOWN;
}

int session_serve(struct session *session)
{
	struct server *server = session->server;
	struct wire_header request;
	int bytes = wire_receive(session->socket, &request, server->payload,
				 WIRE_BYTES_MAX - sizeof(request), NULL, NULL);

	if (bytes == -EAGAIN)
		return 0;
	if (bytes < 0)
		return bytes;
	if (request.version != WIRE_VERSION) {
		answer(session, &request, -EPROTO);
		return -EPROTO;
	}
	switch (request.type) {
	case WIRE_HELLO:
		return hello(session, &request, server->payload, (uint32_t)bytes);
	case WIRE_CONTROL:
		return control(session, &request, server->payload, (uint32_t)bytes);
	case WIRE_ADOPT:
		if (!session->forwarder)
			return answer(session, &request, -ENXIO);
		return answer_port(session, &request, NULL);
	case WIRE_EVENTS:
		if (!session->forwarder)
			return answer(session, &request, -ENXIO);
		return answer_events(session, &request);
	case WIRE_LOOKUP:
		return set_lookup(session, &request, server->payload, (uint32_t)bytes);
	case WIRE_LOOKUP_END:
		remote_lookups_prune(&session->lookups);
		return answer(session, &request, 0);
	case WIRE_CLOSE:
		return close_session(session, &request);
	case WIRE_ASK:
		return question_ask(session, request.id, server->payload, (uint32_t)bytes);
	default:
		return -EPROTO;
	}
}
