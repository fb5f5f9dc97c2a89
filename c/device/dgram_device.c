/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* sendmmsg */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "socket_device.h"
#include "unix_place.h"

enum {
	AREA_BYTES = 8 * SOCKET_FRAME_BYTES_MAX, /* for the frames of one batch */
	SEND_MESSAGES = 64,
	VECTORS = 512,
};

struct dgram {
	struct device device;
	struct unix_place place, peer;
	int is_peer_fixed;
	int fd;
	uint8_t *area;
};

static struct dgram *of(struct device *device)
{
	return (struct dgram *)device;
}

static int dgram_receive(struct device *device, uint32_t queue, struct device_frame *frames,
			 uint32_t most, uint64_t *lost)
{
	struct dgram *dgram = of(device);
	uint32_t count = 0, used = 0;

	(void)queue;
	while (count < most && used + SOCKET_FRAME_BYTES_MAX <= AREA_BYTES) {
		struct unix_place from = { .bytes = sizeof(from.address) };
		ssize_t bytes = recvfrom(dgram->fd, dgram->area + used, SOCKET_FRAME_BYTES_MAX, MSG_TRUNC,
					 (struct sockaddr *)&from.address, &from.bytes);

		if (bytes < 0)
			break;
		/* One that has no address cannot be answered. */
		if (!dgram->is_peer_fixed && from.bytes > sizeof(sa_family_t))
			dgram->peer = from;
		if (bytes > SOCKET_FRAME_BYTES_MAX) {
			(*lost)++;
			continue;
		}
		frames[count++] = (struct device_frame){ .data = dgram->area + used,
							 .length = (uint32_t)bytes };
		used += ((uint32_t)bytes + 63) & ~63u;
	}
	return (int)count;
}

/* Lists frames for one call. Returns how many. */
static uint32_t list_frames(const struct dgram *dgram, const struct device_part *parts,
			    uint32_t count, struct mmsghdr *messages, struct iovec *vectors)
{
	uint32_t frames = 0, at = 0;

	memset(messages, 0, SEND_MESSAGES * sizeof(*messages));
	while (at < count && frames < SEND_MESSAGES) {
		struct msghdr *message = &messages[frames++].msg_hdr;
		int more;

		message->msg_name = (void *)(uintptr_t)&dgram->peer.address;
		message->msg_namelen = dgram->peer.bytes;
		message->msg_iov = &vectors[at];
		do {
			vectors[at] = (struct iovec){ (void *)(uintptr_t)parts[at].data,
						      parts[at].length };
			message->msg_iovlen++;
			more = parts[at++].more != 0;
		} while (more && at < count);
	}
	return frames;
}

/* A peer that is not there is asked for with each frame: it is its path that counts. */
static int dgram_send(struct device *device, uint32_t queue, const struct device_part *parts,
		      uint32_t count, uint64_t *lost)
{
	const struct dgram *dgram = of(device);
	struct mmsghdr messages[SEND_MESSAGES];
	struct iovec vectors[VECTORS];
	uint32_t done = 0;

	(void)queue;
	while (done < count) {
		uint32_t some = count - done < VECTORS ? count - done : VECTORS;
		uint32_t frames = list_frames(dgram, parts + done, some, messages, vectors);
		int sent = -1;

		errno = ENOTCONN;
		if (dgram->peer.bytes)
			sent = sendmmsg(dgram->fd, messages, frames, MSG_NOSIGNAL);
		if (sent < 0 && socket_is_full(errno))
			break;
		if (sent < 0) { /* the first: nobody is there, or it is too long */
			(*lost)++;
			done += (uint32_t)messages[0].msg_hdr.msg_iovlen;
		}
		for (int i = 0; i < sent; i++)
			done += (uint32_t)messages[i].msg_hdr.msg_iovlen;
	}
	return (int)done;
}

static int dgram_fd(struct device *device, uint32_t queue)
{
	(void)queue;
	return of(device)->fd;
}

static enum device_state dgram_state(struct device *device)
{
	(void)device;
	return DEVICE_UP;
}

static void dgram_close(struct device *device)
{
	struct dgram *dgram = of(device);

	unix_place_leave(&dgram->place);
	if (dgram->fd >= 0)
		close(dgram->fd);
	free(dgram->area);
	free(dgram);
}

static const struct device_ops operations = {
	.name = "dgram",
	.kind = DEVICE_DGRAM,
	.receive = dgram_receive,
	.send = dgram_send,
	.fd = dgram_fd,
	.state = dgram_state,
	.close = dgram_close,
};

int dgram_device_open(const char *socket, const char *peer, struct device **out)
{
	struct dgram *dgram;
	int rc;

	if (!socket[0])
		return -EINVAL;
	dgram = calloc(1, sizeof(*dgram));
	if (!dgram)
		return -ENOMEM;
	dgram->device = (struct device){ .ops = &operations, .queues = 1 };
	dgram->fd = -1;
	dgram->is_peer_fixed = peer[0] != '\0';
	dgram->area = malloc(AREA_BYTES);
	rc = dgram->area ? unix_place_parse(socket, &dgram->place) : -ENOMEM;
	if (rc == 0)
		rc = unix_place_parse(peer, &dgram->peer);
	if (rc == 0)
		rc = dgram->fd = unix_place_bind(&dgram->place, SOCK_DGRAM);
	if (rc < 0) {
		dgram_close(&dgram->device);
		return rc;
	}
	*out = &dgram->device;
	return 0;
}
