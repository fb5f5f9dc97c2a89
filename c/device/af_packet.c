/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface through packet sockets (packet(7)), which every driver and every kernel has: what
 * comes in is read from a ring that the kernel maps for us; what goes out: see packet_sender.h.
 *
 * The interface keeps its offloads. The virtio-net header in front of each frame tells what of them
 * is still to be done, by whoever receives it: another interface may do it as well. Of what is in
 * tunnels it tells too little: that is done here. A VLAN tag that the card has taken off is put back.
 */
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

#include "packet_sender.h"
#include "tunnel.h"

/* Since Linux 4.20; older headers lack it. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
/* Since 5.15. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum {
	/* A frame of the usual MTU and the kernel's own header. Longer ones are queued apart. */
	SLOT_BYTES = 2048,
	BLOCK_BYTES = 1 << 20,
	BLOCKS = 16, /* shared out between queues */
	BLOCKS_LEAST = 4, /* of a queue */
	SLOTS_PER_BLOCK = BLOCK_BYTES / SLOT_BYTES,
	LONG_QUEUE_BYTES = 32 << 20, /* for the longer ones, as the kernel counts them */
	VLAN_BYTES = 4,
	MACS_BYTES = 12,
	HEADER_BYTES = sizeof(struct virtio_net_hdr),
	/* The longest frame of a stack that leaves segmenting to us, its header, and a tag. */
	LONG_BYTES = 66 * 1024,
	SCRATCH_BYTES = 16 * LONG_BYTES, /* for the long frames of one batch */
};

struct queue {
	int receiver;
	struct packet_sender sender;
	uint8_t *ring;
	uint32_t slots; /* of the ring */
	uint32_t at; /* next slot to look at */
	uint32_t held; /* slots before it that are still in use */
	uint8_t *scratch;
	struct tunnel_cut cut; /* of a long packet in a tunnel, which is in `tunneled` */
	uint8_t *tunneled;
};

struct af_packet {
	struct device device;
	struct link link;
	struct program_marks marks;
	uint32_t host_index; /* of the host's side; 0: there is none */
	int ingress, egress; /* links of programs; -1: not taken */
	int watch; /* descriptor */
	struct queue queues[DEVICE_QUEUES_MAX];
};

static struct af_packet *of(struct device *device)
{
	return (struct af_packet *)device;
}

/* ---- receiving ---- */

static struct tpacket2_hdr *slot_at(const struct queue *queue, uint32_t slot)
{
	return (struct tpacket2_hdr *)(queue->ring +
				       (uint64_t)(slot / SLOTS_PER_BLOCK) * BLOCK_BYTES +
				       (uint64_t)(slot % SLOTS_PER_BLOCK) * SLOT_BYTES);
}

static void give_back(struct queue *queue)
{
	for (; queue->held; queue->held--) {
		struct tpacket2_hdr *slot =
			slot_at(queue, (queue->at + queue->slots - queue->held) % queue->slots);

		/* Pairs with the kernel's look: we have read the frame before. */
		__atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	}
}

