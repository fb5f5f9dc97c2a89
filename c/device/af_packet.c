/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface through packet sockets (packet(7)), which every driver and every kernel has: what
 * comes in is read from a ring that the kernel maps for us, what goes out is sent in batches.
 *
 * The interface keeps its offloads. The virtio-net header in front of each frame tells what of them
 * is still to be done, by whoever receives it: another interface may do it as well. A VLAN tag that
 * the card has taken off is put back.
 */
#define _GNU_SOURCE /* sendmmsg */
#include "af_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Since Linux 4.20; older headers lack it. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
	/* A frame of the usual MTU and the kernel's own header. Longer ones are queued apart. */
	SLOT_BYTES = 2048,
	BLOCK_BYTES = 1 << 20,
	BLOCKS = 16,
	SLOTS_PER_BLOCK = BLOCK_BYTES / SLOT_BYTES,
	SLOTS = BLOCKS * SLOTS_PER_BLOCK,
	QUEUE_BYTES = 32 << 20, /* for the longer ones, as the kernel counts them */
	SEND_MESSAGES = 64,
	SEND_BUFFER_BYTES = 4 << 20,
	VLAN_BYTES = 4,
	MACS_BYTES = 12,
	HEADER_BYTES = sizeof(struct virtio_net_hdr),
	/* The longest frame of a stack that leaves segmenting to us, its header, and a tag. */
	LONG_BYTES = 66 * 1024,
	SCRATCH_BYTES = 16 * LONG_BYTES, /* for the long frames of one batch */
};

struct af_packet {
	struct device device;
	struct link link;
	int receiver, sender;
	int ingress, egress; /* links of programs */
	uint8_t *ring;
	uint32_t at; /* next slot to look at */
	uint32_t held; /* slots before it that are still in use */
	uint8_t *scratch;
};

static struct af_packet *of(struct device *device)
{
	return (struct af_packet *)device;
}

/* ---- receiving ---- */

static struct tpacket2_hdr *slot_at(const struct af_packet *packet, uint32_t slot)
{
	return (struct tpacket2_hdr *)(packet->ring +
				       (uint64_t)(slot / SLOTS_PER_BLOCK) * BLOCK_BYTES +
				       (uint64_t)(slot % SLOTS_PER_BLOCK) * SLOT_BYTES);
}

static void give_back(struct af_packet *packet)
{
	for (; packet->held; packet->held--) {
		struct tpacket2_hdr *slot =
			slot_at(packet, (packet->at + SLOTS - packet->held) % SLOTS);

		/* Pairs with the kernel's look: we have read the frame before. */
		__atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	}
}

/* What the kernel has dropped since the last time that it was asked. */
static uint64_t take_lost(const struct af_packet *packet)
{
	struct tpacket_stats statistics = { 0 };
	socklen_t bytes = sizeof(statistics);

	if (getsockopt(packet->receiver, SOL_PACKET, PACKET_STATISTICS, &statistics, &bytes) < 0)
		return 0;
	return statistics.tp_drops;
}

/*
 * Puts the tag back that the card or the kernel has taken off, into the room in front of the frame,
 * where its header makes way for it. Returns the new start of the header.
 */
static uint8_t *insert_tag(const struct tpacket2_hdr *slot, uint8_t *start)
{
	uint16_t type = slot->tp_status & TP_STATUS_VLAN_TPID_VALID ? slot->tp_vlan_tpid
								    : ETH_P_8021Q;
	uint8_t *tag = start + HEADER_BYTES + MACS_BYTES - VLAN_BYTES;
	struct virtio_net_hdr header;

	memcpy(&header, start, HEADER_BYTES);
	if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		header.csum_start += VLAN_BYTES;
	if (header.gso_type)
		header.hdr_len += VLAN_BYTES;
	start -= VLAN_BYTES;
	memcpy(start, &header, HEADER_BYTES);
	memmove(start + HEADER_BYTES, start + HEADER_BYTES + VLAN_BYTES, MACS_BYTES);
	tag[0] = (uint8_t)(type >> 8);
	tag[1] = (uint8_t)type;
	tag[2] = (uint8_t)(slot->tp_vlan_tci >> 8);
	tag[3] = (uint8_t)slot->tp_vlan_tci;
	return start;
}

