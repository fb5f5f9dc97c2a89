/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sender with a virtio-net header leaves to the one who takes the header off: finishing a
 * checksum, cutting a long TCP or UDP packet into segments. Frames are read where others may be
 * writing: a length or offset is read once.
 */
#ifndef VALET_OFFLOAD_H
#define VALET_OFFLOAD_H

#include <stdint.h>

#include "batch.h"

/* struct virtio_net_hdr; fields have the host's byte order. */
struct vnet_header {
	uint8_t flags; /* VNET_* */
	uint8_t segment_type; /* VNET_SEGMENT_*; 0: one frame */
	uint16_t headers_bytes; /* not relied upon */
	uint16_t segment_bytes; /* of payload, as the sender's stack wants it */
	uint16_t checksum_start; /* in the frame, in bytes */
	uint16_t checksum_offset; /* from there to where it goes */
};

_Static_assert(sizeof(struct vnet_header) == 10, "virtio's");

#define VNET_NEEDS_CHECKSUM 1
#define VNET_CHECKSUM_VALID 2
#define VNET_SEGMENT_TCP4 1
#define VNET_SEGMENT_UDP 3
#define VNET_SEGMENT_TCP6 4
#define VNET_SEGMENT_UDP_L4 5 /* datagrams of segment_bytes each; linux/virtio_net.h */
#define VNET_SEGMENT_ECN 0x80 /* with one of the others */

/*
 * How packets are cut. netmap makes segments as long as fits, whatever the header says. A network
 * stack means what it says: it knows how long the other end wants them, and a datagram is not to be
 * joined with the next one or parted.
 */
#define SEGMENT_MTU_DEFAULT 1500u /* where nobody says: Ethernet's, as in netmap */

struct segment_limits {
	uint32_t mtu; /* longest packet, with IP's header and without Ethernet's */
	uint32_t slot_bytes; /* longest part of a frame in one slot */
	int by_stack;
	int one_slot; /* a frame of TCP must not be longer than that */
};

/* Flags and type are known ones. */
int vnet_header_valid(const struct vnet_header *header, const struct segment_limits *limits);
/* No more slots than that are taken by what a packet of `length` bytes is cut into. */
uint32_t segment_slots(const struct vnet_header *header, const struct segment_limits *limits,
		       uint32_t length);

#define VNET_NO_CHECKSUM UINT32_MAX

/*
 * The checksum that the header asks for, over all slots of a frame. Returns where in the first slot
 * it goes; VNET_NO_CHECKSUM if none is asked for or it does not lie there.
 */
uint32_t vnet_checksum(const struct vnet_header *header, const struct fragment *slot,
		       uint32_t slots, uint16_t *value);

/* Cuts a packet into segments. */
struct segmenter {
	const uint8_t *headers; /* the packet's */
	const uint8_t *payload; /* next byte */
	uint32_t payload_left; /* in its slot */
	const struct fragment *slot; /* the one after it */
	uint32_t link_bytes, network_bytes, headers_bytes;
	int is_ipv4, is_tcp;
	uint32_t longest; /* payload of a segment */
	int by_stack;
	uint32_t segments, done; /* how many there will be, and were */
	uint64_t bytes, done_bytes; /* of payload */
};

/* -EINVAL: its first slot does not hold the headers of what the header says it is. */
int segmenter_start(struct segmenter *segmenter, const struct vnet_header *header,
		    const struct fragment *slot, uint32_t slots,
		    const struct segment_limits *limits);
/* Bytes of the next segment, with headers. */
uint32_t segmenter_next_bytes(const struct segmenter *segmenter);
/* Slots of at most so many bytes that all of them take. */
uint32_t segmenter_slots(const struct segmenter *segmenter, uint32_t slot_bytes);
/* Writes it, into slots that together have as many bytes; headers fit in the first. */
void segmenter_next(struct segmenter *segmenter, const struct fragment *to, uint32_t count);

#endif
