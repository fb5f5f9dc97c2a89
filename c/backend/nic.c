/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads between devices and bridges: a pump for each queue of each side of an interface. It
 * forwards what the device receives, sends what the bridge has delivered, and sleeps when there is
 * neither, unless it is to poll.
 */
#define _GNU_SOURCE /* pipe2, pthread_setname_np, pthread_setaffinity_np */
#include "nic.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../engine/batch.h"
#include "../engine/monitor.h"
#include "../engine/waiter.h"
#include "nic_device.h"
#include "nic_port.h"
#include "thread.h"

enum {
	BATCH_FRAMES = VALET_BATCH_PACKETS,
	BATCH_SLOTS = 512,
	FULL_WAIT_MS = 1, /* before another try, when the device takes no more */
	DOWN_WAIT_MS = 100, /* between looks whether an interface is up again, or gone */
	STOP_WAIT_MS = 200, /* for pumps that are in a lookup */
	GONE_WAIT_US = 1000,
};

struct pump {
	struct nic *nic;
	const struct engine_host *host;
	struct device *device;
	uint32_t queue;
	struct ring *tx, *rx; /* the port's: into the bridge, and out of it */
	pthread_t thread;
	struct waiter waiter; /* its event_fd is a pipe's end to write to, as with bells */
	int bell; /* the other end */
	int is_down; /* the interface, when the pump last looked */
	struct device_frame frames[BATCH_FRAMES];
	struct fragment fragments[BATCH_FRAMES];
	struct device_part parts[BATCH_SLOTS];
};

struct nic {
	struct device *device[NIC_SIDES];
	struct port *ports[NIC_SIDES];
	struct pump *pumps;
	uint32_t pump_count;
	uint32_t ending; /* for the pumps: to end */
	uint32_t polling; /* for the pumps: not to sleep */
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t ended;
	uint32_t running; /* pumps that have not ended */
	int stopping; /* stop() is at work */
	int abandoned; /* it has not waited: the last pump frees */
	int is_gone; /* the interface does not exist any more: the last pump sees to it */
};

/* ---- in and out ---- */

/* How many frames came; negative as the device's. */
static int pump_in(struct pump *pump)
{
	uint64_t lost = 0;
	int count = pump->device->ops->receive(pump->device, pump->queue, pump->frames,
					       BATCH_FRAMES, &lost);

	if (lost)
		ring_drop(pump->tx, VALET_DROP_INTERFACE, lost);
	for (int i = 0; i < count; i++)
		pump->fragments[i] = (struct fragment){ pump->frames[i].data,
							pump->frames[i].length };
	/* What a lookup that failed has cost is counted. */
	if (count > 0 && bridge_forward_allowed() == 0)
		bridge_forward_frames(pump->tx, pump->fragments, (uint32_t)count);
	return count;
}

/* Lists whole packets that the bridge has delivered; *end is the slot after them. */
static uint32_t collect(struct pump *pump, uint32_t tail, uint32_t *end)
{
	struct ring *ring = pump->rx;
	uint32_t at = read_once(&ring->hwcur), count = 0, whole = 0;

	*end = at;
	while (at != tail && count < BATCH_SLOTS) {
		struct slot_view slot = slot_read(&ring->shared->slot[at]);
		int more = (slot.flags & NS_MOREFRAG) != 0;

		at = ring_next(ring, at);
		/* Room that a sender had leased and did not need is an empty packet. */
		if (slot.length && buffer_valid(ring, slot.buffer) &&
		    slot.length <= ring->buffer_bytes)
			pump->parts[count++] = (struct device_part){
				.data = buffer_at(ring, slot.buffer),
				.length = slot.length,
				.more = (uint32_t)more,
			};
		if (!more) {
			whole = count;
			*end = at;
		}
	}
	return whole;
}

/* The slot after the first `parts` that were collected. */
static uint32_t slot_after(const struct ring *ring, uint32_t parts)
{
	uint32_t at = read_once(&ring->hwcur);

	while (parts) {
		parts -= slot_read(&ring->shared->slot[at]).length != 0;
		at = ring_next(ring, at);
	}
	return at;
}

/* How many parts of frames went out; -EAGAIN: the device takes no more now. */
static int pump_out(struct pump *pump)
{
	struct ring *ring = pump->rx;
	/* Pairs with lease_finish(): slots are filled, and who sleeps after this is seen waiting. */
	uint32_t tail = load_ordered(&ring->hwtail), end;
	uint32_t count = collect(pump, tail, &end);
	uint64_t lost = 0;
	int done = 0;

	if (count)
		done = pump->device->ops->send(pump->device, pump->queue, pump->parts, count,
					       &lost);
	if (lost)
		ring_drop(ring, VALET_DROP_INTERFACE, lost);
	if (done != (int)count)
		end = slot_after(ring, (uint32_t)done);
	if (ring_is_exchanged(ring))
		monitors_exchange(ring, ring->hwcur, end);
	/* Pairs with the sender's load in lease_take(): we have read what lies before. */
	store_release(&ring->hwcur, end);
	return done == (int)count ? done : -EAGAIN;
}

/* ---- a pump's life ---- */

static int is_ending(const struct nic *nic)
{
	return load_acquire(&nic->ending) != 0;
}

