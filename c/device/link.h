/* SPDX-License-Identifier: BSD-2-Clause */
/* A network interface: what it is, and who has it. */
#ifndef VALET_DEVICE_LINK_H
#define VALET_DEVICE_LINK_H

#include <net/if.h>
#include <stdint.h>

#include "device.h"

struct link {
	char name[IFNAMSIZ];
	int fd; /* a socket of its network namespace, which also keeps others from taking it */
	uint32_t index; /* which stays when it is renamed */
	uint32_t mtu;
	uint8_t mac[6];
};

/*
 * Looks an interface of the thread's network namespace up and takes it, until link_release() or the
 * end of the process. -ENODEV, -EBUSY, -EOPNOTSUPP: it is no Ethernet; -EMSGSIZE: it
 * has large receive offload on.
 */
int link_take(struct link *link, const char *name);
/* The same without taking it. */
int link_look(struct link *link, const char *name);
void link_release(struct link *link);
enum device_state link_state(const struct link *link);
struct link_queues {
	uint32_t receive, transmit, most; /* the larger number */
};

/* How many the interface has; 1 if it does not say. */
struct link_queues link_queues(const struct link *link);
/* Whether it is no card: veth, a bridge, a TAP interface. */
int link_is_virtual(const struct link *link);
int link_is_veth(const struct link *link);

enum link_offload {
	LINK_TAKES_TAGS_OFF = 1, /* rxvlan */
	LINK_JOINS_FRAMES = 2, /* gro */
};

/* enum link_offload, or-ed: what it does to frames that it receives, in words of ethtool(8). */
uint32_t link_offloads(const struct link *link);
/* Bytes that its frames may have without their header; 0: it is gone. */
uint32_t link_mtu(const struct link *link);
/* Has the interface receive all frames until the descriptor that this returns is closed. */
int link_promiscuous(const struct link *link);
/* A descriptor that is readable when an interface of the namespace has changed; see link_seen(). */
int link_watch(void);
/* Whether one has, since the last time. */
int link_changed(int watch);
void link_seen(int watch);

/* What an interface was given to send, and has dropped (rtnetlink(7), tx_dropped). */
struct link_drops {
	int fd; /* -1: not open */
	uint32_t index;
	uint64_t seen;
};

/* Of the thread's network namespace. Counts from here on. */
int link_drops_open(struct link_drops *drops, const char *name);
/* Since it was last asked. */
uint64_t link_drops_take(struct link_drops *drops);
void link_drops_close(struct link_drops *drops);

#endif
