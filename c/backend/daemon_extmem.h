/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The option EXTMEM over a connection: the daemon cannot see this process's memory, so it is told
 * the file behind it. Memory without a file is replaced by one: the same addresses, with the same contents,
 * shared with the daemon from then on.
 */
#ifndef VALET_DAEMON_EXTMEM_H
#define VALET_DAEMON_EXTMEM_H

#include <stdint.h>

#include "../uapi/netmap.h"

struct client_extmem {
	int fd; /* -1: the request has no such option */
	uint64_t address, first_offset; /* what the option had in their place */
};

/*
 * Prepares a message, made by message_gather(), for the daemon: the option has a descriptor of this
 * process, which stays open until client_extmem_done(), and the place in that file. -EFAULT, noted as the option's status: the memory is not
 * there, cannot be written, or its file is not to be had.
 */
int client_extmem_send(const struct nmreq_header *header, void *message,
		       struct client_extmem *memory);
/* The answer: the option has them again. */
void client_extmem_received(void *message, const struct client_extmem *memory);
void client_extmem_done(struct client_extmem *memory);

#endif
