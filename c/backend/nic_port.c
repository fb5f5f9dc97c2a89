/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces opened by name: a thread for each queue fills its receive ring, and goes on with what
 * the device did not take when a transmit ring was synced.
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include "nic_port.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../engine/batch.h"
#include "nic_device.h"
#include "nic_frame.h"
#include "sleeper.h"
#include "thread.h"

enum {
	FRAMES = VALET_BATCH_PACKETS,
	PARTS = 512,
	RETRY_MS = 1, /* where a ring, or the device, was full */
	RETRY_MS_MAX = 16, /* where it stays so */
	DOWN_MS = 100, /* between looks whether an interface is up again, or gone */
};

/* A queue of the interface, or its host's side, and the rings that it has. */
struct queue {
	struct nic_port *nic;
	struct device *device;
	uint32_t number; /* of the device's */
	struct ring *rx, *tx;
	pthread_t thread;
	int is_running;
	int bell; /* eventfd */
	pthread_mutex_t lock; /* the device's queue is one thread's at a time */
	uint32_t stalled; /* the device has not taken all that `tx` has */
	uint32_t retry_ms;
	int is_down;
	struct device_frame frames[FRAMES];
	struct fragment fragments[FRAMES];
	struct inflow inflow;
	struct device_part parts[PARTS]; /* whoever has tx->busy */
	struct device_part forwarded[PARTS]; /* whoever releases slots of rx */
};

struct nic_port {
	struct port *port;
	struct device *device[NIC_SIDES];
	struct queue *queues;
	uint32_t count;
	uint32_t ending;
};

/* ---- sending ---- */

/* Frames that the device is given at once: where their slots and their parts end. */
struct burst {
	uint32_t frames, parts;
	struct {
		uint32_t slot, part, bytes;
	} end[PARTS];
};

static uint32_t slots_after(const struct ring *ring, uint32_t at, uint32_t count)
{
	at += count;
	return at < ring->slots ? at : at - ring->slots;
}

/*
 * Lists frames from *at up to `end`. What is no frame is dropped, and *at moves behind it, but not
 * behind one that is not sent yet: it would be counted again.
 */
static void list_frames(struct queue *queue, uint32_t *at, uint32_t end, struct burst *burst)
{
	struct ring *ring = queue->tx;
	uint32_t next = *at;

	burst->frames = burst->parts = 0;
	while (next != end && burst->parts + FRAME_PARTS_MAX <= PARTS) {
		struct device_part *parts = &queue->parts[burst->parts];
		struct outgoing frame = frame_at(ring, queue->device->header_bytes, next, end, parts);
		uint32_t bytes = 0;

		if (frame.fault != VALET_DROP_CAUSES && burst->frames)
			break;
		next = slots_after(ring, next, frame.slots);
		if (frame.fault != VALET_DROP_CAUSES) {
			ring_drop(ring, frame.fault, 1);
			*at = next;
			continue;
		}
		for (uint32_t i = queue->device->header_bytes != 0; i < frame.parts; i++)
			bytes += parts[i].length;
		burst->parts += frame.parts;
		burst->end[burst->frames].slot = next;
		burst->end[burst->frames].part = burst->parts;
		burst->end[burst->frames++].bytes = bytes;
	}
}

/* The device has taken so many parts: counts their frames, returns the slot behind them. */
static uint32_t sent_until(struct ring *ring, const struct burst *burst, uint32_t parts,
			   uint32_t first)
{
	uint32_t at = first;

	for (uint32_t i = 0; i < burst->frames && burst->end[i].part <= parts; i++) {
		at = burst->end[i].slot;
		count_add(&ring->packets, 1);
		count_add(&ring->bytes, burst->end[i].bytes);
	}
	return at;
}

