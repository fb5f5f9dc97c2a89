/**
 * Overflow queues: packets that a pipe has had no room for, each in buffers of the port's memory.
 *
 * @module
 */

import { MOREFRAG } from "./slots.ts";

/** A queue of slots: which buffer, its length and flags, the packet's hash. */
export class OverflowQueue {
  readonly #buffers: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #hashes: Uint32Array;
  #first = 0;
  /** Slots in it. */
  size = 0;

  /** @param room most slots */
  constructor(room: number) {
    this.#buffers = new Uint32Array(room);
    this.#lengths = new Uint32Array(room);
    this.#hashes = new Uint32Array(room);
  }

  /** Buffer of the first slot. */
  get buffer(): number {
    return this.#buffers[this.#first];
  }

  /** Length of the first slot, and its flags from bit 16 on. */
  get lengthAndFlags(): number {
    return this.#lengths[this.#first];
  }

  /** Hash of the first slot's packet. */
  get hash(): number {
    return this.#hashes[this.#first];
  }

  /** Slots of the first packet. */
  packetSlots(): number {
    let count = 1;
    const { length } = this.#lengths;
    while (
      count < this.size && (this.#lengths[(this.#first + count - 1) % length] & MOREFRAG) !== 0
    ) count++;
    return count;
  }

  /** Adds a slot; there is room. */
  push(buffer: number, lengthAndFlags: number, hash: number): void {
    const at = (this.#first + this.size++) % this.#buffers.length;
    this.#buffers[at] = buffer;
    this.#lengths[at] = lengthAndFlags;
    this.#hashes[at] = hash;
  }

  /** Takes the first slot away. */
  shift(): void {
    this.#first = (this.#first + 1) % this.#buffers.length;
    this.size--;
  }
}
