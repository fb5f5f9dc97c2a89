/**
 * What the model predicts for two threads, beside what they do: a row of the experiment's table.
 *
 * @module
 */

import { significant } from "../../../bench/statistics.ts";
import { CALM, type Pair, type Setting } from "./pair.ts";
import { latencyBound, type Mismatch, sleeping, throughput } from "./speed_mismatch.ts";

/** A measured point; times are in microseconds, pairs of them the producer's / the consumer's. */
export type Mismatched = {
  group: string;
  w_p_us: number;
  w_c_us: number;
  n_us: string;
  s_us: string;
  /** How long a sleep took, where both sleep instead of being notified: else 0. */
  y_p_us: number;
  y_c_us: number;
  length: number;
  k_c: number;
  regime: string;
  /** Time of a message: the model's, at best and at worst where it says so, and what it was. */
  best_us: number;
  worst_us: number;
  measured_us: number;
  /** How far it is from the nearer of the two. */
  off_percent: number;
  /** 90 % took no longer; the model's bound is for all. */
  latency_us: number;
  bound_us: number | undefined;
  /** Part of the time that other programs had the CPU which one of the threads wanted. */
  disturbed_percent: number;
};

/** Headings for it. */
export const MISMATCH_COLUMNS: { readonly [Name in keyof Mismatched]: string } = {
  group: "group",
  w_p_us: "W_P (us)",
  w_c_us: "W_C (us)",
  n_us: "N_P / N_C (us)",
  s_us: "S_P / S_C (us)",
  y_p_us: "Y_P (us)",
  y_c_us: "Y_C (us)",
  length: "L",
  k_c: "K_C",
  regime: "regime",
  best_us: "predicted (us/message)",
  worst_us: "at worst",
  measured_us: "measured",
  off_percent: "off (%)",
  latency_us: "latency 90 % (us)",
  bound_us: "its bound",
  disturbed_percent: "disturbed (%)",
};

/** How much is measured. */
export interface Amount {
  /** About so long each time, in milliseconds. */
  readonly lengthMs: number;
  /** So often at most, until other programs leave it alone; what they have disturbed least counts. */
  readonly tries: number;
}

/** Measures what the model wants to know, has both work, and compares. */
export async function compare(
  pair: Pair,
  group: string,
  setting: Setting,
  { lengthMs, tries }: Amount,
): Promise<Mismatched> {
  const cost = await pair.costs(setting);
  const guess = throughput(cost).time + Math.max(setting.yP ?? 0, setting.yC ?? 0) / cost.length;
  const messages = Math.ceil(Math.max(4 * cost.length, lengthMs * 1000 / guess));
  let seen = await pair.run(setting, messages);
  for (let i = 1; i < tries && seen.disturbed > CALM; i++) {
    const next = await pair.run(setting, messages);
    if (next.disturbed < seen.disturbed) seen = next;
  }
  // A sleep takes as long as it took, not as long as it was asked for
  const yP = seen.yP || setting.yP || 0, yC = seen.yC || setting.yC || 0;
  const isSleeping = setting.yP !== undefined;
  const { regime, time } = throughput(cost), bounds = sleeping({ ...cost, yP, yC });
  const [best, worst] = isSleeping ? [bounds.best, bounds.worst] : [time, time];
  const nearest = Math.min(Math.max(seen.time, best), worst);
  const bound = isSleeping ? bounds.latency : latencyBound(cost);
  return {
    group,
    w_p_us: significant(cost.wP, 3),
    w_c_us: significant(cost.wC, 3),
    n_us: isSleeping ? "-" : both(cost, "n"),
    s_us: isSleeping ? "-" : both(cost, "s"),
    y_p_us: isSleeping ? significant(yP, 3) : 0,
    y_c_us: isSleeping ? significant(yC, 3) : 0,
    length: cost.length,
    k_c: cost.kC,
    regime: isSleeping ? (bounds.isShort ? "short sleeps" : "long sleeps") : regime,
    best_us: significant(best),
    worst_us: significant(worst),
    measured_us: significant(seen.time),
    off_percent: significant((seen.time / nearest - 1) * 100, 2),
    latency_us: significant(seen.latency, 3),
    bound_us: bound && significant(bound, 3),
    disturbed_percent: significant(seen.disturbed * 100, 2),
  };
}

function both(cost: Mismatch, what: "n" | "s"): string {
  return `${cost[`${what}P`].toFixed(0)} / ${cost[`${what}C`].toFixed(0)}`;
}
