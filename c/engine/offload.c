/* SPDX-License-Identifier: BSD-2-Clause */
#include "offload.h"

#include <errno.h>
#include <string.h>

#include "../inet_sum.h"

enum {
	/* The headers of a segment are hardly ever longer: Ethernet, IPv6, TCP with all its options. */
	SEGMENT_HEADERS_MAX = 14 + 40 + 60,
	ETHERNET_BYTES = 14,
	VLAN_TAG_BYTES = 4,
	IPV4_BYTES_MIN = 20,
	IPV6_BYTES = 40,
	TCP_BYTES_MIN = 20,
	UDP_BYTES = 8,

	TYPE_VLAN = 0x8100,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,

	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,

	TCP_FIN = 0x01,
	TCP_PUSH = 0x08,
	TCP_CWR = 0x80,
};

int vnet_header_valid(const struct vnet_header *header, const struct segment_limits *limits)
{
	uint8_t type = header->segment_type & (uint8_t)~VNET_SEGMENT_ECN;

	return (type == 0 || type == VNET_SEGMENT_TCP4 || type == VNET_SEGMENT_UDP ||
		type == VNET_SEGMENT_TCP6 || (type == VNET_SEGMENT_UDP_L4 && limits->by_stack)) &&
	       !(header->flags & ~(VNET_NEEDS_CHECKSUM | VNET_CHECKSUM_VALID));
}

/* Of what is in slots from `start` on, which lies in the first. */
static uint64_t sum_from(const struct fragment *slot, uint32_t slots, uint32_t start)
{
	uint32_t odd = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < slots; i++, start = 0) {
		uint16_t part = inet_fold(inet_sum(slot[i].data + start, slot[i].length - start));

		/* After an odd number of bytes the halves of each word are the other way round. */
		if (odd)
			part = __builtin_bswap16(part);
		sum += part;
		odd ^= (slot[i].length - start) & 1;
	}
	return sum;
}

uint32_t vnet_checksum(const struct vnet_header *header, const struct fragment *slot,
		       uint32_t slots, uint16_t *value)
{
	uint32_t start = header->checksum_start, check = start + header->checksum_offset;

	if (!(header->flags & VNET_NEEDS_CHECKSUM) || check + sizeof(*value) > slot[0].length)
		return VNET_NO_CHECKSUM;
	*value = inet_checksum(sum_from(slot, slots, start));
	return check;
}

/* ---- segments ---- */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* The low or high four bits of a byte count words of 32 bits. */
static uint32_t words(uint8_t count)
{
	return 4u * (count & 15);
}

/* Ethernet and VLAN tags. Returns the type of what follows, or -EINVAL. */
static int parse_link(struct segmenter *segmenter, uint32_t length)
{
	int type = TYPE_VLAN;

	segmenter->link_bytes = ETHERNET_BYTES - VLAN_TAG_BYTES;
	while (type == TYPE_VLAN) {
		segmenter->link_bytes += VLAN_TAG_BYTES;
		if (length < segmenter->link_bytes)
			return -EINVAL;
		type = get16(segmenter->headers + segmenter->link_bytes - 2);
	}
	return type;
}

/* Where the headers of the packet are, and that they are there. */
static int parse_headers(struct segmenter *segmenter, uint32_t length)
{
	int type = parse_link(segmenter, length);
	const uint8_t *network = segmenter->headers + segmenter->link_bytes;
	uint32_t before = segmenter->link_bytes, least = segmenter->is_tcp ? TCP_BYTES_MIN
									    : UDP_BYTES;

	segmenter->is_ipv4 = type == TYPE_IPV4;
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return -EINVAL;
	segmenter->network_bytes = IPV6_BYTES;
	if (segmenter->is_ipv4) {
		if (length < before + IPV4_BYTES_MIN)
			return -EINVAL;
		segmenter->network_bytes = words(network[0]);
		if (segmenter->network_bytes < IPV4_BYTES_MIN)
			return -EINVAL;
	}
	before += segmenter->network_bytes;
	if (length < before + least)
		return -EINVAL;
	if (segmenter->is_tcp)
		least = words(segmenter->headers[before + 12] >> 4);
	if (segmenter->is_tcp && least < TCP_BYTES_MIN)
		return -EINVAL;
	segmenter->headers_bytes = before + least;
	return length < segmenter->headers_bytes ? -EINVAL : 0;
}

