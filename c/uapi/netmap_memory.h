/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap ABI, part 1: the shared memory.
 *
 * A port's memory is one region with three pools in this order, each page aligned:
 *
 *	interfaces (netmap_if) | rings (netmap_ring + slots) | packet buffers
 *
 * It holds no pointers. Places are found with offsets and indices only, so that every
 * process may map the region where it likes:
 *
 *	interface	region + nmreq_register.nr_offset
 *	ring i		interface + ring_ofs[i]
 *	buffer b	ring + buf_ofs + b * nr_buf_size
 *
 * "switch" below is whoever is at the other side of the rings: the netmap kernel module or
 * this project's engine. netmap marks the fields that an application must not write as const;
 * here they are writable, because the engine fills them in. An application never writes a field
 * that is said to be the switch's.
 *
 * 64-bit machines only. References: netmap(4), vale(4).
 */
#ifndef NETMAP_MEMORY_H
#define NETMAP_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

/* Bytes of an interface name with its NUL: IFNAMSIZ of <net/if.h>, which is not included here
 * because it and <linux/if.h> exclude each other in one order. */
#define NETMAP_IFNAMSIZ		16

/* Alignment of the parts of a ring that must not share a cache line with others. */
#define NM_CACHE_ALIGN		128

/* ---- slots ---------------------------------------------------------------------------------- */

/* One packet, or one fragment of a packet. */
struct netmap_slot {
	uint32_t buf_idx;	/* which buffer; 0 and 1 are reserved by the allocator */
	uint16_t len;		/* bytes in this buffer */
	uint16_t flags;		/* NS_* in the low byte, a count in the high byte */
	uint64_t ptr;		/* NS_INDIRECT: address in the application; with the OFFSETS
				 * option: offset of the packet in its buffer, see offset_mask */
};

#define NS_BUF_CHANGED	0x0001	/* buf_idx is not what it was: a NIC has to map it again */
#define NS_REPORT	0x0002	/* TX: tell as soon as this slot is sent (NICs; not VALE) */
#define NS_FORWARD	0x0004	/* RX: hand to the other side (NIC, host stack) on release;
				 * needs NR_FORWARD on the ring */
#define NS_NO_LEARN	0x0008	/* documented as "do not learn the source"; nothing reads it */
#define NS_INDIRECT	0x0010	/* TX on VALE: the data is at ptr, not in the buffer */
#define NS_MOREFRAG	0x0020	/* the packet goes on in the next slot */
#define NS_TXMON	0x0040	/* monitor rings: seen on a TX ring of the monitored port */

#define NS_PORT_SHIFT	8	/* high byte: number of fragments, written by VALE on RX */
#define NS_PORT_MASK	(0xff << NS_PORT_SHIFT)

/* Number of fragments of a packet received from VALE (0: not told). */
#define NS_RFRAGS(slot)	(((slot)->flags >> NS_PORT_SHIFT) & 0xff)

/* Most fragments (slots) that one packet may have. */
#define NETMAP_MAX_FRAGS	64

/* ---- rings ---------------------------------------------------------------------------------- */

/*
 * A circular queue of slots. The application owns head .. tail - 1 (modulo num_slots), the switch
 * owns the rest; one slot always stays with the switch, so a ring of n carries n - 1.
 *
 *	TX: head .. tail - 1 are free. Fill some, advance head past them, sync.
 *	RX: head .. tail - 1 hold packets. Read some, advance head past them, sync.
 *
 * cur is where waiting starts: poll() wakes when tail leaves cur. It runs from head to tail, and
 * is ahead of head when the application wants to wait for more without giving slots back.
 * The order "hwcur <= head <= cur <= tail" (modulo the ring) is checked at each sync.
 */
struct netmap_ring {
	int64_t  buf_ofs;	/* from this ring to buffer 0; the switch's */
	uint32_t num_slots;	/* the switch's */
	uint32_t nr_buf_size;	/* bytes per buffer; the switch's */
	uint16_t ringid;	/* index among the rings of its kind; the switch's */
	uint16_t dir;		/* NR_DIR_*; the switch's */

	uint32_t head;		/* first slot of the application; the application's */
	uint32_t cur;		/* wake-up point; the application's */
	uint32_t tail;		/* first slot of the switch; the switch's */

	uint32_t flags;		/* NR_TIMESTAMP, NR_FORWARD; the application's */

	struct timeval ts;	/* wall clock of the last rxsync, if NR_TIMESTAMP; the switch's */

	uint64_t offset_mask;	/* bits of slot.ptr that are an offset; 0 without OFFSETS option */
	uint64_t buf_align;	/* bytes, alignment that packets with an offset need; 0 = none */

	/* Not declared to be aligned: netmap gives rings in multiples of 64 bytes. */
	uint8_t pad[56];

	/* Room for a lock of the application. netmap never touches it. */
	uint8_t sem[128];

	struct netmap_slot slot[];	/* num_slots of them */
};

/* netmap_ring.dir as the kernel module writes it (netmap's own comment has it the other way). */
#define NR_DIR_RX	0
#define NR_DIR_TX	1

/* netmap_ring.flags */
#define NR_TIMESTAMP	0x0002	/* write ts at each sync */
#define NR_FORWARD	0x0004	/* honour NS_FORWARD in the slots */

/* ---- interfaces ----------------------------------------------------------------------------- */

/*
 * What a file descriptor is bound to. Each descriptor has its own, over rings that may be shared.
 * Everything but ni_bufs_head is the switch's.
 *
 * ring_ofs has ni_tx_rings + ni_host_tx_rings + ni_rx_rings + ni_host_rx_rings entries in that
 * order: bytes from this structure to the ring, or 0 for a ring that this descriptor is not bound
 * to. Both numbers of host rings are at least 1 even on ports without host rings.
 */
struct netmap_if {
	char	 ni_name[NETMAP_IFNAMSIZ];	/* NUL-terminated, may be cut short */
	uint32_t ni_version;	/* unused: 0 in practice */
	uint32_t ni_flags;	/* NI_PRIV_MEM */
	uint32_t ni_tx_rings;
	uint32_t ni_rx_rings;
	uint32_t ni_bufs_head;	/* extra buffers: a list linked through the first 32 bits of each,
				 * 0 ends it; what it holds at close goes back to the pool */
	uint32_t ni_host_tx_rings;
	uint32_t ni_host_rx_rings;
	uint32_t ni_spare1[3];
	int64_t	 ring_ofs[];
};

#define NI_PRIV_MEM	0x1	/* ni_flags: the region is not the global one */

/* ---- communication status blocks (CSB) ------------------------------------------------------ */

/*
 * With the CSB option the ring pointers travel through these instead of the netmap_ring header.
 * Two arrays of the application, 64-byte aligned, one entry per bound ring, all TX rings first.
 */

/* Application to kernel. Store cur before head: the other side loads head before cur. */
struct nm_csb_atok {
	uint32_t head;
	uint32_t cur;
	uint32_t appl_need_kick;	/* the application wants to be notified */
	uint32_t sync_flags;		/* flags that the sync runs with */
	uint32_t pad[12];
};

/* Kernel to application. Load hwtail before hwcur: the other side stores hwcur before hwtail. */
struct nm_csb_ktoa {
	uint32_t hwcur;
	uint32_t hwtail;
	uint32_t kern_need_kick;	/* the kernel loop wants to be notified */
	uint32_t pad[13];
};

#endif /* NETMAP_MEMORY_H */
