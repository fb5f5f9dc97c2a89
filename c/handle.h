/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles: numbers for open descriptors. A number that is stale or was never one is refused,
 * whatever threads do; a descriptor that is closed while others are inside is closed by the last of
 * them.
 */
#ifndef VALET_HANDLE_H
#define VALET_HANDLE_H

#include <stdint.h>

#include "backend/backend.h"

struct handle {
	/* generation (32) | open (1) | users (31): see handle.c */
	uint64_t state;
	const struct backend *backend;
	void *descriptor;
	struct library_loop *loop; /* NULL: none yet */
	uint32_t index;
	struct handle *next; /* of the free ones */
};

/* A handle (> 0), or -EMFILE, -ENOMEM; then the descriptor is still the caller's. */
int32_t handle_make(const struct backend *backend, void *descriptor);
/* NULL: no such handle. Otherwise it stays until handle_leave(). */
struct handle *handle_enter(int32_t handle);
void handle_leave(struct handle *handle);
/* For another user of one that has been entered. */
void handle_again(struct handle *handle);
/* 0 or -EBADF. */
int32_t handle_close(int32_t handle);

#endif
