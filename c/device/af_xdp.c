/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface through AF_XDP sockets: frames come from the driver as they are, past the system's
 * network stack, into memory that the card writes itself if its driver can. Each of the interface's
 * queues has a socket of its own, and a thread may look after several.
 *
 * Nobody says what work a virtual interface's peer has left to "the card". While an XDP program is
 * there, veth has it leave no segmenting; checksums are mended here, VLAN tags by the program.
 */
#include "af_xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "mend.h"
#include "xdp.h"
#include "xsk.h"

enum {
	CHUNKS = 4096, /* of a socket, in each direction */
	CHUNKS_OF_MANY = 2048, /* the same, of interfaces with more sockets than this: */
	MANY = 2,
	SCRATCH_BYTES = 16 * XSK_FRAME_BYTES,
	ETHERNET_BYTES = 14,
	TAG_BYTES = 4,
	IDLE_TURNS = 64, /* receive() without a frame, between looks at the kernel's counters */
};

struct queue {
	int fd; /* of several sockets: epoll's */
	uint32_t next; /* socket to begin with */
	uint32_t idle; /* receive()s without a frame */
	uint8_t *scratch;
};

struct af_xdp {
	struct device device;
	struct link link;
	int ingress, egress; /* links of programs */
	int promiscuous, watch; /* descriptors */
	struct xdp xdp;
	int native_only; /* not by the system behind the driver */
	int mends; /* checksums may be incomplete */
	uint32_t mtu, is_down; /* any thread */
	uint32_t sockets; /* one for each of the interface's queues */
	uint32_t senders; /* the first of them, that have a transmit queue */
	struct xsk *xsks;
	struct queue queues[DEVICE_QUEUES_MAX];
};

static struct af_xdp *of(struct device *device)
{
	return (struct af_xdp *)device;
}

/* ---- receiving ---- */

/* What is longer than frames can be has been put together by the system, which is not to be undone. */
static uint32_t check_frames(const struct af_xdp *af_xdp, struct device_frame *frames,
			     uint32_t count, uint64_t *lost)
{
	uint32_t kept = 0, longest = __atomic_load_n(&af_xdp->mtu, __ATOMIC_RELAXED) +
				     ETHERNET_BYTES + 2 * TAG_BYTES;

	if (!af_xdp->mends)
		return count;
	for (uint32_t i = 0; i < count; i++) {
		if (frames[i].length > longest) {
			(*lost)++;
			continue;
		}
		mend_checksum(frames[i].data, frames[i].length);
		frames[kept++] = frames[i];
	}
	return kept;
}

static uint64_t take_lost(struct af_xdp *af_xdp, uint32_t number)
{
	uint64_t lost = number ? 0 : xdp_missed(&af_xdp->xdp);

	for (uint32_t s = number; s < af_xdp->sockets; s += af_xdp->device.queues)
		lost += xsk_lost(&af_xdp->xsks[s]);
	return lost;
}

static int af_xdp_receive(struct device *device, uint32_t number, struct device_frame *frames,
			  uint32_t most, uint64_t *lost)
{
	struct af_xdp *af_xdp = of(device);
	struct queue *queue = &af_xdp->queues[number];
	uint32_t mine = (af_xdp->sockets - number + device->queues - 1) / device->queues;
	uint8_t *scratch = queue->scratch;
	const uint8_t *end = scratch + SCRATCH_BYTES;
	uint32_t count = 0;

	for (uint32_t i = 0; i < mine; i++) {
		struct xsk *xsk =
			&af_xdp->xsks[number + (queue->next + i) % mine * device->queues];

		xsk_give_back(xsk);
		count += xsk_receive(xsk, frames + count, most - count, &scratch, end, lost);
	}
	queue->next = (queue->next + 1) % mine;
	queue->idle = count ? 0 : queue->idle + 1;
	/* What is lost last is not followed by a frame. */
	if (count == most || queue->idle % IDLE_TURNS == 1)
		*lost += take_lost(af_xdp, number);
	return (int)check_frames(af_xdp, frames, count, lost);
}

/* ---- the rest of a device ---- */

