/* SPDX-License-Identifier: BSD-2-Clause */
#include "tap_device.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap_open.h"

/* Since Linux 6.2; older headers lack them. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
	FRAME_BYTES_MAX = 66 * 1024,
	AREA_BYTES = 8 * FRAME_BYTES_MAX, /* for the frames of one batch */
	PARTS_MAX = 64,
	QUEUE_FRAMES_LEAST = 16, /* shorter ones (txqueuelen) nobody has; 1000 is usual */
};

struct tap {
	struct device device;
	int fd;
	int watch; /* descriptor */
	int from_host, to_host; /* links of programs */
	uint8_t *area;
	struct link_drops drops; /* what the stack sent and the interface's queue had no room for */
	uint32_t run; /* frames read since the queue was last empty */
};

static struct tap *of(struct device *device)
{
	return (struct tap *)device;
}

static int tap_receive(struct device *device, uint32_t queue, struct device_frame *frames,
		       uint32_t most, uint64_t *lost)
{
	struct tap *tap = of(device);
	uint32_t count = 0, used = 0;

	(void)queue;
	while (count < most && used + FRAME_BYTES_MAX <= AREA_BYTES) {
		ssize_t bytes = read(tap->fd, tap->area + used, FRAME_BYTES_MAX);

		if (bytes <= 0)
			break;
		frames[count++] = (struct device_frame){ .data = tap->area + used,
							 .length = (uint32_t)bytes };
		used += ((uint32_t)bytes + 63) & ~63u;
	}
	tap->run += count;
	if (count)
		return (int)count;
	/* The queue can only have been full if there were as many to read. */
	if (tap->run >= QUEUE_FRAMES_LEAST)
		*lost += link_drops_take(&tap->drops);
	tap->run = 0;
	return 0;
}

static int tap_send(struct device *device, uint32_t queue, const struct device_part *parts,
		    uint32_t count, uint64_t *lost)
{
	struct tap *tap = of(device);
	uint32_t done = 0;

	(void)queue;
	while (done < count) {
		struct iovec vectors[PARTS_MAX];
		uint32_t pieces = 0;
		int more;

		do {
			const struct device_part *part = &parts[done + pieces];

			vectors[pieces++] = (struct iovec){ (void *)(uintptr_t)part->data,
							    part->length };
			more = part->more;
		} while (more && pieces < PARTS_MAX && done + pieces < count);
		if (writev(tap->fd, vectors, (int)pieces) < 0) {
			if (errno == EAGAIN || errno == EINTR)
				break;
			(*lost)++; /* EIO: the interface is down */
		}
		done += pieces;
	}
	return (int)done;
}

static int tap_watch(struct device *device)
{
	return of(device)->watch;
}

static uint32_t tap_mtu(struct device *device)
{
	const struct link_drops *drops = &of(device)->drops;
	const struct link link = { .fd = drops->fd, .index = drops->index };

	return link_mtu(&link);
}

/* Down or up: it tells when it goes. */
static enum device_state tap_state(struct device *device)
{
	struct ifreq request;

	link_seen(of(device)->watch);
	return ioctl(of(device)->fd, TUNGETIFF, &request) == 0 ? DEVICE_UP : DEVICE_GONE;
}

