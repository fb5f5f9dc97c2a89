/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap as a valet daemon offers it. Requests go over the connection; syncs go through the csb of
 * each ring, in memory that both map, and touch the connection only when the daemon is gone.
 */
#define _GNU_SOURCE /* struct ucred, F_GET_SEALS */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../message.h"
#include "backend.h"
#include "config.h"
#include "daemon_client.h"
#include "daemon_extmem.h"
#include "daemon_lookup.h"
#include "guard.h"

/* ---- the connection ---- */

/* Whether the other end is this user's: anybody may listen on a path in /tmp. */
static int is_ours(int connection)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	return peer.uid == geteuid() ? 0 : -EACCES;
}

int daemon_connect(void)
{
	struct sockaddr_un address;
	int rc = wire_address(NULL, &address);
	int fd;

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do {
		rc = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	} while (rc == -EINTR);
	if (rc == 0)
		rc = is_ours(fd);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int daemon_probe(void)
{
	int fd = daemon_connect();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int daemon_exchange(int socket, struct wire_header *header, const struct wire_part *part,
		    void *answer, uint32_t size, int *fds, uint32_t *fd_count)
{
	uint32_t id = header->id;
	int rc;

	header->magic = WIRE_MAGIC;
	header->version = WIRE_VERSION;
	rc = wire_send(socket, header, part, part ? 1 : 0, NULL, 0);
	if (rc == 0 || rc == -EPIPE)
		rc = wire_receive(socket, header, answer, size, fds, fd_count);
	else if (fd_count)
		*fd_count = 0;
	/* Who closes may have said why: that comes after the error. */
	if (rc == -ECONNRESET)
		rc = wire_receive(socket, header, answer, size, fds, fd_count);
	if (rc >= 0 && (header->id != id || header->version != WIRE_VERSION))
		/* Another process that has the connection has closed the descriptor. */
		rc = header->type == WIRE_CLOSE ? -ECONNRESET : -EPROTO;
	if (fd_count && (rc < 0 || header->result < 0))
		wire_close_fds(fds, fd_count);
	return rc;
}

int client_ask(struct client *client, enum wire_type type, const struct wire_part *part,
	       void *answer, uint32_t size, int *fds, uint32_t *fd_count, int *result)
{
	struct wire_header header = { .type = (uint16_t)type };
	int rc;

	pthread_mutex_lock(&client->asking);
	header.id = ++client->last_id;
	rc = daemon_exchange(client->socket, &header, part, answer, size, fds, fd_count);
	pthread_mutex_unlock(&client->asking);
	*result = header.result;
	return rc;
}

static struct client *client_make(int socket)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->socket = socket;
	pthread_mutex_init(&client->asking, NULL);
	sleepers_init(&client->sleepers);
	sync_loop_init(&client->loop);
	return client;
}

static void client_free(struct client *client)
{
	if (client->registered) {
		guard_remove(client->memory);
		munmap(client->memory, client->port.region_bytes);
		close(client->kick);
	}
	for (int i = 0; i < CLIENT_BELLS; i++)
		if (client->bells[i].state == BELL_READY)
			for (int k = 0; k < WIRE_EVENT_FDS; k++)
				close(client->bells[i].fds[k]);
	free(client->rings[RX]);
	free(client->rings[TX]);
	sleepers_destroy(&client->sleepers);
	sync_loop_destroy(&client->loop);
	pthread_mutex_destroy(&client->asking);
	close(client->socket);
	free(client);
}

static int daemon_open(const char *instance, void **descriptor)
{
	struct wire_hello hello = { .pid = 0 };
	struct wire_part part = { &hello, sizeof(hello) };
	struct client *client;
	int fd, rc, result;

	if (!instance || !*instance)
		instance = getenv("VALET_INSTANCE");
	if (instance && strlen(instance) >= sizeof(hello.instance))
		return -EINVAL;
	fd = daemon_connect();
	if (fd < 0)
		return fd;
	client = client_make(fd);
	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	if (instance)
		strcpy(hello.instance, instance);
	memcpy(client->instance, hello.instance, sizeof(client->instance));
	rc = client_ask(client, WIRE_HELLO, &part, &hello, sizeof(hello), NULL, NULL, &result);
	if (rc >= 0)
		rc = result;
	if (rc < 0) {
		client_free(client);
		return rc;
	}
	*descriptor = client;
	return 0;
}

/* To have the name free again when the descriptor is closed. */
static void wait_for_goodbye(struct client *client)
{
	enum { LIMIT_MS = 5000 }; /* a daemon that cannot do it soon does it when it can */
	struct pollfd fd = { .fd = client->socket, .events = POLLIN };
	int64_t end_ms = now_ms() + LIMIT_MS, left_ms;

	/* The port may be sending, and its packets wait for a lookup of this very thread. */
	while (!fd.revents && (left_ms = end_ms - now_ms()) > 0)
		lookup_poll(&fd, 1, (int32_t)left_ms);
}

static void daemon_close(void *descriptor)
{
	struct client *client = descriptor;
	struct wire_header goodbye = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = WIRE_CLOSE,
		.id = ++client->last_id,
	};

	lookup_retire_client(client);
	/* Not waited for if a lookup waits for this thread's event loop, and perhaps the daemon for
	 * the lookup. */
	if (wire_send(client->socket, &goodbye, NULL, 0, NULL, 0) == 0 &&
	    lookup_wait_begin() == 0) {
		wait_for_goodbye(client);
		lookup_wait_end();
	}
	client_free(client);
}

