/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What client and daemon say to each other over their Unix socket (SOCK_SEQPACKET, one message a
 * packet), and where it is. docs/protocol.md describes the whole.
 *
 * A connection is a descriptor, as an open("/dev/netmap") is: it is opened by HELLO, and gone with
 * the connection, whatever ends that. A request is a header and a payload, the answer the same
 * header with `result` and a payload; the answers come in the order of the requests.
 */
#ifndef VALET_WIRE_H
#define VALET_WIRE_H

#include <stdint.h>

#include "engine/lookup_copy.h"
#include "uapi/netmap.h"
#include "valet_lookup.h"

struct sockaddr_un;

#define WIRE_MAGIC 0x544c4156u /* "VALT" */
#define WIRE_VERSION 3
#define WIRE_BYTES_MAX (128 * 1024) /* of a packet, header included */
#define WIRE_INSTANCE_BYTES 32
/* Of the first request of a connection. A daemon that has no room for it answers it unheard. */
#define WIRE_FIRST_ID 1

enum wire_type {
	/* in: struct wire_hello; out: struct wire_hello. The first message, and once only. */
	WIRE_HELLO = 1,
	/*
	 * in and out: a control message as valet_control() takes it. In the option
	 * EXTMEM nro_usrptr is an offset in a file, and nr_if_pool_offset WIRE_MEMORY() of it. The
	 * answer to a REGISTER that
	 * succeeded has struct wire_port in front, and WIRE_PORT_FDS descriptors with it.
	 */
	WIRE_CONTROL = 2,
	/*
	 * in: nothing; out: struct wire_port and its descriptors, for a process that was handed the
	 * connection. -ENXIO before REGISTER.
	 */
	WIRE_ADOPT = 3,
	/*
	 * in: nothing; out: nothing, with WIRE_EVENT_FDS descriptors, for one thread that is going
	 * to sleep; each time others. Most ports never do, and descriptors are scarce.
	 */
	WIRE_EVENTS = 6,
	/* in: nothing; answered when the port is gone and its name free. */
	WIRE_CLOSE = 4,
	/*
	 * in: struct wire_lookup, whose `busy` is the answer, with WIRE_LOOKUP_FDS descriptors: the
	 * bridge asks the client where packets go, through a struct lookup_window, as long as the
	 * connection is there. Another WIRE_LOOKUP or LOOKUP_SET for the bridge replaces it.
	 */
	WIRE_LOOKUP = 7,
	/* in and out: nothing. Windows that the client has closed: their bridges learn from now on.
	 */
	WIRE_LOOKUP_END = 8,
	/* in and out: text for the program that hosts the daemon, JSON in valet's. */
	WIRE_ASK = 5,
};

/* A file that the client has open: its process and file descriptor. */
#define WIRE_MEMORY(pid, fd) ((uint64_t)(uint32_t)(pid) << 32 | (uint32_t)(fd))

struct wire_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum wire_type */
	uint32_t id; /* the answer has the request's */
	int32_t result; /* of an answer: 0 or a negative errno */
};

struct wire_hello {
	char instance[WIRE_INSTANCE_BYTES]; /* in: name of the engine */
	uint32_t pid; /* out: of the daemon */
	uint32_t reserved;
};

/* What a client needs of the port that it is bound to. */
struct wire_port {
	uint64_t region_bytes;
	uint64_t region_offset; /* in the memory that comes with it */
	uint64_t if_offset; /* of its netmap_if */
	uint64_t flags; /* NR_* */
	uint32_t first[2], last[2]; /* rings bound, by direction (receive, transmit) */
	uint32_t count[2]; /* rings of the port, host rings too */
	uint32_t listed_rx; /* where in the netmap_if's list the receive rings begin */
	uint32_t is_pipe;
	uint32_t is_on_bridge; /* or may be: addresses in slots (NS_INDIRECT) mean something */
	uint32_t region_id; /* unique in the daemon */
};

/* Descriptors that come with a struct wire_port, in this order. */
enum wire_port_fd {
	WIRE_FD_REGION, /* memory; sealed */
	WIRE_FD_KICK, /* eventfd: the client writes to it to wake the daemon, which never reads it
		       */
	WIRE_PORT_FDS
};

/* Those that come with the answer to WIRE_EVENTS: pipes to read from, signalled by the daemon. */
enum wire_event_fd {
	WIRE_FD_EVENT_RX, /* something has come */
	WIRE_FD_EVENT_TX, /* a send is done, or there is room */
	WIRE_EVENT_FDS
};

struct wire_lookup {
	char bridge[NETMAP_REQ_IFNAMSIZ];
	uint32_t busy; /* out: 1: somebody may still be inside the lookup before */
	uint32_t reserved;
};

enum wire_lookup_fd {
	WIRE_FD_WINDOW, /* memory: struct lookup_window; sealed */
	WIRE_FD_BELL, /* stream socket: a byte from the daemon asks, one from the client answers */
	WIRE_LOOKUP_FDS
};

#define WIRE_FDS_MAX 2

/*
 * Where a lookup in a client meets the packets that it decides about: copies of them. One batch at
 * a time. The daemon writes the first part, the descriptors and the frames; the client writes the
 * second part, `destination`, `ring` and `copy_to` of each descriptor, and into the frames.
 */
struct lookup_window {
	uint32_t call; /* raised for each batch, after all else is written */
	uint32_t count, source; /* as in struct valet_batch */
	uint32_t daemon_sleeps; /* waits for `answered` on its end of the bell */
	uint32_t pad[12];

	uint32_t answered; /* the call that has been answered, after all else is written */
	int32_t result; /* negative: the lookup failed */
	uint32_t client_sleeps; /* wants the bell to be rung */
	uint32_t closed; /* nobody will answer any more */
	uint32_t pad2[12];

	/* `data` is an offset from the window's start. */
	struct lookup_copy copy;
};

/*
 * Where the daemon listens: VALET_SOCKET, else valet.sock in XDG_RUNTIME_DIR, else in
 * /tmp/valet-UID. The length, or -ENAMETOOLONG.
 */
int wire_socket_path(char *path, uint32_t size);
/* The address for a path; NULL or "" for that one. -ENAMETOOLONG. */
int wire_address(const char *path, struct sockaddr_un *address);

#define WIRE_PARTS_MAX 2

/* A stretch of a payload. */
struct wire_part {
	const void *data;
	uint32_t bytes;
};

/*
 * A bell: a socket that wakes whoever polls the other end. Ringing and silencing never block,
 * whatever the one at the other end does, or another process that shares this one.
 */
void wire_ring(int bell);
/* Empties it. */
void wire_silence(int bell);

/* One message, with file descriptors if there are any. 0 or negative; -EAGAIN: would block. */
int wire_send(int socket, const struct wire_header *header, const struct wire_part *parts,
	      uint32_t count, const int *fds, uint32_t fd_count);

/*
 * The next message. *fd_count: in: room for file descriptors; out: how many came, none if this
 * fails; NULL: none is wanted, and those that come are closed. Returns the bytes of the payload,
 * -ECONNRESET at the end, -EPROTO when it is no such message, -EMSGSIZE when it is too long.
 */
int wire_receive(int socket, struct wire_header *header, void *payload, uint32_t size, int *fds,
		 uint32_t *fd_count);
/* Closes what came with a message. */
void wire_close_fds(const int *fds, uint32_t *fd_count);

#endif