static int af_xdp_send(struct device *device, uint32_t number, const struct device_part *parts,
		       uint32_t count, uint64_t *lost)
{
	struct af_xdp *af_xdp = of(device);
	uint32_t longest;
	int rc;

	if (__atomic_load_n(&af_xdp->is_down, __ATOMIC_RELAXED)) {
		*lost += xsk_frames(parts, count);
		return (int)count;
	}
	/* Whether frames are too long has to be known now, not when a thread sees to the change. */
	if (link_changed(af_xdp->watch))
		__atomic_store_n(&af_xdp->mtu, link_mtu(&af_xdp->link), __ATOMIC_RELAXED);
	longest = __atomic_load_n(&af_xdp->mtu, __ATOMIC_RELAXED) + ETHERNET_BYTES;
	rc = xsk_send(&af_xdp->xsks[number % af_xdp->senders], parts, count, longest, lost);
	if (rc != -ENETDOWN)
		return rc;
	__atomic_store_n(&af_xdp->is_down, link_state(&af_xdp->link) != DEVICE_UP,
			 __ATOMIC_RELAXED);
	return (int)count;
}

static int af_xdp_fd(struct device *device, uint32_t number)
{
	return of(device)->queues[number].fd;
}

static int af_xdp_watch(struct device *device)
{
	return of(device)->watch;
}

static enum device_state af_xdp_state(struct device *device)
{
	struct af_xdp *af_xdp = of(device);
	enum device_state state;

	link_seen(af_xdp->watch); /* before the look: what changes later will be seen again */
	state = link_state(&af_xdp->link);
	__atomic_store_n(&af_xdp->mtu, link_mtu(&af_xdp->link), __ATOMIC_RELAXED);
	__atomic_store_n(&af_xdp->is_down, state != DEVICE_UP, __ATOMIC_RELAXED);
	return state;
}

static uint32_t af_xdp_mtu(struct device *device)
{
	return __atomic_load_n(&of(device)->mtu, __ATOMIC_RELAXED);
}

/* ---- opening and closing ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void af_xdp_close(struct device *device)
{
	struct af_xdp *af_xdp = of(device);

	xdp_close(&af_xdp->xdp);
	for (uint32_t q = 0; q < device->queues; q++) {
		if (af_xdp->sockets > device->queues)
			close_fd(af_xdp->queues[q].fd);
		free(af_xdp->queues[q].scratch);
	}
	for (uint32_t s = 0; s < af_xdp->sockets; s++)
		xsk_close(&af_xdp->xsks[s]);
	free(af_xdp->xsks);
	close_fd(af_xdp->promiscuous);
	close_fd(af_xdp->watch);
	/* Last: the host's stack hears nothing that the bridge has had. */
	close_fd(af_xdp->egress);
	close_fd(af_xdp->ingress);
	link_release(&af_xdp->link);
	free(af_xdp);
}

/* The best way that the driver knows, which is found out with the first socket. */
static int open_first(struct af_xdp *af_xdp, struct xsk_shape *shape)
{
	static const struct {
		uint32_t flags;
		int can_split;
	} ways[] = { { XDP_ZEROCOPY, 0 }, { XDP_ZEROCOPY, 1 }, { XDP_COPY, 1 }, { XDP_COPY, 0 } };
	int rc = -EOPNOTSUPP;

	for (uint32_t i = af_xdp->xdp.is_native ? 0 : 2; i < sizeof(ways) / sizeof(ways[0]); i++) {
		shape->flags = ways[i].flags;
		shape->can_split = ways[i].can_split;
		rc = xsk_open(&af_xdp->xsks[0], shape);
		if (rc == 0 || rc == -EBUSY || rc == -EPERM || rc == -EPFNOSUPPORT)
			return rc;
	}
	return rc;
}

static int open_sockets(struct af_xdp *af_xdp)
{
	struct xsk_shape shape = {
		.index = af_xdp->link.index,
		.mtu = af_xdp->mtu,
		.chunks = af_xdp->sockets > MANY ? CHUNKS_OF_MANY : CHUNKS,
	};
	int rc = 0;

	for (uint32_t s = 0; rc == 0 && s < af_xdp->sockets; s++) {
		shape.queue = s;
		shape.is_shared = af_xdp->senders < af_xdp->device.queues;
		rc = s ? xsk_open(&af_xdp->xsks[s], &shape) : open_first(af_xdp, &shape);
		if (rc == 0)
			rc = xdp_set_socket(&af_xdp->xdp, s, af_xdp->xsks[s].fd);
	}
	if (rc == 0)
		af_xdp->device.mode = (af_xdp->xdp.is_native ? DEVICE_NATIVE : 0) |
				      (shape.flags & XDP_ZEROCOPY ? DEVICE_ZERO_COPY : 0);
	return rc;
}

