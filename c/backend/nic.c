/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces as the engine's host sees them: devices, and a pump's thread for each of their queues.
 */
#define _GNU_SOURCE /* pthread_setname_np, pthread_setaffinity_np */
#include "nic.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nic_device.h"
#include "nic_port.h"
#include "pump.h"
#include "thread.h"

enum {
	STOP_WAIT_MS = 200, /* for pumps that are in a lookup */
	GONE_WAIT_US = 1000,
};

struct nic {
	struct device *device[NIC_SIDES];
	struct port *ports[NIC_SIDES];
	struct pump *pumps;
	uint32_t pump_count;
	struct pump_orders orders;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t ended;
	uint32_t running; /* pumps that have not ended */
	int stopping; /* stop() is at work */
	int abandoned; /* it has not waited: the last pump frees */
	int is_gone; /* the interface does not exist any more: the last pump sees to it */
};

static void wake_pumps(const struct nic *nic)
{
	for (uint32_t i = 0; i < nic->pump_count; i++)
		pump_wake(&nic->pumps[i]);
}

static void nic_free(struct nic *nic)
{
	for (uint32_t i = 0; i < nic->pump_count; i++)
		pump_close(&nic->pumps[i]);
	device_close(nic->device[NIC_INTERFACE]);
	device_close(nic->device[NIC_HOST]);
	pthread_cond_destroy(&nic->ended);
	pthread_mutex_destroy(&nic->lock);
	free(nic->pumps);
	free(nic);
}

/*
 * The last pump of an interface that is gone takes its ports off their bridge, unless they are
 * being detached anyway. 1: done, and freed. Caller holds nic->lock.
 */
static int leave_bridge(struct nic *nic)
{
	while (nic->is_gone && nic->running == 1 && !nic->stopping) {
		int rc;

		pthread_mutex_unlock(&nic->lock);
		rc = nic_gone(nic->ports[NIC_INTERFACE]);
		if (rc == 0) {
			nic_free(nic);
			return 1;
		}
		usleep(GONE_WAIT_US); /* who has the control lock may wait for us */
		pthread_mutex_lock(&nic->lock);
	}
	return 0;
}

static void *pump_thread(void *argument)
{
	struct pump *pump = argument;
	struct nic *nic = pump->owner;
	struct port *const ports[NIC_SIDES] = { nic->ports[NIC_INTERFACE], nic->ports[NIC_HOST] };
	int exists, is_freed;

	pthread_setname_np(pthread_self(), "valet nic");
	exists = pump_run(pump);
	pthread_mutex_lock(&nic->lock);
	if (!exists) {
		nic->is_gone = 1;
		store_release(&nic->orders.ending, 1);
		wake_pumps(nic);
	}
	if (leave_bridge(nic))
		return NULL;
	is_freed = --nic->running == 0 && nic->abandoned;
	pthread_cond_broadcast(&nic->ended);
	pthread_mutex_unlock(&nic->lock);
	if (!is_freed)
		return NULL;
	nic_free(nic);
	for (int side = 0; side < NIC_SIDES; side++)
		if (ports[side])
			nic_released(ports[side]);
	return NULL;
}

/* ---- for the engine ---- */

static int nic_open(const struct nic_request *request, struct nic **out,
		    struct nic_shape *shape)
{
	struct nic *nic = calloc(1, sizeof(*nic));
	pthread_condattr_t monotonic;
	int rc;

