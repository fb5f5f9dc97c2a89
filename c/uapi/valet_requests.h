/*
 * Requests that netmap does not have, in netmap's manner: a nmreq_header whose nr_reqtype is one of these
 * and whose body is the struct of that name. They are numbered far from netmap's own. A backend without
 * them (the kernel) answers EOPNOTSUPP.
 */
#ifndef VALET_REQUESTS_H
#define VALET_REQUESTS_H

#include <stdint.h>

#include "netmap_request.h"

enum {
	VALET_REQ_BRIDGE_GET = 0x5601, /* nr_name: bridge, as "vale0" or "vale0:" */
	VALET_REQ_BRIDGE_SET = 0x5602, /* the same; only ageing_ms is read */
	VALET_REQ_TABLE_GET = 0x5603, /* the same: the learning table, some entries a call */
	VALET_REQ_TABLE_FLUSH = 0x5604, /* the same; no body: forget every station */
	VALET_REQ_LOOKUP_SET = 0x5605, /* the same */
	VALET_REQ_PORT_GET = 0x5606, /* nr_name: port, as "vale0:a", "a" or "vale0:a{1"; empty: the descriptor's own */
	VALET_REQ_BRIDGE_CREATE = 0x5607, /* bridge: made, exclusive; answers with its token */
	VALET_REQ_BRIDGE_DESTROY = 0x5608, /* the same; no body; the descriptor has to have the token */
	VALET_REQ_BRIDGE_TOKEN = 0x5609, /* the same: presents its token, for this descriptor */
	VALET_REQ_CONFIG_SEND = 0x560a, /* the same: NIOCCONFIG */
	VALET_REQ_CONFIG_SERVE = 0x560b, /* the same: the descriptor gets what others send */
	VALET_REQ_INTERFACES_GET = 0x560c, /* nr_name is not read: persistent interfaces, some a call */
	VALET_REQ_ATTACH = 0x5620, /* nr_name: "vale0:eth1"; VALE_ATTACH and what it cannot say */
};

/* About memory; nr_name is not read. */
enum {
	VALET_REQ_MEMORY_GET = 0x5610,
	VALET_REQ_MEMORY_SET = 0x5611, /* what is 0 stays; EINVAL: beyond netmap's limits */
	VALET_REQ_SHORTAGE_GET = 0x5612, /* after a REGISTER that failed with ENOMEM; ENOENT: unknown */
};

#define VALET_INTERFACES_CHUNK 32

/* Names of interfaces that VALE_NEWIF has made, on bridges or not. */
struct valet_req_interfaces {
	uint32_t cursor; /* in: 0 to begin; out: for the next call, 0 after the last */
	uint32_t count; /* out */
	char names[VALET_INTERFACES_CHUNK][16]; /* out */
};

enum valet_lookup_kind {
	VALET_LOOKUP_LEARNING = 0,
	VALET_LOOKUP_NATIVE = 1, /* a valet_lookup_function */
	VALET_LOOKUP_SCRIPT = 2, /* a valet_lookup_script */
};

struct valet_req_bridge {
	uint32_t index; /* out: the bridge's number */
	uint32_t ports; /* out: how many are attached */
	uint32_t lookup; /* out: enum valet_lookup_kind */
	uint32_t table_buckets; /* out: room in the learning table */
	uint32_t table_entries; /* out: stations known now */
	uint32_t ageing_ms; /* in and out: forget a station silent for so long; 0 = never, as netmap */
	uint32_t port_limit; /* out: the most ports */
	uint32_t reserved;
};

/*
 * Who has the token of an exclusive bridge may attach to it, detach, and set its lookup; others get
 * EACCES. It exists until it is destroyed, with ports or without.
 */
struct valet_req_token {
	uint64_t token; /* CREATE: out; TOKEN: in */
};

#define VALET_CONFIG_BYTES 256 /* of struct nm_ifreq */
#define VALET_CONFIG_WAIT_MS_MAX 1000

enum valet_config_serve { VALET_CONFIG_GO_ON, VALET_CONFIG_BEGIN, VALET_CONFIG_END };

/*
 * A message to whoever serves a bridge's, and its answer. A program asks again and again with one
 * body: SEND, with the ticket that came back, until `done`; SERVE with the answer to the message
 * that it got last; -ESTALE when somebody else has begun since.
 */
