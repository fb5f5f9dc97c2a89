/**
 * The slots of a ring, as `lb` moves them.
 *
 * @module
 */

import { type Ring, SlotFlag } from "../../mod.ts";

/** 32-bit words of a slot: the buffer's index; length and flags; a pointer. */
const SLOT_WORDS = 4;

/** Where the slots of a ring begin, from its beginning, in bytes. */
const SLOTS = 256;

/** `SlotFlag.MOREFRAG`, where a slot's flags are beside its length. */
export const MOREFRAG: number = SlotFlag.MOREFRAG << 16;
/** `SlotFlag.BUF_CHANGED`, in the same place. */
export const CHANGED: number = SlotFlag.BUF_CHANGED << 16;

/** The slots of a ring. */
export class Slots {
  readonly #u32: Uint32Array;
  readonly #first: number;
  /** How many. */
  readonly count: number;

  /** @param ring of an open port */
  constructor(ring: Ring) {
    this.#u32 = ring.region.u32;
    this.#first = (ring.offset + SLOTS) / 4;
    this.count = ring.slots;
  }

  /** Index of a slot's buffer. */
  buffer(slot: number): number {
    return this.#u32[this.#first + slot * SLOT_WORDS];
  }

  /** Length of a slot, and its flags from bit 16 on. */
  lengthAndFlags(slot: number): number {
    return this.#u32[this.#first + slot * SLOT_WORDS + 1];
  }

  /** Gives a slot another buffer, length and flags; returns the buffer that it had. */
  exchange(slot: number, buffer: number, lengthAndFlags: number): number {
    const word = this.#first + slot * SLOT_WORDS;
    const old = this.#u32[word];
    this.#u32[word] = buffer;
    this.#u32[word + 1] = lengthAndFlags;
    return old;
  }

  /** Slots of the packet that begins in a slot; 0 if it does not end before `stop`. */
  packetSlots(first: number, stop: number): number {
    let slot = first;
    for (let count = 1;; count++) {
      const isLast = (this.lengthAndFlags(slot) & MOREFRAG) === 0;
      slot = slot + 1 === this.count ? 0 : slot + 1;
      if (isLast) return count;
      if (slot === stop) return 0;
    }
  }

  /** Bytes of a packet. */
  packetBytes(first: number, count: number): number {
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += this.lengthAndFlags((first + i) % this.count) & 0xffff;
    return bytes;
  }
}