/* ---- the port ---- */

/* Where a ring is that the netmap_if lists, or NULL: others may be able to write the list. */
static struct netmap_ring *ring_at(const struct client *client, enum direction direction,
				   uint32_t index)
{
	const struct wire_port *port = &client->port;
	const struct netmap_if *nifp = (void *)(client->memory + port->if_offset);
	uint32_t slot = direction == TX ? index : port->listed_rx + index;
	uint64_t entry = port->if_offset + sizeof(*nifp) + slot * sizeof(nifp->ring_ofs[0]), at;

	if (entry > port->region_bytes - sizeof(nifp->ring_ofs[0]))
		return NULL;
	at = port->if_offset + (uint64_t)read_once(&nifp->ring_ofs[slot]);
	if (at % 64 || at > port->region_bytes - sizeof(struct netmap_ring))
		return NULL;
	return (struct netmap_ring *)(client->memory + at);
}

static int find_rings(struct client *client)
{
	const struct wire_port *port = &client->port;

	if (port->if_offset % 8 || port->region_bytes < sizeof(struct netmap_ring) ||
	    port->if_offset > port->region_bytes - sizeof(struct netmap_if))
		return -EPROTO;
	for (int d = RX; d <= TX; d++) {
		uint32_t count = port->last[d] - port->first[d];

		if (port->count[d] > 65536 || port->listed_rx > 65536 || port->last[d] > port->count[d] ||
		    port->first[d] > port->last[d])
			return -EPROTO;
		client->rings[d] = calloc(count + 1, sizeof(struct netmap_ring *));
		if (!client->rings[d])
			return -ENOMEM;
		for (uint32_t i = 0; i < count; i++) {
			client->rings[d][i] = ring_at(client, d, port->first[d] + i);
			if (!client->rings[d][i])
				return -EPROTO;
		}
	}
	return 0;
}

/* The daemon's own memory cannot shrink; a file can. */
static int guard_file(struct client *client, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	client->is_file = seals < 0 || !(seals & F_SEAL_SHRINK);
	return client->is_file ? guard_add(client->memory, client->port.region_bytes) : 0;
}