static uint32_t queue_send(struct queue *queue, uint32_t end)
{
	struct ring *ring = queue->tx;
	uint32_t at = ring->hwcur;
	struct burst burst;

	while (at != end) {
		uint64_t lost = 0;
		int done = 0;

		list_frames(queue, &at, end, &burst);
		pthread_mutex_lock(&queue->lock);
		if (burst.parts)
			done = queue->device->ops->send(queue->device, queue->number, queue->parts,
							burst.parts, &lost);
		pthread_mutex_unlock(&queue->lock);
		if (lost)
			ring_drop(ring, VALET_DROP_INTERFACE, lost);
		at = sent_until(ring, &burst, (uint32_t)done, at);
		if (done != (int)burst.parts)
			break;
	}
	return at;
}

static struct queue *queue_of(const struct nic_port *nic, const struct ring *ring)
{
	for (uint32_t i = 0; i < nic->count; i++)
		if (nic->queues[i].tx == ring || nic->queues[i].rx == ring)
			return &nic->queues[i];
	return NULL;
}

static uint32_t nic_port_send(struct nic_port *nic, struct ring *ring, uint32_t end)
{
	struct queue *queue = queue_of(nic, ring);
	uint32_t at = queue ? queue_send(queue, end) : end;

	if (at != end) {
		/* The thread looks at it after the bell. */
		store_release(&queue->stalled, 1);
		event_signal(queue->bell);
	}
	return at;
}

/* ---- passing on, between the interface and its host's side (NR_FORWARD) ---- */

/* Where what this queue has received goes. NULL: the host's side cannot be had. */
static struct queue *other_side(const struct queue *from)
{
	const struct nic_port *nic = from->nic;
	/* The host's is the last. */
	struct queue *host = &nic->queues[nic->count - 1];

	if (!nic->device[NIC_HOST])
		return NULL;
	return from == host ? &nic->queues[0] : host;
}

/* Parts of whole frames; what is not taken is lost. */
static void pass_on(struct ring *ring, struct queue *to, const struct device_part *parts,
		    uint32_t count)
{
	uint64_t lost = 0;
	uint32_t done = 0;

	if (to) {
		pthread_mutex_lock(&to->lock);
		done = (uint32_t)to->device->ops->send(to->device, to->number, parts, count, &lost);
		pthread_mutex_unlock(&to->lock);
	}
	for (; done < count; done++)
		lost += !parts[done].more;
	if (lost)
		ring_drop(ring, VALET_DROP_INTERFACE, lost);
}

/* Whether the application has marked the slot, which is forgotten, as in the kernel. */
static int take_mark(struct netmap_slot *slot)
{
	struct slot_view view = slot_read(slot);

	if (!(view.flags & NS_FORWARD))
		return 0;
	slot_write(slot, view.length, view.flags & (uint16_t)~NS_FORWARD);
	return 1;
}

static void nic_port_forward(struct nic_port *nic, struct ring *ring, uint32_t first, uint32_t end)
{
	struct queue *from = queue_of(nic, ring), *to = from ? other_side(from) : NULL;
	uint32_t parts = 0, header_bytes = to ? to->device->header_bytes : 0;

	while (from && first != end) {
		struct outgoing frame;

		if (!take_mark(&ring->shared->slot[first])) {
			first = ring_next(ring, first);
			continue;
		}
		frame = frame_at(ring, header_bytes, first, end, from->forwarded + parts);
		first = slots_after(ring, first, frame.slots);
		if (frame.fault != VALET_DROP_CAUSES) {
			ring_drop(ring, frame.fault, 1);
			continue;
		}
		parts += frame.parts;
		if (parts + FRAME_PARTS_MAX > PARTS) {
			pass_on(ring, to, from->forwarded, parts);
			parts = 0;
		}
	}
	if (parts)
		pass_on(ring, to, from->forwarded, parts);
}

/* ---- a queue's thread ---- */

/* Returns 1 when something came. */
static int queue_receive(struct queue *queue)
{
	struct inflow *inflow = &queue->inflow;
	uint64_t lost = 0;
	int count;

	pthread_mutex_lock(&queue->lock);
	count = queue->device->ops->receive(queue->device, queue->number, queue->frames, FRAMES,
					    &lost);
	pthread_mutex_unlock(&queue->lock);
	if (lost)
		ring_drop(queue->rx, VALET_DROP_INTERFACE, lost);
	if (count <= 0)
		return 0;
	for (int i = 0; i < count; i++)
		queue->fragments[i] =
			(struct fragment){ queue->frames[i].data, queue->frames[i].length };
	*inflow = (struct inflow){ .frames = queue->fragments,
				   .count = (uint32_t)count,
				   .header_bytes = queue->device->header_bytes };
	return 1;
}

