/**
 * How much memory a port takes, before it is opened.
 *
 * @module
 */

import { RING, SLOT } from "./layout.ts";

/** Rings and slots of a port. */
export interface PortShape {
  /** Slots per transmit ring. Default: 1024. */
  txSlots?: number | undefined;
  /** Slots per receive ring. Default: 1024. */
  rxSlots?: number | undefined;
  /** Transmit rings. Default: 1. */
  txRings?: number | undefined;
  /** Receive rings. Default: 1. */
  rxRings?: number | undefined;
  /** Bytes of a buffer. Default: 2112, as in valet's engine; netmap's module has 2048. */
  bufferBytes?: number | undefined;
}

/** What a port takes. */
export interface PortMemory {
  /** Buffers, the two reserved ones included. */
  buffers: number;
  /** Bytes of the region, as netmap says them; valet's engine takes pages as they are used. */
  bytes: number;
}

const PAGE = 4096;
/** Sizes of objects are multiples of this. */
const OBJECT_ALIGN = 64;
const INTERFACE_HEADER_BYTES = 56;
/** Of valet's engine: a cache line more than netmap's, see BUFFER_STRIDE in c/engine/region.h. */
const BUFFER_BYTES = 2112;
/** The least of each, of netmap's parameters for regions of one port. */
const LEAST = { interfaceBytes: 1024, ringBytes: 20480, buffers: 4098 };
/** Pipes that a region has room for. */
const PIPES = 2;
const DEFAULT_SLOTS = 1024;

/**
 * Memory of a VALE port in a region of its own, with netmap's default parameters.
 *
 * @example
 * ```ts
 * import { portMemory } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(portMemory(), { buffers: 20544, bytes: 43810816 });
 * assert.deepEqual(portMemory({ bufferBytes: 2048 }), { buffers: 20482, bytes: 42369024 });
 * ```
 */
export function portMemory(shape: PortShape = {}): PortMemory {
  const { txSlots = DEFAULT_SLOTS, rxSlots = DEFAULT_SLOTS, txRings = 1, rxRings = 1 } = shape;
  const { bufferBytes = BUFFER_BYTES } = shape;
  // netmap counts one host ring in each direction, which VALE ports do not have
  const tx = txRings + 1, rx = rxRings + 1;
  const interfaceBytes = INTERFACE_HEADER_BYTES + 8 * (tx + rx);
  const ringBytes = RING.size + SLOT.size * Math.max(txSlots, rxSlots);
  const wanted = (4 * PIPES + rx) * rxSlots + (4 * PIPES + tx) * txSlots + 2;
  const interfaces = pool(2 + 4 * PIPES, Math.max(LEAST.interfaceBytes, interfaceBytes));
  const rings = pool(tx + rx + 8 * PIPES, Math.max(LEAST.ringBytes, ringBytes));
  const buffers = pool(Math.max(LEAST.buffers, wanted), bufferBytes);
  const bytes = interfaces.bytes + rings.bytes + buffers.bytes;
  return { buffers: buffers.count, bytes: roundUp(bytes, PAGE) };
}

/** Objects come in clusters that end on a page boundary: the count grows to whole ones. */
function pool(count: number, size: number): { count: number; bytes: number } {
  const objectBytes = roundUp(size, OBJECT_ALIGN);
  const powerOfTwo = objectBytes & -objectBytes;
  const cluster = Math.max(1, PAGE / powerOfTwo);
  const objects = roundUp(count, cluster);
  return { count: objects, bytes: objects * objectBytes };
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
