/* SPDX-License-Identifier: BSD-2-Clause */
/* Control requests as one flat message: offsets where netmap has pointers. See valet_control(). */
#ifndef VALET_MESSAGE_H
#define VALET_MESSAGE_H

#include <stdint.h>

#include "uapi/netmap.h"

/*
 * Checks that body and options lie within the message, apart from each other, and turns the offsets
 * into pointers. -EINVAL: they do not; -EMSGSIZE: the options are too many. On failure the message
 * is as it was. Options may loop, as they may in a netmap program: who executes the request says so.
 */
int message_to_pointers(void *message, uint32_t size);
/* Undoes it. */
void message_to_offsets(void *message);

/* Of all that is allowed, and the option that is too much. */
#define MESSAGE_BYTES_MAX (sizeof(struct nmreq_header) + 3 * NETMAP_REQ_MAXSIZE)

/*
 * A request whose parts lie anywhere, as one message of MESSAGE_BYTES_MAX at most. Returns its
 * bytes. -EINVAL: no such request; -EMSGSIZE: longer than `size`. The options end with the first one
 * that the other side is going to refuse: they may loop.
 */
int message_gather(const struct nmreq_header *header, void *message, uint32_t size);
/* Brings the answer to where the parts lie. The message has been through message_gather(). */
void message_scatter(const void *message, struct nmreq_header *header);

#endif
