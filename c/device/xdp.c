/* SPDX-License-Identifier: BSD-2-Clause */
#include "xdp.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf.h"
#include "btf.h"

/* linux/bpf.h of Linux 6.3, linux/if_link.h; older headers lack some. */
enum {
	ATTACH_XDP = 37,
	LOAD_FRAGMENTS = 1 << 5, /* frames of several buffers are taken, too */
	LOAD_BOUND = 1 << 6, /* to one interface, whose driver is then asked about frames */
	LINK_GENERIC = 1 << 1,
	LINK_NATIVE = 1 << 2,
	MAP_MAPPED = 1 << 10,
};

/* ---- the program ---- */

enum {
	DATA = offsetof(struct xdp_md, data),
	DATA_END = offsetof(struct xdp_md, data_end),
	QUEUE = offsetof(struct xdp_md, rx_queue_index),
	TAG_BYTES = 4,
	TYPE_AT = -8, /* on the stack */
	TAG_AT = -16,
	CONTEXT = 6, /* registers */
	STACK = 10,
};

/*
 * Puts a VLAN tag back that the driver has taken off, for the system to have it beside the packet.
 * Jumps over itself if there is none, and to TO_SOCKET's end, behind it, if it cannot.
 */
#define INSERT_TAG(tell)                                                                      \
	SET(1, 0), STORE_DOUBLE(STACK, TYPE_AT, 1), STORE_DOUBLE(STACK, TAG_AT, 1),           \
		COPY(1, CONTEXT), COPY(2, STACK), ADD(2, TYPE_AT), COPY(3, STACK),            \
		ADD(3, TAG_AT), CALL_KERNEL(tell), IF_NOT(0, 0, 20),                          \
		/* The addresses make way. */                                                 \
		COPY(1, CONTEXT), SET(2, -TAG_BYTES), CALL(BPF_FUNC_xdp_adjust_head),         \
		IF_NOT(0, 0, 16 + TO_END), LOAD(2, CONTEXT, DATA), LOAD(3, CONTEXT, DATA_END), \
		COPY(4, 2), ADD(4, 18), IF_ABOVE(4, 3, 11 + TO_END), LOAD(5, 2, 4),           \
		STORE(2, 0, 5), LOAD(5, 2, 8), STORE(2, 4, 5), LOAD(5, 2, 12),                \
		STORE(2, 8, 5), LOAD_HALF(5, STACK, TYPE_AT), STORE_HALF(2, 12, 5),           \
		LOAD_HALF(5, STACK, TAG_AT), TO_NETWORK_HALF(5), STORE_HALF(2, 14, 5)

/* To the socket of the queue. What nobody takes is counted: that is the end. */
#define TO_SOCKET(sockets, counter)                                                           \
	LOAD(2, CONTEXT, QUEUE), SET_MAP(1, sockets), SET(3, XDP_DROP),                       \
		CALL(BPF_FUNC_redirect_map), IF_NOT(0, XDP_REDIRECT, 1), EXIT(),              \
		SET_MAP_VALUE(1, counter), SET(2, 1), ADD_ATOMICALLY(1, 2), SET(0, XDP_DROP), \
		EXIT()
enum { TO_END = 7 }; /* instructions before that */

static int load(const struct bpf_insn *instructions, size_t bytes, uint32_t flags, uint32_t index)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_XDP;
	attributes.expected_attach_type = ATTACH_XDP;
	attributes.prog_flags = flags;
	attributes.prog_ifindex = index;
	return bpf_load(&attributes, instructions, bytes);
}

/* One that knows of VLAN tags that the driver has taken off. */
static int load_with_tags(const struct xdp *xdp, uint32_t index)
{
	int32_t tell = btf_kernel_function("bpf_xdp_metadata_rx_vlan_tag");
	const struct bpf_insn program[] = {
		COPY(CONTEXT, 1),
		INSERT_TAG(tell),
		TO_SOCKET(xdp->sockets, xdp->counter),
	};

	if (tell < 0)
		return -EOPNOTSUPP;
	return load(program, sizeof(program), LOAD_FRAGMENTS | LOAD_BOUND, index);
}

static int load_plain(const struct xdp *xdp)
{
	const struct bpf_insn program[] = {
		COPY(CONTEXT, 1),
		TO_SOCKET(xdp->sockets, xdp->counter),
	};

	return load(program, sizeof(program), LOAD_FRAGMENTS, 0);
}