/* What the kernel has dropped since the last time that it was asked. */
static uint64_t take_lost(const struct queue *queue)
{
	struct tpacket_stats statistics = { 0 };
	socklen_t bytes = sizeof(statistics);

	if (getsockopt(queue->receiver, SOL_PACKET, PACKET_STATISTICS, &statistics, &bytes) < 0)
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
static int read_slot(struct queue *queue, const struct tpacket2_hdr *slot, uint8_t **scratch,
		     struct device_frame *out)
{
	uint8_t *start = (uint8_t *)(uintptr_t)slot + slot->tp_mac - HEADER_BYTES;
	uint32_t bytes = slot->tp_snaplen + HEADER_BYTES;

	if (slot->tp_len > slot->tp_snaplen) {
		ssize_t got;

		if (!(slot->tp_status & TP_STATUS_COPY))
			return -ENOBUFS; /* the queue was full */
		start = *scratch + VLAN_BYTES;
		got = recv(queue->receiver, start, LONG_BYTES - VLAN_BYTES,
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

/* A frame that has come, or what it is cut into. 0: it is the one. */
static int begin_cut(struct queue *queue, const struct device_frame *frame)
{
	const uint8_t *ethernet = frame->data + HEADER_BYTES;
	uint32_t length = frame->length - HEADER_BYTES;
	struct virtio_net_hdr header;
	int rc;

	memcpy(&header, frame->data, HEADER_BYTES);
	rc = tunnel_cut_start(&queue->cut, &header, ethernet, length);
	if (rc <= 0) {
		queue->cut.length = 0;
		return rc;
	}
	/* Where it is now will be overwritten before all is cut. */
	if (!queue->tunneled)
		queue->tunneled = malloc(LONG_BYTES);
	if (!queue->tunneled) {
		queue->cut.length = 0;
		return -ENOMEM;
	}
	memcpy(queue->tunneled, ethernet, length);
	queue->cut.frame = queue->tunneled;
	return 1;
}

/* As many as there is room for. */
static uint32_t go_on_cutting(struct queue *queue, struct device_frame *frames, uint32_t most,
			      uint8_t **scratch)
{
	uint32_t count = 0, bytes;

	while (count < most && (bytes = tunnel_cut_bytes(&queue->cut)) &&
	       *scratch + HEADER_BYTES + bytes <= queue->scratch + SCRATCH_BYTES) {
		frames[count++] = (struct device_frame){ *scratch, HEADER_BYTES + bytes };
		memset(*scratch, 0, HEADER_BYTES);
		tunnel_cut_next(&queue->cut, *scratch + HEADER_BYTES);
		*scratch += (HEADER_BYTES + bytes + 63) & ~63u;
	}
	return count;
}

static int af_packet_receive(struct device *device, uint32_t number, struct device_frame *frames,
			     uint32_t most, uint64_t *lost)
{
	struct queue *queue = &of(device)->queues[number];
	uint8_t *scratch = queue->scratch, *end = scratch + SCRATCH_BYTES - LONG_BYTES;
	uint32_t count, losing = 0;

	give_back(queue);
	count = go_on_cutting(queue, frames, most, &scratch);
	while (count < most && !tunnel_cut_bytes(&queue->cut) && scratch <= end &&
	       queue->held < queue->slots / 2) {
		const struct tpacket2_hdr *slot = slot_at(queue, queue->at);
		/* Pairs with the kernel's: the frame is there. */
		uint32_t status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
		int rc;

		if (!(status & TP_STATUS_USER))
			break;
		losing |= status & TP_STATUS_LOSING;
		rc = read_slot(queue, slot, &scratch, &frames[count]);
		if (rc == 0)
			rc = begin_cut(queue, &frames[count]);
		if (rc > 0)
			count += go_on_cutting(queue, frames + count, most - count, &scratch);
		else if (rc == 0)
			count++;
		else
			(*lost)++;
		queue->at = (queue->at + 1) % queue->slots;
		queue->held++;
	}
	/* What is lost last is not followed by a frame that says so. */
	if (losing || !count)
		*lost += take_lost(queue);
	return (int)count;
}

/* An interface that goes down is an error once at each socket, which is taken here. */
static enum device_state af_packet_state(struct device *device)
{
	struct af_packet *packet = of(device);

	link_seen(packet->watch); /* before the look: what changes later will be seen again */
	for (uint32_t q = 0; q < device->queues; q++) {
		int error = 0;
		socklen_t bytes = sizeof(error);

		getsockopt(packet->queues[q].receiver, SOL_SOCKET, SO_ERROR, &error, &bytes);
		packet_sender_look(&packet->queues[q].sender, &packet->link);
	}
	return link_state(&packet->link);
}

/* ---- sending ---- */

static int af_packet_send(struct device *device, uint32_t number, const struct device_part *parts,
			  uint32_t count, uint64_t *lost)
{
	struct af_packet *packet = of(device);

	/* Whether frames are too long has to be known now, not when a thread sees to the change. */
	if (link_changed(packet->watch))
		packet_sender_look(&packet->queues[number].sender, &packet->link);
	return packet_sender_send(&packet->queues[number].sender, parts, count, lost);
}

static int af_packet_fd(struct device *device, uint32_t number)
{
	return of(device)->queues[number].receiver;
}

static int af_packet_watch(struct device *device)
{
	return of(device)->watch;
}

/* ---- opening and closing ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void queue_close(struct queue *queue)
{
	if (queue->ring)
		munmap(queue->ring, (size_t)queue->slots * SLOT_BYTES);
	close_fd(queue->receiver);
	packet_sender_close(&queue->sender);
	free(queue->scratch);
	free(queue->tunneled);
	*queue = (struct queue){ .receiver = -1, .sender = queue->sender };
}

static void af_packet_close(struct device *device)
{
	struct af_packet *packet = of(device);

	for (uint32_t q = 0; q < DEVICE_QUEUES_MAX; q++)
		queue_close(&packet->queues[q]);
	/* Last: the host's stack hears nothing that the bridge has had. */
	close_fd(packet->egress);
	close_fd(packet->ingress);
	close_fd(packet->watch);
	link_release(&packet->link);
	free(packet);
}

static int set(int fd, int option, const void *value, socklen_t bytes)
{
	return setsockopt(fd, SOL_PACKET, option, value, bytes) < 0 ? -errno : 0;
}

static int attach_filter(int fd, const struct sock_filter *program, uint16_t instructions)
{
	const struct sock_fprog filter = { .len = instructions,
					   .filter = (struct sock_filter *)(uintptr_t)program };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
											  : 0;
}

static int refuse_all(int fd)
{
	const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach_filter(fd, &nothing, 1);
}

/* Frames that we give to the host's stack come by the interface too, and are not for the bridge. */
static int refuse_marked(int fd, uint32_t mark)
{
	const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_MARK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};

	return attach_filter(fd, program, sizeof(program) / sizeof(program[0]));
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

static void give_up(int *program)
{
	close_fd(*program);
	*program = -1;
}

/* The stack stops hearing the interface before we hear it, and sends through it no more. */
static int af_packet_take(struct device *device, int received, int sent)
{
	struct af_packet *packet = of(device);
	int rc = 0;

	if (!sent)
		give_up(&packet->egress);
	if (!received)
		give_up(&packet->ingress);
	if (received && packet->ingress < 0)
		rc = packet->ingress = program_on_ingress(packet->link.index, &packet->marks);
	if (rc >= 0 && sent && packet->egress < 0)
		rc = packet->egress = program_on_egress(packet->link.index, packet->host_index,
							&packet->marks);
	return rc < 0 ? rc : 0;
}

/* The ring of a socket. */
static int make_ring(struct queue *queue, uint32_t queues)
{
	uint32_t blocks = BLOCKS / queues > BLOCKS_LEAST ? BLOCKS / queues : BLOCKS_LEAST;
	const struct tpacket_req ring = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = blocks,
		.tp_frame_size = SLOT_BYTES,
		.tp_frame_nr = blocks * SLOTS_PER_BLOCK,
	};
	int rc = set(queue->receiver, PACKET_RX_RING, &ring, sizeof(ring));
	void *at;

	if (rc < 0)
		return rc;
	at = mmap(NULL, (size_t)blocks * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		  queue->receiver, 0);
	if (at == MAP_FAILED)
		return -errno;
	queue->ring = at;
	queue->slots = ring.tp_frame_nr;
	return 0;
}

static int open_receiver(const struct af_packet *packet, struct queue *queue)
{
	const int version = TPACKET_V2, one = 1, queue_bytes = LONG_QUEUE_BYTES;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	queue->receiver = fd;
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
		rc = make_ring(queue, packet->device.queues);
	return rc < 0 ? rc : refuse_all(fd);
}

/*
 * The sockets of several queues share out what comes in by the queue that it came by
 * (Documentation/networking/packet_mmap.rst): modulo their number the program's result, or what the
 * kernel has noted, which is a queue's number or, for those that a card has said, one more.
 */
static int share_out(const struct af_packet *packet, int fd, uint32_t number, uint32_t *group)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_QUEUE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog less_one = { .len = sizeof(program) / sizeof(program[0]),
					     .filter = program };
	int is_card = !link_is_virtual(&packet->link);
	const uint32_t how = (is_card ? PACKET_FANOUT_CBPF : PACKET_FANOUT_QM) |
			     PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	/* The first gets a number that it tells the others. */
	uint32_t value = number ? *group | how << 16 : (how | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	socklen_t bytes = sizeof(value);
	int rc = set(fd, PACKET_FANOUT, &value, sizeof(value));

	if (rc < 0 || number)
		return rc;
	if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &bytes) < 0)
		return -errno;
	*group = value & UINT16_MAX;
	return is_card ? set(fd, PACKET_FANOUT_DATA, &less_one, sizeof(less_one)) : 0;
}