/* Senders cut long packets by it. */
static void show_mtu(struct port *port, struct device *device)
{
	uint32_t mtu = device->ops->mtu ? device->ops->mtu(device) : UINT16_MAX;

	if (mtu)
		write_once(&port->mtu, mtu);
}

/* At the interface. 0: it does not exist any more. */
static int pump_look(struct pump *pump)
{
	enum device_state state = pump->device->ops->state(pump->device);

	pump->is_down = state == DEVICE_DOWN;
	show_mtu(pump->rx->port, pump->device);
	return state != DEVICE_GONE;
}

static void bell_silence(int fd)
{
	char rings[256];

	while (read(fd, rings, sizeof(rings)) == sizeof(rings))
		;
}

/*
 * Until there is something to do. While the device takes no more, or is down, the pump looks again
 * after a while. 0: the interface does not exist any more.
 */
static int pump_sleep(struct pump *pump, int is_full)
{
	struct device *device = pump->device;
	struct pollfd fds[3] = {
		{ .fd = pump->bell, .events = POLLIN },
		{ .fd = device->ops->fd(device, pump->queue), .events = POLLIN },
		{ .fd = device->ops->watch ? device->ops->watch(device) : -1, .events = POLLIN },
	};
	int is_down = pump->is_down || fds[1].fd < 0;
	int timeout_ms = is_down ? DOWN_WAIT_MS : -1;
	struct waiter_link link;

	if (is_full && device->tells_room)
		fds[1].events |= POLLOUT;
	else if (is_full)
		timeout_ms = FULL_WAIT_MS;
	waiter_enter(&link, pump->rx, &pump->waiter);
	/* Entered first, then looked: whoever sends after the look sees us waiting. */
	if ((is_full || load_ordered(&pump->rx->hwtail) == pump->rx->hwcur) &&
	    !is_ending(pump->nic) && poll(fds, 3, timeout_ms) > 0 && fds[0].revents)
		bell_silence(pump->bell);
	waiter_leave(&link);
	if (is_down || fds[1].revents & (POLLERR | POLLHUP | POLLNVAL) || fds[2].revents)
		return pump_look(pump);
	return 1;
}

/* Instead of sleeping. 0 as above. */
static int pump_idle(struct pump *pump, uint32_t turns)
{
	enum { TURNS_BETWEEN_LOOKS = 10000 };

	sched_yield();
	return turns % TURNS_BETWEEN_LOOKS ? 1 : pump_look(pump);
}

/* 0: the interface does not exist any more. */
static int pump_run(struct pump *pump)
{
	uint32_t idle = 0;
	int exists = pump_look(pump);

	while (exists && !is_ending(pump->nic)) {
		int in = pump_in(pump);
		int out = pump_out(pump);

		if (in > 0 || out > 0)
			idle = 0;
		else if (load_acquire(&pump->nic->polling))
			exists = pump_idle(pump, ++idle);
		else
			exists = pump_sleep(pump, out == -EAGAIN);
	}
	return exists;
}

static void wake_pumps(const struct nic *nic)
{
	for (uint32_t i = 0; i < nic->pump_count; i++)
		if (write(nic->pumps[i].waiter.event_fd, "", 1) < 0)
			continue; /* full of rings that it has not heard yet */
}

static void pump_free(struct pump *pump)
{
	if (pump->host->wake_never)
		pump->host->wake_never(&pump->waiter);
	if (pump->bell < 0)
		return;
	close(pump->waiter.event_fd);
	close(pump->bell);
}

static void nic_free(struct nic *nic)
{
	for (uint32_t i = 0; i < nic->pump_count; i++)
		pump_free(&nic->pumps[i]);
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
	struct nic *nic = pump->nic;
	struct port *const ports[NIC_SIDES] = { nic->ports[NIC_INTERFACE], nic->ports[NIC_HOST] };
	int exists, is_freed;

	pthread_setname_np(pthread_self(), "valet nic");
	exists = pump_run(pump);
	pthread_mutex_lock(&nic->lock);
	if (!exists) {
		nic->is_gone = 1;
		store_release(&nic->ending, 1);
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
	struct port *port = nic->ports[side];
	int ends[2];

	pump->nic = nic;
	pump->device = nic->device[side];
	pump->queue = queue;
	pump->tx = &port->rings[TX][queue];
	pump->rx = &port->rings[RX][queue];
	pump->host = port->engine->host;
	pump->bell = -1;
	show_mtu(port, pump->device);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pump->bell = ends[0];
	pump->waiter.event_fd = ends[1];
	return 0;
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

/* Waits for the pumps, but not for long: one may be in a lookup that waits for our caller. */
static int pumps_wait(struct nic *nic)
{
	struct timespec end;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += STOP_WAIT_MS * 1000000l;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (nic->running && rc == 0)
		rc = pthread_cond_timedwait(&nic->ended, &nic->lock, &end);
	return nic->running == 0;
}

static int nic_stop(struct nic *nic)
{
	int is_done;

	pthread_mutex_lock(&nic->lock);
	nic->stopping = 1;
	store_release(&nic->ending, 1);
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

	if (!polling == !nic->polling)
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
	store_release(&nic->polling, polling != NULL);
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
