/**
 * Opening a port: from its name and options to a REGISTER request, and from the answer to a `Port`.
 *
 * @module
 */

import { RegisterFlag, RegisterMode, RequestType } from "./constants.ts";
import { Descriptor } from "./descriptor.ts";
import { checkInteger, codeOf, NetmapError, show } from "./errors.ts";
import { REGISTER } from "./layout.ts";
import { portMemory } from "./memory.ts";
import {
  addExternalMemory,
  type ExternalMemory,
  MemoryFile,
  type MemorySource,
} from "./memory_file.ts";
import type { Message } from "./message.ts";
import { Port } from "./port.ts";
import { parsePortName, type PortConfig, type PortFlags, type PortName } from "./port_name.ts";
import { Region } from "./region.ts";
import { addInterface, type InterfaceChoice } from "./interface_option.ts";
import { addOffsets, type OffsetOptions, offsetsOf } from "./offset_option.ts";
import { checkHeaderLength, readPools } from "./requests.ts";
import { shortageOf } from "./shortage.ts";

/**
 * Options of `netmap.open()`; they win over what the port's name says.
 *
 * Sizes count only when opening creates the port, and netmap may cut them to its limits: look at the
 * rings.
 */
export interface PortOptions extends InterfaceChoice {
  /** Slots per ring, of all rings. */
  slots?: number | undefined;
  /** Slots per transmit ring. */
  txSlots?: number | undefined;
  /** Slots per receive ring. */
  rxSlots?: number | undefined;
  /** Rings in each direction. */
  rings?: number | undefined;
  /** Transmit rings. */
  txRings?: number | undefined;
  /** Receive rings. */
  rxRings?: number | undefined;
  /**
   * The memory region to use, if opening creates the port: "private" is one of its own, "global" is
   * number 1, which all who ask for it share; or the number of another port's, or that port by name.
   * Ports of one region can exchange buffers: see `ring.swap()`. Or memory of a file: a `PacketStore`, a
   * `MemoryFile`, a part of one. Default: "private".
   */
  memory?:
    | "private"
    | "global"
    | number
    | { share: string }
    | ExternalMemory
    | MemorySource
    | undefined;
  /** Number of a memory region to use: of another port, or 1 for the global one. */
  memoryId?: number | undefined;
  /** A port whose memory region to use, by its name: "vale0:b". */
  share?: string | undefined;
  /**
   * Buffers beside those of the rings, see `port.extraBuffers`; opening gives as many as there are.
   * Memory that opening makes has room for them. Default: 0.
   */
  extraBuffers?: number | undefined;
  /** Fail with EBUSY if one of the rings is open already, and let nobody else open them. */
  exclusive?: boolean | undefined;
  /** Which rings to bind. */
  mode?: RegisterMode | undefined;
  /** Bind only the ring with this index, in each direction. */
  ring?: number | undefined;
  /** Bind no receive rings. */
  txOnly?: boolean | undefined;
  /** Bind no transmit rings. */
  rxOnly?: boolean | undefined;
  /**
   * Watch the port instead of using it: what it sends ("tx"), receives ("rx"), or both ("all").
   * Somebody must have it open. What was sent has `SlotFlag.TXMON`. A monitor that does not keep up
   * loses packets, and does not hold the port up.
   */
  monitor?: "tx" | "rx" | "all" | undefined;
  /**
   * A monitor that gets the packets' own buffers when the port has done with them, instead of
   * copies: it lives in the port's memory, and sees both directions.
   */
  zeroCopy?: boolean | undefined;
  /** Waiting for packets does not send what is in the transmit rings. */
  noTxPoll?: boolean | undefined;
  /** Waiting for room to send also gives back, and shows, what is in the receive rings. */
  rxPoll?: boolean | undefined;
  /** Open the port also if packets have virtio-net headers in front, see `port.headerLength`. */
  acceptHeader?: boolean | undefined;
  /**
   * Let packets begin behind the beginning of their buffers: so many bytes in all slots, or what
   * `OffsetOptions` says. See `ring.setPacketOffset()`.
   */
  offset?: number | OffsetOptions | undefined;
  /** Bytes of the virtio-net header in front of each packet: sets `port.headerLength`; 0, 10 or 12. */
  headerLength?: number | undefined;
}

/** What most ports are opened with. */
export const NO_OPTIONS: PortOptions = {};

const MAX_U16 = 0xffff;
const MAX_U32 = 0xffffffff;

