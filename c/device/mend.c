/* SPDX-License-Identifier: BSD-2-Clause */
#include "mend.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "../inet_sum.h"

enum {
	MACS_BYTES = 12,
	TAG_BYTES = 4,
	IPV6_BYTES = 40,
	UDP_BYTES = 8,
	TUNNEL_BYTES = 8,
	DEPTH = 4, /* of packets in packets */

	PORT_VXLAN = 4789,
	PORT_VXLAN_LINUX = 8472, /* its old default */
	PORT_GENEVE = 6081,
};

struct bytes {
	uint8_t *at;
	uint32_t left;
};

static void mend_ethernet(struct bytes frame, int depth);
static void mend_ip(struct bytes packet, int depth);

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static int skip(struct bytes *bytes, uint32_t count)
{
	if (count > bytes->left)
		return 0;
	bytes->at += count;
	bytes->left -= count;
	return 1;
}

/* ---- sums ---- */

/*
 * `pseudo` is the sum of the addresses. A checksum that is equal to the pseudo header's sum may be
 * complete, by chance: then all of it sums up to ones.
 */
static void mend_sum(struct bytes segment, uint64_t pseudo, uint32_t protocol, uint32_t check)
{
	uint16_t given, start, value;
	uint64_t sum;

	if (segment.left < check + sizeof(given))
		return;
	pseudo += htonl(segment.left);
	pseudo += htonl(protocol);
	start = inet_fold(pseudo);
	memcpy(&given, segment.at + check, sizeof(given));
	if (given != start)
		return;
	sum = inet_sum(segment.at, segment.left);
	if (inet_fold(sum + start) == UINT16_MAX)
		return;
	/* The field holds the pseudo header's sum, so it is in it already. */
	value = inet_checksum(sum);
	memcpy(segment.at + check, &value, sizeof(value));
}

/* RFC 9260, appendix A. */
static void mend_sctp(struct bytes packet)
{
	enum { CHECK = 8, HEADER_BYTES = 12 };
	uint32_t crc = UINT32_MAX, field;

	if (packet.left < HEADER_BYTES)
		return;
	memcpy(&field, packet.at + CHECK, sizeof(field));
	if (field)
		return;
	for (uint32_t i = 0; i < packet.left; i++) {
		crc ^= packet.at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++)
		packet.at[CHECK + i] = (uint8_t)(crc >> 8 * i);
}

/* ---- packets ---- */

static void mend_udp(struct bytes segment, uint64_t pseudo, int depth)
{
	uint32_t port = segment.left >= UDP_BYTES ? get16(segment.at + 2) : 0;
	struct bytes inner = segment;

	mend_sum(segment, pseudo, IPPROTO_UDP, 6);
	if (!port || !skip(&inner, UDP_BYTES))
		return;
	if (port == PORT_VXLAN || port == PORT_VXLAN_LINUX) {
		if (skip(&inner, TUNNEL_BYTES))
			mend_ethernet(inner, depth);
	} else if (port == PORT_GENEVE && inner.left >= TUNNEL_BYTES) {
		uint32_t options = 4u * (inner.at[0] & 0x3f), type = get16(inner.at + 2);

		if (type == ETH_P_TEB && skip(&inner, TUNNEL_BYTES + options))
			mend_ethernet(inner, depth);
	}
}

static void mend_transport(struct bytes segment, uint64_t pseudo, uint32_t protocol, int depth)
{
	if (protocol == IPPROTO_TCP)
		mend_sum(segment, pseudo, protocol, 16);
	else if (protocol == IPPROTO_UDP)
		mend_udp(segment, pseudo, depth);
	else if (protocol == IPPROTO_SCTP)
		mend_sctp(segment);
	else if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6)
		mend_ip(segment, depth);
}

/* What lies behind the packet is padding. */
static void mend_ipv4(struct bytes packet, int depth)
{
	uint32_t header = 4u * (packet.at[0] & 15), total, protocol;
	uint64_t pseudo;

	if (packet.left < 20 || header < 20)
		return;
	total = get16(packet.at + 2);
	protocol = packet.at[9];
	/* Of a fragment no checksum is left to others. */
	if (total > packet.left || get16(packet.at + 6) & 0x3fff)
		return;
	pseudo = inet_sum(packet.at + 12, 8);
	packet.left = total;
	if (skip(&packet, header))
		mend_transport(packet, pseudo, protocol, depth);
}

static void mend_ipv6(struct bytes packet, int depth)
{
	uint32_t payload, protocol;
	uint64_t pseudo;

	if (packet.left < IPV6_BYTES)
		return;
	payload = get16(packet.at + 4);
	protocol = packet.at[6];
	pseudo = inet_sum(packet.at + 8, 32);
	if (payload > packet.left - IPV6_BYTES)
		return;
	packet.left = IPV6_BYTES + payload;
	skip(&packet, IPV6_BYTES);
	while (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS) {
		if (packet.left < 8)
			return;
		protocol = packet.at[0];
		if (!skip(&packet, 8u * (packet.at[1] + 1u)))
			return;
	}
	mend_transport(packet, pseudo, protocol, depth);
}

static void mend_ip(struct bytes packet, int depth)
{
	if (depth == DEPTH || !packet.left)
		return;
	if (packet.at[0] >> 4 == 4)
		mend_ipv4(packet, depth + 1);
	else if (packet.at[0] >> 4 == 6)
		mend_ipv6(packet, depth + 1);
}

static void mend_ethernet(struct bytes frame, int depth)
{
	uint32_t type;

	if (!skip(&frame, MACS_BYTES) || frame.left < 2)
		return;
	type = get16(frame.at);
	while ((type == ETH_P_8021Q || type == ETH_P_8021AD) && frame.left >= TAG_BYTES + 2) {
		skip(&frame, TAG_BYTES);
		type = get16(frame.at);
	}
	if ((type == ETH_P_IP || type == ETH_P_IPV6) && skip(&frame, 2))
		mend_ip(frame, depth);
}

void mend_checksum(uint8_t *frame, uint32_t length)
{
	mend_ethernet((struct bytes){ frame, length }, 0);
}
