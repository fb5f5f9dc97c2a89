/**
 * Where the fields of netmap's structures are: byte offsets on 64-bit machines, little endian.
 *
 * Each constant is one C structure; `size` is its `sizeof`, without the variable part that some end
 * with. The C names stand in the comments. Source: netmap(4) and the headers in `c/uapi/`, which a
 * test compares with this file.
 *
 * @example Count the free slots of a transmit ring
 * ```ts
 * import { RING } from "./layout.ts";
 *
 * function freeSlots(ring: DataView): number {
 *   const head = ring.getUint32(RING.head, true);
 *   const tail = ring.getUint32(RING.tail, true);
 *   return tail >= head ? tail - head : tail - head + ring.getUint32(RING.slotCount, true);
 * }
 * ```
 *
 * @module
 */

/** `struct netmap_if`: what a file descriptor is bound to. */
export const INTERFACE = {
  /** Bytes, without the ring offsets. */
  size: 56,
  /** `ni_name`, char[16]. */
  name: 0,
  /** `ni_version`, u32: 0 in practice. */
  version: 16,
  /** `ni_flags`, u32: `InterfaceFlag`. */
  flags: 20,
  /** `ni_tx_rings`, u32. */
  txRings: 24,
  /** `ni_rx_rings`, u32. */
  rxRings: 28,
  /** `ni_bufs_head`, u32: first extra buffer, 0 = none. */
  bufsHead: 32,
  /** `ni_host_tx_rings`, u32. */
  hostTxRings: 36,
  /** `ni_host_rx_rings`, u32. */
  hostRxRings: 40,
  /** `ring_ofs[]`, i64 each, from this structure: TX, host TX, RX, host RX; 0 = not bound. */
  ringOffsets: 56,
} as const;

/** `struct netmap_ring`: a circular queue of slots. */
export const RING = {
  /** Bytes, without the slots. */
  size: 256,
  /** `buf_ofs`, i64: from this ring to buffer 0. */
  bufOffset: 0,
  /** `num_slots`, u32. */
  slotCount: 8,
  /** `nr_buf_size`, u32: bytes per buffer. */
  bufSize: 12,
  /** `ringid`, u16. */
  ringId: 16,
  /** `dir`, u16: `RingDirection`. */
  direction: 18,
  /** `head`, u32: first slot of the application. */
  head: 20,
  /** `cur`, u32: wake-up point. */
  cur: 24,
  /** `tail`, u32: first slot of the switch. */
  tail: 28,
  /** `flags`, u32: `RingFlag`. */
  flags: 32,
  /** `ts.tv_sec`, i64: wall clock of the last sync. */
  timestampSeconds: 40,
  /** `ts.tv_usec`, i64. */
  timestampMicroseconds: 48,
  /** `offset_mask`, u64: bits of a slot's `ptr` that are an offset. */
  offsetMask: 56,
  /** `buf_align`, u64: bytes. */
  bufAlign: 64,
  /** `sem`, 128 bytes for a lock of the application. */
  sem: 128,
  /** `slot[]`: the first slot. */
  slots: 256,
} as const;

/** `struct netmap_slot`: one packet or fragment. */
export const SLOT = {
  /** Bytes. */
  size: 16,
  /** `buf_idx`, u32. */
  bufIndex: 0,
  /** `len`, u16: bytes of packet in the buffer. */
  length: 4,
  /** `flags`, u16: `SlotFlag`. */
  flags: 6,
  /** `ptr`, u64: address (INDIRECT) or offset. */
  ptr: 8,
} as const;

/** `struct nm_csb_atok`: ring pointers from the application. */
export const CSB_ATOK = {
  /** Bytes. */
  size: 64,
  /** `head`, u32. */
  head: 0,
  /** `cur`, u32. */
  cur: 4,
  /** `appl_need_kick`, u32: the application wants to be notified. */
  applNeedKick: 8,
  /** `sync_flags`, u32. */
  syncFlags: 12,
} as const;

/** `struct nm_csb_ktoa`: ring pointers to the application. */
export const CSB_KTOA = {
  /** Bytes. */
  size: 64,
  /** `hwcur`, u32. */
  hwcur: 0,
  /** `hwtail`, u32. */
  hwtail: 4,
  /** `kern_need_kick`, u32: the sync loop wants to be notified. */
  kernNeedKick: 8,
} as const;