/* All that need not be undone in an order. */
static int open_queues(struct af_packet *packet, const struct program_marks *marks)
{
	int rc = 0;

	for (uint32_t q = 0; rc == 0 && q < packet->device.queues; q++) {
		struct queue *queue = &packet->queues[q];

		queue->scratch = malloc(SCRATCH_BYTES);
		if (!queue->scratch)
			return -ENOMEM;
		rc = packet_sender_open(&queue->sender, &packet->link, q, marks->sent + q);
		if (rc == 0)
			rc = open_receiver(packet, queue);
	}
	return rc;
}

/* Frames come in when all know which are whose: until then two sockets would get the same one. */
static int bind_queues(struct af_packet *packet, const struct program_marks *marks)
{
	const struct packet_mreq promiscuous = {
		.mr_ifindex = (int)packet->link.index,
		.mr_type = PACKET_MR_PROMISC,
	};
	uint32_t group = 0;
	int rc = 0;

	for (uint32_t q = 0; rc == 0 && q < packet->device.queues; q++) {
		rc = bind_to(packet->queues[q].receiver, packet->link.index, ETH_P_ALL);
		if (rc == 0 && packet->device.queues > 1)
			rc = share_out(packet, packet->queues[q].receiver, q, &group);
	}
	for (uint32_t q = 0; rc == 0 && q < packet->device.queues; q++)
		rc = refuse_marked(packet->queues[q].receiver, marks->to_host);
	/* Counted by the kernel, and taken back when the socket is closed. */
	return rc < 0 ? rc
		      : set(packet->queues[0].receiver, PACKET_ADD_MEMBERSHIP, &promiscuous,
			    sizeof(promiscuous));
}