static int type_of(const struct vnet_header *header)
{
	return header->segment_type & ~VNET_SEGMENT_ECN;
}

/* Payload of a segment, behind so many bytes of headers, `link_bytes` of them Ethernet's; 0: none. */
static uint32_t payload_most(const struct vnet_header *header, const struct segment_limits *limits,
			     uint32_t link_bytes, uint32_t headers_bytes)
{
	uint32_t size = limits->by_stack ? header->segment_bytes : 0, most;

	/* Too long for the interface, it is dropped there, as one that is sent alone. */
	if (type_of(header) == VNET_SEGMENT_UDP_L4)
		return size;
	most = limits->mtu + (limits->by_stack ? link_bytes : ETHERNET_BYTES);
	if (!size && most > SEGMENT_MTU_DEFAULT + ETHERNET_BYTES)
		most = SEGMENT_MTU_DEFAULT + ETHERNET_BYTES;
	if (limits->one_slot && most > limits->slot_bytes)
		most = limits->slot_bytes;
	most = most > headers_bytes ? most - headers_bytes : 0;
	return size && size < most ? size : most;
}

uint32_t segment_slots(const struct vnet_header *header, const struct segment_limits *limits,
		       uint32_t length)
{
	uint32_t payload = payload_most(header, limits, ETHERNET_BYTES, SEGMENT_HEADERS_MAX), slots;

	if (!payload)
		payload = 1;
	slots = (payload + SEGMENT_HEADERS_MAX + limits->slot_bytes - 1) / limits->slot_bytes;
	return (length / payload + 1) * slots;
}

/*
 * What a stack sends in a tunnel has other headers around those that the type is about: it is not to be
 * taken for what it is not.
 */
static int is_of_type(const struct segmenter *segmenter)
{
	const uint8_t *ip = segmenter->headers + segmenter->link_bytes;

	return ip[segmenter->is_ipv4 ? 9 : 6] == (segmenter->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP);
}

int segmenter_start(struct segmenter *segmenter, const struct vnet_header *header,
		    const struct fragment *slot, uint32_t slots,
		    const struct segment_limits *limits)
{
	int type = type_of(header), rc;

	*segmenter = (struct segmenter){
		.headers = slot[0].data,
		.slot = slot + 1,
		.is_tcp = type != VNET_SEGMENT_UDP && type != VNET_SEGMENT_UDP_L4,
		.by_stack = limits->by_stack,
	};
	rc = parse_headers(segmenter, slot[0].length);
	if (rc < 0)
		return rc;
	if (limits->by_stack && !is_of_type(segmenter))
		return -EINVAL;
	segmenter->longest = payload_most(header, limits, segmenter->link_bytes,
					  segmenter->headers_bytes);
	if (!segmenter->longest || segmenter->headers_bytes > limits->slot_bytes)
		return -EINVAL;
	segmenter->payload = slot[0].data + segmenter->headers_bytes;
	segmenter->payload_left = slot[0].length - segmenter->headers_bytes;
	segmenter->bytes = segmenter->payload_left;
	for (uint32_t i = 1; i < slots; i++)
		segmenter->bytes += slot[i].length;
	segmenter->segments =
		(uint32_t)((segmenter->bytes + segmenter->longest - 1) / segmenter->longest);
	return segmenter->segments ? 0 : -EINVAL;
}

static uint32_t next_payload(const struct segmenter *segmenter)
{
	uint64_t left = segmenter->bytes - segmenter->done_bytes;

	return left < segmenter->longest ? (uint32_t)left : segmenter->longest;
}

uint32_t segmenter_next_bytes(const struct segmenter *segmenter)
{
	return segmenter->headers_bytes + next_payload(segmenter);
}

