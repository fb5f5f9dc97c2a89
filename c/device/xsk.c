/* SPDX-License-Identifier: BSD-2-Clause */
#include "xsk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* linux/if_xdp.h of Linux 6.6 and 6.18; older headers lack them. */
enum {
	BIND_SPLIT = 1 << 4, /* frames in several chunks */
	MORE_CHUNKS = 1 << 0, /* in an entry's options: the frame goes on */
	SEND_BUDGET = 9, /* frames of one sendto() */
};

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

enum {
	CHUNK_BYTES_LEAST = 2048,
	/* In front of what is received: XDP_PACKET_HEADROOM of linux/bpf.h. */
	HEADROOM_BYTES = 256,
	FRAME_EXTRA_BYTES = 14 + 2 * 4, /* Ethernet's header, two tags */
	SEND_BUFFER_BYTES = 4 << 20,
	SEND_AT_ONCE = 512,
	TAG_BYTES = 4,
	CHUNKS_PER_FRAME = 17, /* MAX_SKB_FRAGS of Linux */
};

/* ---- rings ---- */

static uint32_t load(const uint32_t *at)
{
	/* Pairs with the other side's store: what it has written before is there. */
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *at, uint32_t value)
{
	/* Pairs with the other side's load: it sees what we have written before. */
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/*
 * The kernel sets the flag, then looks for entries once more; we make entries, then look at the
 * flag. All in one order, so one of the two sees the other.
 */
static void publish(uint32_t *producer, uint32_t value)
{
	__atomic_store_n(producer, value, __ATOMIC_SEQ_CST);
}

static int needs_wakeup(const struct xsk_ring *ring)
{
	return (__atomic_load_n(ring->flags, __ATOMIC_SEQ_CST) & XDP_RING_NEED_WAKEUP) != 0;
}

static struct xdp_desc *frame_at(const struct xsk_ring *ring, uint32_t number)
{
	return (struct xdp_desc *)ring->entries + (number & ring->mask);
}

static uint64_t *address_at(const struct xsk_ring *ring, uint32_t number)
{
	return (uint64_t *)ring->entries + (number & ring->mask);
}

static int map_ring(int fd, uint64_t where, const struct xdp_ring_offset *offsets,
		    uint32_t entries, size_t entry_bytes, struct xsk_ring *ring)
{
	size_t bytes = offsets->desc + entries * entry_bytes;
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
			    (off_t)where);

	if (map == MAP_FAILED)
		return -errno;
	*ring = (struct xsk_ring){ .producer = (uint32_t *)(void *)(map + offsets->producer),
				   .consumer = (uint32_t *)(void *)(map + offsets->consumer),
				   .flags = (uint32_t *)(void *)(map + offsets->flags),
				   .entries = map + offsets->desc,
				   .mask = entries - 1,
				   .map = map,
				   .map_bytes = bytes };
	return 0;
}

/* ---- receiving ---- */

/* Chunks of frames that are no longer in use, for the kernel to fill again: it has room for all. */
void xsk_give_back(struct xsk *xsk)
{
	uint32_t consumer = *xsk->receive.consumer, producer = *xsk->fill.producer;

	if (!xsk->held)
		return;
	for (uint32_t i = 0; i < xsk->held; i++)
		*address_at(&xsk->fill, producer + i) = frame_at(&xsk->receive, consumer + i)->addr &
							~(uint64_t)(xsk->chunk_bytes - 1);
	publish(xsk->fill.producer, producer + xsk->held);
	store(xsk->receive.consumer, consumer + xsk->held);
	xsk->held = 0;
	if (needs_wakeup(&xsk->fill))
		recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* Puts a frame together; *at is its first entry, and then the one after it. */
static uint32_t gather(const struct xsk *xsk, uint32_t *at, uint32_t end, uint8_t *to)
{
	uint32_t bytes = 0, more = 1;

	for (; more && *at != end; (*at)++) {
		const struct xdp_desc *entry = frame_at(&xsk->receive, *at);

		if (bytes + entry->len <= XSK_FRAME_BYTES)
			memcpy(to + bytes, xsk->memory + entry->addr, entry->len);
		bytes += entry->len;
		more = entry->options & MORE_CHUNKS;
	}
	return bytes;
}

uint32_t xsk_receive(struct xsk *xsk, struct device_frame *frames, uint32_t most,
		     uint8_t **scratch, const uint8_t *scratch_end, uint64_t *lost)
{
	uint32_t first = *xsk->receive.consumer, at = first + xsk->held;
	uint32_t end = load(xsk->receive.producer), count = 0;

	while (count < most && at != end) {
		const struct xdp_desc *entry = frame_at(&xsk->receive, at);
		uint32_t bytes;

		if (!(entry->options & MORE_CHUNKS)) {
			frames[count++] = (struct device_frame){ xsk->memory + entry->addr,
								 entry->len };
			at++;
			continue;
		}
		if (*scratch + XSK_FRAME_BYTES > scratch_end)
			break;
		bytes = gather(xsk, &at, end, *scratch);
		if (bytes > XSK_FRAME_BYTES) {
			(*lost)++;
			continue;
		}
		frames[count++] = (struct device_frame){ *scratch, bytes };
		*scratch += (bytes + 63) & ~63u;
	}
	xsk->held = at - first;
	return count;
}

uint64_t xsk_lost(struct xsk *xsk)
{
	struct xdp_statistics statistics = { 0 };
	socklen_t bytes = sizeof(statistics);
	uint64_t now, before = xsk->lost_seen;

	if (getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, &statistics, &bytes) < 0)
		return 0;
	now = statistics.rx_dropped + statistics.rx_ring_full;
	xsk->lost_seen = now;
	return now - before;
}

