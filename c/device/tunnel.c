/* SPDX-License-Identifier: BSD-2-Clause */
#include "tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "../inet_sum.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { IPV4, IPV6, UDP, GRE_WITH_SUM };

enum {
	MACS_BYTES = 12,
	TAG_BYTES = 4,
	IPV4_BYTES_MIN = 20,
	IPV6_BYTES = 40,
	UDP_BYTES = 8,
	TCP_BYTES_MIN = 20,
	TUNNEL_BYTES = 8, /* VXLAN's header (RFC 7348), and GENEVE's without options (RFC 8926) */

	/* RFC 2890 */
	GRE_BYTES = 4,
	GRE_OPTION_BYTES = 4,
	GRE_SUM = 0x8000,
	GRE_KEY = 0x2000,

	TCP_FIN = 0x01,
	TCP_PUSH = 0x08,
	TCP_CWR = 0x80,
};

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* ---- finding the layers: each returns 1 when its way leads to the inner transport header ---- */

static int walk_ip(struct tunnel_cut *cut, uint32_t at);

static int has(const struct tunnel_cut *cut, uint32_t at, uint32_t bytes)
{
	return at <= cut->transport && bytes <= cut->length - at;
}

static int add(struct tunnel_cut *cut, uint8_t kind, uint32_t at)
{
	if (cut->layers == TUNNEL_LAYERS_MAX)
		return 0;
	cut->layer[cut->layers++] = (struct tunnel_layer){ kind, at };
	return 1;
}

static int walk_type(struct tunnel_cut *cut, uint32_t type, uint32_t at)
{
	return (type == ETH_P_IP || type == ETH_P_IPV6) && walk_ip(cut, at);
}

static int walk_ethernet(struct tunnel_cut *cut, uint32_t at)
{
	uint32_t type = ETH_P_8021Q;

	for (at += MACS_BYTES - TAG_BYTES; type == ETH_P_8021Q || type == ETH_P_8021AD;) {
		at += TAG_BYTES;
		if (!has(cut, at, sizeof(uint16_t)))
			return 0;
		type = get16(cut->frame + at);
	}
	return walk_type(cut, type, at + (uint32_t)sizeof(uint16_t));
}

/* Its port says little: what fits is what it is. */
static int walk_udp(struct tunnel_cut *cut, uint32_t at)
{
	uint32_t layers, tunnel = at + UDP_BYTES, inner = tunnel + TUNNEL_BYTES, type;

	if (!has(cut, at, UDP_BYTES + TUNNEL_BYTES) || !add(cut, UDP, at))
		return 0;
	layers = cut->layers;
	if (walk_ethernet(cut, inner))
		return 1;
	cut->layers = layers;
	type = get16(cut->frame + tunnel + 2);
	inner += 4u * (cut->frame[tunnel] & 0x3f);
	return type == ETH_P_TEB ? walk_ethernet(cut, inner) : walk_type(cut, type, inner);
}

static int walk_gre(struct tunnel_cut *cut, uint32_t at)
{
	uint32_t flags, type, inner = at + GRE_BYTES;

	if (!has(cut, at, GRE_BYTES))
		return 0;
	flags = get16(cut->frame + at);
	type = get16(cut->frame + at + 2);
	if (flags & ~(uint32_t)(GRE_SUM | GRE_KEY) ||
	    (flags & GRE_SUM && !add(cut, GRE_WITH_SUM, at)))
		return 0;
	inner += flags & GRE_SUM ? GRE_OPTION_BYTES : 0;
	inner += flags & GRE_KEY ? GRE_OPTION_BYTES : 0;
	return type == ETH_P_TEB ? walk_ethernet(cut, inner) : walk_type(cut, type, inner);
}

static int walk_transport(struct tunnel_cut *cut, uint32_t protocol, uint32_t at)
{
	if (at == cut->transport)
		return protocol == (cut->is_tcp ? IPPROTO_TCP : IPPROTO_UDP);
	if (protocol == IPPROTO_UDP)
		return walk_udp(cut, at);
	if (protocol == IPPROTO_GRE)
		return walk_gre(cut, at);
	return (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) && walk_ip(cut, at);
}

static int walk_ipv6(struct tunnel_cut *cut, uint32_t at)
{
	uint32_t protocol, next = at + IPV6_BYTES;

	if (!has(cut, at, IPV6_BYTES) || !add(cut, IPV6, at))
		return 0;
	protocol = cut->frame[at + 6];
	while (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS) {
		if (!has(cut, next, 8))
			return 0;
		cut->has_extensions = 1;
		protocol = cut->frame[next];
		next += 8u * (cut->frame[next + 1] + 1u);
	}
	return walk_transport(cut, protocol, next);
}

static int walk_ip(struct tunnel_cut *cut, uint32_t at)
{
	uint32_t header;

	if (!has(cut, at, IPV4_BYTES_MIN))
		return 0;
	if (cut->frame[at] >> 4 == 6)
		return walk_ipv6(cut, at);
	header = 4u * (cut->frame[at] & 15);
	if (cut->frame[at] >> 4 != 4 || header < IPV4_BYTES_MIN || !add(cut, IPV4, at))
		return 0;
	return walk_transport(cut, cut->frame[at + 9], at + header);
}