/** `struct nmreq_header`: start of every control request. */
export const HEADER = {
  /** Bytes. */
  size: 88,
  /** `nr_version`, u16: `API_VERSION`. */
  version: 0,
  /** `nr_reqtype`, u16: `RequestType`. */
  requestType: 2,
  /** `nr_reserved`, u32: 0. */
  reserved: 4,
  /** `nr_name`, char[64]. */
  name: 8,
  /** `nr_options`, u64: address of the first option, or 0. */
  options: 72,
  /** `nr_body`, u64: address of the body, or 0. */
  body: 80,
} as const;

/** `struct nmreq_option`: start of every option. */
export const OPTION = {
  /** Bytes. */
  size: 24,
  /** `nro_next`, u64: address of the next option, or 0. */
  next: 0,
  /** `nro_reqtype`, u32: `OptionType`. */
  optionType: 8,
  /** `nro_status`, u32: 0 or an errno value, written back. */
  status: 12,
  /** `nro_size`, u64: bytes, for options of variable size. */
  optionSize: 16,
} as const;

/** `struct nmreq_register`. */
export const REGISTER = {
  /** Bytes. */
  size: 56,
  /** `nr_offset`, u64: of the interface in the region. */
  offset: 0,
  /** `nr_memsize`, u64: bytes of the region. */
  memsize: 8,
  /** `nr_tx_slots`, u32. */
  txSlots: 16,
  /** `nr_rx_slots`, u32. */
  rxSlots: 20,
  /** `nr_tx_rings`, u16. */
  txRings: 24,
  /** `nr_rx_rings`, u16. */
  rxRings: 26,
  /** `nr_host_tx_rings`, u16. */
  hostTxRings: 28,
  /** `nr_host_rx_rings`, u16. */
  hostRxRings: 30,
  /** `nr_mem_id`, u16. */
  memId: 32,
  /** `nr_ringid`, u16. */
  ringId: 34,
  /** `nr_mode`, u32: `RegisterMode`. */
  mode: 36,
  /** `nr_extra_bufs`, u32. */
  extraBufs: 40,
  /** `nr_flags`, u64: `RegisterFlag`. */
  flags: 48,
} as const;

/** `struct nmreq_port_info_get`. */
export const PORT_INFO = {
  /** Bytes. */
  size: 32,
  /** `nr_memsize`, u64: bytes of the region. */
  memsize: 0,
  /** `nr_tx_slots`, u32. */
  txSlots: 8,
  /** `nr_rx_slots`, u32. */
  rxSlots: 12,
  /** `nr_tx_rings`, u16. */
  txRings: 16,
  /** `nr_rx_rings`, u16. */
  rxRings: 18,
  /** `nr_host_tx_rings`, u16. */
  hostTxRings: 20,
  /** `nr_host_rx_rings`, u16. */
  hostRxRings: 22,
  /** `nr_mem_id`, u16. */
  memId: 24,
} as const;

/** `struct nmreq_vale_attach`. */
export const VALE_ATTACH = {
  /** Bytes. */
  size: 64,
  /** `reg`: a {@linkcode REGISTER} structure. */
  register: 0,
  /** `port_index`, u32, written back. */
  portIndex: 56,
} as const;

/** `struct nmreq_vale_detach`. */
export const VALE_DETACH = {
  /** Bytes. */
  size: 8,
  /** `port_index`, u32, written back. */
  portIndex: 0,
} as const;

/** `struct nmreq_vale_list`. */
export const VALE_LIST = {
  /** Bytes. */
  size: 8,
  /** `nr_bridge_idx`, u16. */
  bridgeIndex: 0,
  /** `nr_port_idx`, u32. */
  portIndex: 4,
} as const;

/** `struct nmreq_port_hdr`. */
export const PORT_HEADER = {
  /** Bytes. */
  size: 8,
  /** `nr_hdr_len`, u32: bytes, 0, 10 or 12. */
  length: 0,
} as const;