/* ---- attaching ---- */

static int attach(int program, uint32_t index, uint32_t how)
{
	/* The beginning of union bpf_attr for BPF_LINK_CREATE. */
	const struct {
		uint32_t program, target_index, attach_type, flags;
	} attributes = { (uint32_t)program, index, ATTACH_XDP, how };
	int fd;

	if (program < 0)
		return program;
	fd = bpf_attach(program, &attributes, sizeof(attributes));
	/* Another program: one of a link, or one of the old kind. */
	return fd == -EBUSY ? -EEXIST : fd;
}

/*
 * By the driver, or by the system when the driver cannot. A VLAN tag must not be taken off where
 * nobody asks for it, nor frames be put together before the system looks.
 */
static int attach_somehow(struct xdp *xdp, const struct link *link, int native_only)
{
	int rc;

	xdp->is_native = 1;
	if (link_is_virtual(link)) {
		rc = attach(load_with_tags(xdp, link->index), link->index, LINK_NATIVE);
		if (rc >= 0 || rc == -EEXIST || rc == -ERANGE || rc == -ENOSPC)
			return rc;
	}
	if (link_offloads(link) & LINK_TAKES_TAGS_OFF && !link_is_virtual(link))
		return -ENOPROTOOPT;
	rc = attach(load_plain(xdp), link->index, LINK_NATIVE);
	if (native_only || (rc != -EOPNOTSUPP && rc != -EINVAL))
		return rc;
	if (link_offloads(link) & (LINK_TAKES_TAGS_OFF | LINK_JOINS_FRAMES))
		return -ENOPROTOOPT;
	xdp->is_native = 0;
	return attach(load_plain(xdp), link->index, LINK_GENERIC);
}

static int make_map(uint32_t type, uint32_t value_bytes, uint32_t entries, uint32_t flags)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = type;
	attributes.key_size = sizeof(uint32_t);
	attributes.value_size = value_bytes;
	attributes.max_entries = entries;
	attributes.map_flags = flags;
	return bpf_call(BPF_MAP_CREATE, &attributes, sizeof(attributes));
}

static int make_maps(struct xdp *xdp, uint32_t queues)
{
	void *missed;

	xdp->sockets = make_map(BPF_MAP_TYPE_XSKMAP, sizeof(uint32_t), queues, 0);
	if (xdp->sockets < 0)
		return xdp->sockets == -EINVAL ? -EPFNOSUPPORT : xdp->sockets;
	xdp->counter = make_map(BPF_MAP_TYPE_ARRAY, sizeof(*xdp->missed), 1, MAP_MAPPED);
	if (xdp->counter < 0)
		return xdp->counter;
	missed = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, xdp->counter, 0);
	if (missed == MAP_FAILED)
		return -errno;
	xdp->missed = missed;
	return 0;
}

int xdp_open(struct xdp *xdp, const struct link *link, uint32_t queues, int native_only)
{
	int rc;

	*xdp = (struct xdp){ .sockets = -1, .counter = -1, .link = -1 };
	rc = make_maps(xdp, queues);
	if (rc == 0)
		rc = xdp->link = attach_somehow(xdp, link, native_only);
	return rc < 0 ? rc : 0;
}

int xdp_set_socket(const struct xdp *xdp, uint32_t queue, int socket_fd)
{
	union bpf_attr attributes;
	uint32_t value = (uint32_t)socket_fd;

	memset(&attributes, 0, sizeof(attributes));
	attributes.map_fd = (uint32_t)xdp->sockets;
	attributes.key = (uintptr_t)&queue;
	attributes.value = (uintptr_t)&value;
	return bpf_call(BPF_MAP_UPDATE_ELEM, &attributes, sizeof(attributes));
}

uint64_t xdp_missed(struct xdp *xdp)
{
	uint64_t now = __atomic_load_n(xdp->missed, __ATOMIC_RELAXED), before = xdp->missed_seen;

	xdp->missed_seen = now;
	return now - before;
}

void xdp_close(struct xdp *xdp)
{
	if (xdp->link >= 0)
		close(xdp->link);
	if (xdp->missed)
		munmap(xdp->missed, (size_t)sysconf(_SC_PAGESIZE));
	if (xdp->counter >= 0)
		close(xdp->counter);
	if (xdp->sockets >= 0)
		close(xdp->sockets);
	*xdp = (struct xdp){ .sockets = -1, .counter = -1, .link = -1 };
}