/* Takes over what came with a struct wire_port. On failure the descriptors are closed. */
static int client_register(struct client *client, const struct wire_port *port, const int *fds,
			   uint32_t fd_count)
{
	int rc = -EMFILE; /* fewer than were sent: there was no room for them here */

	client->port = *port;
	client->memory = MAP_FAILED;
	if (fd_count == WIRE_PORT_FDS) {
		client->memory = mmap(NULL, port->region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				      fds[WIRE_FD_REGION], (off_t)port->region_offset);
		rc = client->memory == MAP_FAILED ? -errno : guard_file(client, fds[WIRE_FD_REGION]);
		if (rc == 0)
			rc = find_rings(client);
	}
	if (rc < 0) {
		if (client->memory != MAP_FAILED) {
			guard_remove(client->memory);
			munmap(client->memory, port->region_bytes);
		}
		for (uint32_t i = 0; i < fd_count; i++)
			close(fds[i]);
		return rc;
	}
	/* The mapping keeps the memory. */
	close(fds[WIRE_FD_REGION]);
	client->kick = fds[WIRE_FD_KICK];
	store_release(&client->registered, 1);
	return 0;
}

static int client_control(struct client *client, struct nmreq_header *header)
{
	struct {
		struct wire_port port;
		uint8_t message[MESSAGE_BYTES_MAX];
	} *answer = malloc(sizeof(*answer));
	uint32_t fd_count = WIRE_PORT_FDS;
	int fds[WIRE_PORT_FDS];
	struct client_extmem memory = { .fd = -1 };
	struct wire_part part;
	int rc, result;

	if (!answer)
		return -ENOMEM;
	rc = message_gather(header, answer->message, sizeof(answer->message));
	if (rc < 0)
		goto out;
	part = (struct wire_part){ answer->message, (uint32_t)rc };
	rc = client_extmem_send(header, answer->message, &memory);
	if (rc < 0)
		goto out;
	rc = client_ask(client, WIRE_CONTROL, &part, answer, sizeof(*answer), fds, &fd_count,
			&result);
	if (rc < 0)
		goto out;
	if ((uint32_t)rc != sizeof(answer->port) + part.bytes) {
		rc = -EPROTO;
		goto out;
	}
	client_extmem_received(answer->message, &memory);
	message_scatter(answer->message, header);
	rc = result;
	if (rc == 0 && header->nr_reqtype == NETMAP_REQ_REGISTER)
		rc = client_register(client, &answer->port, fds, fd_count);
out:
	client_extmem_done(&memory);
	free(answer);
	return rc;
}

/* A lookup is a function in this process, or none. */
static int control_lookup(struct client *client, struct nmreq_header *header)
{
	struct valet_req_lookup *body = (void *)(uintptr_t)header->nr_body;
	int rc, busy;

	if (body && body->kind == VALET_LOOKUP_SCRIPT)
		return lookup_set(client, header->nr_name, body);
	if (body && body->kind == VALET_LOOKUP_LEARNING && body->function) {
		busy = lookup_take_back(client, header->nr_name, body->function);
		rc = busy < 0 ? busy : client_control(client, header);
	} else {
		rc = client_control(client, header);
		busy = rc == 0 ? lookup_retire(client, header->nr_name) : 0;
	}
	if (rc == 0 && body)
		body->busy |= (uint32_t)busy;
	return rc;
}

static int control_any(void *descriptor, struct nmreq_header *header)
{
	if (header->nr_reqtype == VALET_REQ_LOOKUP_SET)
		return control_lookup(descriptor, header);
	return client_control(descriptor, header);
}

static int daemon_control(void *descriptor, struct nmreq_header *header)
{
	return client_loop_control(descriptor, control_any, header);
}

static void daemon_closing(void *descriptor)
{
	sync_loop_end(&((struct client *)descriptor)->loop);
}

static int daemon_config(void *descriptor, struct nm_ifreq *request)
{
	return config_send(daemon_control, descriptor, request);
}

static int daemon_map(void *descriptor, uint64_t *out)
{
	struct client *client = descriptor;

	if (!load_acquire(&client->registered))
		return -ENXIO;
	out[0] = (uintptr_t)client->memory;
	out[1] = client->port.region_bytes;
	return 0;
}

