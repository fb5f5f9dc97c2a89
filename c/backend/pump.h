/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What moves frames between a queue of a device and a port's rings, a thread for each: it forwards
 * what the device receives, sends what the bridge has delivered, and sleeps when there is neither,
 * unless it is to poll.
 *
 * Waking a pump costs more than sending a few packets does. So one that has forwarded a few to a
 * pump that sleeps sends them itself; when they are many it wakes it, and both go on at once. And
 * one that has more than 50,000 frames a second lets some gather before it looks again.
 */
#ifndef VALET_PUMP_H
#define VALET_PUMP_H

#include <pthread.h>

#include "../device/device.h"
#include "../engine/batch.h"
#include "../engine/control.h"
#include "../engine/waiter.h"

enum {
	PUMP_FRAMES = VALET_BATCH_PACKETS,
	PUMP_PARTS = 512,
	PUMP_HELPED = 16, /* that one sends for; further ones are woken */
};

/* For all pumps of an interface. */
struct pump_orders {
	uint32_t ending;
	uint32_t polling; /* not to sleep */
};

struct pump {
	const struct pump_orders *orders;
	const struct engine_host *host;
	struct device *device;
	uint32_t queue;
	struct ring *tx, *rx; /* the port's: into the bridge, and out of it */
	pthread_t thread; /* the owner's, as is: */
	void *owner;
	struct waiter waiter; /* its event_fd is a pipe's end to write to, as with bells */
	int bell; /* the other end */
	int is_down; /* the interface, when the pump last looked */
	uint32_t came; /* frames, since: */
	int64_t since_ns;
	int is_rushed; /* they came fast in the time before */
	uint32_t sending; /* somebody sends for it, and will look again afterwards */
	uint32_t helpers; /* other pumps that will send for this one */
	uint32_t is_leaving; /* it waits for them only, and they for nobody */
	struct pump *helped[PUMP_HELPED]; /* those that this one will send for */
	uint32_t helped_count;
	struct device_frame frames[PUMP_FRAMES];
	struct fragment fragments[PUMP_FRAMES];
	struct device_part parts[PUMP_PARTS];
};

/* Zeroed, with orders, device, queue and rings. 0 or negative; then it can be closed, too. */
int pump_open(struct pump *pump);
/* Its thread's work, until it is to end. 0: the interface does not exist any more. */
int pump_run(struct pump *pump);
/* Has it look at its orders. */
void pump_wake(const struct pump *pump);
void pump_close(struct pump *pump);

#endif