/* One descriptor for all sockets of a queue. */
static int gather_fds(struct af_xdp *af_xdp, uint32_t number)
{
	struct queue *queue = &af_xdp->queues[number];

	queue->fd = af_xdp->xsks[number].fd;
	if (af_xdp->sockets == af_xdp->device.queues)
		return 0;
	queue->fd = epoll_create1(EPOLL_CLOEXEC);
	if (queue->fd < 0)
		return -errno;
	for (uint32_t s = number; s < af_xdp->sockets; s += af_xdp->device.queues) {
		struct epoll_event event = { .events = EPOLLIN };

		if (epoll_ctl(queue->fd, EPOLL_CTL_ADD, af_xdp->xsks[s].fd, &event) < 0)
			return -errno;
	}
	return 0;
}

static int open_queues(struct af_xdp *af_xdp)
{
	int rc = 0;

	for (uint32_t q = 0; rc == 0 && q < af_xdp->device.queues; q++) {
		af_xdp->queues[q].scratch = malloc(SCRATCH_BYTES);
		rc = af_xdp->queues[q].scratch ? gather_fds(af_xdp, q) : -ENOMEM;
	}
	return rc;
}

static const struct device_ops operations = {
	.name = "af_xdp",
	.kind = DEVICE_AF_XDP,
	.receive = af_xdp_receive,
	.send = af_xdp_send,
	.fd = af_xdp_fd,
	.watch = af_xdp_watch,
	.state = af_xdp_state,
	.mtu = af_xdp_mtu,
	.close = af_xdp_close,
};

static int make(const struct link *link, uint32_t queues, struct af_xdp **out)
{
	struct link_queues has = link_queues(link);
	struct af_xdp *af_xdp = calloc(1, sizeof(*af_xdp));

	if (!af_xdp)
		return -ENOMEM;
	af_xdp->device =
		(struct device){ .ops = &operations, .queues = queues, .sends_apart = 1 };
	af_xdp->link = *link;
	af_xdp->mtu = link->mtu;
	af_xdp->sockets = has.most;
	af_xdp->senders = has.transmit < queues ? has.transmit : queues;
	af_xdp->ingress = af_xdp->egress = af_xdp->promiscuous = af_xdp->watch = -1;
	af_xdp->xdp = (struct xdp){ .sockets = -1, .counter = -1, .link = -1 };
	for (uint32_t q = 0; q < DEVICE_QUEUES_MAX; q++)
		af_xdp->queues[q].fd = -1;
	af_xdp->xsks = calloc(has.most, sizeof(*af_xdp->xsks));
	if (!af_xdp->xsks) {
		free(af_xdp);
		return -ENOMEM;
	}
	for (uint32_t s = 0; s < has.most; s++)
		af_xdp->xsks[s].fd = -1;
	*out = af_xdp;
	return 0;
}

/* The stack stops hearing the interface before we hear it, and sends through it no more. */
static int open_parts(struct af_xdp *af_xdp, uint32_t host_index, const struct program_marks *marks)
{
	const struct link *link = &af_xdp->link;
	int rc = af_xdp->ingress = program_on_ingress(link->index, marks);

	if (rc >= 0)
		rc = af_xdp->egress = program_on_egress(link->index, host_index, marks);
	if (rc >= 0)
		rc = af_xdp->watch = link_watch();
	if (rc >= 0)
		rc = xdp_open(&af_xdp->xdp, link, af_xdp->sockets, af_xdp->native_only);
	if (rc >= 0)
		rc = open_sockets(af_xdp);
	if (rc >= 0)
		rc = open_queues(af_xdp);
	if (rc >= 0)
		rc = af_xdp->promiscuous = link_promiscuous(link);
	return rc < 0 ? rc : 0;
}

int af_xdp_open(const struct link *link, uint32_t queues, uint32_t host_index,
		const struct program_marks *marks, int native_only, struct device **out)
{
	struct af_xdp *af_xdp;
	int rc = make(link, queues, &af_xdp);

	if (rc < 0)
		return rc;
	af_xdp->mends = link_is_virtual(link);
	af_xdp->native_only = native_only;
	rc = open_parts(af_xdp, host_index, marks);
	if (rc < 0) {
		af_xdp->link.fd = -1; /* the caller's until all is well */
		af_xdp_close(&af_xdp->device);
		return rc;
	}
	af_xdp->mends |= !af_xdp->xdp.is_native;
	xdp_missed(&af_xdp->xdp); /* before it was attached */
	*out = &af_xdp->device;
	return 0;
}