static const struct device_ops operations = {
	.name = "af_packet",
	.kind = DEVICE_AF_PACKET,
	.receive = af_packet_receive,
	.send = af_packet_send,
	.fd = af_packet_fd,
	.watch = af_packet_watch,
	.state = af_packet_state,
	.take = af_packet_take,
	.close = af_packet_close,
};

int af_packet_open(const struct link *link, uint32_t queues, uint32_t host_index,
		   const struct program_marks *marks, struct device **out)
{
	struct af_packet *packet = calloc(1, sizeof(*packet));
	int rc;

	if (!packet)
		return -ENOMEM;
	packet->device = (struct device){ .ops = &operations,
					   .queues = queues,
					   .sends_apart = 1,
					   .header_bytes = HEADER_BYTES };
	packet->link = *link;
	packet->marks = *marks;
	packet->host_index = host_index;
	packet->ingress = packet->egress = packet->watch = -1;
	for (uint32_t q = 0; q < DEVICE_QUEUES_MAX; q++) {
		packet->queues[q].receiver = -1;
		packet_sender_none(&packet->queues[q].sender);
	}
	rc = packet->watch = link_watch();
	if (rc >= 0)
		rc = open_queues(packet, marks);
	if (rc == 0)
		rc = af_packet_take(&packet->device, 1, 1);
	if (rc == 0)
		rc = bind_queues(packet, marks);
	if (rc < 0) {
		packet->link.fd = -1; /* the caller's until all is well */
		af_packet_close(&packet->device);
		return rc;
	}
	*out = &packet->device;
	return 0;
}
