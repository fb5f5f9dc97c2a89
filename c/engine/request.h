/* SPDX-License-Identifier: BSD-2-Clause */
/* What every request and option looks like from outside: sizes, and whether there is a body. */
#ifndef VALET_REQUEST_H
#define VALET_REQUEST_H

#include <stdint.h>

#include "../uapi/netmap.h"
#include "../uapi/valet_requests.h"

/* Bytes of the body, 0 for a request without one, -EINVAL for one that does not exist. */
int request_body_bytes(uint16_t type);

/*
 * Bytes of an option, which nro_size says of those of variable size; at least those of struct
 * nmreq_option. Nothing limits it.
 */
uint64_t request_option_bytes(uint32_t type, uint64_t nro_size);

/* Whether it is one of valet's own. */
static inline int request_is_valet(uint16_t type)
{
	return (type >= VALET_REQ_BRIDGE_GET && type <= VALET_REQ_INTERFACES_GET) ||
	       (type >= VALET_REQ_MEMORY_GET && type <= VALET_REQ_SHORTAGE_GET);
}

#endif
