/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engine needs from whoever hosts it: memory and a way to wake sleepers. */
#ifndef VALET_HOST_H
#define VALET_HOST_H

#include <stdint.h>

struct waiter;
struct region;
struct nic_host;

/* Memory that is there already: of this process, or of a file. */
struct memory_source {
	uint64_t address; /* in this process; in the file, if there is one */
	uint64_t bytes; /* whole pages */
	int fd; /* the file, the caller's; -1: none */
	uint64_t identity[3]; /* equal for the same memory, however it is reached */
};

struct engine_host {
	/* Ports belong to other processes: rings are synced through their csb. */
	int remote;
	/*
	 * Zeroed memory for a region, its pages taken from the system when touched. The buffers
	 * start at `buffers_offset`. Sets base and id. 0 or -ENOMEM.
	 */
	int (*region_map)(struct region *region, uint64_t buffers_offset);
	/*
	 * Checks that the memory is there and can be written, and sets its identity. -EFAULT: it is
	 * not; -ENOMEM.
	 */
	int (*region_identify)(struct memory_source *source);
	/* As region_map, with that memory, which stays the caller's. */
	int (*region_adopt)(struct region *region, const struct memory_source *source);
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
	/* The waiter is going away; it has left its rings. NULL: nothing is put off. */
	void (*wake_never)(struct waiter *waiter);
	/* Network interfaces of the system. NULL: none can be attached. */
	const struct nic_host *nics;
};

#endif
