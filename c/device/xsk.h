/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An AF_XDP socket (Documentation/networking/af_xdp.rst of Linux): one queue of an interface, with
 * memory of its own for frames. One thread may receive, another send.
 */
#ifndef VALET_DEVICE_XSK_H
#define VALET_DEVICE_XSK_H

#include <linux/if_xdp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"

/* Shared with the kernel: each side writes one of the two counts, which wrap. */
struct xsk_ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t mask;
	void *map;
	size_t map_bytes;
};

struct xsk_shape {
	uint32_t index, queue; /* of the interface; its queue */
	uint32_t mtu; /* frames up to that have to fit */
	uint32_t chunks; /* of memory, in each direction; a power of two */
	uint32_t flags; /* XDP_ZEROCOPY or XDP_COPY */
	int can_split; /* frames may lie in several chunks */
	int is_shared; /* other queues' threads send through it, too */
	int only_sends; /* its memory is for that only, and frames are not split */
	uint32_t header_bytes; /* in front of what it is given to send, and not sent */
};

struct xsk {
	int fd;
	struct xsk_shape shape;
	uint8_t *memory;
	uint32_t chunk_bytes;
	struct xsk_ring receive, fill, send, done;
	uint32_t held; /* entries of `receive` that are still in use */
	uint64_t lost_seen;
	pthread_mutex_t sending; /* for what follows: queues that have no transmit queue share one */
	uint64_t *idle; /* chunks to send from */
	uint32_t idle_count;
	uint32_t *origins; /* of entries of `send`: the parts that they were made from */
};

/* Closes itself on errors. -EOPNOTSUPP: not in that way; -EBUSY: somebody else has the queue. */
int xsk_open(struct xsk *xsk, const struct xsk_shape *shape);
void xsk_close(struct xsk *xsk);

/*
 * Up to `most` frames; they stay until the next xsk_give_back(). Those in several chunks are put
 * together in *scratch, which moves on and has at least XSK_FRAME_BYTES. Counts those that it cannot.
 */
#define XSK_FRAME_BYTES (66u * 1024)
uint32_t xsk_receive(struct xsk *xsk, struct device_frame *frames, uint32_t most,
		     uint8_t **scratch, const uint8_t *scratch_end, uint64_t *lost);
void xsk_give_back(struct xsk *xsk);
/* Frames that the kernel had no room for since it was last asked. */
uint64_t xsk_lost(struct xsk *xsk);

/* How many frames there are in these parts. */
uint32_t xsk_frames(const struct device_part *parts, uint32_t count);
/* As device_ops.send(); `longest` is a frame's without tags. -ENETDOWN: all are lost. */
int xsk_send(struct xsk *xsk, const struct device_part *parts, uint32_t count, uint32_t longest,
	     uint64_t *lost);

#endif
