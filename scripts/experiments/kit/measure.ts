/**
 * Measuring rates: repetitions, medians, and packets that go there and are taken.
 *
 * @module
 */

import { median, quantile, significant } from "../../../bench/statistics.ts";
import type { Port, Sendable } from "../../../mod.ts";
import { waitedMs } from "./clock.ts";
import type { Lab } from "./experiment.ts";
import type { Point } from "./plot.ts";

/** What several repetitions say: the middle one, and the ends of the middle half. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A rate as columns of a table. */
export type RateColumns = { mpps: number; low_mpps: number; high_mpps: number };

/** Headings for them. */
export const RATE_COLUMNS = {
  mpps: "rate (Mpps)",
  low_mpps: "1st quartile",
  high_mpps: "3rd quartile",
} as const;

/** Packets a second as columns. */
export function rateColumns({ median, low, high }: Estimate): RateColumns {
  return {
    mpps: significant(median / 1e6),
    low_mpps: significant(low / 1e6),
    high_mpps: significant(high / 1e6),
  };
}

/** A point of a plot, with its error bar. */
export function ratePoint(x: number | string, rate: Partial<RateColumns>): Point {
  return { x, y: rate.mpps ?? NaN, low: rate.low_mpps, high: rate.high_mpps };
}

/** The estimate of a few numbers. */
export function estimate(values: readonly number[]): Estimate {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/** The clock is looked at about so often, in milliseconds: it takes time, too. */
const LOOK_MS = 0.5;

/** How long and how often. */
export interface Effort {
  /** Milliseconds of each repetition. */
  readonly lengthMs: number;
  readonly repetitions: number;
}

/** What a run of the experiment can afford for each point. */
export function effortOf(lab: Lab): Effort {
  return { lengthMs: lab.lengthMs, repetitions: lab.pick(5, 11) };
}

/** Repetitions in which the code of the first measurement is compiled. */
const WARM_UP = 8;
let isWarm = false;

/**
 * Units of work a second, of the time that passes less what other programs had this thread's CPU.
 *
 * @param work does some, and says how many units it was
 * @param effort repetitions before which one is thrown away
 */
export function measureRate(
  work: () => number,
  { lengthMs, repetitions }: Effort,
): Estimate {
  let calls = 1;
  const once = (): number => {
    let units = 0, elapsedMs = 0;
    const start = performance.now(), waited = waitedMs();
    while (elapsedMs < lengthMs) {
      for (let i = 0; i < calls; i++) units += work();
      const before = elapsedMs;
      elapsedMs = performance.now() - start;
      if (elapsedMs - before < LOOK_MS) calls *= 2;
    }
    // Looked at in this order, what was waited is a part of the time that passed
    const waitedSince = waitedMs() - waited;
    return units / (performance.now() - start - waitedSince) * 1000;
  };
  for (let i = 0; i < (isWarm ? 1 : WARM_UP); i++) once();
  isWarm = true;
  calls = Math.max(1, calls >> 1);
  return estimate(Array.from({ length: repetitions }, once));
}

/** The same, of work that waits for others; what it waits counts. */
export async function measureRateAsync(
  work: () => Promise<number>,
  { lengthMs, repetitions }: Effort,
): Promise<Estimate> {
  const rates: number[] = [];
  for (let i = 0; i <= repetitions; i++) {
    let units = 0, elapsedMs = 0;
    const start = performance.now();
    while (elapsedMs < lengthMs) {
      units += await work();
      elapsedMs = performance.now() - start;
    }
    rates.push(units / elapsedMs * 1000);
  }
  return estimate(rates.slice(1));
}

/** Longest wait for a packet that was sent, in milliseconds; after it, it is lost. */
const LOST_MS = 100;

/**
 * Sends from one port and takes at others, in one thread. No more packets are on their way than the
 * receivers' rings hold, so none is lost, also where another process forwards.
 */
export class Shuttle {
  readonly #from: Port;
  readonly #to: readonly Port[];
  readonly #received: number[];
  readonly #window: number;
  readonly #isSpread: boolean;
  #sent = 0;
  /** Packets that never came. */
  lost = 0;

  /**
   * @param from sends
   * @param to takes
   * @param goal each packet has to come to "all" of them, or to "one"
   */
  constructor(from: Port, to: readonly Port[], goal: "all" | "one" = "all") {
    this.#from = from;
    this.#to = to;
    this.#received = to.map(() => 0);
    this.#isSpread = goal === "one";
    // Slots that were read are free for the sender only after the next look
    this.#window = Math.min(...to.map((port) => port.rxRings[0].slots)) >> 1;
  }

  /** Packets that are on their way. */
  get onTheWay(): number {
    return this.#sent - this.#done();
  }

  /**
   * Sends a batch, with one txsync, and takes what has come.
   *
   * @returns how many packets have come where they had to
   */
  round(packet: Sendable, batch: number): number {
    const before = this.#done();
    const room = Math.min(batch, this.#window - (this.#sent - before));
    if (room > 0) this.#sent += this.#from.send(packet, { count: room, batch });
    this.#take();
    if (room <= 0 && this.#done() === before) this.#wait();
    return this.#done() - before;
  }

  /** Takes until nothing is on its way. */
  drain(): void {
    while (this.onTheWay > 0) {
      this.#take();
      if (this.onTheWay > 0) this.#wait();
    }
  }

  /** Packets that have come where they had to. */
  #done(): number {
    let least = Infinity, sum = 0;
    for (let i = 0; i < this.#received.length; i++) {
      least = Math.min(least, this.#received[i]);
      sum += this.#received[i];
    }
    return this.#isSpread ? sum : least;
  }

  #take(): void {
    for (let i = 0; i < this.#to.length; i++) {
      let count = 0;
      for (const _ of this.#to[i].receive()) count++;
      this.#received[i] += count;
    }
  }

  /** Until something comes to whoever has the least; what does not come is lost. */
  #wait(): void {
    const before = this.onTheWay;
    const deadline = performance.now() + LOST_MS;
    const { length } = this.#to, slice = this.#isSpread && length > 1 ? 1 : LOST_MS;
    for (let i = 0; this.onTheWay >= before && performance.now() < deadline; i++) {
      const least = this.#isSpread
        ? i % length
        : this.#received.indexOf(Math.min(...this.#received));
      this.#to[least].poll("read", slice);
      this.#take();
    }
    if (this.onTheWay < before) return;
    this.lost += before;
    this.#sent -= before;
    if (!this.#isSpread) this.#received.fill(this.#sent);
  }
}
