/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap ABI, part 2: control requests.
 *
 * ioctl(fd, NIOCCTRL, &header): the header names the port and the request, and points to the
 * request's body and to a list of options. Pointers are 64-bit integers in all of them.
 * Reserved and padding fields are zero. Marks: (in) read, (out) written back by the switch.
 *
 * Reference: netmap(4).
 */
#ifndef NETMAP_REQUEST_H
#define NETMAP_REQUEST_H

#include <stdint.h>

#include <linux/ioctl.h>

#include "netmap_memory.h"

/* Version of this ABI, and the range of nr_version that is accepted. */
#define NETMAP_API	14
#define NETMAP_MIN_API	14
#define NETMAP_MAX_API	15

#define NETMAP_REQ_IFNAMSIZ	64	/* bytes of nr_name with its NUL */
#define NETMAP_REQ_MAXSIZE	4096	/* most bytes of a request's body and options together */

/* ---- VALE names and destinations ------------------------------------------------------------ */

#define NM_BDG_NAME	"vale"		/* how the name of every VALE port starts */
#define NM_BDG_IFNAMSIZ	NETMAP_IFNAMSIZ	/* for "valeX" and for what follows ':', each with NUL */

/* What a lookup function answers besides a port index. */
#define NM_BDG_BROADCAST	254
#define NM_BDG_NOPORT		255	/* drop */

/* ---- header and option list ----------------------------------------------------------------- */

struct nmreq_header {
	uint16_t nr_version;	/* (in, out) NETMAP_API */
	uint16_t nr_reqtype;	/* (in) enum nm_request */
	uint32_t nr_reserved;	/* 0, else EINVAL */
	char	 nr_name[NETMAP_REQ_IFNAMSIZ];	/* (in) "eth0", "vale0:a", "eth0{1" */
	uint64_t nr_options;	/* (in) address of the first struct nmreq_option, or 0 */
	uint64_t nr_body;	/* (in) address of the body; 0 exactly if the request has none */
};

/* Start of every option. */
struct nmreq_option {
	uint64_t nro_next;	/* (in) address of the next option, or 0 */
	uint32_t nro_reqtype;	/* (in) enum nm_option */
	uint32_t nro_status;	/* (out) 0 or an errno value, per option */
	uint64_t nro_size;	/* (in) bytes, for options of variable size; else 0 */
};

enum nm_request {
	NETMAP_REQ_REGISTER		= 1,	/* nmreq_register: bind this descriptor to a port */
	NETMAP_REQ_PORT_INFO_GET	= 2,	/* nmreq_port_info_get */
	NETMAP_REQ_VALE_ATTACH		= 3,	/* nmreq_vale_attach: interface to bridge */
	NETMAP_REQ_VALE_DETACH		= 4,	/* nmreq_vale_detach */
	NETMAP_REQ_VALE_LIST		= 5,	/* nmreq_vale_list */
	NETMAP_REQ_PORT_HDR_SET		= 6,	/* nmreq_port_hdr: virtio-net header length */
	NETMAP_REQ_PORT_HDR_GET		= 7,	/* nmreq_port_hdr */
	NETMAP_REQ_VALE_NEWIF		= 8,	/* nmreq_vale_newif: make a persistent port */
	NETMAP_REQ_VALE_DELIF		= 9,	/* no body: remove a persistent port */
	NETMAP_REQ_VALE_POLLING_ENABLE	= 10,	/* nmreq_vale_polling: attached NICs only */
	NETMAP_REQ_VALE_POLLING_DISABLE	= 11,	/* nmreq_vale_polling */
	NETMAP_REQ_POOLS_INFO_GET	= 12,	/* nmreq_pools_info: where the pools are */
	NETMAP_REQ_SYNC_KLOOP_START	= 13,	/* nmreq_sync_kloop_start: blocks until STOP */
	NETMAP_REQ_SYNC_KLOOP_STOP	= 14,	/* no body */
	NETMAP_REQ_CSB_ENABLE		= 15,	/* no body; with the CSB option */
};

enum nm_option {
	NETMAP_REQ_OPT_EXTMEM			= 1,	/* REGISTER: memory of the caller */
	NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS	= 2,	/* SYNC_KLOOP_START: notifications */
	NETMAP_REQ_OPT_CSB			= 3,	/* REGISTER, CSB_ENABLE */
	NETMAP_REQ_OPT_SYNC_KLOOP_MODE		= 4,	/* SYNC_KLOOP_START: direct syncs */
	NETMAP_REQ_OPT_OFFSETS			= 5,	/* REGISTER: packets not at offset 0 */
	NETMAP_REQ_OPT_MAX			= 6,	/* one more than the last */
};

