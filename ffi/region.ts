/**
 * The memory that netmap shares with a program: rings, slots and packet buffers in one mapping.
 *
 * @module
 */

import { check } from "./errors.ts";
import type { NativeFunctions } from "./symbols.ts";

/** Where bytes are in this process: they do not move as long as somebody has them. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

/**
 * One mapped region and the views of it: made once, used for everything in it.
 *
 * `close()` detaches the memory from all views, those that callers made from them too. They then read
 * as empty, so what comes after cannot touch memory that is not there any more.
 */
export class Region {
  /** The memory. */
  readonly buffer: ArrayBuffer;
  /** As bytes. */
  readonly u8: Uint8Array<ArrayBuffer>;
  /** As 16-bit numbers. */
  readonly u16: Uint16Array<ArrayBuffer>;
  /** As 32-bit numbers; also for Atomics. */
  readonly u32: Uint32Array<ArrayBuffer>;
  /** For packet headers, which are big endian and not aligned. */
  readonly view: DataView<ArrayBuffer>;
  /** Bytes of the region. */
  readonly length: number;
  /** Address of the region in this process. */
  readonly address: bigint;
  /** True once a program has been given these views: then all of the memory may change any time. */
  exposed = false;

  /**
   * Maps memory that is there already.
   *
   * @param address where the memory is
   * @param length bytes
   */
  constructor(address: bigint, length: number) {
    const pointer = Deno.UnsafePointer.create(address);
    if (pointer === null) throw new RangeError("Cannot map a region: its address is 0");
    this.buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, length);
    this.u8 = new Uint8Array(this.buffer);
    this.u16 = new Uint16Array(this.buffer, 0, Math.floor(length / 2));
    this.u32 = new Uint32Array(this.buffer, 0, Math.floor(length / 4));
    this.view = new DataView(this.buffer);
    this.length = length;
    this.address = address;
  }

  /** The region of a registered handle. */
  static ofHandle(functions: NativeFunctions, handle: number, port: string): Region {
    const out = new BigUint64Array(2);
    check(functions.valet_map(handle, out), "map", { port });
    return new Region(out[0], Number(out[1]));
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
    // transfer() moves the memory to a new buffer without a copy; nobody keeps that one
    if (!this.buffer.detached) this.buffer.transfer();
  }
}
