/**
 * What netmap answers about ports, bridges and memory, and how it is read out of messages.
 *
 * @module
 */

import { type DeviceKind, DEVICES } from "./attach.ts";
import { POOLS_INFO, PORT_INFO, VALE_NEWIF } from "./layout.ts";
import { BRIDGE, type Message, PORT, TABLE } from "./message.ts";

/** A port on a bridge, from `netmap.ports()`. */
export interface PortEntry {
  /** "vale0:vi0". */
  name: string;
  /** "vale0". */
  bridge: string;
  /** "vi0". */
  interface: string;
  /** Number of the bridge. */
  bridgeIndex: number;
  /** Number of the port on its bridge: what lookups return. */
  portIndex: number;
}

/** Rings, slots and memory of a port. */
export interface PortInfo {
  /** Slots per transmit ring. */
  txSlots: number;
  /** Slots per receive ring. */
  rxSlots: number;
  /** Transmit rings. */
  txRings: number;
  /** Receive rings. */
  rxRings: number;
  /** Transmit rings of the host's network stack; netmap says 1 where there is none. */
  hostTxRings: number;
  /** Receive rings of the host's network stack; netmap says 1 where there is none. */
  hostRxRings: number;
  /** Number of the memory region; ports with the same can exchange buffers. */
  memoryId: number;
  /** Bytes of the region. */
  memoryBytes: number;
}

/** A persistent interface. */
export interface InterfaceInfo {
  /** "vi0". */
  name: string;
  /** Slots per transmit ring. */
  txSlots: number;
  /** Slots per receive ring. */
  rxSlots: number;
  /** Transmit rings. */
  txRings: number;
  /** Receive rings. */
  rxRings: number;
  /** Number of the memory region. */
  memoryId: number;
}

/** Objects of one kind in a memory region. */
export interface PoolInfo {
  /** Where they begin in the region, in bytes. */
  offset: number;
  /** How many there are. */
  count: number;
  /** Bytes of each. */
  size: number;
}

/** The pools of a memory region. */
export interface PoolsInfo {
  /** Number of the region. */
  memoryId: number;
  /** Bytes of the region. */
  memoryBytes: number;
  /** Interfaces (`netmap_if`). */
  interfaces: PoolInfo;
  /** Rings with their slots. */
  rings: PoolInfo;
  /** Packet buffers. */
  buffers: PoolInfo;
}

/** A bridge of valet's engine. */
export interface BridgeInfo {
  /** "vale0". */
  name: string;
  /** Number of the bridge. */
  index: number;
  /** Ports attached now. */
  ports: number;
  /** Most ports. */
  portLimit: number;
  /** What decides where packets go: the learning table, native code, a function in a script. */
  lookup: "learning" | "native" | "script";
  /** Stations that the learning table has room for. */
  tableBuckets: number;
  /** Stations in it. */
  tableEntries: number;
  /** A station that is silent for so many milliseconds is forgotten; 0: never. */
  ageingMs: number;
}

/** A station that the learning bridge knows. */
export interface TableEntry {
  /** "02:00:00:00:00:01". */
  mac: string;
  /** Index of the port that it is behind. */
  port: number;
  /** Milliseconds since it was heard; 0 unless ageing is on. */
  ageMs: number;
}

/** Why packets were lost, in the order of `enum valet_drop` in `c/uapi/valet_requests.h`. */
export const DROP_CAUSES = [
  "badBuffer",
  "tooLong",
  "tooShort",
  "fragments",
  "unsupported",
  "notAttached",
  "lookup",
  "noPort",
  "garbage",
  "failed",
  "samePort",
  "alone",
  "notOpen",
  "ringFull",
  "receiveBuffer",
  "offload",
  "interface",
] as const;

/**
 * Why a packet was lost.
 *
 * Counted at the port that sent it: "badBuffer" the slot named a buffer that does not exist;
 * "tooLong" its length goes beyond its buffer; "tooShort" no Ethernet header in the first slot;
 * "fragments" more than 64 slots; "unsupported" a slot flag; "notAttached" the port is on no bridge;
 * "lookup" the lookup said so; "noPort" the lookup named a port that is not there; "garbage" its
 * answer was no port number; "failed" it threw; "samePort" it would leave where it came from;
 * "alone" a broadcast with nobody else on the bridge.
 *
 * Counted at the port that should have received it: "notOpen" nobody has the port open; "ringFull"
 * the receiver does not keep up; "receiveBuffer" the receive slot has no valid buffer, or too small
 * a one; "offload" the packet's virtio-net header asks for what cannot be done;
 * "interface" the network interface was down, too slow, or has a smaller MTU.
 */
export type DropCause = typeof DROP_CAUSES[number];

/** What valet's engine has counted at a port since the port was made. */
export interface PortCounters {
  /** Packets taken from its transmit rings. */
  txPackets: number;
  /** Their bytes. */
  txBytes: number;
  /** Packets put into its receive rings. */
  rxPackets: number;
  /** Their bytes. */
  rxBytes: number;
  /** Syncs that found an illegal head or cur, and put the ring back to where netmap had it. */
  ringResets: number;
  /** Packets lost, by cause. */
  drops: Record<DropCause, number>;
  /** All of them together. */
  dropped: number;
  /** Number of its bridge; undefined when it is on none. */
  bridgeIndex: number | undefined;
  /** Index on the bridge; undefined when it is on none. */
  portIndex: number | undefined;
  /** Descriptors that have it open. */
  opens: number;
  /** "ephemeral": made by opening it; "persistent": by `createInterface()`; a pipe;
   * a monitor of another port; one without rings ("null"); or a network interface of the system or a virtual machine, "nic". */
  kind: "ephemeral" | "persistent" | "pipe" | "monitor" | "null" | "nic";
  /** What a network interface of the system, or a virtual machine, is reached through; undefined for all
   * others. */
  device: Exclude<DeviceKind, "auto"> | undefined;
  /**
   * Where AF_XDP meets the interface: "zero-copy": its driver uses our memory; "native": the driver copies to
   * and from it; "generic": the system does, for a driver without XDP. Undefined for all else.
   */
  xdpMode: "zero-copy" | "native" | "generic" | undefined;
  /** Number of its memory region. */
  memoryId: number;
}