/* ---- bodies --------------------------------------------------------------------------------- */

/* REGISTER. Sizes: 0 asks for the default; the values in use are written back. */
struct nmreq_register {
	uint64_t nr_offset;	/* (out) of the netmap_if in the region */
	uint64_t nr_memsize;	/* (out) bytes of the region, the length to map */
	uint32_t nr_tx_slots;	/* (in, out) slots per TX ring */
	uint32_t nr_rx_slots;	/* (in, out) slots per RX ring */
	uint16_t nr_tx_rings;	/* (in, out) */
	uint16_t nr_rx_rings;	/* (in, out) */
	uint16_t nr_host_tx_rings;	/* (in, out) */
	uint16_t nr_host_rx_rings;	/* (in, out) */
	uint16_t nr_mem_id;	/* (in, out) region: 0 any, 1 global, others private */
	uint16_t nr_ringid;	/* (in) which ring, for the NR_REG_ONE_* modes */
	uint32_t nr_mode;	/* (in) enum nm_register_mode */
	uint32_t nr_extra_bufs;	/* (in, out) buffers wanted beside those of the rings */
	uint64_t nr_flags;	/* (in) NR_MONITOR_TX ... NR_NO_TX_POLL; unknown bits are ignored */
};

/* nmreq_register.nr_mode: which rings to bind. */
enum nm_register_mode {
	NR_REG_DEFAULT		= 0,	/* of the legacy API; EINVAL here */
	NR_REG_ALL_NIC		= 1,	/* all rings of the port without host rings */
	NR_REG_SW		= 2,	/* all host rings */
	NR_REG_NIC_SW		= 3,	/* both */
	NR_REG_ONE_NIC		= 4,	/* TX and RX ring nr_ringid */
	NR_REG_PIPE_MASTER	= 5,	/* of the legacy API; here the name is "port{id" */
	NR_REG_PIPE_SLAVE	= 6,	/* of the legacy API; here the name is "port}id" */
	NR_REG_NULL		= 7,	/* no rings, holds the region nr_mem_id */
	NR_REG_ONE_SW		= 8,	/* host TX and RX ring nr_ringid */
};

/* nmreq_register.nr_flags */
#define NR_MONITOR_TX		0x100	/* be a monitor of the port's TX rings */
#define NR_MONITOR_RX		0x200	/* be a monitor of the port's RX rings */
#define NR_ZCOPY_MON		0x400	/* the monitor shares buffers instead of copying */
#define NR_EXCLUSIVE		0x800	/* EBUSY if one of the rings is bound already */
#define NR_RX_RINGS_ONLY	0x2000	/* bind no TX rings */
#define NR_TX_RINGS_ONLY	0x4000	/* bind no RX rings */
#define NR_ACCEPT_VNET_HDR	0x8000	/* the application handles a virtio-net header */
#define NR_DO_RX_POLL		0x10000	/* documented for poll(); nothing reads it */
#define NR_NO_TX_POLL		0x20000	/* poll() sends pending packets only with POLLOUT */

/* PORT_INFO_GET. With an empty name: about the region nr_mem_id. */
struct nmreq_port_info_get {
	uint64_t nr_memsize;	/* (out) bytes of the region */
	uint32_t nr_tx_slots;	/* (out) slots per TX ring */
	uint32_t nr_rx_slots;	/* (out) slots per RX ring */
	uint16_t nr_tx_rings;	/* (out) */
	uint16_t nr_rx_rings;	/* (out) */
	uint16_t nr_host_tx_rings;	/* (out) */
	uint16_t nr_host_rx_rings;	/* (out) */
	uint16_t nr_mem_id;	/* (in, out) */
	uint16_t pad[3];
};

/* VALE_ATTACH. Name "valeX:interface"; reg.nr_mode is ALL_NIC, or NIC_SW for host rings too. */
struct nmreq_vale_attach {
	struct nmreq_register reg;
	uint32_t port_index;	/* (out) on the bridge */
	uint32_t pad1;
};

/* VALE_DETACH. Name "valeX:interface". */
struct nmreq_vale_detach {
	uint32_t port_index;	/* (out) that the port had */
	uint32_t pad1;
};

/* VALE_LIST. With a name: (out) its indices. Without: (in) where to look from, (out) what was
 * found there or after it, its name in the header; ENOENT at the end. */
struct nmreq_vale_list {
	uint16_t nr_bridge_idx;
	uint16_t pad1;
	uint32_t nr_port_idx;
};

/* PORT_HDR_SET (in), PORT_HDR_GET (out). */
struct nmreq_port_hdr {
	uint32_t nr_hdr_len;	/* bytes in front of each packet: 0, 10 or 12 */
	uint32_t pad1;
};

