/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compile-time check of the headers beside this one against netmap's ABI (64-bit Linux).
 * The numbers were taken from compiled netmap headers, not from ours. Nothing is declared here:
 * include it in one C file.
 */
#ifndef NETMAP_ASSERT_H
#define NETMAP_ASSERT_H

#include <stddef.h>

#include "netmap.h"
#include "netmap_legacy.h"

#define NM_SIZE(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), "size of struct " #type)
#define NM_AT(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), "offset of " #type "." #field)
#define NM_IS(name, number) \
	_Static_assert((name) == (number), "value of " #name)

/* ---- shared memory ---- */

NM_SIZE(netmap_slot, 16);
NM_AT(netmap_slot, buf_idx, 0);
NM_AT(netmap_slot, len, 4);
NM_AT(netmap_slot, flags, 6);
NM_AT(netmap_slot, ptr, 8);

NM_SIZE(netmap_ring, 256);
NM_AT(netmap_ring, buf_ofs, 0);
NM_AT(netmap_ring, num_slots, 8);
NM_AT(netmap_ring, nr_buf_size, 12);
NM_AT(netmap_ring, ringid, 16);
NM_AT(netmap_ring, dir, 18);
NM_AT(netmap_ring, head, 20);
NM_AT(netmap_ring, cur, 24);
NM_AT(netmap_ring, tail, 28);
NM_AT(netmap_ring, flags, 32);
NM_AT(netmap_ring, ts, 40);
NM_AT(netmap_ring, offset_mask, 56);
NM_AT(netmap_ring, buf_align, 64);
NM_AT(netmap_ring, sem, 128);
NM_AT(netmap_ring, slot, 256);

_Static_assert(sizeof(((struct netmap_ring *)0)->ts) == 16, "size of netmap_ring.ts");
_Static_assert(_Alignof(struct netmap_ring) == 8, "alignment of struct netmap_ring");

NM_SIZE(netmap_if, 56);
NM_AT(netmap_if, ni_name, 0);
NM_AT(netmap_if, ni_version, 16);
NM_AT(netmap_if, ni_flags, 20);
NM_AT(netmap_if, ni_tx_rings, 24);
NM_AT(netmap_if, ni_rx_rings, 28);
NM_AT(netmap_if, ni_bufs_head, 32);
NM_AT(netmap_if, ni_host_tx_rings, 36);
NM_AT(netmap_if, ni_host_rx_rings, 40);
NM_AT(netmap_if, ni_spare1, 44);
NM_AT(netmap_if, ring_ofs, 56);

_Static_assert(sizeof(((struct netmap_if *)0)->ring_ofs[0]) == 8, "size of ring_ofs[]");

NM_SIZE(nm_csb_atok, 64);
NM_AT(nm_csb_atok, head, 0);
NM_AT(nm_csb_atok, cur, 4);
NM_AT(nm_csb_atok, appl_need_kick, 8);
NM_AT(nm_csb_atok, sync_flags, 12);

NM_SIZE(nm_csb_ktoa, 64);
NM_AT(nm_csb_ktoa, hwcur, 0);
NM_AT(nm_csb_ktoa, hwtail, 4);
NM_AT(nm_csb_ktoa, kern_need_kick, 8);

NM_IS(NETMAP_IFNAMSIZ, 16);
NM_IS(NM_CACHE_ALIGN, 128);
NM_IS(NETMAP_MAX_FRAGS, 64);
NM_IS(NS_BUF_CHANGED, 0x1);
NM_IS(NS_REPORT, 0x2);
NM_IS(NS_FORWARD, 0x4);
NM_IS(NS_NO_LEARN, 0x8);
NM_IS(NS_INDIRECT, 0x10);
NM_IS(NS_MOREFRAG, 0x20);
NM_IS(NS_TXMON, 0x40);
NM_IS(NS_PORT_SHIFT, 8);
NM_IS(NS_PORT_MASK, 0xff00);
NM_IS(NR_DIR_RX, 0);
NM_IS(NR_DIR_TX, 1);
NM_IS(NR_TIMESTAMP, 0x2);
NM_IS(NR_FORWARD, 0x4);
NM_IS(NI_PRIV_MEM, 0x1);

/* ---- control requests ---- */

NM_SIZE(nmreq_header, 88);
NM_AT(nmreq_header, nr_version, 0);
NM_AT(nmreq_header, nr_reqtype, 2);
NM_AT(nmreq_header, nr_reserved, 4);
NM_AT(nmreq_header, nr_name, 8);
NM_AT(nmreq_header, nr_options, 72);
NM_AT(nmreq_header, nr_body, 80);

NM_SIZE(nmreq_option, 24);
NM_AT(nmreq_option, nro_next, 0);
NM_AT(nmreq_option, nro_reqtype, 8);
NM_AT(nmreq_option, nro_status, 12);
NM_AT(nmreq_option, nro_size, 16);

NM_SIZE(nmreq_register, 56);
NM_AT(nmreq_register, nr_offset, 0);
NM_AT(nmreq_register, nr_memsize, 8);
NM_AT(nmreq_register, nr_tx_slots, 16);
NM_AT(nmreq_register, nr_rx_slots, 20);
NM_AT(nmreq_register, nr_tx_rings, 24);
NM_AT(nmreq_register, nr_rx_rings, 26);
NM_AT(nmreq_register, nr_host_tx_rings, 28);
NM_AT(nmreq_register, nr_host_rx_rings, 30);
NM_AT(nmreq_register, nr_mem_id, 32);
NM_AT(nmreq_register, nr_ringid, 34);
NM_AT(nmreq_register, nr_mode, 36);
NM_AT(nmreq_register, nr_extra_bufs, 40);
NM_AT(nmreq_register, nr_flags, 48);

NM_SIZE(nmreq_port_info_get, 32);
NM_AT(nmreq_port_info_get, nr_memsize, 0);
NM_AT(nmreq_port_info_get, nr_tx_slots, 8);
NM_AT(nmreq_port_info_get, nr_rx_slots, 12);
NM_AT(nmreq_port_info_get, nr_tx_rings, 16);
NM_AT(nmreq_port_info_get, nr_rx_rings, 18);
NM_AT(nmreq_port_info_get, nr_host_tx_rings, 20);
NM_AT(nmreq_port_info_get, nr_host_rx_rings, 22);
NM_AT(nmreq_port_info_get, nr_mem_id, 24);

NM_SIZE(nmreq_vale_attach, 64);
NM_AT(nmreq_vale_attach, reg, 0);
NM_AT(nmreq_vale_attach, port_index, 56);

NM_SIZE(nmreq_vale_detach, 8);
NM_AT(nmreq_vale_detach, port_index, 0);

NM_SIZE(nmreq_vale_list, 8);
NM_AT(nmreq_vale_list, nr_bridge_idx, 0);
NM_AT(nmreq_vale_list, nr_port_idx, 4);

NM_SIZE(nmreq_port_hdr, 8);
NM_AT(nmreq_port_hdr, nr_hdr_len, 0);

NM_SIZE(nmreq_vale_newif, 16);
NM_AT(nmreq_vale_newif, nr_tx_slots, 0);
NM_AT(nmreq_vale_newif, nr_rx_slots, 4);
NM_AT(nmreq_vale_newif, nr_tx_rings, 8);
NM_AT(nmreq_vale_newif, nr_rx_rings, 10);
NM_AT(nmreq_vale_newif, nr_mem_id, 12);

NM_SIZE(nmreq_vale_polling, 16);
NM_AT(nmreq_vale_polling, nr_mode, 0);
NM_AT(nmreq_vale_polling, nr_first_cpu_id, 4);
NM_AT(nmreq_vale_polling, nr_num_polling_cpus, 8);

NM_SIZE(nmreq_pools_info, 64);
NM_AT(nmreq_pools_info, nr_memsize, 0);
NM_AT(nmreq_pools_info, nr_mem_id, 8);
NM_AT(nmreq_pools_info, nr_if_pool_offset, 16);
NM_AT(nmreq_pools_info, nr_if_pool_objtotal, 24);
NM_AT(nmreq_pools_info, nr_if_pool_objsize, 28);
NM_AT(nmreq_pools_info, nr_ring_pool_offset, 32);
NM_AT(nmreq_pools_info, nr_ring_pool_objtotal, 40);
NM_AT(nmreq_pools_info, nr_ring_pool_objsize, 44);
NM_AT(nmreq_pools_info, nr_buf_pool_offset, 48);
NM_AT(nmreq_pools_info, nr_buf_pool_objtotal, 56);
NM_AT(nmreq_pools_info, nr_buf_pool_objsize, 60);

NM_SIZE(nmreq_sync_kloop_start, 8);
NM_AT(nmreq_sync_kloop_start, sleep_us, 0);

NM_SIZE(nmreq_opt_extmem, 96);
NM_AT(nmreq_opt_extmem, nro_opt, 0);
NM_AT(nmreq_opt_extmem, nro_usrptr, 24);
NM_AT(nmreq_opt_extmem, nro_info, 32);

NM_SIZE(nmreq_opt_sync_kloop_eventfds, 24);
NM_AT(nmreq_opt_sync_kloop_eventfds, nro_opt, 0);
NM_AT(nmreq_opt_sync_kloop_eventfds, eventfds, 24);
NM_AT(nmreq_opt_sync_kloop_eventfds, eventfds[0].irqfd, 28);
NM_AT(nmreq_opt_sync_kloop_eventfds, eventfds[1], 32);

NM_SIZE(nmreq_opt_csb, 40);
NM_AT(nmreq_opt_csb, nro_opt, 0);
NM_AT(nmreq_opt_csb, csb_atok, 24);
NM_AT(nmreq_opt_csb, csb_ktoa, 32);

NM_SIZE(nmreq_opt_sync_kloop_mode, 32);
NM_AT(nmreq_opt_sync_kloop_mode, nro_opt, 0);
NM_AT(nmreq_opt_sync_kloop_mode, mode, 24);

NM_SIZE(nmreq_opt_offsets, 56);
NM_AT(nmreq_opt_offsets, nro_opt, 0);
NM_AT(nmreq_opt_offsets, nro_max_offset, 24);
NM_AT(nmreq_opt_offsets, nro_initial_offset, 32);
NM_AT(nmreq_opt_offsets, nro_offset_bits, 40);
NM_AT(nmreq_opt_offsets, nro_tx_align, 44);
NM_AT(nmreq_opt_offsets, nro_min_gap, 48);

NM_SIZE(nm_ifreq, 272);
NM_AT(nm_ifreq, nifr_name, 0);
NM_AT(nm_ifreq, data, 16);

NM_IS(NETMAP_API, 14);
NM_IS(NETMAP_MIN_API, 14);
NM_IS(NETMAP_MAX_API, 15);
NM_IS(NETMAP_REQ_IFNAMSIZ, 64);
NM_IS(NETMAP_REQ_MAXSIZE, 4096);
NM_IS(NM_BDG_IFNAMSIZ, 16);
NM_IS(NM_BDG_BROADCAST, 254);
NM_IS(NM_BDG_NOPORT, 255);
NM_IS(NM_IFRDATA_LEN, 256);
NM_IS(sizeof(NM_BDG_NAME), 5);

NM_IS(NETMAP_REQ_REGISTER, 1);
NM_IS(NETMAP_REQ_PORT_INFO_GET, 2);
NM_IS(NETMAP_REQ_VALE_ATTACH, 3);
NM_IS(NETMAP_REQ_VALE_DETACH, 4);
NM_IS(NETMAP_REQ_VALE_LIST, 5);
NM_IS(NETMAP_REQ_PORT_HDR_SET, 6);
NM_IS(NETMAP_REQ_PORT_HDR_GET, 7);
NM_IS(NETMAP_REQ_VALE_NEWIF, 8);
NM_IS(NETMAP_REQ_VALE_DELIF, 9);
NM_IS(NETMAP_REQ_VALE_POLLING_ENABLE, 10);
NM_IS(NETMAP_REQ_VALE_POLLING_DISABLE, 11);
NM_IS(NETMAP_REQ_POOLS_INFO_GET, 12);
NM_IS(NETMAP_REQ_SYNC_KLOOP_START, 13);
NM_IS(NETMAP_REQ_SYNC_KLOOP_STOP, 14);
NM_IS(NETMAP_REQ_CSB_ENABLE, 15);

NM_IS(NETMAP_REQ_OPT_EXTMEM, 1);
NM_IS(NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS, 2);
NM_IS(NETMAP_REQ_OPT_CSB, 3);
NM_IS(NETMAP_REQ_OPT_SYNC_KLOOP_MODE, 4);
NM_IS(NETMAP_REQ_OPT_OFFSETS, 5);
NM_IS(NETMAP_REQ_OPT_MAX, 6);

NM_IS(NR_REG_DEFAULT, 0);
NM_IS(NR_REG_ALL_NIC, 1);
NM_IS(NR_REG_SW, 2);
NM_IS(NR_REG_NIC_SW, 3);
NM_IS(NR_REG_ONE_NIC, 4);
NM_IS(NR_REG_PIPE_MASTER, 5);
NM_IS(NR_REG_PIPE_SLAVE, 6);
NM_IS(NR_REG_NULL, 7);
NM_IS(NR_REG_ONE_SW, 8);

NM_IS(NR_MONITOR_TX, 0x100);
NM_IS(NR_MONITOR_RX, 0x200);
NM_IS(NR_ZCOPY_MON, 0x400);
NM_IS(NR_EXCLUSIVE, 0x800);
NM_IS(NR_RX_RINGS_ONLY, 0x2000);
NM_IS(NR_TX_RINGS_ONLY, 0x4000);
NM_IS(NR_ACCEPT_VNET_HDR, 0x8000);
NM_IS(NR_DO_RX_POLL, 0x10000);
NM_IS(NR_NO_TX_POLL, 0x20000);
NM_IS(NETMAP_POLLING_MODE_SINGLE_CPU, 1);
NM_IS(NETMAP_POLLING_MODE_MULTI_CPU, 2);
NM_IS(NM_OPT_SYNC_KLOOP_DIRECT_TX, 1);
NM_IS(NM_OPT_SYNC_KLOOP_DIRECT_RX, 2);

NM_IS(NIOCTXSYNC, 0x6994);
NM_IS(NIOCRXSYNC, 0x6995);
NM_IS(NIOCCONFIG, 0xc1106996);
NM_IS(NIOCCTRL, 0xc0586997);

/* ---- legacy requests ---- */

NM_SIZE(nmreq, 60);
NM_AT(nmreq, nr_name, 0);
NM_AT(nmreq, nr_version, 16);
NM_AT(nmreq, nr_offset, 20);
NM_AT(nmreq, nr_memsize, 24);
NM_AT(nmreq, nr_tx_slots, 28);
NM_AT(nmreq, nr_rx_slots, 32);
NM_AT(nmreq, nr_tx_rings, 36);
NM_AT(nmreq, nr_rx_rings, 38);
NM_AT(nmreq, nr_ringid, 40);
NM_AT(nmreq, nr_cmd, 42);
NM_AT(nmreq, nr_arg1, 44);
NM_AT(nmreq, nr_arg2, 46);
NM_AT(nmreq, nr_arg3, 48);
NM_AT(nmreq, nr_flags, 52);
NM_AT(nmreq, spare2, 56);

NM_IS(NR_REG_MASK, 0xf);
NM_IS(NETMAP_RING_MASK, 0xfff);
NM_IS(NETMAP_NO_TX_POLL, 0x1000);
NM_IS(NETMAP_SW_RING, 0x2000);
NM_IS(NETMAP_HW_RING, 0x4000);
NM_IS(NETMAP_DO_RX_POLL, 0x8000);
NM_IS(NETMAP_BDG_HOST, 1);

NM_IS(NETMAP_BDG_ATTACH, 1);
NM_IS(NETMAP_BDG_DETACH, 2);
NM_IS(NETMAP_BDG_REGOPS, 3);
NM_IS(NETMAP_BDG_LIST, 4);
NM_IS(NETMAP_BDG_VNET_HDR, 5);
NM_IS(NETMAP_BDG_NEWIF, 6);
NM_IS(NETMAP_BDG_DELIF, 7);
NM_IS(NETMAP_PT_HOST_CREATE, 8);
NM_IS(NETMAP_PT_HOST_DELETE, 9);
NM_IS(NETMAP_BDG_POLLING_ON, 10);
NM_IS(NETMAP_BDG_POLLING_OFF, 11);
NM_IS(NETMAP_VNET_HDR_GET, 12);

NM_IS(NIOCGINFO, 0xc03c6991);
NM_IS(NIOCREGIF, 0xc03c6992);

#undef NM_SIZE
#undef NM_AT
#undef NM_IS

#endif /* NETMAP_ASSERT_H */
