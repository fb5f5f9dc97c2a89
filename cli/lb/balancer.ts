/**
 * What `lb` does with packets: each goes to a pipe of the first group, by its hash, and when it is
 * released there to a pipe of the next, and so on. Buffers are exchanged, never copied.
 *
 * @module
 */

import type { Port, RxRing } from "../../mod.ts";
import { flowHash } from "./hash.ts";
import { OverflowQueue } from "./overflow.ts";
import type { Pipe } from "./pipe.ts";
import { CHANGED, MOREFRAG, Slots } from "./slots.ts";

/** Buffers that are taken from the longest queue when none is free, and what it keeps if it can. */
const REVOKED = 150, KEPT = 64;

/** A receive ring of the port whose packets are spread. */
interface Input {
  readonly ring: RxRing;
  readonly slots: Slots;
}

/** Spreads the packets of a port. */
export class Balancer {
  readonly #port: Port;
  readonly #inputs: readonly Input[];
  readonly #groups: readonly (readonly Pipe[])[];
  readonly #pipes: readonly Pipe[];
  /** Buffers in no ring and in no packet's queue; undefined without extra buffers. */
  readonly #free: OverflowQueue | undefined;
  readonly #batch: number;
  /** Packets received. */
  received = 0;
  /** Those of them whose hash is 0. */
  nonIp = 0;

  /**
   * @param groups of pipes with the port's memory
   * @param batch slots that are received before the port is synced
   */
  constructor(port: Port, groups: readonly (readonly Pipe[])[], batch: number) {
    this.#port = port;
    this.#inputs = port.rxRings.map((ring) => ({ ring, slots: new Slots(ring) }));
    this.#groups = groups;
    this.#pipes = groups.flat();
    this.#batch = batch;
    const { extraBuffers } = port;
    if (extraBuffers.count === 0) return;
    this.#free = new OverflowQueue(extraBuffers.count);
    for (let buffer = extraBuffers.take(); buffer !== undefined; buffer = extraBuffers.take()) {
      this.#free.push(buffer, 0, 0);
    }
  }

  /** Extra buffers that have no packet. */
  get freeBuffers(): number {
    return this.#free?.size ?? 0;
  }

  /** Pipes that may have to be looked at though nothing comes in. */
  get waitingPipes(): Pipe[] {
    const last = this.#groups.at(-1);
    return this.#pipes.filter((pipe) =>
      pipe.isPending && ((pipe.queue?.size ?? 0) > 0 || !last?.includes(pipe))
    );
  }

  /** Moves all that can be moved now; returns whether there was something to receive. */
  run(): boolean {
    for (const pipe of this.#pipes) if (pipe.isPending) pipe.sync();
    // From the end of the chain on: what one group has released, the next has to take first
    for (let i = this.#groups.length - 1; i >= 0; i--) {
      for (const pipe of this.#groups[i]) this.#handOn(pipe, i + 1);
    }
    for (const pipe of this.#pipes) this.#drain(pipe);
    let isAny = false;
    for (const input of this.#inputs) isAny = this.#receive(input) || isAny;
    for (const pipe of this.#pipes) pipe.flush();
    if (isAny) this.#port.rxSync();
    return isAny;
  }

  /** Gives all extra buffers back to netmap's list; returns how many. */
  giveBack(): number {
    let count = 0;
    for (const queue of [this.#free, ...this.#pipes.map(({ queue }) => queue)]) {
      for (; queue !== undefined && queue.size > 0; queue.shift(), count++) {
        this.#port.extraBuffers.give(queue.buffer);
      }
    }
    return count;
  }

  #handOn(pipe: Pipe, next: number): void {
    if (next === this.#groups.length) pipe.release();
    else {
      pipe.takeReleased((first, count, hash) => this.#pass(next, pipe.slots, first, count, hash));
    }
  }

  /** Moves what has waited for room into the pipe, in whole packets. */
  #drain(pipe: Pipe): void {
    const { queue } = pipe;
    if (queue === undefined) return;
    while (queue.size > 0) {
      const count = queue.packetSlots();
      if (pipe.room < count) return;
      pipe.counts.packets++;
      for (let i = 0; i < count; i++) {
        const { buffer, lengthAndFlags, hash } = queue;
        queue.shift();
        pipe.counts.bytes += lengthAndFlags & 0xffff;
        this.#free!.push(pipe.put(buffer, lengthAndFlags, hash), 0, 0);
      }
    }
  }

  #receive({ ring, slots }: Input): boolean {
    const { u8 } = ring.region;
    let head = ring.head, sinceSync = 0, tail = ring.tail;
    const first = head;
    while (head !== tail) {
      const count = slots.packetSlots(head, tail);
      if (count === 0) break; // the rest of it has not come
      const length = slots.lengthAndFlags(head) & 0xffff;
      const hash = flowHash(u8, ring.bufferOffset(head), Math.min(length, ring.bufferSize));
      this.received++;
      if (hash === 0) this.nonIp++;
      this.#pass(0, slots, head, count, hash);
      head = (head + count) % ring.slots;
      sinceSync += count;
      if (sinceSync < this.#batch) continue;
      sinceSync = 0;
      ring.publish(head);
      this.#port.rxSync();
      tail = ring.tail;
    }
    if (head !== first) ring.publish(head);
    return head !== first;
  }

  /** Passes a packet on to a group; its slots have other buffers then, free ones. */
  #pass(group: number, slots: Slots, first: number, count: number, hash: number): void {
    const pipes = this.#groups[group];
    const pipe = pipes[hash % pipes.length];
    const { counts, queue } = pipe;
    const bytes = slots.packetBytes(first, count);
    // What waits already has to go first
    const hasRoom = pipe.room >= count && (queue === undefined || queue.size === 0);
    if (!hasRoom && (queue === undefined || !this.#makeFree(count))) {
      counts.dropped++;
      counts.droppedBytes += bytes;
      return;
    }
    if (hasRoom) {
      counts.packets++;
      counts.bytes += bytes;
    }
    for (let i = 0; i < count; i++) {
      const slot = (first + i) % slots.count;
      const buffer = slots.buffer(slot), words = slots.lengthAndFlags(slot);
      const lengthAndFlags = (words & 0xffff) | (words & MOREFRAG);
      const free = hasRoom
        ? pipe.put(buffer, lengthAndFlags, hash)
        : this.#queue(queue!, buffer, lengthAndFlags, hash);
      slots.exchange(slot, free, CHANGED);
    }
  }

  #queue(queue: OverflowQueue, buffer: number, lengthAndFlags: number, hash: number): number {
    queue.push(buffer, lengthAndFlags, hash);
    const free = this.#free!, { buffer: other } = free;
    free.shift();
    return other;
  }

  /** Has so many buffers free, if need be by dropping what has waited longest where most waits. */
  #makeFree(count: number): boolean {
    const free = this.#free;
    if (free === undefined) return false;
    if (free.size >= count) return true;
    const longest = this.#pipes.reduce((most, pipe) =>
      (pipe.queue?.size ?? 0) > (most.queue?.size ?? 0) ? pipe : most
    );
    const { queue, counts } = longest;
    const most = free.size + REVOKED;
    while (
      queue !== undefined && queue.size > 0 &&
      (free.size < count || (free.size < most && queue.size > KEPT))
    ) {
      counts.dropped++;
      for (let left = queue.packetSlots(); left > 0; left--) {
        counts.droppedBytes += queue.lengthAndFlags & 0xffff;
        free.push(queue.buffer, 0, 0);
        queue.shift();
      }
    }
    return free.size >= count;
  }
}
