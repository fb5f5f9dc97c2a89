/**
 * Requests that several classes make.
 *
 * @module
 */

import { RequestType } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { check, checkInteger, codeOf, NetmapError, show } from "./errors.ts";
import { type PoolsInfo, type PortEntry, readPoolsInfo } from "./info.ts";
import { POOLS_INFO, PORT_HEADER, VALE_LIST } from "./layout.ts";

/** Options of `netmap.createInterface()`. netmap may cut sizes to its limits. */
export interface InterfaceOptions {
  /** Slots per ring, of all rings. Default: 1024. */
  slots?: number | undefined;
  /** Slots per transmit ring. */
  txSlots?: number | undefined;
  /** Slots per receive ring. */
  rxSlots?: number | undefined;
  /** Rings in each direction. Default: 1. */
  rings?: number | undefined;
  /** Transmit rings. */
  txRings?: number | undefined;
  /** Receive rings. */
  rxRings?: number | undefined;
  /** Number of the memory region to use. Default: one of its own. */
  memoryId?: number | undefined;
}

/** What goes into requests: 0 where nothing was asked for. */
export type RingsAndSlots = Record<
  "txSlots" | "rxSlots" | "txRings" | "rxRings" | "memoryId",
  number
>;

/**
 * Checks what is asked for.
 *
 * @throws {TypeError} if something is no number
 * @throws {RangeError} if it does not fit
 */
export function ringsAndSlots(shape: InterfaceOptions): RingsAndSlots {
  const { slots = 0, rings = 0, memoryId = 0 } = shape;
  const { txSlots = slots, rxSlots = slots, txRings = rings, rxRings = rings } = shape;
  return {
    txSlots: checkInteger("txSlots", txSlots, 0, 0xffffffff),
    rxSlots: checkInteger("rxSlots", rxSlots, 0, 0xffffffff),
    txRings: checkInteger("txRings", txRings, 0, 0xffff),
    rxRings: checkInteger("rxRings", rxRings, 0, 0xffff),
    memoryId: checkInteger("memoryId", memoryId, 0, 0xffff),
  };
}

/** What netmap says as the index of a port that it did not find. */
const NO_PORT = 255;

/** A port on a bridge, by its name. */
export function findPort(descriptor: Descriptor, name: string): PortEntry {
  descriptor.request(RequestType.VALE_LIST, name, VALE_LIST.size);
  const message = descriptor.control("find", name);
  const portIndex = message.u32(VALE_LIST.portIndex);
  if (portIndex === NO_PORT) {
    throw new NetmapError("find", "ENXIO", { port: name, backend: descriptor.backend });
  }
  return portEntry(name, message.u16(VALE_LIST.bridgeIndex), portIndex);
}

function portEntry(name: string, bridgeIndex: number, portIndex: number): PortEntry {
  const colon = name.indexOf(":");
  return {
    name,
    // The kernel loses the bridge of a port that its defect D1 has hit
    bridge: name.slice(0, Math.max(colon, 0)),
    interface: name.slice(colon + 1),
    bridgeIndex,
    portIndex,
  };
}

/** All ports on all bridges. */
export function listPorts(descriptor: Descriptor): PortEntry[] {
  const entries: PortEntry[] = [];
  let bridgeIndex = 0, portIndex = 0;
  while (true) {
    const message = descriptor.request(RequestType.VALE_LIST, "", VALE_LIST.size);
    message.setU16(VALE_LIST.bridgeIndex, bridgeIndex).setU32(VALE_LIST.portIndex, portIndex);
    const result = descriptor.tryControl("list", "ports");
    if (result < 0 && codeOf(result) === "ENOENT") return entries;
    check(result, "list", { port: "ports", backend: descriptor.backend });
    bridgeIndex = message.u16(VALE_LIST.bridgeIndex);
    portIndex = message.u32(VALE_LIST.portIndex);
    entries.push(portEntry(message.name, bridgeIndex, portIndex));
    portIndex++;
  }
}

/** The pools of a port's memory. */
export function readPools(descriptor: Descriptor, name: string): PoolsInfo {
  descriptor.request(RequestType.POOLS_INFO_GET, name, POOLS_INFO.size);
  return readPoolsInfo(descriptor.control("describe", name));
}

/** The pools of a memory region. netmap answers for names only, so it is looked for on the bridges. */
export function findPools(descriptor: Descriptor, memoryId: number): PoolsInfo {
  for (const { name } of listPorts(descriptor)) {
    const pools = readPools(descriptor, name);
    if (pools.memoryId === memoryId) return pools;
  }
  throw new NetmapError("describe", "ENXIO", {
    port: `memory ${memoryId}`,
    hint: "No port on a bridge has that memory: ask by the name of a port or interface",
  });
}

/** Bytes of the virtio-net header in front of each packet of a port. */
export function readHeaderLength(descriptor: Descriptor, port: string): number {
  descriptor.request(RequestType.PORT_HDR_GET, port, PORT_HEADER.size);
  return descriptor.control("describe", port).u32(PORT_HEADER.length);
}

/** Checks that a virtio-net header can be so long: a RangeError if not. */
export function checkHeaderLength(bytes: number): void {
  if (bytes !== 0 && bytes !== 10 && bytes !== 12) {
    throw new RangeError(`Cannot use ${show(bytes)} as headerLength: expected 0, 10 or 12`);
  }
}

/** Sets it. */
export function setHeaderLength(descriptor: Descriptor, port: string, bytes: number): void {
  checkHeaderLength(bytes);
  descriptor.request(RequestType.PORT_HDR_SET, port, PORT_HEADER.size)
    .setU32(PORT_HEADER.length, bytes);
  descriptor.control("set the virtio-net header of", port, {
    hint: "Only ports of a VALE bridge can have virtio-net headers",
  });
}
