/**
 * The model of "A Study of Speed Mismatches Between Communicating Virtual Machines" (Maffione, Rizzo, Lettieri,
 * ANCS 2016; The Computer Journal 61(6):808, 2018): a producer and a consumer share a queue and wake each other
 * by notifications, or sleep and look again. It says how long a message takes on average, and why a faster
 * party can make both slower.
 *
 * All times are in one unit of the caller's choice: nanoseconds, cycles, packets of work.
 *
 * ```ts
 * import { throughput } from "./speed_mismatch.ts";
 *
 * const cost = { wP: 200, wC: 190, nP: 1200, nC: 1500, sP: 500, sC: 700, kP: 1, kC: 1, length: 128 };
 * console.log(throughput(cost).time.toFixed(1)); // 216.9
 * console.log(throughput({ ...cost, wC: 10 }).time); // 500: the consumer is 19 times faster
 * ```
 *
 * @module
 */

/** What both parties and their queue are like. */
export interface Mismatch {
  /** Time to produce, and to consume, a message. */
  readonly wP: number;
  readonly wC: number;
  /** Time that the producer, and the consumer, spends to notify the other. */
  readonly nP: number;
  readonly nC: number;
  /** Time from the end of a notification until the producer, or the consumer, that it wakes runs. */
  readonly sP: number;
  readonly sC: number;
  /** The producer notifies a sleeping consumer when so many messages are queued, at least 1. */
  readonly kP: number;
  /** The consumer notifies a sleeping producer when so many slots are free, at least 1. */
  readonly kC: number;
  /** Messages that the queue holds. */
  readonly length: number;
}

/**
 * Who waits for whom: fast consumer, fast producer, slow consumer start-up, slow producer start-up, both slow
 * to start, or equal speed.
 */
export type Regime = "FC" | "FP" | "SCS" | "SPS" | "SS" | "lockstep";

/** What the model says. */
export interface Throughput {
  readonly regime: Regime;
  /** Mean time between messages: 1 / throughput. */
  readonly time: number;
  /** Messages between two notifications of one kind; undefined where the model does not say. */
  readonly messages: number | undefined;
}

/** The queue fills before the consumer that was notified has freed a slot. */
function isSlowConsumerStart({ wP, wC, sC, kP, length }: Mismatch): boolean {
  return sC + wC > (length - kP) * wP;
}

/** The same with the roles exchanged: what holds for a producer holds for a consumer of free slots. */
function mirrored({ wP, wC, nP, nC, sP, sC, kP, kC, length }: Mismatch): Mismatch {
  return { wP: wC, wC: wP, nP: nC, nC: nP, sP: sC, sC: sP, kP: kC, kC: kP, length };
}

/** FC, and FP mirrored: the consumer empties the queue and is woken every `messages`. */
function fastConsumer(cost: Mismatch): { time: number; messages: number } {
  const { wP, wC, nP, sC, kP } = cost;
  const messages = Math.floor((sC + (kP - 1) * wC) / (wP - wC)) + kP;
  return { time: wP + nP / messages, messages };
}

/** SCS, and SPS mirrored: the queue is filled once, then drained, in each round. */
function slowStart(cost: Mismatch): { time: number; messages: number } {
  const { wP, wC, nP, nC, sP, sC, kP, kC, length } = cost;
  const messages = Math.floor(((length - kC) * wC - (sP + wP)) / (wP - wC)) + 1;
  const round = sC + kC * wC + nC + sP + (messages + kP) * wP + nP;
  return { time: round / (length + messages), messages };
}

/** Throughput with notifications. Throws a RangeError where a number makes no sense. */
export function throughput(cost: Mismatch): Throughput {
  check(cost);
  const { wP, wC, nP, nC, sP, sC, kP, kC, length } = cost;
  const scs = isSlowConsumerStart(cost), sps = isSlowConsumerStart(mirrored(cost));
  if (scs && sps) {
    const time = (kP * wP + kC * wC + nP + nC + sP + sC) / length;
    return { regime: "SS", time, messages: undefined };
  }
  if (wP === wC) return { regime: "lockstep", time: wP, messages: undefined };
  if (wC < wP) {
    return scs ? { regime: "SCS", ...slowStart(cost) } : { regime: "FC", ...fastConsumer(cost) };
  }
  return sps
    ? { regime: "SPS", ...slowStart(mirrored(cost)) }
    : { regime: "FP", ...fastConsumer(mirrored(cost)) };
}

