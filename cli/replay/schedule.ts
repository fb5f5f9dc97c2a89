/**
 * When each packet of a capture is to be sent.
 *
 * Pure.
 *
 * @module
 */

import type { Delay, Loss, Pace } from "./models.ts";

/** What a schedule is made from. */
export interface ScheduleOptions {
  /** When packets are sent. */
  readonly pace: Pace;
  /** How long they are under way then; undefined: not at all. */
  readonly delay: Delay | undefined;
  /** Which are lost; undefined: none. */
  readonly loss: Loss | undefined;
  /** How often the capture is sent; Infinity: for ever. */
  readonly loops: number;
  /** The same seed, the same delays and losses: a whole number. */
  readonly seed: number;
}

/** What is known of the packets of a capture. */
export interface Recorded {
  /** When each was recorded, in nanoseconds since the first. */
  readonly timesNs: Float64Array;
  /** Bytes of each. */
  readonly lengths: Uint32Array;
}

/** Goes from packet to packet. Packets never overtake each other. */
export class Schedule {
  readonly #recorded: Recorded;
  readonly #options: ScheduleOptions;
  readonly #passNs: number;
  readonly #random: () => number;
  #next = 0;
  #pass = 0;
  #sent = 0;
  #clockNs = 0;
  /** Which packet is to be sent. */
  index = 0;
  /** When, in nanoseconds since the beginning. */
  dueNs = 0;
  /** Packets that were lost so far. */
  lost = 0;

  /** Stands before the first packet. */
  constructor(recorded: Recorded, options: ScheduleOptions) {
    this.#recorded = recorded;
    this.#options = options;
    this.#passNs = passOf(recorded);
    this.#random = randomNumbers(options.seed);
  }

  /** Goes to the next packet that is not lost; false when there is none. */
  advance(): boolean {
    const { lengths } = this.#recorded;
    while (lengths.length > 0 && this.#pass < this.#options.loops) {
      const index = this.#next;
      const arrivalNs = this.#arrival(index);
      if (++this.#next === lengths.length) {
        this.#next = 0;
        this.#pass++;
      }
      if (this.#isLost(lengths[index])) {
        this.lost++;
        continue;
      }
      this.index = index;
      this.dueNs = Math.max(this.dueNs, arrivalNs + this.#delayNs());
      return true;
    }
    return false;
  }

  #arrival(index: number): number {
    const { pace } = this.#options;
    const { timesNs, lengths } = this.#recorded;
    if (pace.kind === "recorded") {
      return (timesNs[index] + this.#pass * this.#passNs) / pace.speed;
    }
    if (pace.kind === "packets") return this.#sent++ * 1e9 / pace.perSecond;
    const arrivalNs = this.#clockNs;
    this.#clockNs += (lengths[index] + pace.framingBytes) * 8e9 / pace.perSecond;
    return arrivalNs;
  }

  #isLost(bytes: number): boolean {
    const { loss } = this.#options;
    if (loss === undefined) return false;
    const { kind, probability } = loss;
    const lost = kind === "packets" ? probability : 1 - (1 - probability) ** (8 * bytes);
    return this.#random() < lost;
  }

  #delayNs(): number {
    const { delay } = this.#options;
    if (delay === undefined) return 0;
    if (delay.kind === "constant") return delay.ns;
    if (delay.kind === "uniform") {
      return delay.minNs + this.#random() * (delay.maxNs - delay.minNs);
    }
    return delay.minNs - Math.log(1 - this.#random()) * (delay.meanNs - delay.minNs);
  }
}

/**
 * How long one pass takes: from the first packet to the last, and what the first itself takes at the
 * average rate of the others, as in nmreplay.
 */
function passOf({ timesNs, lengths }: Recorded): number {
  const span = timesNs.at(-1) ?? 0;
  const others = lengths.reduce((sum, length) => sum + length, 0) - (lengths[0] ?? 0);
  return others > 0 ? span + lengths[0] * span / others : span;
}

/** Numbers from 0 to below 1 (xorshift32; Marsaglia: Xorshift RNGs, 2003). */
function randomNumbers(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