	if (!nic)
		return -ENOMEM;
	pthread_mutex_init(&nic->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&nic->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	rc = nic_device_open(request, &nic->device[NIC_INTERFACE], &nic->device[NIC_HOST]);
	if (rc < 0) {
		nic_free(nic);
		return rc;
	}
	*shape = (struct nic_shape){ .rings = nic->device[NIC_INTERFACE]->queues };
	for (int side = 0; side < NIC_SIDES; side++) {
		if (!nic->device[side])
			continue;
		shape->header_bytes[side] = nic->device[side]->header_bytes;
		shape->device[side] = nic_device_number(nic->device[side]);
	}
	*out = nic;
	return 0;
}

static int pump_setup(struct nic *nic, enum nic_side side, uint32_t queue)
{
	struct pump *pump = &nic->pumps[nic->pump_count++];

	pump->orders = &nic->orders;
	pump->owner = nic;
	pump->device = nic->device[side];
	pump->queue = queue;
	pump->tx = &nic->ports[side]->rings[TX][queue];
	pump->rx = &nic->ports[side]->rings[RX][queue];
	return pump_open(pump);
}

static int pump_start(struct pump *pump)
{
	pthread_t thread;
	int rc = thread_start(&thread, pump_thread, pump);

	if (rc == 0) {
		pthread_detach(thread);
		pump->thread = thread;
	}
	return rc;
}

static int nic_start(struct nic *nic, struct port *const ports[NIC_SIDES])
{
	uint32_t wanted = 0;
	int rc = 0;

	memcpy(nic->ports, ports, sizeof(nic->ports));
	for (int side = 0; side < NIC_SIDES; side++)
		wanted += nic->device[side] ? nic->device[side]->queues : 0;
	nic->pumps = calloc(wanted, sizeof(*nic->pumps));
	if (!nic->pumps)
		return -ENOMEM;
	for (int side = 0; side < NIC_SIDES; side++)
		for (uint32_t q = 0; rc == 0 && nic->device[side] && q < nic->device[side]->queues;
		     q++)
			rc = pump_setup(nic, (enum nic_side)side, q);
	pthread_mutex_lock(&nic->lock);
	for (uint32_t i = 0; rc == 0 && i < wanted; i++) {
		rc = pump_start(&nic->pumps[i]);
		nic->running += rc == 0;
	}
	pthread_mutex_unlock(&nic->lock);
	return rc;
}

static int are_leaving(const struct nic *nic)
{
	for (uint32_t i = 0; i < nic->pump_count; i++)
		if (!load_acquire(&nic->pumps[i].is_leaving))
			return 0;
	return 1;
}

static struct timespec from_now(int64_t ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += ms * 1000000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	return end;
}

/* Waits for the pumps, but not for long: one may be in a lookup that waits for our caller. */
static int pumps_wait(struct nic *nic)
{
	struct timespec end = from_now(STOP_WAIT_MS);

	while (nic->running) {
		if (pthread_cond_timedwait(&nic->ended, &nic->lock, &end) == 0)
			continue;
		if (!are_leaving(nic))
			break;
		end = from_now(STOP_WAIT_MS);
	}
	return nic->running == 0;
}

static int nic_stop(struct nic *nic)
{
	int is_done;

	pthread_mutex_lock(&nic->lock);
	nic->stopping = 1;
	store_release(&nic->orders.ending, 1);
	wake_pumps(nic);
	is_done = pumps_wait(nic);
	nic->abandoned = !is_done;
	pthread_mutex_unlock(&nic->lock);
	if (is_done)
		nic_free(nic);
	return !is_done;
}

/* ---- polling ---- */

/* Ties a pump to one CPU; to all that the process may use: UINT32_MAX. */
static void pump_pin(const struct pump *pump, uint32_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu != UINT32_MAX)
		CPU_SET(cpu, &set);
	else if (sched_getaffinity(getpid(), sizeof(set), &set) < 0)
		return;
	/* It has been looked at whether there is such a CPU; one that is off is not used. */
	pthread_setaffinity_np(pump->thread, sizeof(set), &set);
}

static int polling_valid(const struct nic *nic, const struct nmreq_vale_polling *polling)
{
	uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
	uint64_t first = polling->nr_first_cpu_id, count = polling->nr_num_polling_cpus;
	uint64_t rings = nic->device[NIC_INTERFACE]->queues;

	/* As netmap: one CPU has to be left for the rest of the system. */
	if (count == 0 || count >= cpus || first + count > cpus)
		return 0;
	if (polling->nr_mode == NETMAP_POLLING_MODE_SINGLE_CPU)
		return count == 1;
	return polling->nr_mode == NETMAP_POLLING_MODE_MULTI_CPU && first + count <= rings;
}

/* The pumps of the interface itself come first. */
static int nic_poll(struct nic *nic, const struct nmreq_vale_polling *polling)
{
	uint32_t queues = nic->device[NIC_INTERFACE]->queues;

	if (!polling == !nic->orders.polling)
		return -EFAULT;
	if (polling && !polling_valid(nic, polling))
		return -EINVAL;
	for (uint32_t q = 0; q < queues; q++) {
		uint32_t cpu = UINT32_MAX;

		if (polling && polling->nr_mode == NETMAP_POLLING_MODE_SINGLE_CPU)
			cpu = polling->nr_first_cpu_id;
		else if (polling && q >= polling->nr_first_cpu_id &&
			 q - polling->nr_first_cpu_id < polling->nr_num_polling_cpus)
			cpu = q;
		pump_pin(&nic->pumps[q], cpu);
	}
	store_release(&nic->orders.polling, polling != NULL);
	wake_pumps(nic);
	return 0;
}

const struct nic_host nic_devices = {
	.open = nic_open,
	.start = nic_start,
	.stop = nic_stop,
	.poll = nic_poll,
	.ports = &nic_ports,
};
