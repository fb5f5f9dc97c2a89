/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_DEVICE_AF_XDP_H
#define VALET_DEVICE_AF_XDP_H

#include "device.h"
#include "link.h"
#include "program.h"

/*
 * The interface through AF_XDP sockets, one for each of its queues; its link is the device's from
 * then on. What the host's stack sends goes to the interface `host_index`, or is dropped when that
 * is 0. Errors as xdp_open(); -EPFNOSUPPORT: the kernel has no such sockets.
 */
int af_xdp_open(const struct link *link, uint32_t queues, uint32_t host_index,
		const struct program_marks *marks, int native_only, struct device **out);

#endif
