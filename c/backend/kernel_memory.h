/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_KERNEL_MEMORY_H
#define VALET_KERNEL_MEMORY_H

#include <stdint.h>

#include "../uapi/valet_requests.h"

/*
 * MEMORY_GET and MEMORY_SET by the module's parameters. -EACCES: not root. The module takes what
 * it is given, and who opens a port next gets EINVAL if it is beyond its limits.
 */
int kernel_memory(uint16_t type, struct valet_req_memory *body);

#endif
