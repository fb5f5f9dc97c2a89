/**
 * What a port name is made of.
 *
 * @module
 */

import { RegisterMode } from "./constants.ts";

/** The flags after "/" of a port name. */
export interface PortFlags {
  /** `x`: fail if one of the rings is bound already. */
  exclusive: boolean;
  /** `z`: be a monitor that shares buffers with the port. */
  zeroCopyMonitor: boolean;
  /** `t`: be a monitor of the TX rings. */
  monitorTx: boolean;
  /** `r`: be a monitor of the RX rings. */
  monitorRx: boolean;
  /** `R`: bind RX rings only. */
  rxOnly: boolean;
  /** `T`: bind TX rings only. */
  txOnly: boolean;
}

/** Sizes wanted with "@conf:"; they count only when opening creates the port. 0 = default. */
export interface PortConfig {
  /** Slots per TX ring, to 4294967295. */
  txSlots: number;
  /** Slots per RX ring, to 4294967295. */
  rxSlots: number;
  /** TX rings, to 65535. */
  txRings: number;
  /** RX rings, to 65535. */
  rxRings: number;
  /** Host TX rings, to 65535. */
  hostTxRings: number;
  /** Host RX rings, to 65535. */
  hostRxRings: number;
}

/** A file to use as the port's memory, with "@extmem:". Numbers: to 4294967295, 0 = default. */
export interface PortExtmem {
  /** Path of the file. */
  file: string;
  /** Interfaces. */
  ifNum: number;
  /** Bytes per interface. */
  ifSize: number;
  /** Rings. */
  ringNum: number;
  /** Bytes per ring. */
  ringSize: number;
  /** Buffers. */
  bufNum: number;
  /** Bytes per buffer. */
  bufSize: number;
}

/** Packets that do not start at the beginning of their buffers, with "@offset:". */
export interface PortOffset {
  /** Bytes, written to all slots; also the largest offset. To 65536. */
  initial: number;
  /** Bits of a slot's `ptr` that are the offset, to 64; 0 = all. */
  bits: number;
}

/** Which end of which pipe. */
export interface PortPipe {
  /** "master" is "port{id", "slave" is "port}id". */
  role: "master" | "slave";
  /** Letters, digits, "_". */
  id: string;
}

/** What a port name is made of; everything but the interface has a default. */
export interface PortParts {
  /** Name of the bridge ("vale0"); none for a network interface. */
  bridge?: string;
  /** Name of the interface ("eth0"), or of the port on the bridge ("a" in "vale0:a"). */
  interface: string;
  /** For a pipe: which one. */
  pipe?: PortPipe;
  /** Which rings to bind. Default: ALL_NIC. */
  mode?: RegisterMode;
  /** Which ring, to 4094, for ONE_NIC and ONE_SW. Default: 0. */
  ringIndex?: number;
  /** Default: none set. */
  flags?: Partial<PortFlags>;
  /** Memory region, 1 to 65535. Default: netmap chooses. */
  memoryId?: number;
  /** Port whose memory region to use, as it stands in a request: "vale0:a", "eth0". */
  share?: string;
  /** Default: netmap chooses. */
  config?: Partial<PortConfig>;
  /** Default: memory of netmap. */
  extmem?: Pick<PortExtmem, "file"> & Partial<PortExtmem>;
  /** Default: packets start at the beginning of their buffers. */
  offset?: Pick<PortOffset, "initial"> & Partial<PortOffset>;
}

/** A port name, taken apart. */
export interface PortName extends PortParts {
  /** The name as it was given. */
  text: string;
  /** "vale" for a port on a bridge (also when written "netmap:vale0:a"), else "netmap". */
  subsystem: "netmap" | "vale";
  /** What goes into `nr_name` of a request: "eth0", "vale0:a", "vale0:a{1". */
  name: string;
  /** Which rings to bind. */
  mode: RegisterMode;
  /** Which ring, for ONE_NIC and ONE_SW; else 0. */
  ringIndex: number;
  /** All of them, set or not. */
  flags: PortFlags;
  /** All of them, 0 where the name says nothing. */
  config: PortConfig;
  /** Only if the name says so. */
  extmem?: PortExtmem;
  /** Only if the name says so. */
  offset?: PortOffset;
}

/** What stands for a port in requests: "eth0", "vale0:a", "vale0:a{1". */
export function nameOf({ bridge, interface: name, pipe }: PortParts): string {
  const base = bridge === undefined ? name : `${bridge}:${name}`;
  return pipe === undefined ? base : base + (pipe.role === "master" ? "{" : "}") + pipe.id;
}

/** Whether opening it watches the port, instead of using it. */
export function isMonitor({ flags }: PortName): boolean {
  return flags.monitorTx || flags.monitorRx || flags.zeroCopyMonitor;
}

const NO_FLAGS: PortFlags = {
  exclusive: false,
  zeroCopyMonitor: false,
  monitorTx: false,
  monitorRx: false,
  rxOnly: false,
  txOnly: false,
};

const NO_CONFIG: PortConfig = {
  txSlots: 0,
  rxSlots: 0,
  txRings: 0,
  rxRings: 0,
  hostTxRings: 0,
  hostRxRings: 0,
};

const NO_EXTMEM: PortExtmem = {
  file: "",
  ifNum: 0,
  ifSize: 0,
  ringNum: 0,
  ringSize: 0,
  bufNum: 0,
  bufSize: 0,
};

/** Adds the defaults. The keys are always in the same order. */
export function complete(port: PortParts, text: string): PortName {
  const { bridge, pipe, memoryId, share, extmem, offset } = port;
  return {
    text,
    subsystem: bridge === undefined ? "netmap" : "vale",
    name: nameOf(port),
    ...(bridge !== undefined && { bridge }),
    interface: port.interface,
    ...(pipe !== undefined && { pipe: { role: pipe.role, id: pipe.id } }),
    mode: port.mode ?? RegisterMode.ALL_NIC,
    ringIndex: port.ringIndex ?? 0,
    flags: { ...NO_FLAGS, ...port.flags },
    ...(memoryId !== undefined && { memoryId }),
    ...(share !== undefined && { share }),
    config: { ...NO_CONFIG, ...port.config },
    ...(extmem !== undefined && {
      extmem: { ...NO_EXTMEM, ...extmem },
    }),
    ...(offset !== undefined && { offset: { initial: offset.initial, bits: offset.bits ?? 0 } }),
  };
}