/* VALE_NEWIF. Name without "valeX:". Sizes as in nmreq_register. */
struct nmreq_vale_newif {
	uint32_t nr_tx_slots;
	uint32_t nr_rx_slots;
	uint16_t nr_tx_rings;
	uint16_t nr_rx_rings;
	uint16_t nr_mem_id;
	uint16_t pad1;
};

/* VALE_POLLING_ENABLE, VALE_POLLING_DISABLE. */
struct nmreq_vale_polling {
	uint32_t nr_mode;	/* (in) NETMAP_POLLING_MODE_* */
	uint32_t nr_first_cpu_id;
	uint32_t nr_num_polling_cpus;
	uint32_t pad1;
};

#define NETMAP_POLLING_MODE_SINGLE_CPU	1	/* one CPU serves all rings */
#define NETMAP_POLLING_MODE_MULTI_CPU	2	/* one CPU per ring */

/* POOLS_INFO_GET (out), and what the EXTMEM option asks for (in, out). Offsets and sizes in bytes,
 * objtotal counts objects. */
struct nmreq_pools_info {
	uint64_t nr_memsize;
	uint16_t nr_mem_id;	/* (in, out) */
	uint16_t pad1[3];
	uint64_t nr_if_pool_offset;
	uint32_t nr_if_pool_objtotal;
	uint32_t nr_if_pool_objsize;
	uint64_t nr_ring_pool_offset;
	uint32_t nr_ring_pool_objtotal;
	uint32_t nr_ring_pool_objsize;
	uint64_t nr_buf_pool_offset;
	uint32_t nr_buf_pool_objtotal;
	uint32_t nr_buf_pool_objsize;
};

/* SYNC_KLOOP_START. The descriptor must be in CSB mode. */
struct nmreq_sync_kloop_start {
	uint32_t sleep_us;	/* (in) microseconds between idle rounds, at most 1,000,000 */
	uint32_t pad1;
};

/* ---- options -------------------------------------------------------------------------------- */

/* The region is this memory of the caller. */
struct nmreq_opt_extmem {
	struct nmreq_option nro_opt;
	uint64_t nro_usrptr;	/* (in) page-aligned address */
	struct nmreq_pools_info nro_info;	/* (in, out) */
};

/* File descriptors of eventfds, one pair per ring in CSB order; nro_size tells how many. */
struct nmreq_opt_sync_kloop_eventfds {
	struct nmreq_option nro_opt;
	struct {
		int32_t ioeventfd;	/* application to loop; < 0: the loop sleeps instead */
		int32_t irqfd;		/* loop to application; < 0: no notification */
	} eventfds[];
};

/* Addresses of the CSB arrays. Needs NR_EXCLUSIVE. */
struct nmreq_opt_csb {
	struct nmreq_option nro_opt;
	uint64_t csb_atok;	/* (in) struct nm_csb_atok[] */
	uint64_t csb_ktoa;	/* (in) struct nm_csb_ktoa[] */
};

/* Sync in the context of the notifier, without the loop's thread. Needs all ioeventfds. */
struct nmreq_opt_sync_kloop_mode {
	struct nmreq_option nro_opt;
	uint32_t mode;		/* (in) NM_OPT_SYNC_KLOOP_DIRECT_* */
};

#define NM_OPT_SYNC_KLOOP_DIRECT_TX	0x1
#define NM_OPT_SYNC_KLOOP_DIRECT_RX	0x2

/* Part of slot.ptr is the packet's offset in its buffer. */
struct nmreq_opt_offsets {
	struct nmreq_option nro_opt;
	uint64_t nro_max_offset;	/* (in, out) larger ones in slots are cut to it */
	uint64_t nro_initial_offset;	/* (in) written to all slots */
	uint32_t nro_offset_bits;	/* (in, out) low bits of ptr that are used; 0 = all */
	uint32_t nro_tx_align;		/* documented as TX alignment; nothing reads it */
	uint64_t nro_min_gap;		/* reserved, 0 */
};

/* ---- ioctls --------------------------------------------------------------------------------- */

/* Passed through to the config callback of a bridge that a module runs. */
#define NM_IFRDATA_LEN	256
struct nm_ifreq {
	char nifr_name[NETMAP_IFNAMSIZ];
	char data[NM_IFRDATA_LEN];
};

#define NIOCTXSYNC	_IO('i', 148)	/* no argument */
#define NIOCRXSYNC	_IO('i', 149)	/* no argument */
#define NIOCCONFIG	_IOWR('i', 150, struct nm_ifreq)
#define NIOCCTRL	_IOWR('i', 151, struct nmreq_header)

#endif /* NETMAP_REQUEST_H */