static int is_ending(const struct queue *queue)
{
	return load_acquire(&queue->nic->ending) != 0;
}

/* At the interface. 0: it does not exist any more. */
static int queue_look(struct queue *queue)
{
	enum device_state state = queue->device->ops->state(queue->device);

	queue->is_down = state == DEVICE_DOWN;
	return state != DEVICE_GONE;
}

/*
 * Until something comes, or there may be room. A receive ring that is full is looked at now and
 * again: its application gives slots back without a word. 0: the interface does not exist any more.
 */
static int queue_sleep(struct queue *queue, int is_full, int is_stalled)
{
	struct device *device = queue->device;
	struct pollfd fds[3] = {
		{ .fd = queue->bell, .events = POLLIN },
		{ .fd = device->ops->fd(device, queue->number), .events = is_full ? 0 : POLLIN },
		{ .fd = device->ops->watch ? device->ops->watch(device) : -1, .events = POLLIN },
	};
	int is_down = queue->is_down || fds[1].fd < 0, is_retried = is_full, found;
	int timeout_ms = is_down ? DOWN_MS : -1;

	if (is_stalled && device->tells_room && !is_down)
		fds[1].events |= POLLOUT;
	else
		is_retried |= is_stalled;
	if (is_retried)
		timeout_ms = (int)queue->retry_ms;
	found = poll(fds, 3, timeout_ms);
	if (found > 0 && fds[0].revents)
		event_take(queue->bell);
	if (found == 0 && is_retried && queue->retry_ms < RETRY_MS_MAX)
		queue->retry_ms *= 2;
	if (is_down || fds[1].revents & (POLLERR | POLLHUP | POLLNVAL) || fds[2].revents)
		return queue_look(queue);
	return 1;
}

static void queue_run(struct queue *queue)
{
	int exists = queue_look(queue);

	while (exists && !is_ending(queue)) {
		uint32_t before = queue->inflow.packets_done + queue->inflow.at;
		int is_full = !hardware_receive(queue->rx, &queue->inflow);
		/* Cleared before the look: who stalls after it says so again. */
		int stalled = __atomic_exchange_n(&queue->stalled, 0, __ATOMIC_ACQ_REL) != 0;

		if (stalled && !hardware_go_on(queue->tx))
			store_release(&queue->stalled, 1);
		stalled = load_acquire(&queue->stalled) != 0;
		if (!is_full || before != queue->inflow.packets_done + queue->inflow.at)
			queue->retry_ms = RETRY_MS;
		if (is_full || !queue_receive(queue))
			exists = queue_sleep(queue, is_full, stalled);
	}
	if (!exists)
		hardware_gone(queue->nic->port);
}

static void *queue_thread(void *argument)
{
	struct queue *queue = argument;

	pthread_setname_np(pthread_self(), "valet nic");
	/* Without memory for its batch it cannot receive. */
	if (bridge_forward_allowed() == 0)
		queue_run(queue);
	return NULL;
}

/* ---- opening and closing ---- */

static void nic_port_close(struct nic_port *nic)
{
	store_release(&nic->ending, 1);
	for (uint32_t i = 0; i < nic->count; i++) {
		struct queue *queue = &nic->queues[i];

		if (queue->bell >= 0)
			event_signal(queue->bell);
		if (queue->is_running)
			pthread_join(queue->thread, NULL);
		if (queue->bell >= 0)
			close(queue->bell);
		pthread_mutex_destroy(&queue->lock);
	}
	device_close(nic->device[NIC_INTERFACE]);
	device_close(nic->device[NIC_HOST]);
	free(nic->queues);
	free(nic);
}

static int queue_start(struct queue *queue)
{
	int rc = thread_start(&queue->thread, queue_thread, queue);

	queue->is_running = rc == 0;
	return rc;
}

