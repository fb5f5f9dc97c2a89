/**
 * Rings: the circular queues of slots that netmap shares with a program.
 *
 * The program owns the slots from `head` to `tail - 1`, netmap the rest. Nothing here is a call into
 * netmap: what a program gives back by moving `head` is seen at the next sync.
 *
 * @module
 */

import { SlotFlag } from "./constants.ts";
import { checkInteger, closedError } from "./errors.ts";
import { RING, SLOT } from "./layout.ts";
import type { Region } from "./region.ts";

/** u32 words of a slot. */
export const SLOT_WORDS: number = SLOT.size / 4;

/**
 * The same number; one of 32 bits as V8 has integers. Numbers that were read as bigints, or divided, are
 * floating-point to it, though they are whole, and so is each object's field that has ever had one: finding
 * out again that they are whole took the loops over rings a third of their time.
 */
export function asInteger(value: number): number {
  const integer = value | 0;
  return integer === value ? integer : value;
}

/** Which ring of which port: what a ring is made from. */
export interface RingPlace {
  /** The port's memory. */
  region: Region;
  /** Where in it the ring begins. */
  offset: number;
  /** Name of the port, for messages. */
  port: string;
  /** True for the ring of the host's network stack. */
  host: boolean;
  /** Which memory it is: equal for rings that may exchange buffers. */
  memory: string;
  /** The most bytes between the beginnings of a buffer and of its packet; 0 if they are one. */
  maxOffset: number;
}

/** What transmit and receive rings share. */
export abstract class Ring {
  readonly #region: Region;
  readonly #head: number;
  readonly #slots: number;
  readonly #port: string;
  readonly #offsetMask: readonly [low: number, high: number];

  /** "tx" or "rx". */
  abstract readonly kind: "tx" | "rx";
  /** Index among the port's rings of its kind. */
  readonly index: number;
  /** True for a ring of the host's network stack. */
  readonly host: boolean;
  /** Which memory it is: equal for rings that may exchange buffers. */
  readonly memory: string;
  /** Slots of the ring; one of them always stays with netmap. */
  readonly slots: number;
  /** Bytes of each buffer. */
  readonly bufferSize: number;
  /** Where the ring begins in the region, in bytes. */
  readonly offset: number;
  /** Where buffer 0 would begin in the region, in bytes. */
  readonly bufferBase: number;
  /** Buffers of the region: indices from 2 to one less than this are valid. */
  readonly bufferCount: number;

  /** Packets may begin behind the beginning of their buffers, see `setPacketOffset()`. */
  readonly hasOffsets: boolean;
  /** The most bytes that may lie before a packet in its buffer. */
  readonly maxOffset: number;

  /** Rings come with their port: `port.txRings`, `port.rxRings`. */
  constructor({ region, offset, port, host, memory, maxOffset }: RingPlace) {
    const { view } = region;
    this.#region = region;
    this.#port = port;
    this.#head = asInteger((offset + RING.head) / 4);
    this.#slots = asInteger((offset + RING.slots) / 4);
    this.offset = asInteger(offset);
    this.host = host;
    this.memory = memory;
    this.index = view.getUint16(offset + RING.ringId, true);
    this.slots = view.getUint32(offset + RING.slotCount, true);
    this.bufferSize = view.getUint32(offset + RING.bufSize, true);
    this.bufferBase = asInteger(offset + Number(view.getBigInt64(offset + RING.bufOffset, true)));
    this.bufferCount = asInteger(Math.floor((region.length - this.bufferBase) / this.bufferSize));
    const mask = offset + RING.offsetMask;
    this.#offsetMask = [view.getUint32(mask, true), view.getUint32(mask + 4, true)];
    this.hasOffsets = this.#offsetMask[0] !== 0;
    // The other end of a pipe that was opened with offsets has them too
    this.maxOffset = this.hasOffsets && maxOffset === 0 ? this.#largestOffset() : maxOffset;
  }