static int tap_fd(struct device *device, uint32_t queue)
{
	(void)queue;
	return of(device)->fd;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void tap_close(struct device *device)
{
	struct tap *tap = of(device);

	close_fd(tap->from_host);
	close_fd(tap->to_host);
	close_fd(tap->fd);
	close_fd(tap->watch);
	link_drops_close(&tap->drops);
	free(tap->area);
	free(tap);
}

static const struct device_ops operations = {
	.name = "tap",
	.kind = DEVICE_TAP,
	.receive = tap_receive,
	.send = tap_send,
	.fd = tap_fd,
	.watch = tap_watch,
	.state = tap_state,
	.mtu = tap_mtu,
	.close = tap_close,
};

/*
 * The host's stack leaves checksums and segmentation to us, in a virtio-net header, and takes packets
 * that others have left so. 1: it does. 0: it is an interface that was there before: what is set on it
 * would stay when this process is killed.
 */
static int agree_on_offloads(int fd)
{
	const unsigned int offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int header_bytes = sizeof(struct virtio_net_hdr);
	struct ifreq state;

	memset(&state, 0, sizeof(state));
	if (ioctl(fd, TUNGETIFF, &state) < 0)
		return -errno;
	if (state.ifr_flags & IFF_PERSIST)
		return 0;
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
		return 0;
	return ioctl(fd, TUNSETOFFLOAD, offloads | TUN_F_USO4 | TUN_F_USO6) == 0 ||
	       ioctl(fd, TUNSETOFFLOAD, offloads) == 0;
}

/* -EPROTONOSUPPORT: there are no TAP interfaces; without it an interface's errors would say less. */
static int open_one(const char *name, int flags, char *actual)
{
	int fd = tap_open(name, flags, actual);

	return fd == -ENOENT || fd == -ENODEV || fd == -ENXIO ? -EPROTONOSUPPORT : fd;
}

static int open_with_offloads(struct tap *tap, const char *name, char *actual)
{
	int rc = tap->fd = open_one(name, IFF_VNET_HDR, actual);

	if (rc >= 0)
		rc = agree_on_offloads(tap->fd);
	if (rc > 0)
		tap->device.header_bytes = sizeof(struct virtio_net_hdr);
	if (rc)
		return rc;
	close(tap->fd);
	return tap->fd = open_one(name, 0, actual);
}

static int make(const char *name, char *actual, struct tap **out)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int rc = -ENOMEM;

	if (!tap)
		return -ENOMEM;
	tap->device = (struct device){ .ops = &operations, .queues = 1, .sends_apart = 1 };
	tap->from_host = tap->to_host = tap->fd = tap->watch = tap->drops.fd = -1;
	tap->area = malloc(AREA_BYTES);
	if (tap->area)
		rc = open_with_offloads(tap, name, actual);
	if (rc >= 0)
		rc = link_drops_open(&tap->drops, actual);
	if (rc >= 0)
		rc = tap->watch = link_watch();
	if (rc < 0) {
		tap_close(&tap->device);
		return rc;
	}
	*out = tap;
	return 0;
}

int tap_device_open(const char *name, struct device **out)
{
	char actual[IFNAMSIZ];
	struct tap *tap;
	int rc = make(name, actual, &tap);

	if (rc == 0)
		*out = &tap->device;
	return rc;
}

/* ---- the host's side ---- */

/* As the interface itself: what is for the host is told apart by the address. */
static int dress(int socket_fd, const char *name, const struct link *link, uint32_t *index)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, name, sizeof(request.ifr_name));
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, link->mac, sizeof(link->mac));
	if (ioctl(socket_fd, SIOCSIFHWADDR, &request) < 0)
		return -errno;
	request.ifr_mtu = (int)link->mtu;
	if (ioctl(socket_fd, SIOCSIFMTU, &request) < 0)
		return -errno;
	if (ioctl(socket_fd, SIOCGIFINDEX, &request) < 0)
		return -errno;
	*index = (uint32_t)request.ifr_ifindex;
	return 0;
}

static int raise_up(int socket_fd, const char *name)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, name, sizeof(request.ifr_name));
	request.ifr_flags = IFF_UP | IFF_NOARP;
	return ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int host_side_open(const struct link *link, const struct program_marks *marks, uint32_t *index,
		   struct device **out)
{
	char name[IFNAMSIZ], actual[IFNAMSIZ];
	struct tap *tap;
	int rc;

	snprintf(name, sizeof(name), "vhost%u", link->index);
	rc = make(name, actual, &tap);
	if (rc < 0)
		return rc;
	rc = dress(link->fd, actual, link, index);
	/* Before it is up: the stack's own packets for it, as for any new interface, stop there. */
	if (rc == 0)
		rc = tap->from_host = program_to_us(*index, marks);
	if (rc >= 0)
		rc = tap->to_host = program_to_host(*index, link->index, marks);
	if (rc >= 0)
		rc = raise_up(link->fd, actual);
	if (rc < 0) {
		tap_close(&tap->device);
		return rc;
	}
	*out = &tap->device;
	return 0;
}
