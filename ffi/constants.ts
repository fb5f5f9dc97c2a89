/**
 * Numbers of the netmap ABI (version 14): requests, options, modes and flags.
 *
 * The names are netmap's without their prefix, so `SlotFlag.MOREFRAG` is `NS_MOREFRAG` and
 * `RegisterMode.ALL_NIC` is `NR_REG_ALL_NIC`. Source: netmap(4), `c/uapi/netmap_request.h` and
 * `c/uapi/netmap_memory.h`, which a test compares with this file.
 *
 * @module
 */

/** Version that goes into a request header; netmap accepts 14 and 15. */
export const API_VERSION = 14;

/** Bytes of the name in a request header, with its NUL. */
export const REQUEST_NAME_BYTES = 64;

/** Bytes of an interface name, and of each half of "vale0:port", with the NUL (IFNAMSIZ). */
export const INTERFACE_NAME_BYTES = 16;

/** Most slots that one packet may take. */
export const MAX_FRAGMENTS = 64;

/** What a lookup function returns to send a packet to all other ports of the bridge. */
export const BROADCAST = 254;

/** What a lookup function returns to drop a packet. */
export const DROP = 255;

/**
 * What a lookup returns to let the learning bridge decide, and learn: `VALET_LEARN` of
 * `c/valet_lookup.h`. Valet's own; netmap's lookups have no such answer.
 */
export const LEARN = 0xffff_fffd;

/** `nr_reqtype` of a request header. */
export const RequestType = {
  /** Bind a file descriptor to a port. */
  REGISTER: 1,
  /** Read a port's rings, slots and memory. */
  PORT_INFO_GET: 2,
  /** Attach an interface to a bridge. */
  VALE_ATTACH: 3,
  /** Detach an interface from its bridge. */
  VALE_DETACH: 4,
  /** Find a port by name, or list the ports of all bridges. */
  VALE_LIST: 5,
  /** Set the length of the virtio-net header in front of each packet. */
  PORT_HDR_SET: 6,
  /** Read the length of the virtio-net header. */
  PORT_HDR_GET: 7,
  /** Make a persistent VALE port. */
  VALE_NEWIF: 8,
  /** Remove a persistent VALE port. */
  VALE_DELIF: 9,
  /** Start the polling threads of an attached NIC. */
  VALE_POLLING_ENABLE: 10,
  /** Stop the polling threads of an attached NIC. */
  VALE_POLLING_DISABLE: 11,
  /** Read where the pools of a memory region are. */
  POOLS_INFO_GET: 12,
  /** Run the loop that syncs a port in CSB mode; blocks until stopped. */
  SYNC_KLOOP_START: 13,
  /** Stop that loop. */
  SYNC_KLOOP_STOP: 14,
  /** Switch a bound file descriptor to CSB mode. */
  CSB_ENABLE: 15,
} as const;

/** One of the values of {@linkcode RequestType}. */
export type RequestType = typeof RequestType[keyof typeof RequestType];

/** `nro_reqtype` of an option of a request. */
export const OptionType = {
  /** Use memory of the caller as the port's region. */
  EXTMEM: 1,
  /** Eventfds between the sync loop and the application. */
  SYNC_KLOOP_EVENTFDS: 2,
  /** Exchange ring pointers through communication status blocks. */
  CSB: 3,
  /** Sync in the context of the notifier. */
  SYNC_KLOOP_MODE: 4,
  /** Let packets start at an offset in their buffers. */
  OFFSETS: 5,
} as const;

/** One of the values of {@linkcode OptionType}. */
export type OptionType = typeof OptionType[keyof typeof OptionType];

/** `nr_mode`: which rings of a port to bind. */
export const RegisterMode = {
  /** Of the legacy API only; a register request with it fails with EINVAL. */
  DEFAULT: 0,
  /** All rings of the port but the host rings. */
  ALL_NIC: 1,
  /** All host rings. */
  SW: 2,
  /** All rings, host rings too. */
  NIC_SW: 3,
  /** One TX and one RX ring. */
  ONE_NIC: 4,
  /** Of the legacy API only; now the name is "port{id". */
  PIPE_MASTER: 5,
  /** Of the legacy API only; now the name is "port}id". */
  PIPE_SLAVE: 6,
  /** No rings: holds a memory region. */
  NULL: 7,
  /** One host TX and one host RX ring. */
  ONE_SW: 8,
} as const;

