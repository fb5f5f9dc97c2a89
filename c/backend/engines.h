/* SPDX-License-Identifier: BSD-2-Clause */
/* Engines by name: made when the first descriptor opens, gone when nothing is left on them. */
#ifndef VALET_ENGINES_H
#define VALET_ENGINES_H

#include "../engine/engine.h"

struct engines {
	const struct engine_host *host;
	pthread_mutex_t lock;
	struct engine_entry *first;
};

#define ENGINES_INITIALIZER(host_)                                 \
	{                                                          \
		.host = (host_), .lock = PTHREAD_MUTEX_INITIALIZER \
	}

/*
 * Opens a descriptor on the engine of that name, for a network namespace (-1: for all).
 * -EINVAL: the name is too long; -ENOMEM.
 */
int engines_open(struct engines *engines, const char *name, int netns_fd,
		 struct descriptor *descriptor);
void engines_close(struct engines *engines, struct descriptor *descriptor);
/* Removes persistent interfaces, and with them the engines: nothing is open any more. */
void engines_clear(struct engines *engines);
/* How many there are, and persistent interfaces on them. */
void engines_count(struct engines *engines, uint32_t *count, uint32_t *interfaces);

#endif
