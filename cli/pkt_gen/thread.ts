/**
 * What the functions of pkt-gen have of their thread: counters, lines to print, waiting that ends when
 * the command is stopped.
 *
 * @module
 */

import type { Port } from "../../mod.ts";
import { logLine, nowMs } from "../log_line.ts";
import { type Job, type News, Shared } from "./job.ts";

/** A wait looks so often whether the command is stopped, in milliseconds. */
const SLICE_MS = 50;

/**
 * Before it sleeps, a thread looks again and again for so long, in milliseconds: a little more than it
 * takes another thread to wake up and answer.
 */
const SPIN_MS = 0.1;

/**
 * A thread that has looked in vain sleeps at once for so many times: perhaps it keeps the very thread that it
 * waits for from the CPU.
 */
const SLEEPS = 64;

const POLLERR = 8;

/** The thread that a function runs in. */
export class Thread {
  /** What it is told to do. */
  readonly job: Job;
  /** Packets so far. */
  packets = 0;
  /** Their bytes. */
  bytes = 0;
  /** Batches. */
  events = 0;
  /** When the function has begun, in milliseconds since 1970; 0 if it has not. */
  startMs = 0;
  /** When it has ended. */
  endMs = 0;
  readonly #shared: Shared;
  readonly #tell: (news: News) => void;
  #sleepsLeft = 0;
  readonly #said = new Map<string, { second: number; count: number }>();

  /** @param tell how the main thread is told something */
  constructor(job: Job, tell: (news: News) => void) {
    this.job = job;
    this.#shared = new Shared(job.shared);
    this.#tell = tell;
  }

  /** The command is to end. */
  get isStopped(): boolean {
    return this.#shared.isStopped;
  }

  /** Milliseconds since 1970, with a fraction. */
  get nowMs(): number {
    return nowMs();
  }

  /** Shows the counters to the main thread. */
  publish(): void {
    this.#shared.set(this.job.thread, this.packets, this.bytes, this.events);
  }

  /** Packets of all threads, as far as they were published. */
  get packetsOfAll(): number {
    return this.#shared.sums.packets;
  }

  /** All threads are to end: together they have done what was asked for. */
  stopAll(): void {
    this.#shared.stop();
  }

  /** Takes note of the free space in the receive rings. */
  noteSpace(slots: number): void {
    this.#shared.noteSpace(this.job.thread, slots);
  }

  /**
   * A line on stderr.
   *
   * @param where function and line in netmap's pkt-gen
   * @param perSecond most lines of that place in a second
   */
  log(where: string, text: string, perSecond = Infinity): void {
    const now = this.nowMs;
    if (perSecond !== Infinity) {
      const second = Math.floor(now / 1000);
      const said = this.#said.get(where);
      const count = said?.second === second ? said.count + 1 : 1;
      this.#said.set(where, { second, count });
      if (count > perSecond) return;
    }
    this.#tell({ is: "text", to: "stderr", text: logLine(where, text, now) });
  }

  /** Writes to stdout, and goes on when it is written: nobody else could slow this thread down. */
  print(text: string): void {
    const before = this.#shared.written;
    this.#tell({ is: "text", to: "stdout", text });
    this.#shared.waitWritten(before);
  }

  /** Sleeps until then, the last millisecond awake; ends at once when the command is stopped. */
  sleepUntil(nowMs: number): void {
    for (;;) {
      const leftMs = nowMs - this.nowMs;
      if (leftMs <= 0 || this.isStopped) return;
      if (leftMs > 1) this.#shared.sleep(leftMs - 0.5);
    }
  }

  /** Sleeps. */
  sleep(ms: number): void {
    this.#shared.sleep(ms);
  }

  /**
   * Waits for packets, or for room.
   *
   * @returns false when the time is up, or the command stopped
   * @throws {Error} if a ring was in a state that netmap does not accept
   */
  wait(port: Port, events: "read" | "write", timeoutMs: number): boolean {
    if (this.#look(port, events)) return true;
    const start = performance.now(), deadline = start + timeoutMs;
    if (this.#sleepsLeft > 0) {
      this.#sleepsLeft--;
    } else {
      for (let now = start; now < start + SPIN_MS; now = performance.now()) {
        if (this.#look(port, events)) return true;
      }
      this.#sleepsLeft = SLEEPS;
    }
    while (!this.isStopped) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) break;
      if (this.#look(port, events, Math.ceil(Math.min(leftMs, SLICE_MS)))) return true;
    }
    return false;
  }

  #look(port: Port, events: "read" | "write", timeoutMs = 0): boolean {
    const found = port.poll(events, timeoutMs);
    if ((found & POLLERR) === 0) return found !== 0;
    throw new Error(`Cannot go on with "${port.name}": a ring was in a state that is not legal`);
  }
}

/** Sends a packet each `periodMs`, in bursts: without a rate, as many as there is room for. */
export class Pace {
  readonly #thread: Thread;
  readonly #burst: number;
  readonly #periodMs: number;
  #nextMs: number;
  #left = 0;

  /** Begins now. */
  constructor(thread: Thread) {
    const { burst, ratePps } = thread.job.options;
    this.#thread = thread;
    this.#burst = burst;
    this.#periodMs = ratePps > 0 ? 1000 * burst / ratePps : 0;
    this.#nextMs = thread.nowMs;
  }

  /** Waits until packets may be sent; returns how many. */
  next(): number {
    if (this.#periodMs === 0) return this.#burst;
    if (this.#left <= 0) {
      this.#left += this.#burst;
      this.#thread.sleepUntil(this.#nextMs);
      this.#nextMs += this.#periodMs;
    }
    return this.#left;
  }

  /** So many were sent. */
  spend(packets: number): void {
    this.#left -= packets;
  }
}