uint32_t segmenter_slots(const struct segmenter *segmenter, uint32_t slot_bytes)
{
	uint32_t full = segmenter->headers_bytes + segmenter->longest, others = segmenter->segments - 1;
	uint32_t last = segmenter->headers_bytes +
			(uint32_t)(segmenter->bytes - (uint64_t)others * segmenter->longest);

	return others * ((full + slot_bytes - 1) / slot_bytes) + (last + slot_bytes - 1) / slot_bytes;
}

static void copy_payload(struct segmenter *segmenter, uint8_t *to, uint32_t length)
{
	while (length) {
		uint32_t part = length < segmenter->payload_left ? length : segmenter->payload_left;

		memcpy(to, segmenter->payload, part);
		to += part;
		length -= part;
		segmenter->payload += part;
		segmenter->payload_left -= part;
		if (length) {
			segmenter->payload = segmenter->slot->data;
			segmenter->payload_left = segmenter->slot->length;
			segmenter->slot++;
		}
	}
}

static void fix_ipv4(const struct segmenter *segmenter, uint8_t *ip, uint32_t length)
{
	uint16_t check;

	put16(ip + 2, length);
	put16(ip + 4, get16(ip + 4) + segmenter->done);
	memset(ip + 10, 0, 2);
	check = (uint16_t)~inet_fold(inet_sum(ip, segmenter->network_bytes));
	memcpy(ip + 10, &check, sizeof(check));
}

/* The pseudo header's part of the sum, for `length` bytes of TCP or UDP. */
static uint64_t pseudo_sum(const struct segmenter *segmenter, const uint8_t *ip, uint32_t length)
{
	uint8_t rest[8] = { 0 };

	put32(rest, length);
	rest[7] = ip[segmenter->is_ipv4 ? 9 : 6];
	return inet_sum(rest, sizeof(rest)) +
	       (segmenter->is_ipv4 ? inet_sum(ip + 12, 8) : inet_sum(ip + 8, 32));
}

/* Lengths, numbers and checksums of a segment; the rest is the packet's. */
static void fix_headers(const struct segmenter *segmenter, const struct fragment *to,
			uint32_t count, uint32_t length, int is_last)
{
	uint32_t inner = length - segmenter->network_bytes;
	uint8_t *ip = to->data + segmenter->link_bytes;
	uint8_t *transport = ip + segmenter->network_bytes, *check;
	uint16_t value;

	if (segmenter->is_ipv4)
		fix_ipv4(segmenter, ip, length);
	else
		put16(ip + 4, inner);
	if (segmenter->is_tcp) {
		put32(transport + 4, get32(transport + 4) + (uint32_t)segmenter->done_bytes);
		if (!is_last)
			transport[13] &= (uint8_t)~(TCP_PUSH | TCP_FIN);
		/* Said once, as by Linux. */
		if (segmenter->done && segmenter->by_stack)
			transport[13] &= (uint8_t)~TCP_CWR;
		check = transport + 16;
	} else {
		put16(transport + 4, inner);
		check = transport + 6;
	}
	memset(check, 0, sizeof(value));
	value = inet_checksum(sum_from(to, count, (uint32_t)(transport - to->data)) +
			      pseudo_sum(segmenter, ip, inner));
	memcpy(check, &value, sizeof(value));
}

void segmenter_next(struct segmenter *segmenter, const struct fragment *to, uint32_t count)
{
	uint32_t payload = next_payload(segmenter), headers = segmenter->headers_bytes;

	memcpy(to->data, segmenter->headers, headers);
	copy_payload(segmenter, to->data + headers, to->length - headers);
	for (uint32_t i = 1; i < count; i++)
		copy_payload(segmenter, to[i].data, to[i].length);
	fix_headers(segmenter, to, count, headers + payload - segmenter->link_bytes,
		    segmenter->done_bytes + payload == segmenter->bytes);
	segmenter->done++;
	segmenter->done_bytes += payload;
}
