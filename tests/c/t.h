/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the C library share. A test is a program: 0 = passed, 1 = failed (it says where), 77 =
 * cannot be tried here (it says why). Each runs on an engine of its own, the usual one of its process
 * or, with daemon.h, that of a daemon.
 */
#ifndef T_H
#define T_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/barrier.h"
#include "engine/request.h"
#include "uapi/netmap.h"
#include "uapi/valet_requests.h"
#include "valet.h"

/* Not every test uses every helper. */
#define HELPER static inline __attribute__((unused))

/* ---- checks ---- */

HELPER void fail_at(const char *file, int line)
{
	const char *name = strrchr(file, '/');

	fprintf(stderr, "%s:%d: ", name ? name + 1 : file, line);
}

#define FAIL(...)                             \
	do {                                  \
		fail_at(__FILE__, __LINE__);  \
		fprintf(stderr, __VA_ARGS__); \
		fputc('\n', stderr);          \
		fflush(NULL);                 \
		_exit(1);                     \
	} while (0)

#define CHECK(condition)                            \
	do {                                        \
		if (!(condition))                   \
			FAIL("not so: %s", #condition); \
	} while (0)

#define EQUAL(got, wanted)                                                                \
	do {                                                                              \
		int64_t got_ = (int64_t)(got), wanted_ = (int64_t)(wanted);               \
		if (got_ != wanted_)                                                      \
			FAIL("%s is %lld, not %lld", #got, (long long)got_, (long long)wanted_); \
	} while (0)

#define SKIP(...)                             \
	do {                                  \
		fprintf(stderr, __VA_ARGS__); \
		fputc('\n', stderr);          \
		exit(77);                     \
	} while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The same numbers in every run. */
HELPER uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* ---- waiting ---- */

HELPER int64_t test_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

HELPER void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* So long that it is only ever reached by what hangs. */
enum { HANGS_MS = 20000 };

#define WAIT_FOR(condition)                                            \
	do {                                                           \
		int64_t end_ = test_now_ms() + HANGS_MS;               \
		while (!(condition)) {                                 \
			if (test_now_ms() > end_)                      \
				FAIL("never true: %s", #condition);    \
			nap();                                         \
		}                                                      \
	} while (0)

/* ---- requests ---- */

/* Where: daemon.h changes it. */
static const char *test_backend = "embedded";

HELPER int32_t open_handle(void)
{
	int32_t handle = valet_open(test_backend, NULL);

	CHECK(handle > 0);
	return handle;
}

/* As request(), and the name comes back. */
HELPER int32_t request_named(int32_t handle, uint16_t type, char name[NETMAP_REQ_IFNAMSIZ], void *body)
{
	struct {
		struct nmreq_header header;
		uint8_t body[2048];
	} message = { .header = { .nr_version = NETMAP_API, .nr_reqtype = type } };
	size_t bytes = body ? (size_t)request_body_bytes(type) : 0;
	int32_t rc;

	memcpy(message.header.nr_name, name, NETMAP_REQ_IFNAMSIZ);
	if (body) {
		message.header.nr_body = sizeof(message.header);
		memcpy(message.body, body, bytes);
	}
	rc = valet_control(handle, &message, (uint32_t)(sizeof(message.header) + bytes));
	memcpy(name, message.header.nr_name, NETMAP_REQ_IFNAMSIZ);
	if (body)
		memcpy(body, message.body, bytes);
	return rc;
}

/* A request with that body (NULL: none), which it may change. */
HELPER int32_t request(int32_t handle, uint16_t type, const char *name, void *body)
{
	char copy[NETMAP_REQ_IFNAMSIZ] = { 0 };
	size_t length = strlen(name);

	memcpy(copy, name, length < sizeof(copy) ? length : sizeof(copy));
	return request_named(handle, type, copy, body);
}

HELPER int32_t attach(int32_t handle, const char *name)
{
	struct nmreq_vale_attach body = { .reg.nr_mode = NR_REG_ALL_NIC };

	return request(handle, NETMAP_REQ_VALE_ATTACH, name, &body);
}

HELPER int32_t detach(int32_t handle, const char *name)
{
	struct nmreq_vale_detach body = { 0 };

	return request(handle, NETMAP_REQ_VALE_DETACH, name, &body);
}

HELPER int32_t newif(int32_t handle, const char *name, uint32_t slots)
{
	struct nmreq_vale_newif body = { .nr_tx_slots = slots, .nr_rx_slots = slots };

	return request(handle, NETMAP_REQ_VALE_NEWIF, name, &body);
}

HELPER int32_t delif(int32_t handle, const char *name)
{
	return request(handle, NETMAP_REQ_VALE_DELIF, name, NULL);
}

/* The index of a port on its bridge; 255: the bridge has no such port; negative errno. */
HELPER int32_t list_index(int32_t handle, const char *name)
{
	struct nmreq_vale_list body = { 0 };
	int32_t rc = request(handle, NETMAP_REQ_VALE_LIST, name, &body);

	return rc < 0 ? rc : (int32_t)body.nr_port_idx;
}

HELPER struct valet_req_port counters(int32_t handle, const char *name)
{
	struct valet_req_port body;

	memset(&body, 0, sizeof(body));
	EQUAL(request(handle, VALET_REQ_PORT_GET, name, &body), 0);
	return body;
}

HELPER uint64_t drops_of(const struct valet_req_port *port)
{
	uint64_t all = 0;

	for (int cause = 0; cause < VALET_DROP_CAUSES; cause++)
		all += port->drops[cause];
	return all;
}

/* 0 or 1: busy; negative errno. */
HELPER int32_t set_lookup(int32_t handle, const char *bridge, uint32_t kind, const void *function,
			  void *context)
{
	struct valet_req_lookup body = { .kind = kind,
					 .function = (uintptr_t)function,
					 .context = (uintptr_t)context };
	int32_t rc = request(handle, VALET_REQ_LOOKUP_SET, bridge, &body);

	return rc < 0 ? rc : (int32_t)body.busy;
}

HELPER int32_t set_native(int32_t handle, const char *bridge, valet_lookup_function function,
			  void *context)
{
	return set_lookup(handle, bridge, VALET_LOOKUP_NATIVE, (void *)(uintptr_t)function, context);
}

HELPER struct valet_req_bridge bridge_of(int32_t handle, const char *bridge)
{
	struct valet_req_bridge body = { 0 };

	EQUAL(request(handle, VALET_REQ_BRIDGE_GET, bridge, &body), 0);
	return body;
}

/* Buffers are as long as netmap's in all regions made from now on, while the handle is open. */
HELPER int32_t use_netmap_sizes(void)
{
	struct valet_req_memory sizes = { .global[2].size = 2048, .priv[2].size = 2048 };
	int32_t handle = open_handle();

	EQUAL(request(handle, VALET_REQ_MEMORY_SET, "", &sizes), 0);
	return handle;
}

/* ---- ports ---- */

struct port_handle {
	int32_t handle;
	struct nmreq_register reg; /* as it came back */
	uint8_t *base;
	uint64_t bytes;
	struct netmap_if *nifp;
};

#define REG(...) ((struct nmreq_register){ __VA_ARGS__ })
#define SLOTS(n) REG(.nr_tx_slots = (n), .nr_rx_slots = (n))

/* Opens and registers; 0 or negative errno, then nothing is left open. Mode 0 means ALL_NIC. */
HELPER int32_t try_open(const char *name, struct nmreq_register reg, struct port_handle *out)
{
	int32_t handle = open_handle(), rc;
	uint64_t map[2];

	if (reg.nr_mode == 0)
		reg.nr_mode = NR_REG_ALL_NIC;
	rc = request(handle, NETMAP_REQ_REGISTER, name, &reg);
	if (rc < 0) {
		EQUAL(valet_map(handle, map), -ENXIO);
		EQUAL(valet_close(handle), 0);
		return rc;
	}
	EQUAL(valet_map(handle, map), 0);
	EQUAL(map[1], reg.nr_memsize);
	*out = (struct port_handle){ .handle = handle,
				     .reg = reg,
				     .base = (uint8_t *)(uintptr_t)map[0],
				     .bytes = map[1],
				     .nifp = (void *)(uintptr_t)(map[0] + reg.nr_offset) };
	return 0;
}

HELPER struct port_handle open_port(const char *name, struct nmreq_register reg)
{
	struct port_handle port = { 0 };
	int32_t rc = try_open(name, reg, &port);

	if (rc < 0)
		FAIL("cannot open %s: %d", name, rc);
	return port;
}

HELPER void close_port(struct port_handle *port)
{
	EQUAL(valet_close(port->handle), 0);
	port->handle = -1;
}

HELPER struct netmap_ring *tx_ring(const struct port_handle *port, uint32_t index)
{
	CHECK(port->nifp->ring_ofs[index]);
	return (void *)((uint8_t *)port->nifp + port->nifp->ring_ofs[index]);
}

HELPER struct netmap_ring *rx_ring(const struct port_handle *port, uint32_t index)
{
	uint32_t first = port->nifp->ni_tx_rings + port->nifp->ni_host_tx_rings;

	CHECK(port->nifp->ring_ofs[first + index]);
	return (void *)((uint8_t *)port->nifp + port->nifp->ring_ofs[first + index]);
}

HELPER uint8_t *buffer(struct netmap_ring *ring, uint32_t index)
{
	return (uint8_t *)ring + ring->buf_ofs + (uint64_t)index * ring->nr_buf_size;
}

HELPER uint32_t next_slot(const struct netmap_ring *ring, uint32_t slot)
{
	return slot + 1 == ring->num_slots ? 0 : slot + 1;
}

HELPER uint32_t tail_of(struct netmap_ring *ring)
{
	return load_acquire(&ring->tail);
}

/* Slots between head and tail: free ones to send, or filled ones to read. */
HELPER uint32_t available(struct netmap_ring *ring)
{
	uint32_t head = ring->head, tail = tail_of(ring);

	return tail >= head ? tail - head : tail + ring->num_slots - head;
}

/*
 * cur first: between the two stores another thread's sync finds cur ahead of head, which is legal. head last,
 * with release: who sees it sees what was written into the slots before it.
 */
HELPER void set_head(struct netmap_ring *ring, uint32_t slot)
{
	write_once(&ring->cur, slot);
	store_release(&ring->head, slot);
}

/* ---- frames ---- */

#define EVERYBODY 0xffffffffffffull
#define STATION(n) (0x020000000000ull + (n))

/* What a test frame says: destination, source, type 0x88b5 (for experiments), tag. */
struct frame {
	uint64_t to, from;
	uint32_t tag;
	uint16_t length, flags;
	uint32_t slot; /* where it was found */
};

enum { FRAME_BYTES_MIN = 18 };

HELPER void put_mac(uint8_t *at, uint64_t mac)
{
	for (int i = 0; i < 6; i++)
		at[i] = (uint8_t)(mac >> 8 * (5 - i));
}

HELPER uint64_t get_mac(const uint8_t *at)
{
	uint64_t mac = 0;

	for (int i = 0; i < 6; i++)
		mac = mac << 8 | at[i];
	return mac;
}

HELPER void write_frame(uint8_t *at, uint64_t to, uint64_t from, uint32_t tag)
{
	put_mac(at, to);
	put_mac(at + 6, from);
	at[12] = 0x88;
	at[13] = 0xb5;
	memcpy(at + 14, &tag, sizeof(tag));
}

/* Fills the slot at head, whatever the length, and moves head. */
HELPER struct netmap_slot *put_slot(struct netmap_ring *ring, uint16_t length, uint16_t flags)
{
	uint32_t at = ring->head;
	struct netmap_slot *slot = &ring->slot[at];

	CHECK(at != tail_of(ring));
	slot->len = length;
	slot->flags = flags;
	set_head(ring, next_slot(ring, at));
	return slot;
}

/* A frame of that many bytes in one slot, not sent yet. */
HELPER void put_frame(const struct port_handle *port, uint32_t ring_index, uint64_t to, uint64_t from,
		      uint32_t tag, uint16_t length)
{
	struct netmap_ring *ring = tx_ring(port, ring_index);

	write_frame(buffer(ring, ring->slot[ring->head].buf_idx), to, from, tag);
	put_slot(ring, length, 0);
}

/* One that is sent at once. */
HELPER void send_frame(const struct port_handle *port, uint64_t to, uint64_t from, uint32_t tag)
{
	put_frame(port, 0, to, from, tag, 60);
	EQUAL(valet_txsync(port->handle), 0);
}

/* Takes the slot at head off the ring, as far as it has been synced. 0: there is none. */
HELPER int take_frame(const struct port_handle *port, uint32_t ring_index, struct frame *out)
{
	struct netmap_ring *ring = rx_ring(port, ring_index);
	uint32_t at = ring->head;
	struct netmap_slot *slot = &ring->slot[at];
	uint8_t *data;

	if (at == tail_of(ring))
		return 0;
	data = buffer(ring, slot->buf_idx);
	*out = (struct frame){ .to = get_mac(data),
			       .from = get_mac(data + 6),
			       .length = slot->len,
			       .flags = slot->flags,
			       .slot = at };
	memcpy(&out->tag, data + 14, sizeof(out->tag));
	set_head(ring, next_slot(ring, at));
	return 1;
}

/* Syncs, and checks that the ring then holds frames with exactly these tags. They are taken. */
HELPER void check_tags(const char *file, int line, const struct port_handle *port, uint32_t ring,
		       uint32_t count, const uint32_t *tags)
{
	struct frame frame;
	uint32_t n = 0;

	EQUAL(valet_rxsync(port->handle), 0);
	while (take_frame(port, ring, &frame)) {
		if (n >= count || frame.tag != tags[n]) {
			fail_at(file, line);
			FAIL("frame %u has tag %u", n, frame.tag);
		}
		n++;
	}
	if (n != count) {
		fail_at(file, line);
		FAIL("%u frames, not %u", n, count);
	}
	EQUAL(valet_rxsync(port->handle), 0);
}

#define TAGS_ON(port, ring, ...)                                                           \
	do {                                                                               \
		const uint32_t tags_[] = { 0, ##__VA_ARGS__ };                             \
		check_tags(__FILE__, __LINE__, port, ring, COUNT(tags_) - 1, tags_ + 1);   \
	} while (0)
#define TAGS(port, ...) TAGS_ON(port, 0, ##__VA_ARGS__)

/* ---- threads ---- */

HELPER pthread_t start(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	EQUAL(pthread_create(&thread, NULL, body, argument), 0);
	return thread;
}

HELPER void *join(pthread_t thread)
{
	void *result;

	EQUAL(pthread_join(thread, &result), 0);
	return result;
}

#endif