struct valet_req_config {
	uint32_t ticket; /* SEND: 0: a new message. SERVE: out: the next one's, 0: there is none yet */
	int32_t result; /* the answer: 0 or a negative errno. SEND: out; SERVE: in */
	uint32_t wait_ms; /* in: how long to wait for an answer, or for a message */
	uint32_t done; /* SEND: out: there is the answer; in: forget it. SERVE: in: enum valet_config_serve */
	uint8_t data[VALET_CONFIG_BYTES];
};

struct valet_table_entry {
	uint8_t mac[6];
	uint16_t reserved;
	uint32_t port; /* index on the bridge */
	uint32_t age_ms; /* since last heard; 0 unless ageing is on */
};

#define VALET_TABLE_CHUNK 64

struct valet_req_table {
	uint32_t cursor; /* in: 0 at first; out: give it back for the next entries, 0 = that was all */
	uint32_t count; /* out: entries filled in */
	struct valet_table_entry entries[VALET_TABLE_CHUNK];
};

struct valet_req_lookup {
	uint32_t kind; /* in: enum valet_lookup_kind */
	uint32_t busy; /* out: 1 while another thread may still be inside the previous function */
	/* in: address in this process. With LEARNING: take back this one only, 0 = whatever is set */
	uint64_t function;
	uint64_t context; /* in: passed to a native function */
};

/* netmap's parameters, as /sys/module/netmap/parameters has them: bytes of an object, and how many. */
struct valet_pool_parameters {
	uint32_t size, num; /* in and out: take effect when nobody uses the region */
	uint32_t curr_size, curr_num; /* out: in use; 0 when the region has not been made yet */
};

struct valet_req_memory {
	struct valet_pool_parameters global[3]; /* if_*, ring_*, buf_* */
	struct {
		uint32_t size, num; /* in and out: the least of a region of a port's own */
	} priv[3]; /* priv_if_*, priv_ring_*, priv_buf_* */
	uint32_t users; /* out: descriptors bound to ports in the global region */
	uint32_t reserved;
};

/* Which pool of which region had too little. */
struct valet_req_shortage {
	uint32_t pool; /* out: 0 interfaces, 1 rings, 2 buffers */
	uint32_t mem_id; /* out */
	uint32_t is_size; /* out: 1: objects are too small; 0: too few are free */
	uint32_t needed; /* out: objects; bytes, if it is the size */
	uint32_t available; /* out: likewise */
	uint32_t total; /* out: objects of the pool, free or not; bytes */
};

/* Why packets were lost. The first group is counted at the port that sent them, the second at the
 * port that should have received them. */
enum valet_drop {
	VALET_DROP_BAD_BUFFER, /* a slot named a buffer that does not exist or is reserved, or an
				  address (NS_INDIRECT) that cannot be read */
	VALET_DROP_TOO_LONG, /* a slot's length goes beyond its buffer */
	VALET_DROP_TOO_SHORT, /* no Ethernet header in the first fragment */
	VALET_DROP_FRAGMENTS, /* more than NETMAP_MAX_FRAGS slots */
	VALET_DROP_UNSUPPORTED, /* a slot flag that is not supported: NS_INDIRECT where the system
				   forbids process_vm_readv() */
	VALET_DROP_NOT_ATTACHED, /* the port is on no bridge */
	VALET_DROP_LOOKUP, /* the lookup said so */
	VALET_DROP_NO_PORT, /* the lookup named a port that is not there */
	VALET_DROP_GARBAGE, /* the lookup's answer was no port number */
	VALET_DROP_FAILED, /* the lookup failed */
	VALET_DROP_SAME_PORT, /* it would leave by the port that it came from */
	VALET_DROP_ALONE, /* a broadcast, and nobody else on the bridge */

	VALET_DROP_NOT_OPEN, /* nobody has the port's receive rings open */
	VALET_DROP_RING_FULL, /* the receiver does not keep up */
	VALET_DROP_RECEIVE_BUFFER, /* the receive slot named no valid buffer, or one too small */
	VALET_DROP_OFFLOAD, /* its virtio-net header asks for what cannot be done */
	VALET_DROP_INTERFACE, /* a network interface: the system did not take it, or lost it */

	VALET_DROP_CAUSES
};