int tunnel_cut_start(struct tunnel_cut *cut, const struct virtio_net_hdr *header,
		     const uint8_t *frame, uint32_t length)
{
	uint32_t type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN, least;

	if (!type)
		return 0;
	*cut = (struct tunnel_cut){
		.frame = frame,
		.length = length,
		.transport = header->csum_start,
		.segment_bytes = header->gso_size,
		.is_tcp = type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6,
	};
	least = cut->is_tcp ? TCP_BYTES_MIN : UDP_BYTES;
	if ((!cut->is_tcp && type != VIRTIO_NET_HDR_GSO_UDP_L4) || !cut->segment_bytes ||
	    !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || cut->transport + least > length ||
	    !walk_ethernet(cut, 0))
		return -EINVAL;
	if (cut->layers == 1 && !cut->has_extensions)
		return 0;
	cut->headers_bytes = cut->transport + least;
	if (cut->is_tcp)
		cut->headers_bytes = cut->transport + 4u * (frame[cut->transport + 12] >> 4);
	if (cut->headers_bytes < cut->transport + least || cut->headers_bytes >= length)
		return -EINVAL;
	return 1;
}

/* ---- cutting ---- */

static uint32_t payload_next(const struct tunnel_cut *cut)
{
	uint32_t left = cut->length - cut->headers_bytes - cut->done_bytes;

	return left < cut->segment_bytes ? left : cut->segment_bytes;
}

uint32_t tunnel_cut_bytes(const struct tunnel_cut *cut)
{
	uint32_t payload = cut->length ? payload_next(cut) : 0;

	return payload ? cut->headers_bytes + payload : 0;
}

static void put_sum(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* The sum of what is from `at` to the end, with the pseudo header of the IP layer before. */
static uint16_t sum_under(const struct tunnel_cut *cut, const uint8_t *to, uint32_t length,
			  uint32_t at, uint32_t layers, uint32_t protocol)
{
	const struct tunnel_layer *ip = &cut->layer[layers];
	uint64_t sum = inet_sum(to + at, length - at);

	while (ip-- != cut->layer && ip->kind != IPV4 && ip->kind != IPV6)
		;
	sum += ip->kind == IPV4 ? inet_sum(to + ip->at + 12, 8) : inet_sum(to + ip->at + 8, 32);
	return inet_checksum(sum + htonl(length - at) + htonl(protocol));
}

static void fix_tcp(const struct tunnel_cut *cut, uint8_t *to, uint32_t length, int is_last)
{
	uint8_t *tcp = to + cut->transport;
	uint32_t sequence;

	memcpy(&sequence, tcp + 4, sizeof(sequence));
	sequence = htonl(ntohl(sequence) + cut->done_bytes);
	memcpy(tcp + 4, &sequence, sizeof(sequence));
	if (!is_last)
		tcp[13] &= (uint8_t)~(TCP_PUSH | TCP_FIN);
	if (cut->done)
		tcp[13] &= (uint8_t)~TCP_CWR;
	put_sum(tcp + 16, 0);
	put_sum(tcp + 16,
		sum_under(cut, to, length, cut->transport, cut->layers, IPPROTO_TCP));
}

static void fix_udp(const struct tunnel_cut *cut, uint8_t *to, uint32_t length, uint32_t at,
		    uint32_t layers)
{
	put16(to + at + 4, length - at);
	put_sum(to + at + 6, 0);
	put_sum(to + at + 6, sum_under(cut, to, length, at, layers, IPPROTO_UDP));
}

static void fix_ipv4(const struct tunnel_cut *cut, uint8_t *ip, uint32_t length)
{
	put16(ip + 2, length);
	put16(ip + 4, get16(ip + 4) + cut->done);
	put_sum(ip + 10, 0);
	put_sum(ip + 10, (uint16_t)~inet_fold(inet_sum(ip, 4u * (ip[0] & 15))));
}

/* Of a layer around others, which are done. */
static void fix_layer(const struct tunnel_cut *cut, uint8_t *to, uint32_t length, uint32_t number)
{
	const struct tunnel_layer *layer = &cut->layer[number];
	uint8_t *header = to + layer->at;
	uint32_t rest = length - layer->at;

	if (layer->kind == IPV4) {
		fix_ipv4(cut, header, rest);
	} else if (layer->kind == IPV6) {
		put16(header + 4, rest - IPV6_BYTES);
	} else if (layer->kind == GRE_WITH_SUM) {
		put_sum(header + GRE_BYTES, 0);
		put_sum(header + GRE_BYTES, (uint16_t)~inet_fold(inet_sum(header, rest)));
	} else if (get16(header + 6)) {
		fix_udp(cut, to, length, layer->at, number);
	} else {
		put16(header + 4, rest); /* whose sender makes no sum */
	}
}

void tunnel_cut_next(struct tunnel_cut *cut, uint8_t *to)
{
	uint32_t payload = payload_next(cut), length = cut->headers_bytes + payload;

	memcpy(to, cut->frame, cut->headers_bytes);
	memcpy(to + cut->headers_bytes, cut->frame + cut->headers_bytes + cut->done_bytes, payload);
	if (cut->is_tcp)
		fix_tcp(cut, to, length, cut->done_bytes + payload + cut->headers_bytes == cut->length);
	else
		fix_udp(cut, to, length, cut->transport, cut->layers);
	for (uint32_t i = cut->layers; i--;)
		fix_layer(cut, to, length, i);
	cut->done++;
	cut->done_bytes += payload;
}