/** Opens a port. */
export function openPort(
  control: Descriptor,
  name: string,
  options: PortOptions,
  onClose: (port: Port) => void,
): Port {
  const parsed = parsePortName(name);
  const portName = options === NO_OPTIONS ? parsed : withOptions(parsed, options);
  if (options.headerLength !== undefined) checkHeaderLength(options.headerLength);
  if (portName.share !== undefined) {
    portName.memoryId = readPools(control, portName.share).memoryId;
  }
  let external = externalOf(options);
  const descriptor = Descriptor.open(
    control.library,
    control.backend,
    control.instance,
    portName.name,
  );
  let region: Region | undefined, file: MemoryFile | undefined;
  try {
    if (portName.extmem !== undefined) {
      file = MemoryFile.open(portName.extmem.file);
      external = { ...portName.extmem, file };
    }
    const message = register(descriptor, portName, options);
    if (external !== undefined) addExternalMemory(message, external);
    addInterface(message, options);
    const maxOffset = addOffsets(message, offsetsOf(portName.offset, options.offset));
    const result = descriptor.tryControl("open", portName.name);
    if (result < 0) throw failure(result, descriptor, portName);
    const memoryId = message.u16(REGISTER.memId);
    const interfaceOffset = message.u64(REGISTER.offset);
    const extraBuffers = message.u32(REGISTER.extraBufs);
    const ringCounts = {
      tx: message.u16(REGISTER.txRings),
      rx: message.u16(REGISTER.rxRings),
      hostTx: message.u16(REGISTER.hostTxRings),
      hostRx: message.u16(REGISTER.hostRxRings),
    };
    region = Region.ofHandle(
      descriptor.library.functions,
      descriptor.handle,
      portName.name,
      interfaceOffset,
    );
    const port = new Port(
      {
        descriptor,
        portName,
        region,
        memoryId,
        interfaceOffset,
        extraBuffers,
        maxOffset: maxOffset(),
      },
      ringCounts,
      (port) => {
        file?.close();
        onClose(port);
      },
    );
    if (options.headerLength !== undefined) port.headerLength = options.headerLength;
    // The memory stays as long as somebody can look at it
    descriptor.closeWith(region.keeper);
    return port;
  } catch (error) {
    region?.close();
    descriptor.close();
    file?.close();
    throw error;
  }
}

/** The name with what the options say. */
function withOptions(name: PortName, options: PortOptions): PortName {
  const { slots, rings, memoryId, share, mode, ring } = options;
  const size = (
    key: keyof PortOptions,
    value: number | undefined,
    max: number,
  ): number | undefined => value === undefined ? undefined : checkInteger(key, value, 0, max);
  const given: { [Key in keyof PortConfig]?: number | undefined } = {
    txSlots: size("txSlots", options.txSlots, MAX_U32) ?? size("slots", slots, MAX_U32),
    rxSlots: size("rxSlots", options.rxSlots, MAX_U32) ?? size("slots", slots, MAX_U32),
    txRings: size("txRings", options.txRings, MAX_U16) ?? size("rings", rings, MAX_U16),
    rxRings: size("rxRings", options.rxRings, MAX_U16) ?? size("rings", rings, MAX_U16),
  };
  const { exclusive, txOnly, rxOnly, memory } = options;
  const monitored = monitorFlags(options);
  const port: PortName = {
    ...name,
    config: { ...name.config, ...defined<PortConfig>(given) },
    flags: { ...name.flags, ...defined<PortFlags>({ exclusive, txOnly, rxOnly }), ...monitored },
  };
  if (memory !== undefined) setMemory(port, memory);
  if (memoryId !== undefined) {
    port.memoryId = checkInteger("memoryId", memoryId, 1, MAX_U16);
    delete port.share;
  }
  if (share !== undefined) {
    port.share = parsePortName(share).name;
    delete port.memoryId;
  }
  if (ring !== undefined) {
    port.ringIndex = checkInteger("ring", ring, 0, 4094);
    if (port.mode !== RegisterMode.ONE_SW) port.mode = RegisterMode.ONE_NIC;
  }
  if (mode !== undefined) port.mode = checkInteger("mode", mode, 0, MAX_U32) as RegisterMode;
  return port;
}

