/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NIOCCONFIG: messages to whoever has taken a bridge's over, as a module's config function in the
 * kernel. Each waits at the bridge until it is served and answered. Under the control lock.
 */
#ifndef VALET_CONFIG_H
#define VALET_CONFIG_H

#include "engine.h"

/* VALET_REQ_CONFIG_SEND, VALET_REQ_CONFIG_SERVE; `bridge` is the one that the header names, or NULL. */
int control_config(struct descriptor *descriptor, struct nmreq_header *header,
		   struct bridge *bridge);

/* Whether such a request, which has succeeded, has still to wait for somebody else. */
int config_waits(const struct nmreq_header *header);

/* How long it may at most, in milliseconds. */
uint32_t config_wait_ms(const struct nmreq_header *header);

/* The descriptor is closed: nobody serves through it, and what it has sent is forgotten. */
void config_leave(struct descriptor *descriptor);

/* The bridge goes. */
void config_clear(struct bridge *bridge);

#endif