/* ---- sending ---- */

/* Chunks that have been sent. */
static void reap(struct xsk *xsk)
{
	uint32_t at = *xsk->done.consumer, end = load(xsk->done.producer);

	for (; at != end; at++)
		xsk->idle[xsk->idle_count++] = *address_at(&xsk->done, at) &
					       ~(uint64_t)(xsk->chunk_bytes - 1);
	store(xsk->done.consumer, at);
}

/*
 * What the kernel has not taken; the ring is empty then. Returns how many frames, and where the
 * first came from. Only while it reads the ring in our own calls: not with zero copy, nor in
 * poll() on another thread.
 */
static uint32_t take_back(struct xsk *xsk, uint32_t *origin)
{
	uint32_t at = load(xsk->send.consumer), end = *xsk->send.producer, frames = 0;

	if (at == end || xsk->shape.flags & XDP_ZEROCOPY || xsk->shape.is_shared)
		return 0;
	*origin = xsk->origins[at & xsk->send.mask];
	store(xsk->send.producer, at);
	for (; at != end; at++) {
		const struct xdp_desc *entry = frame_at(&xsk->send, at);

		frames += !(entry->options & MORE_CHUNKS);
		xsk->idle[xsk->idle_count++] = entry->addr;
	}
	return frames;
}

/* Has the kernel look at the ring. -ENETDOWN: it takes nothing. */
static int kick(struct xsk *xsk, uint64_t *lost)
{
	uint32_t before, at = load(xsk->send.consumer), end = *xsk->send.producer;

	while (at != end && needs_wakeup(&xsk->send)) {
		int error = sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? errno : 0;

		if (error == ENETDOWN || error == ENXIO)
			return -ENETDOWN;
		before = at;
		at = load(xsk->send.consumer);
		/* Done with, but not sent: the driver did not want it; too many chunks. */
		if (error == EBUSY || error == EOVERFLOW)
			(*lost)++;
		/* It takes so many in one call; or the card takes no more. */
		if (at == before || xsk->shape.flags & XDP_ZEROCOPY)
			break;
	}
	return 0;
}

/* Without its header; there is more than that. */
static uint32_t frame_bytes(const struct xsk *xsk, const struct device_part *parts, uint32_t count,
			    uint32_t *pieces)
{
	uint32_t bytes = 0, i = 0;

	do
		bytes += parts[i].length;
	while (parts[i++].more && i < count);
	*pieces = i;
	return bytes - xsk->shape.header_bytes;
}

/* Where in its first parts a frame begins: behind its header. */
static const struct device_part *frame_start(const struct xsk *xsk,
					     const struct device_part *parts, uint32_t *offset)
{
	*offset = xsk->shape.header_bytes;
	for (; *offset >= parts->length; parts++)
		*offset -= parts->length;
	return parts;
}

uint32_t xsk_frames(const struct device_part *parts, uint32_t count)
{
	uint32_t frames = 0;

	for (uint32_t i = 0; i < count; i++)
		frames += !parts[i].more;
	return frames;
}

static int is_tagged(const struct xsk *xsk, const struct device_part *parts)
{
	uint32_t at, type = 0;
	const struct device_part *part = frame_start(xsk, parts, &at);

	if (part->length >= at + 14)
		type = (uint32_t)part->data[at + 12] << 8 | part->data[at + 13];
	return type == 0x8100 || type == 0x88a8;
}

