/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long packets in tunnels. A stack that sends TCP through a VXLAN device leaves one long packet to "the
 * card", tunnel and all; a packet socket's virtio-net header then says how the inner packet is to be
 * cut, and nothing of the headers around it. Nobody who reads such a header can do that: it is done
 * here, as Linux does it.
 */
#ifndef VALET_DEVICE_TUNNEL_H
#define VALET_DEVICE_TUNNEL_H

#include <linux/virtio_net.h>
#include <stdint.h>

#define TUNNEL_LAYERS_MAX 12

struct tunnel_layer {
	uint8_t kind;
	uint32_t at; /* in the frame */
};

/* A packet that is being cut. */
struct tunnel_cut {
	const uint8_t *frame; /* without virtio-net header; has to stay until all is cut */
	uint32_t length;
	struct tunnel_layer layer[TUNNEL_LAYERS_MAX]; /* what has a length or a sum, outermost first */
	uint32_t layers;
	uint32_t transport, headers_bytes; /* where the inner header begins and ends */
	uint32_t segment_bytes; /* of payload */
	int is_tcp, has_extensions;
	uint32_t done, done_bytes; /* segments, and payload in them */
};

/*
 * 1: it is such a packet, and can be cut; also one with IPv6 extension headers. 0: it is none, and is
 * for whoever reads its header. -EINVAL: nobody knows what it is.
 */
int tunnel_cut_start(struct tunnel_cut *cut, const struct virtio_net_hdr *header,
		     const uint8_t *frame, uint32_t length);
/* Of the next segment, headers included; 0: there is none left. */
uint32_t tunnel_cut_bytes(const struct tunnel_cut *cut);
/* Writes it, whole and with all sums. */
void tunnel_cut_next(struct tunnel_cut *cut, uint8_t *to);

#endif
