/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices for the engine's requests: in which network namespace, of which kind. */
#ifndef VALET_NIC_DEVICE_H
#define VALET_NIC_DEVICE_H

#include "../device/device.h"
#include "../engine/nic.h"

/* Opens the interface and, if wanted, its host's side. Errors as device_open(), and of the namespace. */
int nic_device_open(const struct nic_request *request, struct device **interface,
		    struct device **host_side);
/* What it is, as struct valet_req_port has it. */
uint32_t nic_device_number(const struct device *device);
/* What the interface is, and the namespace's identity. -ENOENT: there is no such namespace. */
int nic_device_find(const struct nic_request *request, struct device_found *found,
		    uint64_t netns[2]);

#endif
