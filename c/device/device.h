/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bridge can be connected to besides its own ports: network interfaces of the system and
 * virtual machines, each through one of a few kinds of device. A device only moves frames; it knows
 * nothing of netmap.
 *
 * A queue belongs to one thread at a time. Negative errno on failure.
 */
#ifndef VALET_DEVICE_H
#define VALET_DEVICE_H

#include <net/if.h>
#include <stdint.h>

#define DEVICE_QUEUES_MAX 16u

enum device_kind {
	DEVICE_AUTO, /* AF_XDP on cards that have it, or packet sockets */
	DEVICE_AF_XDP,
	DEVICE_AF_PACKET,
	DEVICE_TAP, /* the other end of a TAP interface, made if it does not exist */
	DEVICE_STREAM, /* a Unix socket, as those of virtual machines */
	DEVICE_DGRAM,
};

enum { DEVICE_SOCKET_BYTES = 108 };

struct device_request {
	char name[IFNAMSIZ];
	enum device_kind kind;
	int netns_fd; /* the interface's network namespace; -1: the calling thread's */
	uint32_t queues; /* wanted, at most; 0: as many as it has, up to DEVICE_QUEUES_MAX */
	int host_side; /* wanted */
	char socket[DEVICE_SOCKET_BYTES]; /* our path, and the other's: see socket_device.h */
	char peer[DEVICE_SOCKET_BYTES];
};

struct device_frame {
	uint8_t *data; /* the device's virtio-net header first, if it has one; then Ethernet's */
	uint32_t length; /* bytes */
};

struct device_part {
	const uint8_t *data;
	uint32_t length; /* bytes */
	uint32_t more; /* the frame goes on with the next part */
};

enum device_state { DEVICE_GONE, DEVICE_DOWN, DEVICE_UP };

/* How an interface is reached through AF_XDP. */
enum device_mode {
	DEVICE_NATIVE = 1, /* its driver runs the program; not set: the system does, later */
	DEVICE_ZERO_COPY = 2, /* it uses our memory */
};

struct device {
	const struct device_ops *ops;
	/*
	 * What the interface's receive queue q gets is received from queue q % queues; what queue q
	 * is given to send leaves by the interface's transmit queue q.
	 */
	uint32_t queues;
	uint32_t mode; /* enum device_mode, or-ed */
	/*
	 * Of the virtio-net header (virtio 1.2, 5.1.6) in front of each frame, which says what work
	 * is left to do on it. 0: there is none, and frames are whole.
	 */
	uint32_t header_bytes;
	uint32_t sends_apart; /* one thread may be in send() while another is in receive() */
	uint32_t tells_room; /* its fd is ready to write (POLLOUT) when the device takes more */
};

struct device_ops {
	const char *name;
	enum device_kind kind; /* that gets this one */
	/*
	 * Up to `most` frames; they stay where they are until the queue's next receive(). Adds to
	 * *lost what the system has dropped meanwhile.
	 */
	int (*receive)(struct device *device, uint32_t queue, struct device_frame *frames,
		       uint32_t most, uint64_t *lost);
	/*
	 * Sends the first of these, whole frames only. Returns how many parts are done with; fewer
	 * than `count`: the rest when the queue's fd is ready for it. Adds to *lost the frames that
	 * were not taken: too long for the interface, or it is down.
	 */
	int (*send)(struct device *device, uint32_t queue, const struct device_part *parts,
		    uint32_t count, uint64_t *lost);
	/*
	 * For poll(); -1: there is nothing to wait for now. After POLLERR, or with -1, look at the interface's state, and then now and again until it
	 * is up: when one that is down goes for good, nobody tells.
	 */
	int (*fd)(struct device *device, uint32_t queue);
	/*
	 * For poll(): is readable when the interface may have changed, until somebody looks at its
	 * state. NULL, or negative: fd() says all.
	 */
	int (*watch)(struct device *device);
	/* Any thread may ask. */
	enum device_state (*state)(struct device *device);
	/*
	 * The longest packet that it takes, in bytes without Ethernet's header; 0: it is gone. Any
	 * thread may ask; watch() tells of changes. NULL: nobody knows.
	 */
	uint32_t (*mtu)(struct device *device);
	/*
	 * What of an interface is ours: what it receives, and what the host's stack sends through
	 * it; at first both. The rest goes its way as if nobody had the interface, but may be
	 * received as well. NULL: it is always both.
	 */
	int (*take)(struct device *device, int received, int sent);
	/* Leaves the interface as it was. */
	void (*close)(struct device *device);
};

/*
 * Opens an interface and, if wanted, its host's side. -ENODEV: there is no such interface; -EBUSY:
 * somebody has it; -EPERM; -EMSGSIZE: it has large receive offload on; -EOPNOTSUPP: the kernel, or
 * the interface, lacks what it takes; -EAFNOSUPPORT: there are no packet sockets; -EPROTONOSUPPORT: no
 * TAP interfaces. Of DEVICE_AF_XDP -EPFNOSUPPORT, -EEXIST, -ERANGE, -ENOSPC,
 * -ENOPROTOOPT, see af_xdp.h.
 */
int device_open(const struct device_request *request, struct device **device,
		struct device **host_side);

struct device_found {
	uint32_t index; /* in its network namespace */
	uint32_t mtu;
	uint32_t queues; /* that device_open() would give */
};

/* Looks at an interface, and needs no privileges. -ENODEV; -EOPNOTSUPP: it is no Ethernet. */
int device_find(const struct device_request *request, struct device_found *found);

static inline void device_close(struct device *device)
{
	if (device)
		device->ops->close(device);
}

#endif
