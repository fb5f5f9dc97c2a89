/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces of the system opened by name ("eth1"), as netmap's emulated mode has them: a
 * ring in each direction for each of the interface's queues, and one for the host's stack behind
 * them.
 *
 * The engine makes no system calls, so its host opens the interface. Threads of the host's fill the
 * receive rings, as senders on a bridge fill those of its ports; what a transmit ring has is sent on
 * the thread that syncs it.
 */
#ifndef VALET_HARDWARE_H
#define VALET_HARDWARE_H

#include "control.h"
#include "nic.h"

struct fragment;
struct nic_port; /* the host's */

/* One interface, whatever its name: its network namespace, and its number there. */
struct nic_identity {
	uint64_t netns[2];
	uint64_t index;
};

struct nic_found {
	struct nic_identity identity;
	uint32_t rings; /* in each direction */
	uint32_t mtu;
};

enum { HARDWARE_RECEIVED = 1, HARDWARE_SENT = 2, HARDWARE_HOST = 4 };

struct nic_port_host {
	/* Looks, and opens nothing. -ENXIO: there is no such interface; -EINVAL: no Ethernet. */
	int (*find)(const struct nic_request *request, struct nic_found *out);
	/* Opens it: from here on threads use the port's rings. Errors as of nic_host.open(). */
	int (*open)(const struct nic_request *request, struct port *port, struct nic_port **out);
	/*
	 * What is the port's: HARDWARE_RECEIVED: what the interface receives; HARDWARE_SENT: what
	 * the host's stack sends through it. The rest goes its way as if nobody had the interface
	 * open. HARDWARE_HOST: host rings are open. -EOPNOTSUPP: they cannot be had.
	 */
	int (*take)(struct nic_port *nic, uint32_t what);
	/*
	 * Sends the slots from hwcur to `end` - 1, whole frames. Returns the first that was not:
	 * the interface takes no more now, and a thread will call hardware_go_on(). Caller holds
	 * ring->busy.
	 */
	uint32_t (*send)(struct nic_port *nic, struct ring *ring, uint32_t end);
	/*
	 * Sends frames that begin in slots with NS_FORWARD, of those from `first` to `end` - 1 of a
	 * receive ring: what the interface has received to the host's stack, what that has sent out
	 * by the interface. What is not taken at once is dropped and counted. Caller holds what the
	 * ring's hwcur is changed under.
	 */
	void (*forward)(struct nic_port *nic, struct ring *ring, uint32_t first, uint32_t end);
	/* Leaves the interface as it was. No thread uses the rings when it returns. */
	void (*close)(struct nic_port *nic);
};

struct hardware {
	struct nic_identity identity;
	struct nic_request request;
	uint32_t mtu;
	struct nic_port *nic; /* NULL: nobody has it open */
	uint32_t taken; /* HARDWARE_* */
};

/* ---- control, under the engine's control lock ---- */

/*
 * The port of an interface; made if need be and `make`, in the region or in the global one. As
 * port_find_in().
 */
int hardware_find(const struct descriptor *asking, const char *name, int make,
		  struct region *region, struct port **out);
/* Rings have been bound: opens the interface with the first. -EINVAL: its MTU is too large. */
int hardware_bound(struct port *port);
/* Takes what the rings that are open are for. */
int hardware_take(struct port *port);
/* Rings are about to be given up: closes the interface with the last. */
void hardware_unbind(const struct descriptor *descriptor, struct port *port);

/* ---- the packets' path ---- */

int hardware_txsync(struct ring *ring);
/* Slots of a receive ring are given back: NR_FORWARD. For monitors_release(). */
void hardware_released(struct ring *ring, uint32_t first, uint32_t end);

/* For the host's threads, which have been let (bridge_forward_allowed()). */

/* Frames on their way into a receive ring, some of which may have arrived. */
struct inflow {
	const struct fragment *frames; /* header first */
	uint32_t count, at; /* at: done with */
	uint32_t header_bytes; /* virtio-net header in front of each */
	uint32_t packets_done; /* of the batch that the thread has */
	int is_gathered;
};

/* 1: all are done with; 0: the ring is full, try again with the same. */
int hardware_receive(struct ring *ring, struct inflow *inflow);
/* After send() has stopped. 1: all has gone. */
int hardware_go_on(struct ring *ring);
/* The interface does not exist any more: whoever uses the port is told. */
void hardware_gone(struct port *port);

#endif