/** One of the values of {@linkcode RegisterMode}. */
export type RegisterMode = typeof RegisterMode[keyof typeof RegisterMode];

/** Bits of `nr_flags` of a register request. */
export const RegisterFlag = {
  /** Be a monitor of the TX rings. */
  MONITOR_TX: 0x100,
  /** Be a monitor of the RX rings. */
  MONITOR_RX: 0x200,
  /** The monitor shares buffers with the port instead of copying. */
  ZCOPY_MON: 0x400,
  /** Fail with EBUSY if one of the rings is bound already. */
  EXCLUSIVE: 0x800,
  /** Bind no TX rings. */
  RX_RINGS_ONLY: 0x2000,
  /** Bind no RX rings. */
  TX_RINGS_ONLY: 0x4000,
  /** The application handles virtio-net headers. */
  ACCEPT_VNET_HDR: 0x8000,
  /** Documented for poll(); nothing reads it. */
  DO_RX_POLL: 0x10000,
  /** poll() sends pending packets only when it waits for output. */
  NO_TX_POLL: 0x20000,
} as const;

/** Bits of `flags` of a slot. */
export const SlotFlag = {
  /** The slot has another buffer than before. */
  BUF_CHANGED: 0x1,
  /** TX: tell as soon as the slot is sent (NICs only). */
  REPORT: 0x2,
  /**
   * RX: the packet goes to the other side (interface, host stack) with the sync that releases its slot;
   * needs `RingFlag.FORWARD`.
   */
  FORWARD: 0x4,
  /** Documented as "do not learn the source"; nothing reads it. */
  NO_LEARN: 0x8,
  /** TX on VALE: the packet is at `ptr` instead of in the buffer. */
  INDIRECT: 0x10,
  /** The packet goes on in the next slot. */
  MOREFRAG: 0x20,
  /** Monitor rings: the packet was sent, not received. */
  TXMON: 0x40,
} as const;

/** Shift of the number of fragments in `flags` of a slot received from VALE (`NS_RFRAGS`). */
export const SLOT_FRAGMENTS_SHIFT = 8;

/** Bits of `flags` of a ring. */
export const RingFlag = {
  /** Write the time of the sync into the ring. */
  TIMESTAMP: 0x2,
  /**
   * Receive rings of a network interface, and its host rings: pass on what has `SlotFlag.FORWARD`
   * between the interface and its host's stack, without a copy by the program: netmap's transparent
   * mode, for monitors and filters (netmap(4), "NR_FORWARD").
   *
   * @example
   * ```ts ignore
   * using port = netmap.open("netmap:eth1*"); // the interface's rings, and the host's
   * for (const ring of port.rxRings) ring.flags |= RingFlag.FORWARD;
   * while (await port.wait()) {
   *   for (const ring of port.rxRings) {
   *     for (; ring.space > 0; ring.advance(1)) {
   *       if (isAllowed(ring.bytes(ring.head))) ring.setSlotFlags(ring.head, SlotFlag.FORWARD);
   *     }
   *   }
   *   port.rxSync();
   * }
   * ```
   */
  FORWARD: 0x4,
} as const;

/** `dir` of a ring, as netmap writes it (netmap's own header says the reverse). */
export const RingDirection = {
  /** Receive. */
  RX: 0,
  /** Transmit. */
  TX: 1,
} as const;

/** Bits of `ni_flags` of an interface. */
export const InterfaceFlag = {
  /** The port has a memory region of its own. */
  PRIV_MEM: 0x1,
} as const;

/** `nr_mode` of a polling request. */
export const PollingMode = {
  /** One CPU serves all rings. */
  SINGLE_CPU: 1,
  /** One CPU per ring. */
  MULTI_CPU: 2,
} as const;

/** Bits of `mode` of the SYNC_KLOOP_MODE option. */
export const SyncKloopMode = {
  /** Sync TX rings in the context of the notifier. */
  DIRECT_TX: 0x1,
  /** Sync RX rings in the context of the notifier. */
  DIRECT_RX: 0x2,
} as const;