static int daemon_txsync(void *descriptor)
{
	struct client *client = descriptor;

	return load_acquire(&client->registered) ? client_sync(client, TX) : -ENXIO;
}

static int daemon_rxsync(void *descriptor)
{
	struct client *client = descriptor;

	return load_acquire(&client->registered) ? client_sync(client, RX) : -ENXIO;
}

/* ---- for the preload library ---- */

int daemon_socket(void *descriptor)
{
	return ((struct client *)descriptor)->socket;
}

void daemon_leave(void *descriptor)
{
	client_free(descriptor);
}

int daemon_region(void *descriptor, uint64_t *offset)
{
	uint32_t fd_count = WIRE_PORT_FDS;
	int fds[WIRE_PORT_FDS];
	struct wire_port port;
	int rc, result;

	rc = client_ask(descriptor, WIRE_ADOPT, NULL, &port, sizeof(port), fds, &fd_count, &result);
	if (rc < 0 || result < 0)
		return rc < 0 ? rc : result;
	for (uint32_t i = 0; fd_count < WIRE_PORT_FDS && i < fd_count; i++)
		close(fds[i]);
	if (fd_count < WIRE_PORT_FDS)
		return -EMFILE;
	close(fds[WIRE_FD_KICK]);
	*offset = port.region_offset;
	return fds[WIRE_FD_REGION];
}

int daemon_is_connection(int fd)
{
	struct sockaddr_un ours, peer;
	socklen_t size = sizeof(peer);

	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0 || peer.sun_family != AF_UNIX ||
	    size < sizeof(sa_family_t) + 2)
		return 0;
	return wire_address(NULL, &ours) == 0 && !strcmp(ours.sun_path, peer.sun_path);
}

int daemon_adopt(int fd, void **descriptor)
{
	uint32_t fd_count = WIRE_PORT_FDS;
	int fds[WIRE_PORT_FDS];
	struct client *client;
	struct wire_port port;
	int rc, result;

	if (!daemon_is_connection(fd))
		return -ENOTCONN;
	client = client_make(fd);
	if (!client)
		return -ENOMEM;
	/* Apart from those of the process that it comes from. */
	client->last_id = (uint32_t)getpid() << 16;
	rc = client_ask(client, WIRE_ADOPT, NULL, &port, sizeof(port), fds, &fd_count, &result);
	if (rc >= 0 && result == 0)
		rc = rc == sizeof(port) ? client_register(client, &port, fds, fd_count) : -EPROTO;
	else if (rc >= 0)
		rc = result == -ENXIO ? 0 : result;
	if (rc < 0) {
		client->socket = -1; /* the caller's still */
		client_free(client);
		return rc;
	}
	*descriptor = client;
	return 0;
}

int daemon_ask(const void *question, uint32_t bytes, void *answer, uint32_t size,
	       int32_t timeout_ms)
{
	struct timeval limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct wire_header header = { .type = WIRE_ASK, .id = WIRE_FIRST_ID };
	struct wire_part part = { question, bytes };
	int fd, rc;

	if (bytes > WIRE_BYTES_MAX - sizeof(header))
		return -EMSGSIZE;
	fd = daemon_connect();
	if (fd < 0)
		return fd;
	if (timeout_ms == 0)
		limit.tv_usec = 1; /* 0 would be for ever */
	if (timeout_ms >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	rc = daemon_exchange(fd, &header, &part, answer, size, NULL, NULL);
	close(fd);
	if (rc >= 0 && header.result < 0)
		return header.result;
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

const struct backend backend_daemon = {
	.name = "daemon",
	.id = VALET_BACKEND_DAEMON,
	.probe = daemon_probe,
	.open = daemon_open,
	.control = daemon_control,
	.config = daemon_config,
	.map = daemon_map,
	.txsync = daemon_txsync,
	.rxsync = daemon_rxsync,
	.poll = daemon_poll,
	.wake = daemon_wake,
	.closing = daemon_closing,
	.close = daemon_close,
};