  #largestOffset(): number {
    let largest = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      largest = Math.max(largest, this.#pointerOffset(slot));
    }
    return Math.min(largest, this.bufferSize);
  }

  /** What a slot's `ptr` says. */
  #pointerOffset(slot: number): number {
    const word = this.#word(slot), [low, high] = this.#offsetMask;
    if ((this.#region.u32[word + 3] & high) !== 0) return Infinity;
    return (this.#region.u32[word + 2] & low) >>> 0;
  }

  /** First slot that the program owns. 0 when the port is closed. */
  get head(): number {
    return this.#region.u32[this.#head] >>> 0;
  }

  /** Where waiting starts: `wait()` and `poll()` end when `tail` is not here. */
  get cur(): number {
    return this.#region.u32[this.#head + 1] >>> 0;
  }

  /**
   * To wait for more slots than there are, without giving any back: set it ahead of `head`, at most to
   * `tail`.
   *
   * @throws {RangeError} if it is not between head and tail
   */
  set cur(slot: number) {
    this.checkSlot(slot);
    const { head } = this;
    if (this.distance(head, slot) > this.space) {
      throw new RangeError(
        `Cannot set cur to ${slot}: it goes from head, ${head}, to tail, ${this.tail}`,
      );
    }
    Atomics.store(this.#region.u32, this.#head + 1, slot);
  }

  /** First slot that netmap owns. 0 when the port is closed. */
  get tail(): number {
    if (this.#region.closed) return 0;
    return Atomics.load(this.#region.u32, this.#head + 2);
  }

  /** Slots that the program owns now: free ones to send with, or received ones. */
  get space(): number {
    return this.distance(this.head, this.tail);
  }

  /** `RingFlag` bits. */
  get flags(): number {
    return this.#region.u32[this.#head + 3] >>> 0;
  }

  /** With `RingFlag.TIMESTAMP`, each sync writes its time into the ring. */
  set flags(flags: number) {
    this.#region.u32[this.#head + 3] = checkInteger("flags of a ring", flags, 0, 0xffffffff);
  }

  /** Wall clock of the last sync in seconds since 1970, to a microsecond; 0 without the flag. */
  get timestamp(): number {
    if (this.#region.closed) return 0;
    const { view } = this.#region;
    return Number(view.getBigInt64(this.offset + RING.timestampSeconds, true)) +
      Number(view.getBigInt64(this.offset + RING.timestampMicroseconds, true)) / 1e6;
  }

  /** The slot after this one. */
  next(slot: number): number {
    return slot + 1 === this.slots ? 0 : slot + 1;
  }

  /**
   * Passes slots on to netmap: sends what is in them, or gives them back to be filled. Takes effect at
   * the next sync.
   *
   * @param count slots from `head` on
   * @throws {RangeError} if there are not so many
   */
  advance(count: number): void {
    if (this.#region.closed) throw closedError("advance", this.#port);
    checkInteger("count of slots", count, 0, 0xffffffff);
    const { space } = this;
    if (count > space) {
      throw new RangeError(`Cannot advance by ${count} slots: ${space} are the program's`);
    }
    this.publish((this.head + count) % this.slots);
  }

  /**
   * Sets `head` and `cur`, with what was written before in all slots and buffers visible to whoever
   * sees the new head. For loops that keep count themselves: nothing is checked.
   */
  publish(slot: number): void {
    this.store(slot);
  }

  /** Does what `publish()` says. */
  protected store(slot: number): void {
    const { u32 } = this.#region;
    // cur first: head may never be ahead of it, whoever looks in between. The atomic store also makes
    // slots and buffers visible before head: netmap loads head with acquire
    u32[this.#head + 1] = slot;
    Atomics.store(u32, this.#head, slot);
  }

  /** Index of a slot's buffer. */
  bufferIndex(slot: number): number {
    return this.#region.u32[this.#word(slot)] >>> 0;
  }

  /**
   * Gives a slot another buffer of the same memory, and sets `SlotFlag.BUF_CHANGED`. Each buffer must
   * be in one place only: see `swap()`.
   *
   * @throws {RangeError} if there is no such buffer
   */
  setBufferIndex(slot: number, index: number): void {
    const word = this.#word(slot);
    checkInteger("index of a buffer", index, 2, this.bufferCount - 1);
    this.touched(slot);
    this.#region.u32[word] = index;
    this.#region.u16[word * 2 + 3] |= SlotFlag.BUF_CHANGED;
  }

  /**
   * Exchanges the buffers of two slots, which moves a packet without copying it. Lengths and flags stay
   * where they are. The other ring may be of another port with the same memory.
   *
   * @throws {RangeError} if the memory is not the same
   */
  swap(slot: number, other: Ring, otherSlot: number): void {
    if (other.memory !== this.memory) {
      throw new RangeError(
        `Cannot swap buffers: "${this.#port}" and "${other.#port}" do not share one memory`,
      );
    }
    const index = this.bufferIndex(slot);
    this.setBufferIndex(slot, other.bufferIndex(otherSlot));
    other.setBufferIndex(otherSlot, index);
  }

  /**
   * Where a slot's packet begins in the region, in bytes: where its buffer does, or the slot's
   * `packetOffset()` behind it.
   */
  bufferOffset(slot: number): number {
    const offset = this.bufferBase + this.bufferIndex(slot) * this.bufferSize;
    this.#region.reach(offset + this.bufferSize);
    return this.hasOffsets ? offset + this.packetOffset(slot) : offset;
  }

  /** Bytes of a slot's buffer that lie before the packet: 0 unless the port was opened with `offset`. */
  packetOffset(slot: number): number {
    return this.hasOffsets ? Math.min(this.#pointerOffset(slot), this.maxOffset) : 0;
  }

  /**
   * Says where in its buffer a slot's packet begins, on a port that was opened with `offset`: to send
   * it from there, or have it received there. What comes before it is left alone, for headers that
   * are put in front or taken off without moving the packet.
   *
   * @throws {RangeError} if it is more than `maxOffset`
   *
   * @example
   * ```ts
   * import { Netmap } from "@valet/valet";
   *
   * using netmap = Netmap.open({ backend: "embedded", instance: "offset example" });
   * using a = netmap.open("vale0:a", { slots: 64, offset: { initial: 64, max: 128 } });
   * using b = netmap.open("vale0:b", { slots: 64 });
   * const [ring] = a.txRings;
   * ring.setPacketOffset(ring.head, 100);
   * a.send(new Uint8Array(60).fill(255));
   * console.log(ring.packetOffset(0), ring.packetOffset(1), b.receiveFrames().length); // 100 64 1
   * ```
   */
  setPacketOffset(slot: number, bytes: number): void {
    const word = this.#word(slot), [low, high] = this.#offsetMask, { u32 } = this.#region;
    checkInteger("offset of a packet", bytes, 0, this.maxOffset);
    this.touched(slot);
    u32[word + 2] = (u32[word + 2] & ~low) | bytes;
    u32[word + 3] &= ~high;
  }

  /** Bytes of packet in a slot. */
  length(slot: number): number {
    return this.#region.u16[this.#word(slot) * 2 + 2] | 0;
  }

  /**
   * Says how many bytes of packet a slot has.
   *
   * @throws {RangeError} if they do not fit in a buffer
   */
  setLength(slot: number, length: number): void {
    const word = this.#word(slot);
    checkInteger("length of a slot", length, 0, Math.min(this.bufferSize, 0xffff));
    this.#region.u16[word * 2 + 2] = length;
  }

  /** `SlotFlag` bits of a slot. */
  slotFlags(slot: number): number {
    return this.#region.u16[this.#word(slot) * 2 + 3] | 0;
  }

  /** Sets the flags of a slot; netmap leaves old ones in place. */
  setSlotFlags(slot: number, flags: number): void {
    const word = this.#word(slot);
    this.#region.u16[word * 2 + 3] = checkInteger("flags of a slot", flags, 0, 0xffff);
  }

  /** A slot's buffer, all of it, without a copy; empty once the port is closed. Allocates a view. */
  bytes(slot: number): Uint8Array<ArrayBuffer> {
    const offset = this.bufferBase + this.bufferIndex(slot) * this.bufferSize;
    this.touched(slot);
    if (this.#region.closed) return new Uint8Array(0);
    this.#region.reach(offset + this.bufferSize);
    return this.#region.u8.subarray(offset, offset + this.bufferSize);
  }

  /**
   * The memory that the ring is in, for loops of one's own.
   *
   * The slot `i` is at the words `(ring.offset + 256) / 4 + 4 * i` of `region.u32`.
   */
  get region(): Region {
    this.#region.exposed = true;
    this.#region.reach(this.#region.length);
    return this.#region;
  }

  /** Buffers with lower indices are in reach of the region's views, see `Region.reach()`. */
  get reachedBuffers(): number {
    const bytes = this.#region.reached - this.bufferBase;
    return asInteger(Math.min(this.bufferCount, Math.floor(bytes / this.bufferSize)));
  }

  /** Told when a slot's buffer may be written by others than the port's own sending. */
  protected touched(_slot: number): void {}

  /** Checks that the ring has a slot: a RangeError if not. */
  protected checkSlot(slot: number): void {
    checkInteger("slot", slot, 0, this.slots - 1);
  }

  #word(slot: number): number {
    if (!(slot >= 0 && slot < this.slots && slot === Math.floor(slot))) this.checkSlot(slot);
    return this.#slots + slot * SLOT_WORDS;
  }

  /** Slots from one to before another. */
  protected distance(from: number, to: number): number {
    return to >= from ? to - from : to + this.slots - from;
  }

  /** One line for the console. */
  toString(): string {
    const name = `${this.kind === "tx" ? "TxRing" : "RxRing"} ${this.#port} ${this.index}`;
    if (this.#region.closed) return `${name} (closed)`;
    return `${name} (${
      this.host ? "host, " : ""
    }${this.slots} slots of ${this.bufferSize} bytes, ` +
      `head ${this.head}, cur ${this.cur}, tail ${this.tail}, ` +
      `${this.space} ${this.kind === "tx" ? "free" : "waiting"})`;
  }

  /** What `console.log(ring)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** A receive ring: the slots from `head` to `tail - 1` hold packets. */
export class RxRing extends Ring {
  /** "rx". */
  readonly kind = "rx";
}
