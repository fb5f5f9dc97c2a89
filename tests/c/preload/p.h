/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs share that try the preload library: netmap as any program has it, from
 * /dev/netmap and the ABI's headers, with nothing of valet's linked in. 0 = passed, 1 = failed (it
 * says where), 77 = cannot be tried here.
 */
#ifndef P_H
#define P_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "uapi/netmap.h"
#include "uapi/netmap_legacy.h"

/* Not every program uses every helper. */
#define HELPER static inline __attribute__((unused))

/* ---- checks ---- */

#define FAIL(...)                                                    \
	do {                                                         \
		fprintf(stderr, "%s:%d: ", __FILE_NAME__, __LINE__); \
		fprintf(stderr, __VA_ARGS__);                        \
		fputc('\n', stderr);                                 \
		fflush(NULL);                                        \
		_exit(1);                                            \
	} while (0)

#define CHECK(condition)                                \
	do {                                            \
		if (!(condition))                       \
			FAIL("not so: %s", #condition); \
	} while (0)

#define EQUAL(got, wanted)                                                                   \
	do {                                                                                 \
		long long got_ = (long long)(got), wanted_ = (long long)(wanted);            \
		if (got_ != wanted_)                                                         \
			FAIL("%s is %lld, not %lld (errno %d)", #got, got_, wanted_, errno); \
	} while (0)

/* It fails with that errno. */
#define FAILS(call, error)                                                                       \
	do {                                                                                     \
		errno = 0;                                                                       \
		if ((long long)(intptr_t)(call) != -1 || errno != (error))                       \
			FAIL("%s does not fail with %s but has errno %d", #call, #error, errno); \
	} while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A child, whose test it is; the parent goes on. */
HELPER pid_t child_of(void (*body)(void *), void *argument)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		body(argument);
		_exit(0);
	}
	return pid;
}

HELPER void join_child(pid_t pid)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	EQUAL(got, pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("a child ended with %#x", (unsigned)status);
}

/* Two processes that take turns: a token goes through a pipe each way. */
struct turns {
	int to_child[2], to_parent[2];
};

HELPER struct turns turns_make(void)
{
	struct turns turns;

	EQUAL(pipe2(turns.to_child, O_CLOEXEC), 0);
	EQUAL(pipe2(turns.to_parent, O_CLOEXEC), 0);
	return turns;
}

HELPER void turns_end(struct turns *turns)
{
	for (int i = 0; i < 2; i++) {
		close(turns->to_child[i]);
		close(turns->to_parent[i]);
	}
}

HELPER void pass(int fd[2])
{
	EQUAL(write(fd[1], "x", 1), 1);
}

/* Not for ever: the other process may have failed. */
HELPER void await(int fd[2])
{
	struct pollfd one = { .fd = fd[0], .events = POLLIN };
	char byte;

	EQUAL(poll(&one, 1, 30000), 1);
	EQUAL(read(fd[0], &byte, 1), 1);
}

HELPER int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- requests ---- */

HELPER int open_netmap(void)
{
	int fd = open("/dev/netmap", O_RDWR);

	if (fd < 0)
		FAIL("cannot open /dev/netmap: %s", strerror(errno));
	return fd;
}

HELPER struct nmreq_header header_of(uint16_t type, const char *name, void *body)
{
	struct nmreq_header header = { .nr_version = NETMAP_API,
				       .nr_reqtype = type,
				       .nr_body = (uintptr_t)body };

	strncpy(header.nr_name, name, sizeof(header.nr_name) - 1);
	return header;
}

HELPER int request(int fd, uint16_t type, const char *name, void *body)
{
	struct nmreq_header header = header_of(type, name, body);

	return ioctl(fd, NIOCCTRL, &header);
}

HELPER int attach(int fd, const char *name)
{
	struct nmreq_vale_attach body = { .reg.nr_mode = NR_REG_ALL_NIC };

	return request(fd, NETMAP_REQ_VALE_ATTACH, name, &body);
}

HELPER int detach(int fd, const char *name)
{
	struct nmreq_vale_detach body = { 0 };

	return request(fd, NETMAP_REQ_VALE_DETACH, name, &body);
}

/* Whether there is such a port on its bridge. */
HELPER int exists(const char *name)
{
	struct nmreq_vale_list body = { 0 };
	int fd = open_netmap();
	int rc = request(fd, NETMAP_REQ_VALE_LIST, name, &body);

	EQUAL(close(fd), 0);
	return rc == 0 && body.nr_port_idx != NM_BDG_NOPORT;
}

/* ---- ports ---- */

struct port {
	int fd;
	uint8_t *base;
	uint64_t bytes;
	struct nmreq_register reg; /* as it came back */
	struct netmap_if *nifp;
};

/* 0 or -1 with errno. */
HELPER int register_with(int fd, const char *name, struct nmreq_register *reg)
{
	if (reg->nr_mode == 0)
		reg->nr_mode = NR_REG_ALL_NIC;
	return request(fd, NETMAP_REQ_REGISTER, name, reg);
}

HELPER void map_port(struct port *port)
{
	port->bytes = port->reg.nr_memsize;
	port->base = mmap(NULL, port->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd, 0);
	if (port->base == MAP_FAILED)
		FAIL("cannot map: %s", strerror(errno));
	port->nifp = (struct netmap_if *)(port->base + port->reg.nr_offset);
}

enum { SLOTS = 64 };

HELPER struct port open_with(const char *name, struct nmreq_register reg)
{
	struct port port = { .fd = open_netmap() };

	if (register_with(port.fd, name, &reg) < 0)
		FAIL("cannot register %s: %s", name, strerror(errno));
	port.reg = reg;
	map_port(&port);
	return port;
}

HELPER struct port open_port(const char *name)
{
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };

	return open_with(name, reg);
}

