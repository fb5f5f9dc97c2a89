/**
 * `-f rx`: receives packets and counts them.
 *
 * @module
 */

import { type Port, type RxRing, SlotFlag } from "../../mod.ts";
import { OptionBit } from "./options.ts";
import type { Thread } from "./thread.ts";
import { dumpSlots, firstSlotWord } from "./writers.ts";

const MOREFRAG = SlotFlag.MOREFRAG << 16;
const SLOT_WORDS = 4;

/** Receives until the count is reached, or the command stopped. */
export function receive(thread: Thread, port: Port): void {
  const { job } = thread;
  const { options } = job;
  const dump = (options.bits & OptionBit.DUMP) !== 0;
  const count = options.count === 0 ? Infinity : options.count; // of all threads together
  const rings = port.rxRings.map((ring) => new Counter(ring));
  thread.log("receiver_body [1939]", `reading from ${options.name}`);
  if (!waitForFirst(thread, port, "receiver_body")) return;
  while (!thread.isStopped) {
    if (!thread.wait(port, "read", 1000) && options.leaveWhenSilent) {
      if (!thread.isStopped) thread.endMs = thread.nowMs - 1000; // when the silence began
      return;
    }
    let space = 0, left = count === Infinity ? Infinity : count - thread.packetsOfAll;
    for (const counter of rings) {
      const { ring } = counter;
      space += freeSlots(ring);
      const slots = Math.min(options.burst, left, ring.space);
      if (slots <= 0) continue;
      if (dump) dumpSlots(thread, ring, ring.head, (ring.head + slots) % ring.slots);
      const packets = counter.take(slots);
      left -= packets;
      thread.packets += packets;
      thread.bytes += counter.bytes;
      if (packets > 0) thread.events++;
    }
    thread.noteSpace(space);
    thread.publish();
    if (left <= 0) {
      port.rxSync();
      thread.stopAll();
    }
  }
}

/**
 * Waits for the first packet, for ever; the time begins with it.
 *
 * @param where function in netmap's pkt-gen
 * @returns false if the command was stopped
 */
export function waitForFirst(thread: Thread, port: Port, where: string): boolean {
  const line = where === "receiver_body" ? 1954 : 2288;
  while (!thread.isStopped) {
    if (thread.wait(port, "read", 1000)) {
      thread.startMs = thread.nowMs;
      return true;
    }
    thread.log(`${where} [${line}]`, "waiting for initial packets, poll returns 0 0", 1);
  }
  return false;
}

/** Slots that can still be received into; 0 also when all can, as netmap's pkt-gen counts. */
export function freeSlots(ring: RxRing): number {
  return (ring.slots - ring.space) % ring.slots;
}

/** Counts what lies in a ring, and gives the slots back. */
class Counter {
  readonly ring: RxRing;
  readonly #u32: Uint32Array;
  readonly #firstWord: number;
  /** Bytes of what the last `take()` has counted. */
  bytes = 0;

  constructor(ring: RxRing) {
    this.ring = ring;
    this.#u32 = ring.region.u32;
    this.#firstWord = firstSlotWord(ring);
  }

  /** Takes so many slots; returns how many packets have ended in them. */
  take(slots: number): number {
    const { ring } = this;
    const u32 = this.#u32, firstWord = this.#firstWord, size = ring.slots;
    let slot = ring.head, bytes = 0, packets = 0;
    for (let i = 0; i < slots; i++) {
      const lengthAndFlags = u32[firstWord + slot * SLOT_WORDS + 1];
      bytes += lengthAndFlags & 0xffff;
      if ((lengthAndFlags & MOREFRAG) === 0) packets++;
      if (++slot === size) slot = 0;
    }
    this.bytes = bytes;
    ring.publish(slot);
    return packets;
  }
}