/*
 * The frame of a slot with its header, which is in the slot or, when it is too long, in a queue.
 * Then it takes room from *scratch. Negative: it cannot be had.
 */
static int read_slot(struct af_packet *packet, const struct tpacket2_hdr *slot, uint8_t **scratch,
		     struct device_frame *out)
{
	uint8_t *start = (uint8_t *)(uintptr_t)slot + slot->tp_mac - HEADER_BYTES;
	uint32_t bytes = slot->tp_snaplen + HEADER_BYTES;

	if (slot->tp_len > slot->tp_snaplen) {
		ssize_t got;

		if (!(slot->tp_status & TP_STATUS_COPY))
			return -ENOBUFS; /* the queue was full */
		start = *scratch + VLAN_BYTES;
		got = recv(packet->receiver, start, LONG_BYTES - VLAN_BYTES,
			   MSG_DONTWAIT | MSG_TRUNC);
		if (got < HEADER_BYTES || got > LONG_BYTES - VLAN_BYTES)
			return -EMSGSIZE;
		bytes = (uint32_t)got;
		*scratch += (VLAN_BYTES + bytes + 63) & ~63u;
	}
	if (slot->tp_status & TP_STATUS_VLAN_VALID) {
		start = insert_tag(slot, start);
		bytes += VLAN_BYTES;
	}
	*out = (struct device_frame){ .data = start, .length = bytes };
	return 0;
}

static int af_packet_receive(struct device *device, uint32_t queue, struct device_frame *frames,
			     uint32_t most, uint64_t *lost)
{
	struct af_packet *packet = of(device);
	uint8_t *scratch = packet->scratch, *end = scratch + SCRATCH_BYTES - LONG_BYTES;
	uint32_t count = 0, losing = 0;

	(void)queue;
	give_back(packet);
	while (count < most && scratch <= end && packet->held < SLOTS / 2) {
		const struct tpacket2_hdr *slot = slot_at(packet, packet->at);
		/* Pairs with the kernel's: the frame is there. */
		uint32_t status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);

		if (!(status & TP_STATUS_USER))
			break;
		losing |= status & TP_STATUS_LOSING;
		if (read_slot(packet, slot, &scratch, &frames[count]) == 0)
			count++;
		else
			(*lost)++;
		packet->at = (packet->at + 1) % SLOTS;
		packet->held++;
	}
	/* What is lost last is not followed by a frame that says so. */
	if (losing || !count)
		*lost += take_lost(packet);
	return (int)count;
}

/* An interface that goes down is an error once, which is taken here. */
static enum device_state af_packet_state(struct device *device)
{
	struct af_packet *packet = of(device);
	int error = 0;
	socklen_t bytes = sizeof(error);

	getsockopt(packet->receiver, SOL_SOCKET, SO_ERROR, &error, &bytes);
	return link_state(&packet->link);
}

/* ---- sending ---- */

/* Of the parts from `first` on, those of one frame. */
static uint32_t frame_parts(const struct device_part *parts, uint32_t first, uint32_t count)
{
	uint32_t end = first;

	while (end + 1 < count && parts[end].more)
		end++;
	return end + 1 - first;
}

/* Whether a frame that was not taken is worth another try. */
static int is_full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR;
}

static int af_packet_send(struct device *device, uint32_t queue, const struct device_part *parts,
			  uint32_t count, uint64_t *lost)
{
	struct af_packet *packet = of(device);
	struct mmsghdr messages[SEND_MESSAGES];
	struct iovec vectors[SEND_MESSAGES * 8];
	uint32_t done = 0;

	(void)queue;
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
		sent = sendmmsg(packet->sender, messages, frames, MSG_DONTWAIT);
		if (sent < 0 && is_full(errno))
			return (int)done;
		if (sent < 0) { /* the first: too long, or the interface is down or gone */
			(*lost)++;
			done += frame_parts(parts, done, count);
		}
		for (int i = 0; i < sent; i++)
			done += (uint32_t)messages[i].msg_hdr.msg_iovlen;
	}
	return (int)done;
}

static int af_packet_fd(struct device *device, uint32_t queue)
{
	(void)queue;
	return of(device)->receiver;
}

