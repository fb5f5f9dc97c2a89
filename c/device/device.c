/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* setns */
#include "device.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "af_packet.h"
#include "af_xdp.h"
#include "link.h"
#include "program.h"
#include "socket_device.h"
#include "tap_device.h"

static uint32_t queues_of(const struct device_request *request, const struct link *link)
{
	uint32_t queues = link_queues(link).most;

	if (request->queues && request->queues < queues)
		queues = request->queues;
	return queues < DEVICE_QUEUES_MAX ? queues : DEVICE_QUEUES_MAX;
}

static int open_packet(const struct device_request *request, const struct link *link,
		       uint32_t host_index, const struct program_marks *marks,
		       struct device **device)
{
	uint32_t queues = queues_of(request, link);
	int rc = af_packet_open(link, queues, host_index, marks, device);

	/* Before Linux 6.10 an interface that is down cannot be shared out. */
	if (rc == -EINVAL && queues > 1)
		rc = af_packet_open(link, 1, host_index, marks, device);
	return rc;
}

/*
 * By itself AF_XDP on cards whose driver has it. At the other end of a virtual interface is mostly a
 * network stack, which hands packet sockets 64 KB at a time: TCP is several times as fast, though
 * small packets are not, and nothing has to change at that end. Behind the driver AF_XDP has no
 * advantage at all.
 */
static int open_best(const struct device_request *request, const struct link *link,
		     uint32_t host_index, const struct program_marks *marks,
		     struct device **device)
{
	int rc = -EOPNOTSUPP;

	if (request->kind == DEVICE_AF_XDP ||
	    (request->kind == DEVICE_AUTO && !link_is_virtual(link)))
		rc = af_xdp_open(link, queues_of(request, link), host_index, marks,
				 request->kind != DEVICE_AF_XDP, device);
	if (rc == 0 || request->kind == DEVICE_AF_XDP)
		return rc;
	return open_packet(request, link, host_index, marks, device);
}

/*
 * What is given to the host enters as if the interface had received it, and there a program that
 * comes after the driver would have it again.
 */
static int host_side_possible(const struct device *device)
{
	return device->ops->kind != DEVICE_AF_XDP || device->mode & DEVICE_NATIVE;
}

static int open_interface(const struct device_request *request, struct device **device,
			  struct device **host_side)
{
	struct program_marks marks;
	struct link link;
	uint32_t host_index = 0;
	int rc = link_take(&link, request->name);

	if (rc < 0)
		return rc;
	rc = program_marks_make(&marks);
	if (rc == 0 && request->host_side)
		rc = host_side_open(&link, &marks, &host_index, host_side);
	if (rc == 0)
		rc = open_best(request, &link, host_index, &marks, device);
	if (rc == 0 && request->host_side && !host_side_possible(*device)) {
		device_close(*device); /* and the link */
		*device = NULL;
		return -EOPNOTSUPP;
	}
	if (rc < 0)
		link_release(&link);
	return rc;
}

static int open_here(const struct device_request *request, struct device **device,
		     struct device **host_side)
{
	int rc;

	*device = *host_side = NULL;
	/* The host is at a TAP interface's other end, and a virtual machine at a socket's. */
	if (request->kind >= DEVICE_TAP && request->host_side)
		return -EOPNOTSUPP;
	if (request->kind == DEVICE_TAP)
		return tap_device_open(request->name, device);
	if (request->kind == DEVICE_STREAM)
		return stream_device_open(request->socket, request->peer, device);
	if (request->kind == DEVICE_DGRAM)
		return dgram_device_open(request->socket, request->peer, device);
	rc = open_interface(request, device, host_side);
	if (rc < 0) {
		device_close(*host_side);
		*host_side = NULL;
	}
	return rc;
}

/* ---- in another network namespace ---- */

struct visit {
	const struct device_request *request;
	struct device **device, **host_side;
	struct device_found *found; /* to look only */
	int result;
};

static int find_here(const struct device_request *request, struct device_found *found)
{
	struct link link;
	int rc = link_look(&link, request->name);

	if (rc < 0)
		return rc;
	*found = (struct device_found){ link.index, link.mtu, queues_of(request, &link) };
	link_release(&link);
	return 0;
}

static int do_here(const struct visit *visit)
{
	if (visit->found)
		return find_here(visit->request, visit->found);
	return open_here(visit->request, visit->device, visit->host_side);
}

static void *do_there(void *argument)
{
	struct visit *visit = argument;

	visit->result = setns(visit->request->netns_fd, CLONE_NEWNET) < 0 ? -errno : do_here(visit);
	return NULL;
}

/* A thread of its own goes there, so that no other ever is in the wrong one. */
static int visit(struct visit *visit)
{
	pthread_t thread;
	int rc;

	if (visit->request->netns_fd < 0)
		return do_here(visit);
	rc = -pthread_create(&thread, NULL, do_there, visit);
	if (rc < 0)
		return rc;
	pthread_join(thread, NULL);
	return visit->result;
}

int device_open(const struct device_request *request, struct device **device,
		struct device **host_side)
{
	struct visit open = { .request = request, .device = device, .host_side = host_side };

	return visit(&open);
}

int device_find(const struct device_request *request, struct device_found *found)
{
	struct visit look = { .request = request, .found = found };

	return visit(&look);
}