/* What a network interface of the system is reached through. */
enum valet_device {
	VALET_DEVICE_AUTO, /* AF_XDP on cards that have it, or packet sockets */
	VALET_DEVICE_AF_XDP,
	VALET_DEVICE_AF_PACKET,
	VALET_DEVICE_TAP, /* the other end of a TAP interface, made if it does not exist */
	VALET_DEVICE_STREAM, /* Unix sockets, as those of virtual machines; the port's name is free */
	VALET_DEVICE_DGRAM,
	VALET_DEVICES
};

#define VALET_DEVICE_KIND 0xff
#define VALET_DEVICE_NATIVE 0x100 /* AF_XDP in the driver; not set: in the system, behind it */
#define VALET_DEVICE_ZERO_COPY 0x200 /* the card uses our memory */

#define VALET_NETNS_BYTES 108
#define VALET_SOCKET_BYTES 108

struct valet_req_attach {
	struct nmreq_vale_attach attach;
	uint32_t device; /* in: enum valet_device */
	/* in: the interface's network namespace: a name of ip-netns(8), a path, or a process id; "":
	 * the caller's */
	char netns[VALET_NETNS_BYTES];
	/*
	 * in: where a socket of ours is to be, and where the other's is: a path, or "@name" (unix(7),
	 * abstract). STREAM: one of the two, at `socket` we listen, to `peer` we connect. DGRAM:
	 * `socket`, and `peer` or "": whoever has sent last. "" for other devices.
	 */
	char socket[VALET_SOCKET_BYTES];
	char peer[VALET_SOCKET_BYTES];
};

/*
 * An option of REGISTER, in netmap's manner: which of the system's interfaces a name is. Without it:
 * the one in the caller's network namespace, through the best device.
 */
#define VALET_OPT_INTERFACE 0x5601

struct valet_opt_interface {
	struct nmreq_option opt;
	uint32_t device; /* in: enum valet_device */
	char netns[VALET_NETNS_BYTES]; /* in: as in struct valet_req_attach */
};

struct valet_req_port {
	uint32_t bridge; /* out: its bridge's number, or 0xffffffff */
	uint32_t index; /* out: port index on it */
	uint32_t tx_rings, rx_rings; /* out */
	uint32_t opens; /* out: descriptors bound to it now */
	uint32_t kind; /* out: enum valet_port_kind */
	uint32_t mem_id; /* out */
	uint32_t device; /* out: of VALET_PORT_NIC: enum valet_device, or-ed with what follows it */
	uint64_t tx_packets, tx_bytes; /* out: taken from its transmit rings */
	uint64_t rx_packets, rx_bytes; /* out: put into its receive rings */
	uint64_t ring_resets; /* out: syncs that found head or cur not legal and set the ring back */
	uint64_t drops[VALET_DROP_CAUSES]; /* out: packets, by enum valet_drop */
};

enum valet_port_kind {
	VALET_PORT_EPHEMERAL, /* made by opening it, gone with its last descriptor */
	VALET_PORT_PERSISTENT, /* made by VALE_NEWIF */
	VALET_PORT_PIPE,
	VALET_PORT_MONITOR,
	VALET_PORT_NULL = 4, /* mode NULL: leads nowhere */
	VALET_PORT_NIC, /* a network interface of the system, attached; or its host's side */
	VALET_PORT_HARDWARE, /* a network interface of the system, opened by name */
};

_Static_assert(sizeof(struct valet_req_bridge) == 32, "");
_Static_assert(sizeof(struct valet_req_interfaces) == 8 + 16 * VALET_INTERFACES_CHUNK, "");
_Static_assert(sizeof(struct valet_req_token) == 8, "");
_Static_assert(sizeof(struct valet_req_config) == 16 + VALET_CONFIG_BYTES, "");
_Static_assert(sizeof(struct valet_table_entry) == 16, "");
_Static_assert(sizeof(struct valet_req_table) == 8 + 16 * VALET_TABLE_CHUNK, "");
_Static_assert(sizeof(struct valet_req_lookup) == 24, "");
_Static_assert(sizeof(struct valet_req_memory) == 80, "");
_Static_assert(sizeof(struct valet_req_shortage) == 24, "");
_Static_assert(sizeof(struct valet_req_attach) ==
		       64 + 4 + VALET_NETNS_BYTES + 2 * VALET_SOCKET_BYTES,
	       "");
_Static_assert(sizeof(struct valet_opt_interface) == 24 + 4 + VALET_NETNS_BYTES, "");
_Static_assert(sizeof(struct valet_req_port) == 72 + 8 * VALET_DROP_CAUSES, "");

#endif
