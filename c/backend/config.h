/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_BACKEND_CONFIG_H
#define VALET_BACKEND_CONFIG_H

#include "../uapi/valet_requests.h"
#include "backend.h"

/*
 * A backend's `config`, by its `control`. -EINVAL: nobody serves the bridge; -ETIMEDOUT: who serves it
 * does not answer; else what it answers.
 */
int config_send(int (*control)(void *descriptor, struct nmreq_header *header), void *descriptor,
		struct nm_ifreq *request);

#endif
