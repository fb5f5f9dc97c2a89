/**
 * A real producer and a real consumer: two threads, each at its end of a netmap pipe, that do what the model of
 * `speed_mismatch.ts` says. Its quantities are measured, not assumed.
 *
 * @module
 */

import { median, quantile } from "../../../bench/statistics.ts";
import type { Lab } from "../kit/experiment.ts";
import { ALONE, type Seen, type Setting, SHARED_BYTES, type Task } from "./party.ts";
import type { Mismatch } from "./speed_mismatch.ts";

export type { Setting };

/** The same, with longer times. */
export function scaled({ length, kC, ...times }: Setting, factor: number): Setting {
  const longer = Object.entries(times).map(([key, us]) => [key, us && us * factor]);
  return { ...Object.fromEntries(longer), length, kC };
}

/** What was seen; times are in microseconds. */
export interface Outcome {
  /** Between two messages, the first quarter of them left out. */
  readonly time: number;
  /** Sleeps of both, a message. */
  readonly wakes: number;
  /** From the start of producing a message to the end of consuming it: 90 % take no longer. */
  readonly latency: number;
  /** A sleep of the producer, and the consumer, that nobody ended: the mean. NaN if there was none. */
  readonly yP: number;
  readonly yC: number;
  /** The part of the time for which one of them could have run, but other programs had the CPU. */
  readonly disturbed: number;
}

/** Times that each is woken to see what it costs. */
const WAKES = 40;
/** Looks at both clocks. */
const LOOKS = 200;
/** Turns in which each party works alone. */
const TURNS = 25;
/** What is disturbed for a larger part is tried again. */
export const CALM = 0.05;
/** Messages after which both threads' code is compiled. */
const WARM_UP = 5000;

/** Two threads. */
export class Pair implements Disposable {
  readonly #lab: Lab;
  readonly #tries: number;
  readonly #workers: readonly Worker[];
  /** How far the consumer's clock is ahead, in microseconds. */
  #ahead: number | undefined;

  /**
   * Starts the threads.
   *
   * @param tries times that a cost is measured at most, until other programs leave both alone
   */
  constructor(lab: Lab, tries: number) {
    this.#lab = lab;
    this.#tries = tries;
    const party = new URL("./party.ts", import.meta.url).href;
    this.#workers = ["producer", "consumer"].map((name) =>
      new Worker(party, { type: "module", name })
    );
  }

  /** Lets both work on so many messages. */
  async run(setting: Setting, messages: number): Promise<Outcome> {
    const [producer, consumer] = await this.#both("work", setting, messages);
    const starts = producer.times, ends = consumer.times, first = messages >> 2;
    const latencies = ends.map((end, i) => end - starts[i]).slice(first).sort();
    return {
      time: (ends[messages - 1] - ends[first]) / (messages - 1 - first),
      wakes: (producer.naps + consumer.naps) / messages,
      latency: latencies[Math.floor((latencies.length - 1) * 0.9)],
      yP: producer.napUs,
      yC: consumer.napUs,
      disturbed: disturbance(producer, consumer),
    };
  }

  /** Measures what the model wants to know, in microseconds. */
  async costs(setting: Setting): Promise<Mismatch> {
    const { length, kC = 1 } = setting;
    // Once round the ring first: what is in new pages takes longer
    const lap = Math.ceil(length / Math.min(ALONE, length));
    const [wP, wC] = (await this.#calm("alone", setting, lap + TURNS)).map(({ times }) =>
      median(Array.from(times.subarray(lap)))
    );
    const [wakerP, wokenC] = await this.#calm("wake", setting, WAKES);
    const [wokenP, wakerC] = await this.#calm("release", setting, WAKES);
    const delay = (waker: Seen, woken: Seen): number =>
      Math.max(0, quartile(Array.from(woken.times, (time, i) => time - waker.times[i])));
    return {
      wP,
      wC,
      // A sync of each message is in the work already
      nP: Math.max(0, wakerP.notifyUs - (wP - setting.wP)),
      nC: Math.max(0, wakerC.notifyUs - (wC - setting.wC)),
      sP: delay(wakerC, wokenP),
      sC: delay(wakerP, wokenC),
      kP: 1,
      kC,
      length,
    };
  }

  /** Tries until other programs have left both alone, a few times; what they have disturbed least. */
  async #calm(kind: Task["kind"], setting: Setting, messages: number): Promise<[Seen, Seen]> {
    let calmest = await this.#both(kind, setting, messages);
    for (let i = 1; i < this.#tries && disturbance(...calmest) > CALM; i++) {
      const next = await this.#both(kind, setting, messages);
      if (disturbance(...next) < disturbance(...calmest)) calmest = next;
    }
    return calmest;
  }

  async #both(kind: Task["kind"], setting: Setting, messages: number): Promise<[Seen, Seen]> {
    if (kind !== "clock") this.#ahead ??= await this.#prepare();
    const name = `${this.#lab.bridge()}:pair`;
    const task: Task = {
      kind,
      setting,
      messages,
      isWaiting: this.#lab.backend === "daemon",
      backend: this.#lab.backend,
      instance: this.#lab.instance,
      ends: { producer: `${name}{1`, consumer: `${name}}1` },
      shared: new SharedArrayBuffer(SHARED_BYTES),
    };
    const [producer, consumer] = await Promise.all(
      this.#workers.map((worker) => answer(worker, task)),
    );
    // Those of a thread that works alone are no times of day
    const ahead = kind === "alone" ? 0 : this.#ahead ?? 0;
    const times = consumer.times.map((time) => time - ahead);
    return [producer, { ...consumer, times }];
  }

  /**
   * Has the code compiled, and compares clocks: the consumer looks at its own between two looks of the
   * producer, as close to them as it gets.
   */
  async #prepare(): Promise<number> {
    const setting = { wP: 0, wC: 0, length: 64 };
    this.#ahead = 0;
    await this.#both("work", setting, WARM_UP);
    await this.#both("alone", setting, WARM_UP >> 4);
    const [{ times: outer }, { times: inner }] = await this.#both("clock", setting, LOOKS);
    let least = Infinity, ahead = 0;
    for (let i = 0; i + 1 < LOOKS; i++) {
      const span = outer[i + 1] - outer[i];
      if (span < least) [least, ahead] = [span, inner[i] - (outer[i] + outer[i + 1]) / 2];
    }
    return ahead;
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

function disturbance(producer: Seen, consumer: Seen): number {
  return (producer.waitedUs + consumer.waitedUs) / Math.max(producer.elapsedUs, 1);
}

/** The lower one: what other programs of the machine have disturbed least. */
function quartile(times: readonly number[]): number {
  return quantile(times, 0.25);
}

function answer(worker: Worker, task: Task): Promise<Seen> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }): void => resolve(data);
    worker.onerror = (event): void => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(task);
  });
}
