/** What a row of the benchmark is: what it measures, and what it has to reach. */

import type { JoinKind } from "./net/join.ts";
import type { Program } from "./subject.ts";

/** A row that measures a rate. */
export interface RateRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** What is measured. */
  program: Program;
  /** Row of the limit loop with the same frame size. */
  limit: `limit.${string}`;
  /** Least ratio: to `limit`, or to the rate of another row, one in C, in the same turns. */
  goal?: { factor: number; of: string };
  /** How much a packet may cost, compared with another row, one in C, in the same turns. */
  cost?: { most: number; of: string };
  /** Only with --all, or when --only names it. */
  isExtra?: boolean;
  /** It is measured through a daemon that is started for it. Its second figure is the rate sent. */
  daemon?: boolean;
  /** What it has to be possible to join hosts by, else it is skipped. */
  needs?: JoinKind;
  /** Further programs that are measured in turn with it, by the name of their rate in the results. */
  beside?: Record<string, Program>;
}

/** A row that measures memory. */
export interface MemoryRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** Slots per ring of the ports that are opened; 0 = the default. */
  slots: number;
  /** How many are opened. */
  ports: number;
  /** The goal: less than so many bytes a port. */
  below: number;
}

/** A row that measures round trips between two processes, through a daemon. */
export interface LatencyRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** How both wait for the other. */
  wait: "sleep" | "spin";
}

/** A row that measures what a daemon and two clients cost while nothing happens. */
export interface IdleRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** The goal: less than so many CPU seconds a second, of all three. */
  idle_below: number;
}

/** A row that measures how long a command takes. */
export interface StartRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** The goal: less than so many milliseconds. */
  below_ms?: number;
  /** What deno runs: a path from the root of the repository, and arguments. */
  run: readonly string[];
}

/** A row that measures how long something takes that a script looks at itself. */
export interface MomentRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** The file of `bench/rows`, without `.ts`, which prints milliseconds. */
  moment: string;
  /** The goal: less than so many milliseconds. */
  below_ms: number;
}

/** A row that measures what two hosts, joined by the switch, reach with iperf3. */
export interface NetRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** How they are joined. */
  join: JoinKind;
  /** Further arguments of iperf3's client. */
  iperf: readonly string[];
  /** Only with --all, or when --only names it. */
  isExtra?: boolean;
}

/** A row that measures how exactly a capture is replayed. */
export interface GapRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** Microseconds between two packets. */
  gap_us: number;
}

/** Any row. */
export type Row =
  | RateRow
  | MemoryRow
  | LatencyRow
  | IdleRow
  | StartRow
  | MomentRow
  | NetRow
  | GapRow;

/** A goal that is a share of what the limit loop does. */
export const ofLimit = (factor: number): NonNullable<RateRow["goal"]> => ({ factor, of: "limit" });
/** A goal that is a share of what the learning bridge does in the same turns. */
export const ofLearning = (factor: number): NonNullable<RateRow["goal"]> => ({
  factor,
  of: "engine.learning.60",
});

/** The same rows, for when all are asked for. */
export const extra = (...rows: RateRow[]): RateRow[] =>
  rows.map((row) => ({ ...row, isExtra: true }));
