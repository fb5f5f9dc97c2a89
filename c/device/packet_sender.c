/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* sendmmsg */
#include "packet_sender.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SEND_MESSAGES = 64,
	SEND_BUFFER_BYTES = 4 << 20,
	HEADER_BYTES = sizeof(struct virtio_net_hdr),
	BUSY_TRIES = 10,
	BUSY_WAIT_US = 1000,
	CHUNKS = 1024, /* of 2 KB, to send from: as many as a receive ring has slots */
};

/* Of the parts from `first` on, those of one frame. */
static uint32_t frame_parts(const struct device_part *parts, uint32_t first, uint32_t count)
{
	uint32_t end = first;

	while (end + 1 < count && parts[end].more)
		end++;
	return end + 1 - first;
}

/* ---- with sendmmsg() ---- */

/* Whether a frame that was not taken is worth another try. */
static int is_full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR;
}

static uint32_t send_messages(const struct packet_sender *sender, const struct device_part *parts,
			      uint32_t count, uint64_t *lost)
{
	struct mmsghdr messages[SEND_MESSAGES];
	struct iovec vectors[SEND_MESSAGES * 8];
	uint32_t done = 0;

	while (done < count) {
		uint32_t frames = 0, used = 0, at = done;
		int sent;

		memset(messages, 0, sizeof(messages));
		while (at < count && frames < SEND_MESSAGES) {
			uint32_t pieces = frame_parts(parts, at, count);

			if (used + pieces > sizeof(vectors) / sizeof(vectors[0]))
				break;
			messages[frames].msg_hdr.msg_iov = &vectors[used];
			messages[frames].msg_hdr.msg_iovlen = pieces;
			for (uint32_t i = 0; i < pieces; i++, at++)
				vectors[used++] = (struct iovec){ (void *)(uintptr_t)parts[at].data,
								  parts[at].length };
			frames++;
		}
		sent = sendmmsg(sender->fd, messages, frames, MSG_DONTWAIT);
		if (sent < 0 && is_full(errno))
			return done;
		if (sent < 0) { /* the first: too long, or the interface is down or gone */
			(*lost)++;
			done += frame_parts(parts, done, count);
		}
		for (int i = 0; i < sent; i++)
			done += (uint32_t)messages[i].msg_hdr.msg_iovlen;
	}
	return done;
}

/* ---- which way ---- */

/* Whether nothing is left to do on the frame, and it fits. */
static int is_plain(const struct packet_sender *sender, const struct device_part *parts,
		    uint32_t pieces)
{
	struct virtio_net_hdr header;
	uint32_t bytes = 0;

	if (parts->length < HEADER_BYTES)
		return 0;
	memcpy(&header, parts->data, HEADER_BYTES);
	for (uint32_t i = 0; i < pieces; i++)
		bytes += parts[i].length;
	return !(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !header.gso_type &&
	       bytes >= HEADER_BYTES + ETH_HLEN && bytes - HEADER_BYTES <= sender->xsk.chunk_bytes;
}

/* How many parts the first frames have that go the same way. */
static uint32_t run_of(const struct packet_sender *sender, const struct device_part *parts,
		       uint32_t count, int *quickly)
{
	uint32_t end = 0, pieces;

	*quickly = 0;
	if (!sender->is_quick)
		return count;
	for (; end < count; end += pieces) {
		int plain;

		pieces = frame_parts(parts, end, count);
		plain = is_plain(sender, parts + end, pieces);
		if (!end)
			*quickly = plain;
		else if (plain != *quickly)
			break;
	}
	return end;
}

int packet_sender_send(struct packet_sender *sender, const struct device_part *parts,
		       uint32_t count, uint64_t *lost)
{
	uint32_t done = 0;

	while (done < count) {
		int quickly, sent;
		uint32_t run = run_of(sender, parts + done, count - done, &quickly);

		if (quickly)
			sent = xsk_send(&sender->xsk, parts + done, run,
					__atomic_load_n(&sender->longest, __ATOMIC_RELAXED), lost);
		else
			sent = (int)send_messages(sender, parts + done, run, lost);
		/* When the interface is down all of them are lost. */
		done += sent == -ENETDOWN ? run : (uint32_t)sent;
		if (sent >= 0 && (uint32_t)sent < run)
			break;
	}
	return (int)done;
}

/* ---- opening and closing ---- */

void packet_sender_look(struct packet_sender *sender, const struct link *link)
{
	__atomic_store_n(&sender->longest, link_mtu(link) + ETH_HLEN, __ATOMIC_RELAXED);
}

/*
 * Where it is known to be faster. What leaves a card, or a bridge of the system, may be queued and
 * classified there first.
 */
static void open_quick(struct packet_sender *sender, const struct link *link, uint32_t queue)
{
	const struct xsk_shape shape = { .index = link->index,
					 .queue = queue,
					 .chunks = CHUNKS,
					 .flags = XDP_COPY,
					 .header_bytes = HEADER_BYTES,
					 .only_sends = 1 };

	int rc = -EOPNOTSUPP;

	if (!link_is_veth(link) || queue >= link_queues(link).transmit)
		return;
	/* The kernel lets go of a queue some time after its socket was closed. */
	for (int i = 0; i < BUSY_TRIES && (rc = xsk_open(&sender->xsk, &shape)) == -EBUSY; i++)
		usleep(BUSY_WAIT_US);
	sender->is_quick = rc == 0;
}

void packet_sender_none(struct packet_sender *sender)
{
	*sender = (struct packet_sender){ .fd = -1 };
}

int packet_sender_open(struct packet_sender *sender, const struct link *link, uint32_t queue,
		       uint32_t mark)
{
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_ifindex = (int)link->index };
	const int bytes = SEND_BUFFER_BYTES, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	sender->fd = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return -errno;
	/* As much as is allowed. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	packet_sender_look(sender, link);
	open_quick(sender, link, queue);
	return 0;
}

void packet_sender_close(struct packet_sender *sender)
{
	if (sender->is_quick)
		xsk_close(&sender->xsk);
	if (sender->fd >= 0)
		close(sender->fd);
	packet_sender_none(sender);
}