/** `struct nmreq_vale_newif`. */
export const VALE_NEWIF = {
  /** Bytes. */
  size: 16,
  /** `nr_tx_slots`, u32. */
  txSlots: 0,
  /** `nr_rx_slots`, u32. */
  rxSlots: 4,
  /** `nr_tx_rings`, u16. */
  txRings: 8,
  /** `nr_rx_rings`, u16. */
  rxRings: 10,
  /** `nr_mem_id`, u16. */
  memId: 12,
} as const;

/** `struct nmreq_vale_polling`. */
export const VALE_POLLING = {
  /** Bytes. */
  size: 16,
  /** `nr_mode`, u32: `PollingMode`. */
  mode: 0,
  /** `nr_first_cpu_id`, u32. */
  firstCpu: 4,
  /** `nr_num_polling_cpus`, u32. */
  cpuCount: 8,
} as const;

/** `struct nmreq_pools_info`. */
export const POOLS_INFO = {
  /** Bytes. */
  size: 64,
  /** `nr_memsize`, u64: bytes of the region. */
  memsize: 0,
  /** `nr_mem_id`, u16. */
  memId: 8,
  /** `nr_if_pool_offset`, u64. */
  ifOffset: 16,
  /** `nr_if_pool_objtotal`, u32. */
  ifCount: 24,
  /** `nr_if_pool_objsize`, u32: bytes each. */
  ifSize: 28,
  /** `nr_ring_pool_offset`, u64. */
  ringOffset: 32,
  /** `nr_ring_pool_objtotal`, u32. */
  ringCount: 40,
  /** `nr_ring_pool_objsize`, u32: bytes each. */
  ringSize: 44,
  /** `nr_buf_pool_offset`, u64. */
  bufOffset: 48,
  /** `nr_buf_pool_objtotal`, u32. */
  bufCount: 56,
  /** `nr_buf_pool_objsize`, u32: bytes each. */
  bufSize: 60,
} as const;

/** `struct nmreq_sync_kloop_start`. */
export const SYNC_KLOOP_START = {
  /** Bytes. */
  size: 8,
  /** `sleep_us`, u32: microseconds, at most 1,000,000. */
  sleepMicroseconds: 0,
} as const;

/** `struct nmreq_opt_extmem`; starts with an {@linkcode OPTION}. */
export const OPTION_EXTMEM = {
  /** Bytes. */
  size: 96,
  /** `nro_usrptr`, u64: page-aligned address. */
  address: 24,
  /** `nro_info`: a {@linkcode POOLS_INFO} structure. */
  info: 32,
} as const;

/** `struct nmreq_opt_sync_kloop_eventfds`; starts with an {@linkcode OPTION}. */
export const OPTION_SYNC_KLOOP_EVENTFDS = {
  /** Bytes, without the entries. */
  size: 24,
  /** `eventfds[]`: the first entry. */
  entries: 24,
  /** Bytes per entry: `ioeventfd` i32, then `irqfd` i32. */
  entrySize: 8,
} as const;

/** `struct nmreq_opt_csb`; starts with an {@linkcode OPTION}. */
export const OPTION_CSB = {
  /** Bytes. */
  size: 40,
  /** `csb_atok`, u64: address of {@linkcode CSB_ATOK} structures. */
  atok: 24,
  /** `csb_ktoa`, u64: address of {@linkcode CSB_KTOA} structures. */
  ktoa: 32,
} as const;

/** `struct nmreq_opt_sync_kloop_mode`; starts with an {@linkcode OPTION}. */
export const OPTION_SYNC_KLOOP_MODE = {
  /** Bytes. */
  size: 32,
  /** `mode`, u32: `SyncKloopMode`. */
  mode: 24,
} as const;

/** `struct nmreq_opt_offsets`; starts with an {@linkcode OPTION}. */
export const OPTION_OFFSETS = {
  /** Bytes. */
  size: 56,
  /** `nro_max_offset`, u64: bytes. */
  maxOffset: 24,
  /** `nro_initial_offset`, u64: bytes. */
  initialOffset: 32,
  /** `nro_offset_bits`, u32: 0 = all of `ptr`. */
  offsetBits: 40,
  /** `nro_tx_align`, u32: nothing reads it. */
  txAlign: 44,
  /** `nro_min_gap`, u64. */
  minGap: 48,
} as const;