/** Reads a port's shape. */
export function readPortInfo(message: Message): PortInfo {
  return {
    txSlots: message.u32(PORT_INFO.txSlots),
    rxSlots: message.u32(PORT_INFO.rxSlots),
    txRings: message.u16(PORT_INFO.txRings),
    rxRings: message.u16(PORT_INFO.rxRings),
    hostTxRings: message.u16(PORT_INFO.hostTxRings),
    hostRxRings: message.u16(PORT_INFO.hostRxRings),
    memoryId: message.u16(PORT_INFO.memId),
    memoryBytes: message.u64(PORT_INFO.memsize),
  };
}

/** Reads what a new interface has become. */
export function readInterfaceInfo(message: Message, name: string): InterfaceInfo {
  return {
    name,
    txSlots: message.u32(VALE_NEWIF.txSlots),
    rxSlots: message.u32(VALE_NEWIF.rxSlots),
    txRings: message.u16(VALE_NEWIF.txRings),
    rxRings: message.u16(VALE_NEWIF.rxRings),
    memoryId: message.u16(VALE_NEWIF.memId),
  };
}

/** Reads the pools of a region. */
export function readPoolsInfo(message: Message): PoolsInfo {
  const pool = (offset: number, count: number, size: number): PoolInfo => ({
    offset: message.u64(offset),
    count: message.u32(count),
    size: message.u32(size),
  });
  const { ifOffset, ifCount, ifSize, ringOffset, ringCount, ringSize } = POOLS_INFO;
  const { bufOffset, bufCount, bufSize } = POOLS_INFO;
  return {
    memoryId: message.u16(POOLS_INFO.memId),
    memoryBytes: message.u64(POOLS_INFO.memsize),
    interfaces: pool(ifOffset, ifCount, ifSize),
    rings: pool(ringOffset, ringCount, ringSize),
    buffers: pool(bufOffset, bufCount, bufSize),
  };
}

const LOOKUPS = ["learning", "native", "script"] as const;

/** Reads a bridge. */
export function readBridgeInfo(message: Message, name: string): BridgeInfo {
  return {
    name,
    index: message.u32(BRIDGE.index),
    ports: message.u32(BRIDGE.ports),
    portLimit: message.u32(BRIDGE.portLimit),
    lookup: LOOKUPS[message.u32(BRIDGE.lookup)] ?? "native",
    tableBuckets: message.u32(BRIDGE.tableBuckets),
    tableEntries: message.u32(BRIDGE.tableEntries),
    ageingMs: message.u32(BRIDGE.ageingMs),
  };
}

/** Reads one entry of the learning table. */
export function readTableEntry(message: Message, index: number): TableEntry {
  const at = TABLE.entries + index * TABLE.entrySize;
  const bytes: string[] = [];
  for (let i = 0; i < 6; i++) {
    const word = message.u16(at + TABLE.entryMac + (i & ~1));
    bytes.push(((i & 1 ? word >>> 8 : word) & 0xff).toString(16).padStart(2, "0"));
  }
  return {
    mac: bytes.join(":"),
    port: message.u32(at + TABLE.entryPort),
    ageMs: message.u32(at + TABLE.entryAgeMs),
  };
}

const NOT_ATTACHED = 0xffffffff;
const KINDS = ["ephemeral", "persistent", "pipe", "monitor", "null", "nic", "nic"] as const;

function readDevice(word: number): Pick<PortCounters, "device" | "xdpMode"> {
  const kind = DEVICES[word & PORT.deviceKind] ?? "auto";
  const device = kind === "auto" ? undefined : kind;
  if (device !== "af_xdp") return { device, xdpMode: undefined };
  const isNative = (word & PORT.deviceNative) !== 0;
  const isZeroCopy = (word & PORT.deviceZeroCopy) !== 0;
  return { device, xdpMode: isZeroCopy ? "zero-copy" : isNative ? "native" : "generic" };
}

/** Reads a port's counters. */
export function readPortCounters(message: Message): PortCounters {
  const drops = {} as Record<DropCause, number>;
  let dropped = 0;
  DROP_CAUSES.forEach((cause, i) => dropped += drops[cause] = message.u64(PORT.drops + i * 8));
  const bridge = message.u32(PORT.bridge);
  const attached = bridge !== NOT_ATTACHED;
  return {
    txPackets: message.u64(PORT.txPackets),
    txBytes: message.u64(PORT.txBytes),
    rxPackets: message.u64(PORT.rxPackets),
    rxBytes: message.u64(PORT.rxBytes),
    ringResets: message.u64(PORT.ringResets),
    drops,
    dropped,
    bridgeIndex: attached ? bridge : undefined,
    portIndex: attached ? message.u32(PORT.index) : undefined,
    opens: message.u32(PORT.opens),
    kind: KINDS[message.u32(PORT.kind)] ?? "ephemeral",
    ...readDevice(message.u32(PORT.device)),
    memoryId: message.u32(PORT.memId),
  };
}
