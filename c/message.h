/* SPDX-License-Identifier: BSD-2-Clause */
/* Control requests as one flat message: offsets where netmap has pointers. See valet_control(). */
#ifndef VALET_MESSAGE_H
#define VALET_MESSAGE_H

#include <stdint.h>

/*
 * Checks that body and options lie within the message, apart from each other, and turns the offsets
 * into pointers. -EINVAL: they do not; -EMSGSIZE: the options loop, or are too many. On failure the
 * message is as it was.
 */
int message_to_pointers(void *message, uint32_t size);
/* Undoes it. */
void message_to_offsets(void *message);

#endif
