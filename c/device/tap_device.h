/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_DEVICE_TAP_DEVICE_H
#define VALET_DEVICE_TAP_DEVICE_H

#include "device.h"
#include "link.h"
#include "program.h"

/*
 * The other end of a TAP interface of the thread's network namespace: what it sends, we receive.
 * One that does not exist is made, and goes when the device is closed.
 */
int tap_device_open(const char *name, struct device **out);

/*
 * The host's side of an interface: a TAP interface without an address, that programs lead the
 * packets of the host's stack to and from, so that the interface keeps all that is configured on
 * it. `*index` is to be given to program_on_egress().
 */
int host_side_open(const struct link *link, const struct program_marks *marks, uint32_t *index,
		   struct device **out);

#endif
