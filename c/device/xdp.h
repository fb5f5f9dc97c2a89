/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The eBPF program that hands what an interface receives to AF_XDP sockets, before the system makes
 * packets of it (Documentation/networking/af_xdp.rst of Linux). It hangs on the descriptor of a
 * link, as those of program.h, so it leaves with the process.
 */
#ifndef VALET_DEVICE_XDP_H
#define VALET_DEVICE_XDP_H

#include <stdint.h>

#include "link.h"

struct xdp {
	int sockets; /* the map of the interface's receive queues to sockets */
	int counter; /* a map, of one number */
	uint64_t *missed; /* that number: frames of queues that have no socket */
	uint64_t missed_seen;
	int link;
	int is_native; /* the driver runs it; else the system does, for any driver */
};

/*
 * To be closed also after an error. -EEXIST: the interface has an XDP program already; -ERANGE: its
 * MTU, or its peer's, is more than its driver takes; -ENOSPC: it has too few receive queues for
 * what its peer sends by; -ENOPROTOOPT: it takes VLAN tags off, or (without XDP in its driver) puts
 * frames together, which would be lost; -EOPNOTSUPP; -EPERM.
 */
int xdp_open(struct xdp *xdp, const struct link *link, uint32_t queues, int native_only);
int xdp_set_socket(const struct xdp *xdp, uint32_t queue, int socket_fd);
/* Frames since it was last asked. */
uint64_t xdp_missed(struct xdp *xdp);
void xdp_close(struct xdp *xdp);

#endif