static int queue_make(struct nic_port *nic, enum nic_side side, uint32_t number)
{
	struct queue *queue = &nic->queues[nic->count++];
	struct port *port = nic->port;
	uint32_t ring = side == NIC_HOST ? port->count[RX] : number;

	queue->nic = nic;
	queue->device = nic->device[side];
	queue->number = number;
	queue->rx = &port->rings[RX][ring];
	queue->tx = &port->rings[TX][ring];
	queue->retry_ms = RETRY_MS;
	pthread_mutex_init(&queue->lock, NULL);
	queue->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return queue->bell < 0 ? -errno : 0;
}

static int queues_start(struct nic_port *nic)
{
	uint32_t queues = nic->device[NIC_INTERFACE]->queues;
	int rc = 0;

	if (queues > nic->port->count[RX])
		queues = nic->port->count[RX];
	nic->queues = calloc(queues + 1, sizeof(*nic->queues));
	if (!nic->queues)
		return -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < queues; i++)
		rc = queue_make(nic, NIC_INTERFACE, i);
	if (rc == 0 && nic->device[NIC_HOST])
		rc = queue_make(nic, NIC_HOST, 0);
	for (uint32_t i = 0; rc == 0 && i < nic->count; i++)
		rc = queue_start(&nic->queues[i]);
	return rc;
}

/* Where there are no TAP interfaces, there are no host rings, but the others work. */
static int devices_open(const struct nic_request *request, struct nic_port *nic)
{
	struct nic_request without = *request;
	int rc;

	/* Only they can leave a part of the traffic to the host. */
	if (without.device == VALET_DEVICE_AUTO)
		without.device = VALET_DEVICE_AF_PACKET;
	rc = nic_device_open(&without, &nic->device[NIC_INTERFACE], &nic->device[NIC_HOST]);
	if (rc != -EPROTONOSUPPORT)
		return rc;
	without.host_side = 0;
	return nic_device_open(&without, &nic->device[NIC_INTERFACE], &nic->device[NIC_HOST]);
}

static int nic_port_open(const struct nic_request *request, struct port *port,
			 struct nic_port **out)
{
	struct nic_port *nic = calloc(1, sizeof(*nic));
	int rc;

	if (!nic)
		return -ENOMEM;
	nic->port = port;
	rc = devices_open(request, nic);
	if (rc == 0)
		rc = queues_start(nic);
	if (rc < 0) {
		nic_port_close(nic);
		return rc == -ENODEV ? -ENXIO : rc;
	}
	port->device = nic_device_number(nic->device[NIC_INTERFACE]);
	*out = nic;
	return 0;
}

static int nic_port_take(struct nic_port *nic, uint32_t what)
{
	struct device *device = nic->device[NIC_INTERFACE];

	if (what & HARDWARE_HOST && !nic->device[NIC_HOST])
		return -EOPNOTSUPP;
	if (!device->ops->take)
		return 0;
	return device->ops->take(device, (what & HARDWARE_RECEIVED) != 0,
				 (what & HARDWARE_SENT) != 0);
}

static int nic_port_find(const struct nic_request *request, struct nic_found *out)
{
	struct device_found found;
	int rc = nic_device_find(request, &found, out->identity.netns);

	/* Errors as the kernel has them. Whose namespace cannot be looked at has no interfaces. */
	if (rc == -ENODEV || (!request->netns[0] && (rc == -ENOENT || rc == -EACCES)))
		return -ENXIO;
	if (rc == -EOPNOTSUPP)
		return -EINVAL;
	if (rc < 0)
		return rc;
	out->identity.index = found.index;
	out->rings = found.queues < PORT_RINGS_MAX ? found.queues : PORT_RINGS_MAX;
	out->mtu = found.mtu;
	return 0;
}

const struct nic_port_host nic_ports = {
	.find = nic_port_find,
	.open = nic_port_open,
	.take = nic_port_take,
	.send = nic_port_send,
	.forward = nic_port_forward,
	.close = nic_port_close,
};