/* Copies a frame into chunks, and lists them in the ring. There are enough of both. */
static void put(struct xsk *xsk, const struct device_part *parts, uint32_t bytes, uint32_t number,
		uint32_t origin)
{
	uint32_t offset; /* in the part */

	parts = frame_start(xsk, parts, &offset);
	while (bytes) {
		uint64_t chunk = xsk->idle[--xsk->idle_count];
		uint32_t size = bytes < xsk->chunk_bytes ? bytes : xsk->chunk_bytes, filled = 0;

		while (filled < size) {
			uint32_t piece = parts->length - offset;

			if (piece > size - filled)
				piece = size - filled;
			memcpy(xsk->memory + chunk + filled, parts->data + offset, piece);
			filled += piece;
			offset += piece;
			if (offset == parts->length) {
				parts++;
				offset = 0;
			}
		}
		bytes -= size;
		xsk->origins[number & xsk->send.mask] = origin;
		*frame_at(&xsk->send, number++) = (struct xdp_desc){
			.addr = chunk, .len = size, .options = bytes ? MORE_CHUNKS : 0
		};
	}
}

/*
 * Up to where the parts have found room. A frame that cannot be sent comes first or stays for the
 * next time, so that what is taken back has none in it.
 */
static uint32_t put_all(struct xsk *xsk, const struct device_part *parts, uint32_t first,
			uint32_t count, uint32_t longest, uint64_t *lost)
{
	uint32_t producer = *xsk->send.producer, done = first;
	uint32_t room = xsk->send.mask + 1 - (producer - load(xsk->send.consumer));

	while (done < count) {
		uint32_t pieces, bytes = frame_bytes(xsk, &parts[done], count - done, &pieces);
		uint32_t chunks = (bytes + xsk->chunk_bytes - 1) / xsk->chunk_bytes;
		uint32_t limit = longest + (is_tagged(xsk, &parts[done]) ? TAG_BYTES : 0);

		if (bytes > limit || chunks > (xsk->shape.can_split ? CHUNKS_PER_FRAME : 1)) {
			if (done == first) {
				(*lost)++;
				done += pieces;
			}
			break;
		}
		if (chunks > room || chunks > xsk->idle_count)
			break;
		put(xsk, &parts[done], bytes, producer, done);
		producer += chunks;
		room -= chunks;
		done += pieces;
	}
	publish(xsk->send.producer, producer);
	return done;
}

int xsk_send(struct xsk *xsk, const struct device_part *parts, uint32_t count, uint32_t longest,
	     uint64_t *lost)
{
	uint32_t done = 0, before, left = 0;
	int rc;

	pthread_mutex_lock(&xsk->sending);
	do {
		uint32_t origin;

		before = done;
		reap(xsk);
		done = put_all(xsk, parts, done, count, longest, lost);
		rc = kick(xsk, lost);
		left = take_back(xsk, &origin);
		if (rc < 0)
			*lost += left; /* it would go out when the interface is up, late */
		else if (left)
			done = origin;
	} while (rc == 0 && left == 0 && done < count && done != before);
	pthread_mutex_unlock(&xsk->sending);
	if (rc == 0)
		return (int)done;
	*lost += xsk_frames(parts + done, count - done);
	return rc;
}

/* ---- opening and closing ---- */

static int set(int fd, int option, const void *value, socklen_t bytes)
{
	return setsockopt(fd, SOL_XDP, option, value, bytes) < 0 ? -errno : 0;
}

/* The first half is for receiving, the other to send from. */
static uint64_t memory_bytes(const struct xsk *xsk)
{
	return (xsk->shape.only_sends ? 1ull : 2ull) * xsk->shape.chunks * xsk->chunk_bytes;
}

