/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that something outside the kernel does between two interfaces: frames are read from one's
 * mapped ring (packet(7)), copied once, and sent through an AF_XDP socket of the other. It looks at no
 * address, counts nothing, and cannot wait for room; what has lost is lost. While nothing comes it looks
 * again every 50 us.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "../../c/engine/barrier.h"
#include "port.h"
#include "row.h"

enum {
	SLOT_BYTES = 2048,
	SLOTS = 4096,
	BLOCK_BYTES = 1 << 20,
	CHUNKS = 1024,
	BATCH = 256,
	NAP_NS = 50000,
	BUDGET = 9, /* XDP_MAX_TX_SKB_BUDGET, since Linux 6.18 */
};

struct interface {
	int index, receiver, sender;
	uint8_t *ring, *chunks;
	uint32_t at; /* in the ring */
	uint32_t put; /* frames sent */
	uint32_t *producer, *done, *reaped;
	struct xdp_desc *entries;
};

static void set(int fd, int level, int option, const void *value, socklen_t bytes)
{
	if (setsockopt(fd, level, option, value, bytes) < 0)
		fail("set a socket up", -errno);
}

static void *map(int fd, size_t bytes, off_t where)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE, fd, where);

	if (at == MAP_FAILED)
		fail("map memory", -errno);
	return at;
}

static void open_receiver(struct interface *interface)
{
	const struct tpacket_req ring = { .tp_block_size = BLOCK_BYTES,
					  .tp_block_nr = SLOTS * (SLOT_BYTES / 1024) / 1024,
					  .tp_frame_size = SLOT_BYTES,
					  .tp_frame_nr = SLOTS };
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_protocol = htons(ETH_P_ALL),
					     .sll_ifindex = interface->index };
	const struct packet_mreq all = { .mr_ifindex = interface->index,
					 .mr_type = PACKET_MR_PROMISC };
	const int version = TPACKET_V2, one = 1;
	int fd = interface->receiver = socket(AF_PACKET, SOCK_RAW, 0);

	set(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
	set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	set(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring));
	interface->ring = map(fd, (size_t)SLOTS * SLOT_BYTES, 0);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind a packet socket", -errno);
	set(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
}

static void open_sender(struct interface *interface)
{
	const uint32_t entries = CHUNKS;
	const int budget = 2 * BATCH, bytes = 4 << 20;
	const struct sockaddr_xdp address = { .sxdp_family = AF_XDP,
					      .sxdp_flags = XDP_COPY,
					      .sxdp_ifindex = (uint32_t)interface->index };
	struct xdp_umem_reg area = { .len = CHUNKS * SLOT_BYTES, .chunk_size = SLOT_BYTES };
	struct xdp_mmap_offsets at;
	socklen_t size = sizeof(at);
	uint8_t *send, *done;
	int fd = interface->sender = socket(AF_XDP, SOCK_RAW, 0);

	interface->chunks = map(-1, area.len, 0);
	area.addr = (uintptr_t)interface->chunks;
	set(fd, SOL_XDP, XDP_UMEM_REG, &area, sizeof(area));
	set(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries));
	set(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries));
	set(fd, SOL_XDP, XDP_TX_RING, &entries, sizeof(entries));
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) < 0)
		fail("find the rings of an AF_XDP socket", -errno);
	send = map(fd, at.tx.desc + CHUNKS * sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	done = map(fd, at.cr.desc + CHUNKS * sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
	interface->producer = (void *)(send + at.tx.producer);
	interface->entries = (void *)(send + at.tx.desc);
	interface->done = (void *)(done + at.cr.producer);
	interface->reaped = (void *)(done + at.cr.consumer);
	/* As many in a call as it may be; older systems take 32 whatever is said. */
	setsockopt(fd, SOL_XDP, BUDGET, &budget, sizeof(budget));
	set(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind an AF_XDP socket", -errno);
}

static void open_interface(struct interface *interface, const char *name)
{
	interface->index = (int)if_nametoindex(name);
	if (!interface->index)
		fail(name, -errno);
	open_receiver(interface);
	open_sender(interface);
}

/* Copies are made in the order of their chunks: as many as are sent are free again. */
static void put(struct interface *to, const uint8_t *frame, uint32_t bytes)
{
	uint64_t chunk = (uint64_t)(to->put % CHUNKS) * SLOT_BYTES;

	memcpy(to->chunks + chunk, frame, bytes);
	to->entries[to->put++ % CHUNKS] = (struct xdp_desc){ .addr = chunk, .len = bytes };
}

static void flush(struct interface *to)
{
	/* Pairs with the kernel's load: the entries are there. */
	store_release(to->producer, to->put);
	sendto(to->sender, NULL, 0, MSG_DONTWAIT, NULL, 0);
	/* Pairs with its store: it has read what it has sent. */
	store_release(to->reaped, load_acquire(to->done));
}

/* How many frames it has taken over. */
static uint32_t carry(struct interface *from, struct interface *to)
{
	uint32_t count = 0;

	while (count < BATCH && to->put - *to->reaped < CHUNKS) {
		struct tpacket2_hdr *slot = (void *)(from->ring + (size_t)from->at * SLOT_BYTES);

		/* Pairs with the kernel's store: the frame is there. */
		if (!(load_acquire(&slot->tp_status) & TP_STATUS_USER))
			break;
		put(to, (uint8_t *)slot + slot->tp_mac, slot->tp_snaplen);
		/* Pairs with its load: we have read it. */
		store_release(&slot->tp_status, TP_STATUS_KERNEL);
		from->at = (from->at + 1) % SLOTS;
		count++;
	}
	if (count || to->put != *to->reaped)
		flush(to);
	return count;
}

void bench_cross(const char *a, const char *b)
{
	static struct interface ends[2];

	open_interface(&ends[0], a);
	open_interface(&ends[1], b);
	printf("attached\n");
	fflush(stdout);
	for (;;)
		if (!(carry(&ends[0], &ends[1]) + carry(&ends[1], &ends[0])))
			nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}