/** The smallest queues that are never filled, and never emptied, while the other starts up. */
export function enoughLength(cost: Mismatch): { slowConsumer: number; slowProducer: number } {
  const least = ({ wP, wC, sC, kP }: Mismatch) => 1 + kP + Math.floor((sC + wC) / wP);
  return { slowConsumer: least(cost), slowProducer: least(mirrored(cost)) };
}

/**
 * The longest that a message is on its way with notifications, from the start of producing to the end of
 * consuming it, for kP = 1; undefined where the authors give none: SCS and lockstep.
 */
export function latencyBound(cost: Mismatch): number | undefined {
  const { regime, messages = 1 } = throughput(cost);
  const { wP, wC, nP, nC, sP, sC, kC, length } = cost;
  switch (regime) {
    case "FC":
      return 2 * wP + (messages === 1 ? 2 : 1) * nP + sC + wC;
    case "FP":
      return wP + (length + 1) * wC + nC * (1 + Math.floor((length - 1) / messages));
    case "SPS":
    case "SS":
      return Math.max(wP, sC - (length - 2) * wP) + kC * wC + nC + sP + wP + nP + sC + wC;
    default:
      return undefined;
  }
}

/** Sleeping times, where both look again after a while instead of being notified. */
export interface Sleeping extends Pick<Mismatch, "wP" | "wC" | "length"> {
  /** How long a producer sleeps that finds the queue full. */
  readonly yP: number;
  /** How long a consumer sleeps that finds it empty. */
  readonly yC: number;
}

/** What sleeping costs. Where sleeps are short enough both bounds are the work of the slower party. */
export interface SleepingBounds {
  /** Whether sleeps are so short that neither party ever waits for the other's. */
  readonly isShort: boolean;
  /** The mean time between messages is not below. */
  readonly best: number;
  /** And not above. */
  readonly worst: number;
  /** The longest that a message is on its way, from the start of producing to the end of consuming. */
  readonly latency: number;
}

/** Throughput and latency with sleeping instead of notifying. */
export function sleeping({ wP, wC, yP, yC, length }: Sleeping): SleepingBounds {
  if (wC < wP && yC < (length - 1) * wP - wC) {
    return { isShort: true, best: wP, worst: wP, latency: 2 * wP + yC + wC };
  }
  if (wP < wC && yP < (length - 1) * wC - wP) {
    return { isShort: true, best: wC, worst: wC, latency: (length + 1) * wC };
  }
  const naps = Math.max(0, Math.floor((yC + length * wC - (length - 1) * wP) / yP) + 1);
  const [slow, fast, nap] = wC < wP ? [wP, wC, yC] : [wC, wP, yP];
  const more = slow === fast
    ? Infinity
    : Math.max(0, Math.floor(((length - 1) * fast - slow) / (slow - fast)) + 1);
  const best = more === Infinity ? fast : ((length + more) * fast + nap) / (length + more);
  return {
    isShort: false,
    best,
    worst: Math.max(wP + yP / length, wC + yC / length),
    latency: 2 * wP + wC + yC + naps * yP,
  };
}

function check(cost: Mismatch): void {
  for (const [name, value] of Object.entries(cost)) {
    const isCount = name === "length" || name.startsWith("k");
    const isTooSmall = isCount ? value < 1 : value < 0;
    if (!Number.isFinite(value) || isTooSmall || isCount && !Number.isInteger(value)) {
      throw new RangeError(`Cannot compute the throughput: ${name} is ${value}`);
    }
  }
  if (cost.wP === 0 || cost.wC === 0) {
    throw new RangeError("Cannot compute the throughput: work that takes no time has no rate");
  }
  if (cost.kP > cost.length || cost.kC > cost.length) {
    throw new RangeError("Cannot compute the throughput: a threshold is beyond the queue's length");
  }
}