static int make_memory(struct xsk *xsk)
{
	const struct xsk_shape *shape = &xsk->shape;
	struct xdp_umem_reg area = { .chunk_size = xsk->chunk_bytes };
	void *memory;

	area.len = memory_bytes(xsk);
	memory = mmap(NULL, area.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	xsk->memory = memory;
	area.addr = (uintptr_t)memory;
	xsk->idle = malloc(shape->chunks * sizeof(*xsk->idle));
	xsk->origins = malloc(shape->chunks * sizeof(*xsk->origins));
	if (!xsk->idle || !xsk->origins)
		return -ENOMEM;
	for (uint32_t i = 0; i < shape->chunks; i++)
		xsk->idle[xsk->idle_count++] = area.len - (uint64_t)(i + 1) * xsk->chunk_bytes;
	return set(xsk->fd, XDP_UMEM_REG, &area, sizeof(area));
}

static int make_receive_rings(struct xsk *xsk, const struct xdp_mmap_offsets *offsets)
{
	const uint32_t entries = xsk->shape.chunks;
	int fd = xsk->fd, rc = set(fd, XDP_RX_RING, &entries, sizeof(entries));

	if (rc == 0)
		rc = map_ring(fd, XDP_UMEM_PGOFF_FILL_RING, &offsets->fr, entries,
			      sizeof(uint64_t), &xsk->fill);
	if (rc == 0)
		rc = map_ring(fd, XDP_PGOFF_RX_RING, &offsets->rx, entries,
			      sizeof(struct xdp_desc), &xsk->receive);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < entries; i++)
		*address_at(&xsk->fill, i) = (uint64_t)i * xsk->chunk_bytes;
	store(xsk->fill.producer, entries);
	return 0;
}

/* Without a fill ring, too, it would not be taken. */
static int make_rings(struct xsk *xsk)
{
	const uint32_t entries = xsk->shape.chunks;
	struct xdp_mmap_offsets offsets;
	socklen_t bytes = sizeof(offsets);
	int fd = xsk->fd, rc = set(fd, XDP_UMEM_FILL_RING, &entries, sizeof(entries));

	if (rc == 0)
		rc = set(fd, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries));
	if (rc == 0)
		rc = set(fd, XDP_TX_RING, &entries, sizeof(entries));
	if (rc == 0 && getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &bytes) < 0)
		rc = -errno;
	if (rc == 0)
		rc = map_ring(fd, XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr, entries,
			      sizeof(uint64_t), &xsk->done);
	if (rc == 0)
		rc = map_ring(fd, XDP_PGOFF_TX_RING, &offsets.tx, entries,
			      sizeof(struct xdp_desc), &xsk->send);
	return rc < 0 || xsk->shape.only_sends ? rc : make_receive_rings(xsk, &offsets);
}

static int bind_to(const struct xsk *xsk)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = (uint16_t)(xsk->shape.flags | XDP_USE_NEED_WAKEUP |
					 (xsk->shape.can_split ? BIND_SPLIT : 0)),
		.sxdp_ifindex = xsk->shape.index,
		.sxdp_queue_id = xsk->shape.queue,
	};
	const int budget = SEND_AT_ONCE, bytes = SEND_BUFFER_BYTES;

	/* As much as is allowed, and where there is such a thing. */
	setsockopt(xsk->fd, SOL_XDP, SEND_BUDGET, &budget, sizeof(budget));
	setsockopt(xsk->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return bind(xsk->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int xsk_open(struct xsk *xsk, const struct xsk_shape *shape)
{
	uint32_t frame = HEADROOM_BYTES + shape->mtu + FRAME_EXTRA_BYTES;
	int rc;

	memset(xsk, 0, sizeof(*xsk));
	xsk->shape = *shape;
	xsk->chunk_bytes = CHUNK_BYTES_LEAST;
	if (frame > CHUNK_BYTES_LEAST)
		xsk->chunk_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&xsk->sending, NULL);
	xsk->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	rc = xsk->fd < 0 ? -errno : make_memory(xsk);
	if (rc == -EAFNOSUPPORT) /* which says of packet sockets that there are none */
		rc = -EPFNOSUPPORT;
	if (rc == 0 && frame > xsk->chunk_bytes && !shape->can_split)
		rc = -ERANGE;
	if (rc == 0)
		rc = make_rings(xsk);
	if (rc == 0)
		rc = bind_to(xsk);
	if (rc < 0)
		xsk_close(xsk);
	return rc;
}

static void unmap_ring(const struct xsk_ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_bytes);
}

void xsk_close(struct xsk *xsk)
{
	/* First, so that the kernel lets go of the memory. */
	if (xsk->fd >= 0)
		close(xsk->fd);
	unmap_ring(&xsk->receive);
	unmap_ring(&xsk->fill);
	unmap_ring(&xsk->send);
	unmap_ring(&xsk->done);
	if (xsk->memory)
		munmap(xsk->memory, memory_bytes(xsk));
	free(xsk->idle);
	free(xsk->origins);
	pthread_mutex_destroy(&xsk->sending);
	memset(xsk, 0, sizeof(*xsk));
	xsk->fd = -1;
}