/* ---- opening and closing ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void af_packet_close(struct device *device)
{
	struct af_packet *packet = of(device);

	if (packet->ring)
		munmap(packet->ring, (size_t)BLOCKS * BLOCK_BYTES);
	close_fd(packet->receiver);
	close_fd(packet->sender);
	/* Last: the host's stack hears nothing that the bridge has had. */
	close_fd(packet->egress);
	close_fd(packet->ingress);
	link_release(&packet->link);
	free(packet->scratch);
	free(packet);
}

static int set(int fd, int option, const void *value, socklen_t bytes)
{
	return setsockopt(fd, SOL_PACKET, option, value, bytes) < 0 ? -errno : 0;
}

/* Frames that we give to the host's stack come by the interface too, and are not for the bridge. */
static int refuse_marked(int fd, uint32_t mark)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_MARK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog filter = { .len = sizeof(program) / sizeof(program[0]),
				     .filter = program };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
											  : 0;
}

static int bind_to(int fd, uint32_t index, uint16_t protocol)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)index,
	};

	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static int open_receiver(struct af_packet *packet, const struct program_marks *marks)
{
	const int version = TPACKET_V2, one = 1, queue_bytes = QUEUE_BYTES;
	const struct tpacket_req ring = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = SLOT_BYTES,
		.tp_frame_nr = SLOTS,
	};
	const struct packet_mreq promiscuous = {
		.mr_ifindex = (int)packet->link.index,
		.mr_type = PACKET_MR_PROMISC,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	packet->receiver = fd;
	rc = set(fd, PACKET_VERSION, &version, sizeof(version));
	if (rc == 0)
		rc = set(fd, PACKET_VNET_HDR, &one, sizeof(one));
	if (rc == 0)
		rc = set(fd, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (rc == 0)
		rc = set(fd, PACKET_COPY_THRESH, &one, sizeof(one));
	/* As much as is allowed. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof(queue_bytes));
	if (rc == 0)
		rc = set(fd, PACKET_RX_RING, &ring, sizeof(ring));
	if (rc == 0)
		rc = refuse_marked(fd, marks->to_host);
	if (rc < 0)
		return rc;
	packet->ring = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, 0);
	if (packet->ring == MAP_FAILED) {
		packet->ring = NULL;
		return -errno;
	}
	rc = bind_to(fd, packet->link.index, ETH_P_ALL);
	/* Counted by the kernel, and taken back when the socket is closed. */
	return rc < 0 ? rc
		      : set(fd, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous));
}

static int open_sender(struct af_packet *packet, const struct program_marks *marks)
{
	const int bytes = SEND_BUFFER_BYTES, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	packet->sender = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &marks->sent, sizeof(marks->sent)) < 0)
		return -errno;
	/* As much as is allowed. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (set(fd, PACKET_VNET_HDR, &one, sizeof(one)) < 0)
		return -errno;
	return bind_to(fd, packet->link.index, 0);
}

static const struct device_ops operations = {
	.name = "af_packet",
	.kind = DEVICE_AF_PACKET,
	.receive = af_packet_receive,
	.send = af_packet_send,
	.fd = af_packet_fd,
	.state = af_packet_state,
	.close = af_packet_close,
};

int af_packet_open(const struct link *link, uint32_t host_index, const struct program_marks *marks,
		   struct device **out)
{
	struct af_packet *packet = calloc(1, sizeof(*packet));
	int rc;

	if (!packet)
		return -ENOMEM;
	packet->device = (struct device){ .ops = &operations,
					   .queues = 1,
					   .header_bytes = HEADER_BYTES };
	packet->link = *link;
	packet->link.fd = -1;
	packet->receiver = packet->sender = packet->ingress = packet->egress = -1;
	packet->scratch = malloc(SCRATCH_BYTES);
	rc = packet->scratch ? 0 : -ENOMEM;
	if (rc == 0)
		rc = open_sender(packet, marks);
	/* The stack stops hearing the interface before we hear it, and sends through it no more. */
	if (rc == 0)
		rc = packet->ingress = program_on_ingress(link->index, marks);
	if (rc >= 0)
		rc = packet->egress = program_on_egress(link->index, host_index, marks);
	if (rc >= 0)
		rc = open_receiver(packet, marks);
	if (rc < 0) {
		af_packet_close(&packet->device);
		return rc;
	}
	packet->link = *link;
	*out = &packet->device;
	return 0;
}
