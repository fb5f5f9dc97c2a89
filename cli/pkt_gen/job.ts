/**
 * What the main thread and the Workers of pkt-gen tell each other.
 *
 * Commands and news are messages; counters, and the wish to stop, are in shared memory: a Worker reads
 * no messages while it sends or receives.
 *
 * @module
 */

import type { BackendName, RingCounts } from "../../mod.ts";
import type { FrameOptions } from "./frame.ts";
import type { Options } from "./options.ts";

/** What a Worker is told to do. */
export interface Job {
  /** Number of the thread. */
  readonly thread: number;
  /** The command line. */
  readonly options: Options;
  /** Packets for this thread; 0: for ever, or none if the command has a count. */
  readonly count: number;
  /** Which netmap. */
  readonly backend: BackendName;
  /** Which engine. */
  readonly instance: string;
  /** The ring to open, in both directions; undefined: all rings that the name says. */
  readonly ring: { readonly index: number; readonly host: boolean } | undefined;
  /** What packets are made from. */
  readonly frame: FrameOptions;
  /** The packet out of a file, instead. */
  readonly packet: Uint8Array | undefined;
  /** Counters and commands, see {@linkcode Shared}. */
  readonly shared: SharedArrayBuffer;
}

/** From the main thread to a Worker: open the port, then begin. */
export type Command = { readonly do: "open"; readonly job: Job } | { readonly do: "start" };

/** From a Worker to the main thread. */
export type News =
  | { readonly is: "ready" }
  | ({ readonly is: "open" } & OpenedPort)
  | { readonly is: "text"; readonly to: "stdout" | "stderr"; readonly text: string }
  | { readonly is: "done"; readonly startMs: number; readonly endMs: number }
  | { readonly is: "failed"; readonly message: string };

/** The port as it was opened. */
export interface OpenedPort {
  /** Rings of the port, bound or not. */
  readonly rings: RingCounts;
  /** Bytes of the virtio-net header in front of each packet. */
  readonly headerBytes: number;
  /** Slots and places of the bound rings, for `-v`. */
  readonly layout: readonly string[];
  /** What could not be found out. */
  readonly warning: string | undefined;
  /** Name of the TAP interface. */
  readonly tapName: string | undefined;
}

const STOP = 0, WRITTEN = 1, COMMAND_BYTES = 8;
const PACKETS = 0, BYTES = 1, EVENTS = 2, MIN_SPACE = 3, FIGURES = 4;

/** What a report resets `minSpace` to. */
const MUCH_SPACE = 99999;

/** Shared memory of all threads: one writer for each counter, and nobody waits for another. */
export class Shared {
  /** The memory. */
  readonly buffer: SharedArrayBuffer;
  readonly #commands: Int32Array;
  readonly #figures: Float64Array;

  /** @param buffer from {@linkcode Shared.create}, here or in another thread */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#commands = new Int32Array(buffer, 0, COMMAND_BYTES / 4);
    this.#figures = new Float64Array(buffer, COMMAND_BYTES);
  }

  /** Memory for some threads. */
  static create(threads: number): Shared {
    return new Shared(new SharedArrayBuffer(COMMAND_BYTES + threads * FIGURES * 8));
  }

  /** Threads are to stop. */
  get isStopped(): boolean {
    return Atomics.load(this.#commands, STOP) !== 0;
  }

  /** Tells all threads to stop, and wakes those that sleep. */
  stop(): void {
    Atomics.store(this.#commands, STOP, 1);
    Atomics.notify(this.#commands, STOP);
  }

  /** Sleeps; not for the main thread. Ends at once when threads are to stop. */
  sleep(ms: number): void {
    Atomics.wait(this.#commands, STOP, 0, ms);
  }

  /** Texts that the main thread has written. */
  get written(): number {
    return Atomics.load(this.#commands, WRITTEN);
  }

  /** The main thread has written one more. */
  countWritten(): void {
    Atomics.add(this.#commands, WRITTEN, 1);
    Atomics.notify(this.#commands, WRITTEN);
  }

  /** Waits until the main thread has written more than so many texts, or threads are to stop. */
  waitWritten(before: number): void {
    while (this.written === before && !this.isStopped) {
      Atomics.wait(this.#commands, WRITTEN, before, 100);
    }
  }

  /** What a thread has done so far. Only sampled: a figure may be a batch ahead of the next. */
  set(thread: number, packets: number, bytes: number, events: number): void {
    const at = thread * FIGURES;
    this.#figures[at + PACKETS] = packets;
    this.#figures[at + BYTES] = bytes;
    this.#figures[at + EVENTS] = events;
  }

  /** A thread has seen so much free space in its receive rings. */
  noteSpace(thread: number, slots: number): void {
    const at = thread * FIGURES + MIN_SPACE;
    if (slots < this.#figures[at]) this.#figures[at] = slots;
  }

  /** Sums over all threads. */
  get sums(): { packets: number; bytes: number; events: number } {
    const sums = { packets: 0, bytes: 0, events: 0 };
    for (let at = 0; at < this.#figures.length; at += FIGURES) {
      sums.packets += this.#figures[at + PACKETS];
      sums.bytes += this.#figures[at + BYTES];
      sums.events += this.#figures[at + EVENTS];
    }
    return sums;
  }

  /** Least free space since the last call, summed over all threads. */
  takeMinSpace(): number {
    let sum = 0;
    for (let at = MIN_SPACE; at < this.#figures.length; at += FIGURES) {
      sum += this.#figures[at];
      this.#figures[at] = MUCH_SPACE;
    }
    return sum;
  }
}
