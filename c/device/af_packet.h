/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_DEVICE_AF_PACKET_H
#define VALET_DEVICE_AF_PACKET_H

#include "device.h"
#include "link.h"
#include "program.h"

/*
 * The interface through packet sockets; its link is the device's from then on. What the host's
 * stack sends goes to the interface `host_index`, or is dropped when that is 0.
 */
int af_packet_open(const struct link *link, uint32_t queues, uint32_t host_index,
		   const struct program_marks *marks, struct device **out);

#endif
