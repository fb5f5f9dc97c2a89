/**
 * One output of `lb`: a pipe, and what is counted at it.
 *
 * @module
 */

import type { Port, TxRing } from "../../mod.ts";
import type { OverflowQueue } from "./overflow.ts";
import { CHANGED, Slots } from "./slots.ts";

/** What a pipe has counted. */
export interface PipeCounts {
  /** Packets passed on. */
  packets: number;
  /** Their bytes. */
  bytes: number;
  /** Packets lost. */
  dropped: number;
  /** Their bytes. */
  droppedBytes: number;
}

/** A pipe. */
export class Pipe {
  /** As it was opened. */
  readonly name: string;
  /** Its transmit ring. */
  readonly ring: TxRing;
  /** All that was counted. */
  readonly counts: PipeCounts = { packets: 0, bytes: 0, dropped: 0, droppedBytes: 0 };
  /** Where packets wait for room; undefined without extra buffers. */
  readonly queue: OverflowQueue | undefined;
  readonly #port: Port;
  /** The slots of its ring. */
  readonly slots: Slots;
  /** Hash of the packet in each slot, for the next group. */
  readonly #hashes: Uint32Array;
  /** The oldest slot whose packet has not been released, or not been passed on since. */
  #oldest: number;
  #head: number;
  #isChanged = false;

  /** The port has one transmit ring, which nobody else writes to. */
  constructor(name: string, port: Port, queue: OverflowQueue | undefined) {
    const [ring] = port.txRings;
    this.name = name;
    this.ring = ring;
    this.queue = queue;
    this.#port = port;
    this.slots = new Slots(ring);
    this.#hashes = new Uint32Array(ring.slots);
    this.#head = ring.head;
    this.#oldest = ring.next(ring.tail);
  }

  /** The open pipe. */
  get port(): Port {
    return this.#port;
  }

  /** Packets that the other end has not released. */
  get isPending(): boolean {
    return this.ring.next(this.ring.tail) !== this.#head;
  }

  /** Slots that packets can go to. */
  get room(): number {
    const { slots } = this.ring;
    return (this.#oldest + slots - 1 - this.#head) % slots;
  }

  /**
   * Puts a slot of a packet into the ring; there is room.
   *
   * @returns the buffer that was there, which is free
   */
  put(buffer: number, lengthAndFlags: number, hash: number): number {
    const free = this.slots.exchange(this.#head, buffer, lengthAndFlags | CHANGED);
    this.#hashes[this.#head] = hash;
    this.#head = this.ring.next(this.#head);
    this.#isChanged = true;
    return free;
  }

  /** Sends what was put. */
  flush(): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    this.ring.publish(this.#head);
    this.#port.txSync();
  }

  /** Looks what the other end has released. */
  sync(): void {
    this.#port.txSync();
  }

  /** All that was released is free: nobody comes after this pipe. */
  release(): void {
    this.#oldest = this.ring.next(this.ring.tail);
  }

  /**
   * Takes the packets that were released, and not passed on since, the oldest first.
   *
   * @param pass is given the first slot of each, how many it has, its hash
   */
  takeReleased(pass: (first: number, count: number, hash: number) => void): void {
    // netmap keeps one slot between tail and head, so that what was released goes to tail itself
    const stop = this.ring.next(this.ring.tail);
    while (this.#oldest !== stop) {
      const count = this.slots.packetSlots(this.#oldest, stop);
      if (count === 0) return; // its other slots are not released yet
      pass(this.#oldest, count, this.#hashes[this.#oldest]);
      this.#oldest = (this.#oldest + count) % this.ring.slots;
    }
  }
}
