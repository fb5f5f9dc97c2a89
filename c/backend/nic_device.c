/* SPDX-License-Identifier: BSD-2-Clause */
#include "nic_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETNS_OF_THREAD "/proc/thread-self/ns/net"

/* A path to a network namespace, as ip-netns(8) names it. */
static void netns_path(const struct nic_request *request, char *path, size_t bytes)
{
	const char *name = request->netns;

	if (!name[0] && !request->pid)
		snprintf(path, bytes, NETNS_OF_THREAD);
	else if (!name[0])
		snprintf(path, bytes, "/proc/%u/ns/net", request->pid);
	else if (strspn(name, "0123456789") == strlen(name))
		snprintf(path, bytes, "/proc/%s/ns/net", name);
	else
		snprintf(path, bytes, "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);
}

/* *out is -1 for that of this thread, which needs no privileges. */
static int netns_open(const struct nic_request *request, uint64_t identity[2], int *out)
{
	char path[VALET_NETNS_BYTES + 32];
	struct stat here, there;
	int fd;

	*out = -1;
	netns_path(request, path, sizeof(path));
	if (stat(NETNS_OF_THREAD, &here) < 0)
		return -errno;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &there) < 0) {
		close(fd);
		return -EIO;
	}
	identity[0] = there.st_dev;
	identity[1] = there.st_ino;
	if (here.st_dev != there.st_dev || here.st_ino != there.st_ino)
		*out = fd;
	else
		close(fd);
	return 0;
}

static const enum device_kind kinds[VALET_DEVICES] = {
	[VALET_DEVICE_AUTO] = DEVICE_AUTO,
	[VALET_DEVICE_AF_XDP] = DEVICE_AF_XDP,
	[VALET_DEVICE_AF_PACKET] = DEVICE_AF_PACKET,
	[VALET_DEVICE_TAP] = DEVICE_TAP,
	[VALET_DEVICE_STREAM] = DEVICE_STREAM,
	[VALET_DEVICE_DGRAM] = DEVICE_DGRAM,
};

static int is_socket(const struct nic_request *request)
{
	return request->device == VALET_DEVICE_STREAM || request->device == VALET_DEVICE_DGRAM;
}

uint32_t nic_device_number(const struct device *device)
{
	uint32_t number = VALET_DEVICES;

	while (--number && kinds[number] != device->ops->kind)
		;
	return number | (device->mode & DEVICE_NATIVE ? VALET_DEVICE_NATIVE : 0) |
	       (device->mode & DEVICE_ZERO_COPY ? VALET_DEVICE_ZERO_COPY : 0);
}

static int request_convert(const struct nic_request *request, struct device_request *out,
			   uint64_t netns[2])
{
	*out = (struct device_request){
		.kind = kinds[request->device],
		.netns_fd = -1,
		.queues = request->rings,
		.host_side = request->host_side,
	};
	memcpy(out->name, request->name, sizeof(out->name));
	memcpy(out->socket, request->socket, sizeof(out->socket));
	memcpy(out->peer, request->peer, sizeof(out->peer));
	/* Sockets' paths are the same everywhere, and to go elsewhere takes privileges. */
	return is_socket(request) ? 0 : netns_open(request, netns, &out->netns_fd);
}

int nic_device_open(const struct nic_request *request, struct device **interface,
		    struct device **host_side)
{
	struct device_request want;
	uint64_t netns[2];
	int rc = request_convert(request, &want, netns);

	if (rc < 0)
		return rc;
	rc = device_open(&want, interface, host_side);
	if (want.netns_fd >= 0)
		close(want.netns_fd);
	return rc;
}

int nic_device_find(const struct nic_request *request, struct device_found *found,
		    uint64_t netns[2])
{
	struct device_request want;
	int rc = request_convert(request, &want, netns);

	if (rc < 0)
		return rc;
	rc = device_find(&want, found);
	if (want.netns_fd >= 0)
		close(want.netns_fd);
	return rc;
}
