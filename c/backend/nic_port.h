/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_NIC_PORT_H
#define VALET_NIC_PORT_H

#include "../engine/hardware.h"

/* Interfaces that are opened by name, through ../device. */
extern const struct nic_port_host nic_ports;

#endif
