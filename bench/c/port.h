/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports for C benchmarks: opened through valet.h, filled and emptied as an application does. */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../c/uapi/netmap.h"
#include "../../c/uapi/valet_requests.h"
#include "../../c/valet.h"

#define BENCH_INSTANCE "bench" /* the engine that all of them share, with scripts too */

struct bench_port {
	int32_t handle;
	struct netmap_ring *tx, *rx;
};

static inline void fail(const char *what, int32_t rc)
{
	fprintf(stderr, "Cannot %s: %s\n", what, strerror(-rc));
	exit(1);
}

/* A request with its body, as one message. */
static inline int32_t bench_request(int32_t handle, uint16_t type, const char *name, void *body,
				    size_t bytes)
{
	struct {
		struct nmreq_header header;
		uint8_t body[2048];
	} message = { .header = { .nr_version = NETMAP_API, .nr_reqtype = type } };
	int32_t rc;

	message.header.nr_body = bytes ? sizeof(message.header) : 0;
	snprintf(message.header.nr_name, sizeof(message.header.nr_name), "%s", name);
	memcpy(message.body, body, bytes);
	rc = valet_control(handle, &message, sizeof(message));
	memcpy(body, message.body, bytes);
	return rc;
}

/* `slots` of each ring, 0 = the default; `flags` of REGISTER. Exits if it cannot. */
static inline struct bench_port bench_port_register(const char *backend, const char *name,
						    uint32_t slots, uint64_t flags)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = slots,
				      .nr_rx_slots = slots, .nr_flags = flags };
	struct bench_port port;
	struct netmap_if *nifp;
	uint64_t memory[2];
	int32_t rc;

	port.handle = valet_open(backend, BENCH_INSTANCE);
	if (port.handle < 0)
		fail("open a backend", port.handle);
	rc = bench_request(port.handle, NETMAP_REQ_REGISTER, name, &reg, sizeof(reg));
	if (rc < 0)
		fail(name, rc);
	rc = valet_map(port.handle, memory);
	if (rc < 0)
		fail("map a port", rc);
	nifp = (struct netmap_if *)(memory[0] + reg.nr_offset);
	port.tx = (struct netmap_ring *)((char *)nifp + nifp->ring_ofs[0]);
	port.rx = (struct netmap_ring *)((char *)nifp + nifp->ring_ofs[nifp->ni_tx_rings +
								       nifp->ni_host_tx_rings]);
	return port;
}

static inline struct bench_port bench_port_open_in(const char *backend, const char *name,
						   uint32_t slots)
{
	return bench_port_register(backend, name, slots, 0);
}

static inline struct bench_port bench_port_open(const char *name, uint32_t slots)
{
	return bench_port_open_in("embedded", name, slots);
}

static inline uint8_t *bench_buffer(struct netmap_ring *ring, uint32_t slot)
{
	return (uint8_t *)ring + ring->buf_ofs +
	       (uint64_t)ring->slot[slot].buf_idx * ring->nr_buf_size;
}

/* Writes a frame into every transmit buffer, once. */
static inline void bench_port_fill(struct bench_port *port, const uint8_t *frame, uint32_t bytes)
{
	for (uint32_t i = 0; i < port->tx->num_slots; i++)
		memcpy(bench_buffer(port->tx, i), frame, bytes);
}

static inline uint32_t bench_next(const struct netmap_ring *ring, uint32_t slot)
{
	return slot + 1 == ring->num_slots ? 0 : slot + 1;
}

static inline uint32_t bench_space(const struct netmap_ring *ring)
{
	return ring->tail >= ring->head ? ring->tail - ring->head :
					  ring->tail + ring->num_slots - ring->head;
}

/* Fills `count` slots and syncs. */
static inline void bench_port_send(struct bench_port *port, uint32_t count, uint32_t bytes)
{
	struct netmap_ring *ring = port->tx;
	uint32_t head = ring->head;

	if (bench_space(ring) < count)
		fail("send", -ENOSPC);
	for (uint32_t i = 0; i < count; i++) {
		ring->slot[head].len = (uint16_t)bytes;
		ring->slot[head].flags = 0;
		head = bench_next(ring, head);
	}
	ring->head = ring->cur = head;
	if (valet_txsync(port->handle) != 0)
		fail("sync a transmit ring", -EIO);
}

/*
 * Reads the lengths of what came and returns their sum. The slots go back: what was read now is
 * free for the sender from the next call on.
 */
static inline uint64_t bench_port_receive(struct bench_port *port)
{
	struct netmap_ring *ring = port->rx;
	uint32_t head, tail;
	uint64_t bytes = 0;

	if (valet_rxsync(port->handle) != 0)
		fail("sync a receive ring", -EIO);
	tail = ring->tail;
	for (head = ring->head; head != tail; head = bench_next(ring, head))
		bytes += ring->slot[head].len;
	ring->head = ring->cur = head;
	return bytes;
}

#endif
