/**
 * The memory that netmap shares with a program: rings, slots and packet buffers in one mapping.
 *
 * @module
 */

import { check } from "./errors.ts";
import { INTERFACE, RING, SLOT } from "./layout.ts";
import type { NativeFunctions } from "./symbols.ts";

/** Where bytes are in this process: they do not move as long as somebody has them. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

/** Reads what is in a region before there are views of it. */
class Peek {
  readonly #view: Deno.UnsafePointerView;
  readonly #length: number;

  constructor(pointer: Deno.PointerObject, length: number) {
    this.#view = new Deno.UnsafePointerView(pointer);
    this.#length = length;
  }

  /** NaN outside of it: whoever shares the memory may have written anything. */
  u32(offset: number): number {
    return this.#has(offset, 4) ? this.#view.getUint32(offset) : NaN;
  }

  i64(offset: number): number {
    return this.#has(offset, 8) ? Number(this.#view.getBigInt64(offset)) : NaN;
  }

  #has(offset: number, bytes: number): boolean {
    return offset >= 0 && offset <= this.#length - bytes;
  }
}

/** Where the buffers of a ring end, if they lie in the order of its slots, as those of a new port do. */
function endOf(peek: Peek, ring: number): number {
  const slots = peek.u32(ring + RING.slotCount), bufferBytes = peek.u32(ring + RING.bufSize);
  const indexAt = (slot: number): number =>
    peek.u32(ring + RING.size + slot * SLOT.size + SLOT.bufIndex);
  const last = Math.max(indexAt(0), indexAt(slots - 1));
  return ring + peek.i64(ring + RING.bufOffset) + (last + 1) * bufferBytes;
}

/**
 * Bytes of a region up to where the buffers of a port's rings end. V8 counts all memory that it has views of
 * as the script's, and beyond twice the limit of its heap (8 GB, or less) collects garbage for each new one: 200
 * ports opened in 0.3 s, 1,000 in 35 s, of whose regions a tenth is the rings'. The rest is for pipes.
 *
 * @param at where the `netmap_if` is
 * @returns `length` if it cannot tell
 */
function windowOf(pointer: Deno.PointerObject, length: number, at: number): number {
  const peek = new Peek(pointer, length);
  const counts = [
    INTERFACE.txRings,
    INTERFACE.hostTxRings,
    INTERFACE.rxRings,
    INTERFACE.hostRxRings,
  ];
  const rings = counts.reduce((sum, field) => sum + peek.u32(at + field), 0);
  let end = at + INTERFACE.ringOffsets + 8 * rings;
  if (!(end <= length)) return length;
  for (
    let entry = at + INTERFACE.ringOffsets;
    entry < at + INTERFACE.ringOffsets + 8 * rings;
    entry += 8
  ) {
    const offset = peek.i64(entry);
    if (offset !== 0) end = Math.max(end, endOf(peek, at + offset));
  }
  return end <= length ? end : length; // also where it is NaN
}

/** What lives as long as any of a region's views, those that callers made from them too. */
const keepers = new WeakMap<ArrayBuffer, object>();

/**
 * One mapped region and the views of it: made once, used for everything in it.
 *
 * A port's views begin with what its rings use, and reach all of the region once somebody needs more: see
 * `reach()`. Earlier views stay good.
 *
 * `close()` detaches the memory from all views, those that callers made from them too. They then read
 * as empty, so what comes after cannot touch memory that is not there any more.
 */
export class Region {
  /** The memory. */
  buffer!: ArrayBuffer;
  /** As bytes. */
  u8!: Uint8Array<ArrayBuffer>;
  /** As 16-bit numbers. */
  u16!: Uint16Array<ArrayBuffer>;
  /** As 32-bit numbers; also for Atomics. */
  u32!: Uint32Array<ArrayBuffer>;
  /** For packet headers, which are big endian and not aligned. */
  view!: DataView<ArrayBuffer>;
  /** Bytes of the region. */
  readonly length: number;
  /** Bytes of it that the views are of. */
  reached = 0;
  /** Address of the region in this process. */
  readonly address: bigint;
  /** True once a program has been given these views: then all of the memory may change any time. */
  exposed = false;
  /** Is collected when the region and all views of it are. */
  readonly keeper: object = {};
  readonly #pointer: Deno.PointerObject;
  readonly #buffers: ArrayBuffer[] = [];

  /**
   * Maps memory that is there already.
   *
   * @param address where the memory is
   * @param length bytes
   * @param at where a port's `netmap_if` is: then the views begin with what its rings use
   */
  constructor(address: bigint, length: number, at?: number) {
    const pointer = Deno.UnsafePointer.create(address);
    if (pointer === null) throw new RangeError("Cannot map a region: its address is 0");
    this.#pointer = pointer;
    this.length = length;
    this.address = address;
    this.#map(at === undefined ? length : windowOf(pointer, length, at));
  }

  #map(bytes: number): void {
    const buffer = Deno.UnsafePointerView.getArrayBuffer(this.#pointer, bytes);
    keepers.set(buffer, this.keeper);
    this.#buffers.push(buffer);
    this.buffer = buffer;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer, 0, Math.floor(bytes / 2));
    this.u32 = new Uint32Array(buffer, 0, Math.floor(bytes / 4));
    this.view = new DataView(buffer);
    this.reached = bytes;
  }

  /** Has the views reach so many bytes, as far as there are so many. They are other objects then. */
  reach(bytes: number): void {
    if (bytes > this.reached && this.reached < this.length && !this.closed) this.#map(this.length);
  }

  /**
   * The region of a registered handle.
   *
   * @param at where its `netmap_if` is, see the constructor
   */
  static ofHandle(functions: NativeFunctions, handle: number, port: string, at?: number): Region {
    const out = new BigUint64Array(2);
    check(functions.valet_map(handle, out), "map", { port });
    return new Region(out[0], Number(out[1]), at);
  }

  /** The region that a lookup's packets are in. */
  static ofId(functions: NativeFunctions, id: number): Region {
    const out = new BigUint64Array(2);
    check(functions.valet_region_address(id, out), "map", { port: `region ${id}` });
    return new Region(out[0], Number(out[1]));
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.buffer.detached;
  }

  /** Takes the memory away from all views. Further calls do nothing. */
  close(): void {
    for (const buffer of this.#buffers) {
      // transfer() moves the memory to a new buffer without a copy; nobody keeps that one
      if (!buffer.detached) buffer.transfer();
    }
  }
}
