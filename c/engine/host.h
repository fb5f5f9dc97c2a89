/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engine needs from whoever hosts it: memory and a way to wake sleepers. */
#ifndef VALET_HOST_H
#define VALET_HOST_H

#include <stdint.h>

struct waiter;
struct region;

struct engine_host {
	/* Ports belong to other processes: rings are synced through their csb. */
	int remote;
	/*
	 * Zeroed memory for a region, its pages taken from the system when touched. The buffers
	 * start at `buffers_offset`. Sets base and id. 0 or -ENOMEM.
	 */
	int (*region_map)(struct region *region, uint64_t buffers_offset);
	/*
	 * The region's contents may go. Its addresses must stay readable: stale views must not
	 * crash.
	 */
	void (*region_unmap)(struct region *region);
	/*
	 * Copies what an application has at an address (NS_INDIRECT) to where its slot's buffer is.
	 * 0; -EFAULT; another negative errno: it cannot look there. NULL: the application's side
	 * has done so, or cleared the slot's pointer where it could not.
	 */
	int (*user_copy)(void *to, uint64_t from, uint32_t length);
	/* Wakes a sleeper. Called with the waiter's ring locked, by the thread that sent. */
	void (*wake)(struct waiter *waiter);
	/* The same, where a little later is soon enough. NULL: wake. */
	void (*wake_soon)(struct waiter *waiter);
};

#endif
