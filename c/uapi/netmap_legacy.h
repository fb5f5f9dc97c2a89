/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap ABI, part 3: the control requests before NIOCCTRL, which old programs still use.
 *
 * One structure serves both ioctls. NIOCGINFO reports on a port, or lists bridges if nr_cmd is
 * BDG_LIST; NIOCREGIF binds the descriptor to a port, or does what nr_cmd says if that is not 0.
 * Names have 15 characters at most. A pipe is the parent's name with mode NR_REG_PIPE_MASTER or
 * NR_REG_PIPE_SLAVE and the pipe's number in nr_ringid: the same as "parent{number" and
 * "parent}number" in nmreq_header.
 *
 * Reference: netmap(4).
 */
#ifndef NETMAP_LEGACY_H
#define NETMAP_LEGACY_H

#include <stdint.h>

#include <linux/ioctl.h>

#include "netmap_memory.h"
#include "netmap_request.h"

struct nmreq {
	char	 nr_name[NETMAP_IFNAMSIZ];	/* (in) */
	uint32_t nr_version;	/* (in, out) NETMAP_API; older ones are refused */
	uint32_t nr_offset;	/* (out) of the netmap_if in the region */
	uint32_t nr_memsize;	/* (out) bytes of the region */
	uint32_t nr_tx_slots;	/* (in, out) slots per TX ring */
	uint32_t nr_rx_slots;	/* (in, out) slots per RX ring */
	uint16_t nr_tx_rings;	/* (in, out) */
	uint16_t nr_rx_rings;	/* (in, out) */
	uint16_t nr_ringid;	/* (in) ring number and NETMAP_* bits below */
	uint16_t nr_cmd;	/* (in) enum nm_legacy_command */
	uint16_t nr_arg1;	/* command's argument, see there */
	uint16_t nr_arg2;	/* (in, out) memory region, as nmreq_register.nr_mem_id */
	uint32_t nr_arg3;	/* (in, out) extra buffers */
	uint32_t nr_flags;	/* (in) NR_REG_* mode in NR_REG_MASK, NR_MONITOR_TX ... above it */
	uint32_t spare2[1];
};

/* nmreq.nr_flags */
#define NR_REG_MASK	0xf

/* nmreq.nr_ringid. HW_RING and SW_RING choose the rings only when the mode is NR_REG_DEFAULT:
 * neither = all NIC rings, HW_RING = the one in RING_MASK, SW_RING = the host rings. */
#define NETMAP_RING_MASK	0x0fff
#define NETMAP_NO_TX_POLL	0x1000	/* as NR_NO_TX_POLL */
#define NETMAP_SW_RING		0x2000
#define NETMAP_HW_RING		0x4000
#define NETMAP_DO_RX_POLL	0x8000	/* as NR_DO_RX_POLL */

/* nmreq.nr_cmd, 0 = register the port. The request that replaces each one in brackets. */
enum nm_legacy_command {
	NETMAP_BDG_ATTACH	= 1,	/* [VALE_ATTACH] nr_arg1: 0 or NETMAP_BDG_HOST */
	NETMAP_BDG_DETACH	= 2,	/* [VALE_DETACH] */
	NETMAP_BDG_REGOPS	= 3,	/* kernel modules only */
	NETMAP_BDG_LIST		= 4,	/* [VALE_LIST] NIOCGINFO; nr_arg1: bridge, nr_arg2: port */
	NETMAP_BDG_VNET_HDR	= 5,	/* [PORT_HDR_SET] nr_arg1: length in bytes */
	NETMAP_BDG_NEWIF	= 6,	/* [VALE_NEWIF] */
	NETMAP_BDG_DELIF	= 7,	/* [VALE_DELIF] */
	NETMAP_PT_HOST_CREATE	= 8,	/* not supported any more */
	NETMAP_PT_HOST_DELETE	= 9,	/* not supported any more */
	NETMAP_BDG_POLLING_ON	= 10,	/* [VALE_POLLING_ENABLE] nr_flags: NR_REG_ALL_NIC for one
					 * CPU, NR_REG_ONE_NIC for several; nr_ringid: first
					 * CPU; nr_arg1: how many */
	NETMAP_BDG_POLLING_OFF	= 11,	/* [VALE_POLLING_DISABLE] */
	NETMAP_VNET_HDR_GET	= 12,	/* [PORT_HDR_GET] */
};

#define NETMAP_BDG_HOST	1	/* nr_arg1 of BDG_ATTACH: host rings too */

#define NIOCGINFO	_IOWR('i', 145, struct nmreq)
#define NIOCREGIF	_IOWR('i', 146, struct nmreq)

#endif /* NETMAP_LEGACY_H */
