/**
 * Moving packets from receive rings to transmit rings: by exchanging buffers where both have one memory,
 * else by copying.
 *
 * @module
 */

import { type Port, type Ring, type RxRing, SlotFlag, type TxRing } from "../../mod.ts";

/** 32-bit words of a slot: the buffer's index; length and flags; a pointer. */
const SLOT_WORDS = 4;

/** Where the slots of a ring begin, from its beginning, in bytes. */
const SLOTS = 256;

const MOREFRAG = SlotFlag.MOREFRAG << 16, CHANGED = SlotFlag.BUF_CHANGED << 16;

/** Up to this length a loop over words is faster than making two views. */
const SHORT_BYTES = 256;

/** Told of what is moved. */
export interface MoveReport {
  /** Packets have gone from one ring to the other. */
  moved?(rx: RxRing, tx: TxRing, packets: number): void;
  /** A packet goes. */
  packet?(rxSlot: number, txSlot: number, bytes: number): void;
}

/** Whether packets can go from one port to the other without a copy. */
export function sharesMemory(from: Port, to: Port): boolean {
  return from.backend === to.backend && from.memoryId === to.memoryId;
}

/** Slots of all rings that the program owns. */
export function slotsOf(rings: readonly Ring[]): number {
  return rings.reduce((sum, ring) => sum + ring.space, 0);
}

/** Moves packets from one port to another. */
export class Mover {
  readonly #from: readonly RxRing[];
  readonly #to: readonly TxRing[];
  readonly #burst: number;
  readonly #zeroCopy: boolean;
  readonly #report: MoveReport;

  /**
   * @param burst most packets from one ring to another before the next ring has its turn
   * @param zeroCopy exchange buffers: `sharesMemory()` is true
   */
  constructor(from: Port, to: Port, burst: number, zeroCopy: boolean, report: MoveReport = {}) {
    this.#from = from.rxRings;
    this.#to = to.txRings;
    this.#burst = burst;
    this.#zeroCopy = zeroCopy;
    this.#report = report;
  }

  /** Moves what is there and has room, without a sync. Returns how many slots. */
  move(): number {
    let moved = 0, rx = 0, tx = 0;
    while (rx < this.#from.length && tx < this.#to.length) {
      const from = this.#from[rx], to = this.#to[tx];
      if (from.space === 0) rx++;
      else if (to.space === 0) tx++;
      else moved += this.#moveRing(from, to);
    }
    return moved;
  }

  #moveRing(from: RxRing, to: TxRing): number {
    const count = Math.min(from.space, to.space, this.#burst);
    const rx = from.region.u32, tx = to.region.u32;
    const rxSlots = (from.offset + SLOTS) / 4, txSlots = (to.offset + SLOTS) / 4;
    const { packet } = this.#report;
    let at = from.head, put = to.head;
    for (let i = 0; i < count; i++) {
      const rxWord = rxSlots + at * SLOT_WORDS, txWord = txSlots + put * SLOT_WORDS;
      const lengthAndFlags = rx[rxWord + 1];
      // Whoever shares the memory can write there: a length that cannot be is none
      const length = (lengthAndFlags & 0xffff) <= from.bufferSize ? lengthAndFlags & 0xffff : 0;
      const flags = (tx[txWord + 1] & ~(MOREFRAG | 0xffff)) | (lengthAndFlags & MOREFRAG);
      if (this.#zeroCopy) {
        const buffer = tx[txWord];
        tx[txWord] = rx[rxWord];
        rx[rxWord] = buffer;
        rx[rxWord + 1] = lengthAndFlags | CHANGED;
        tx[txWord + 1] = flags | CHANGED | length;
      } else {
        const fitting = Math.min(length, to.bufferSize);
        copy(from, at, to, put, fitting);
        tx[txWord + 1] = flags | fitting;
      }
      packet?.(at, put, length);
      if (++at === from.slots) at = 0;
      if (++put === to.slots) put = 0;
    }
    to.publish(put);
    from.publish(at);
    this.#report.moved?.(from, to, count);
    return count;
  }
}

/** Copies a packet from slot to slot. */
function copy(from: RxRing, rxSlot: number, to: TxRing, txSlot: number, bytes: number): void {
  const source = from.bufferOffset(rxSlot), target = to.bufferOffset(txSlot);
  const { region: rx } = from, { region: tx } = to;
  if (bytes > SHORT_BYTES || ((source | target) & 3) !== 0) {
    tx.u8.set(rx.u8.subarray(source, source + bytes), target);
    return;
  }
  const words = (bytes + 3) >> 2;
  for (let i = 0; i < words; i++) tx.u32[target / 4 + i] = rx.u32[source / 4 + i];
}
