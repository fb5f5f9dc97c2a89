/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * valet_module.h - how a process talks to the kernel's lookup module (c/module), and how the module
 * talks to the eBPF programs that it runs.
 *
 * A request is a struct valet_module_request in the 256 data bytes of netmap's struct nm_ifreq,
 * sent with NIOCCONFIG; nifr_name is the bridge with its colon, "vale0:". A bridge answers EINVAL
 * until its name has been written to /sys/module/valet_lookup/parameters/bridges.
 *
 * A program is of type XDP and is run once per packet. It sees
 *   data ... data_end   the first fragment of the frame, for reading and writing; what is written
 *                       is what the receivers get
 *   rx_queue_index      port index of the sender
 *   ingress_ifindex     ring of the sender, VALET_MODULE_RING(), and for a frame of several
 *                       fragments how many and how long: VALET_MODULE_FRAGMENTS(), _LENGTH()
 * and returns a port index, one of the results below, or VALET_MODULE_TO(result, ring), or
 * VALET_MODULE_COPY(result, port). Everything else drops the packet and is counted as garbage.
 */
#ifndef VALET_MODULE_H
#define VALET_MODULE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* Version 2, and such that what is meant for another module of this kind is not taken for ours. */
#define VALET_MODULE_VERSION 0x4c415602u

/* Where the bridges are listed, added ("vale0") and removed ("-vale0"). */
#define VALET_MODULE_BRIDGES "/sys/module/valet_lookup/parameters/bridges"

/* Results of a program besides the indices of ports, which are below 254. */
#define VALET_MODULE_BROADCAST 254u /* to every other port */
#define VALET_MODULE_DROP 255u /* to nobody */
#define VALET_MODULE_LEARN 256u /* the learning bridge decides */

/*
 * The same with a receive ring below 2^20 - 1, which is taken modulo the receiver's rings; without
 * one it is the sender's ring that is.
 */
#define VALET_MODULE_TO(result, ring) ((result) | ((ring) + 1u) << 12)
#define VALET_MODULE_RESULT_MASK 0x7ffu
#define VALET_MODULE_RING_SHIFT 12

/*
 * The same, and a copy to the port of that index, below 254, wherever else the packet goes; a port
 * that gets it anyway gets it once. With a receive ring, below 4095, for both.
 */
#define VALET_MODULE_COPY(result, port) ((result) | VALET_MODULE_COPY_FLAG | (uint32_t)(port) << 12)
#define VALET_MODULE_COPY_TO(result, port, ring) \
	(VALET_MODULE_COPY(result, port) | ((ring) + 1u) << 20)
#define VALET_MODULE_COPY_FLAG 0x800u
#define VALET_MODULE_COPY_PORT(result) ((result) >> 12 & 0xff)
#define VALET_MODULE_COPY_RING_SHIFT 20

/*
 * ingress_ifindex: 6 bits ring + 1, 7 bits fragments, 19 bits length in bytes. The latter two are 0
 * for a frame of one fragment; numbers that do not fit are the greatest that does.
 */
#define VALET_MODULE_RING(ifindex) (((ifindex)&0x3f) - 1)
#define VALET_MODULE_FRAGMENTS(ifindex) ((ifindex) >> 6 & 0x7f)
#define VALET_MODULE_LENGTH(ifindex) ((uint32_t)(ifindex) >> 13)

enum {
	/*
	 * Runs the program of `program_fd` from now on. Replaces at once; a packet is seen by the
	 * old program or the new one. EBADF: not open; ENOEXEC: no program, or not of type XDP;
	 * EOPNOTSUPP: made for a device or a map.
	 */
	VALET_MODULE_LOAD = 1,
	/* Removes the program: the bridge learns. ENOENT: it has none. */
	VALET_MODULE_UNLOAD = 2,
	/* Only answers. */
	VALET_MODULE_STATS = 3,
};

/* What was counted since the bridge was added, in packets. */
enum {
	VALET_MODULE_PACKETS, /* while a program was loaded */
	VALET_MODULE_UNICAST, /* sent to one port by its index */
	VALET_MODULE_BROADCASTS,
	VALET_MODULE_LEARNED, /* left to the learning bridge */
	VALET_MODULE_DROPPED, /* as the program said */
	VALET_MODULE_NO_PORT, /* dropped: the index of no port, or of the sender */
	VALET_MODULE_GARBAGE, /* dropped: not a result */
	VALET_MODULE_UNSUPPORTED, /* dropped: data in a process's own memory (NS_INDIRECT) */
	VALET_MODULE_COPIES, /* copied to a port, besides what became of the packet */
	VALET_MODULE_COPIES_LOST, /* not copied: no such port, its ring full, closed or otherwise set up */
	VALET_MODULE_COUNTERS
};

/*
 * Errors besides the above: EPERM without CAP_NET_ADMIN (LOAD, UNLOAD); EPROTONOSUPPORT: another
 * version, or not a request of ours; `version` then says the module's; ENOTTY: unknown command; ENXIO: the bridge is going.
 */
struct valet_module_request {
	uint32_t version; /* in: VALET_MODULE_VERSION; out: the module's */
	uint32_t command; /* in */
	int32_t program_fd; /* in: LOAD */
	uint32_t program_id; /* out: the kernel's number of the program that is loaded; 0 = none */
	uint32_t replaced_id; /* out: of the one that LOAD or UNLOAD has removed; 0 = none */
	uint32_t loads; /* out: how often a program was loaded since the bridge was added */
	char program_name[16]; /* out */
	uint64_t counters[VALET_MODULE_COUNTERS]; /* out */
	uint8_t reserved[256 - 40 - 8 * VALET_MODULE_COUNTERS]; /* 0 */
};

_Static_assert(sizeof(struct valet_module_request) == 256, "fills the data of struct nm_ifreq");

#endif
