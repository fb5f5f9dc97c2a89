/* SPDX-License-Identifier: BSD-2-Clause */
/* Control requests as one flat message: offsets where netmap has pointers. See valet_control(). */
#ifndef VALET_MESSAGE_H
#define VALET_MESSAGE_H

#include <stdint.h>

#include "uapi/netmap.h"

/*
 * Checks that body and options lie within the message, apart from each other, and turns the offsets
 * into pointers. -EINVAL: they do not; -EMSGSIZE: the options loop, or are too many. On failure the
 * message is as it was.
 */
int message_to_pointers(void *message, uint32_t size);
/* Undoes it. */
void message_to_offsets(void *message);

#define MESSAGE_BYTES_MAX (sizeof(struct nmreq_header) + 2 * NETMAP_REQ_MAXSIZE)

/*
 * A request whose parts lie anywhere, as one message. Returns its bytes. -EINVAL: no such request;
 * -EMSGSIZE: the options loop, or are too many or too long for `size`.
 */
int message_gather(const struct nmreq_header *header, void *message, uint32_t size);
/* Brings the answer to where the parts lie. The message has been through message_gather(). */
void message_scatter(const void *message, struct nmreq_header *header);

#endif