/** What makes the port a monitor. */
function monitorFlags({ monitor, zeroCopy = false }: PortOptions): Partial<PortFlags> {
  if (monitor === undefined) {
    return zeroCopy ? { zeroCopyMonitor: true, monitorTx: true, monitorRx: true } : {};
  }
  if (!["tx", "rx", "all"].includes(monitor)) {
    throw new TypeError(
      `Cannot use ${show(monitor)} as monitor: it is "tx", "rx" or "all"`,
    );
  }
  if (zeroCopy && monitor !== "all") {
    throw new TypeError(
      `Cannot monitor "${monitor}" alone without copying: a zero-copy monitor sees both directions`,
    );
  }
  return {
    zeroCopyMonitor: zeroCopy,
    monitorTx: monitor !== "rx",
    monitorRx: monitor !== "tx",
  };
}

/** Memory of a file, if that is what is asked for. */
function externalOf({ memory }: PortOptions): ExternalMemory | undefined {
  if (typeof memory !== "object" || memory === null) return undefined;
  if ("externalMemory" in memory) return memory.externalMemory;
  return "file" in memory ? memory : undefined;
}

function setMemory(port: PortName, memory: NonNullable<PortOptions["memory"]>): void {
  delete port.memoryId;
  delete port.share;
  delete port.extmem;
  if (memory === "private" || externalOf({ memory }) !== undefined) return;
  if (typeof memory === "object" && memory !== null && "share" in memory) {
    port.share = parsePortName(memory.share).name;
  } else if (memory === "global") {
    port.memoryId = 1;
  } else if (typeof memory === "number") {
    port.memoryId = checkInteger("memory", memory, 1, MAX_U16);
  } else {
    throw new TypeError(
      `Cannot use ${
        show(memory)
      } as memory: it is "private", "global", a number, { share } or a file`,
    );
  }
}

function defined<T>(values: { [Key in keyof T]?: T[Key] | undefined }): Partial<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}

function register(descriptor: Descriptor, port: PortName, options: PortOptions): Message {
  const { config, flags } = port;
  return descriptor.request(RequestType.REGISTER, port.name, REGISTER.size)
    .setU32(REGISTER.txSlots, config.txSlots)
    .setU32(REGISTER.rxSlots, config.rxSlots)
    .setU16(REGISTER.txRings, config.txRings)
    .setU16(REGISTER.rxRings, config.rxRings)
    .setU16(REGISTER.hostTxRings, config.hostTxRings)
    .setU16(REGISTER.hostRxRings, config.hostRxRings)
    .setU16(REGISTER.memId, port.memoryId ?? 0)
    .setU16(REGISTER.ringId, port.ringIndex)
    .setU32(REGISTER.mode, port.mode)
    .setU32(
      REGISTER.extraBufs,
      checkInteger("extraBuffers", options.extraBuffers ?? 0, 0, MAX_U32),
    )
    .setU64(REGISTER.flags, BigInt(registerFlags(flags, options)));
}

function registerFlags(
  flags: PortFlags,
  { noTxPoll, rxPoll, headerLength, acceptHeader = headerLength !== undefined }: PortOptions,
): number {
  return (flags.exclusive ? RegisterFlag.EXCLUSIVE : 0) |
    (flags.zeroCopyMonitor ? RegisterFlag.ZCOPY_MON : 0) |
    (flags.monitorTx ? RegisterFlag.MONITOR_TX : 0) |
    (flags.monitorRx ? RegisterFlag.MONITOR_RX : 0) |
    (flags.rxOnly ? RegisterFlag.RX_RINGS_ONLY : 0) |
    (flags.txOnly ? RegisterFlag.TX_RINGS_ONLY : 0) |
    (noTxPoll ? RegisterFlag.NO_TX_POLL : 0) |
    (rxPoll ? RegisterFlag.DO_RX_POLL : 0) |
    (acceptHeader ? RegisterFlag.ACCEPT_VNET_HDR : 0);
}

function failure(result: number, descriptor: Descriptor, portName: PortName): NetmapError {
  const code = codeOf(result), { name: port } = portName, { backend } = descriptor;
  const need = code === "ENOMEM" ? needOf(descriptor, portName) : undefined;
  return new NetmapError("open", code, { port, backend, need });
}

/** What there was too little of, in words. */
function needOf(descriptor: Descriptor, { bridge, config }: PortName): string | undefined {
  const shortage = shortageOf(descriptor);
  if (shortage !== undefined || bridge === undefined) return shortage;
  const { buffers, bytes } = portMemory({
    txSlots: config.txSlots || undefined,
    rxSlots: config.rxSlots || undefined,
    txRings: config.txRings || undefined,
    rxRings: config.rxRings || undefined,
  });
  return `A new port of this size needs ${buffers} buffers, ${Math.ceil(bytes / 2 ** 20)} MiB`;
}