HELPER void close_port(struct port *port)
{
	EQUAL(munmap(port->base, port->bytes), 0);
	EQUAL(close(port->fd), 0);
	port->fd = -1;
}

HELPER struct netmap_ring *tx_ring(const struct port *port, uint32_t index)
{
	return (void *)((uint8_t *)port->nifp + port->nifp->ring_ofs[index]);
}

HELPER struct netmap_ring *rx_ring(const struct port *port, uint32_t index)
{
	uint32_t first = port->nifp->ni_tx_rings + port->nifp->ni_host_tx_rings;

	return (void *)((uint8_t *)port->nifp + port->nifp->ring_ofs[first + index]);
}

HELPER uint8_t *buffer_of(struct netmap_ring *ring, uint32_t slot)
{
	return (uint8_t *)ring + ring->buf_ofs +
	       (uint64_t)ring->slot[slot].buf_idx * ring->nr_buf_size;
}

HELPER uint32_t next_slot(const struct netmap_ring *ring, uint32_t slot)
{
	return slot + 1 == ring->num_slots ? 0 : slot + 1;
}

HELPER uint32_t available(struct netmap_ring *ring)
{
	uint32_t head = ring->head, tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	return tail >= head ? tail - head : tail + ring->num_slots - head;
}

/* A broadcast frame with a number in it; sent with the next sync. */
HELPER void put_frame(const struct port *port, uint32_t number)
{
	struct netmap_ring *ring = tx_ring(port, 0);
	uint32_t at = ring->head;
	uint8_t *frame = buffer_of(ring, at);

	CHECK(available(ring));
	memset(frame, 0, 60);
	memset(frame, 0xff, 6);
	frame[6] = 2;
	frame[12] = 0x88;
	frame[13] = 0xb5;
	memcpy(frame + 14, &number, sizeof(number));
	ring->slot[at].len = 60;
	ring->slot[at].flags = 0;
	ring->cur = next_slot(ring, at);
	__atomic_store_n(&ring->head, ring->cur, __ATOMIC_RELEASE);
}

HELPER void send_frame(const struct port *port, uint32_t number)
{
	put_frame(port, number);
	EQUAL(ioctl(port->fd, NIOCTXSYNC, NULL), 0);
}

/* The next one that has been synced; -1: there is none. */
HELPER int64_t take_frame(const struct port *port)
{
	struct netmap_ring *ring = rx_ring(port, 0);
	uint32_t at = ring->head, number;

	if (!available(ring))
		return -1;
	EQUAL(ring->slot[at].len, 60);
	memcpy(&number, buffer_of(ring, at) + 14, sizeof(number));
	ring->cur = next_slot(ring, at);
	__atomic_store_n(&ring->head, ring->cur, __ATOMIC_RELEASE);
	return number;
}

HELPER int64_t receive_frame(const struct port *port)
{
	EQUAL(ioctl(port->fd, NIOCRXSYNC, NULL), 0);
	return take_frame(port);
}

#endif
