/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces for engines in this process; see engine/nic.h. */
#ifndef VALET_BACKEND_NIC_H
#define VALET_BACKEND_NIC_H

#include "../engine/nic.h"

extern const struct nic_host nic_devices;

#endif
