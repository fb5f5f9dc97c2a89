/**
 * What an experiment is. Each `scripts/experiments/NAME.ts` exports one as `experiment`, and runs it when it
 * is the program: `if (import.meta.main) await main(experiment);`
 *
 * @module
 */

import type { BackendName, Netmap } from "../../../mod.ts";
import type { Plot } from "./plot.ts";

/** What a measured point may hold. */
export type Cell = string | number | boolean | undefined;

/** A measured point; names end in the unit: `rate_mpps`. */
export type Row = Readonly<Record<string, Cell>>;

/** What an experiment follows. */
export interface Source {
  /** Authors, title, where and when. */
  readonly paper: string;
  /** The figure or table, or what of the paper it is about. */
  readonly figure: string;
}

/** What there is to measure with, on one backend. */
export interface Lab {
  readonly backend: BackendName;
  /** A quick run, some seconds for each backend. The other one takes minutes, and is more exact. */
  readonly quick: boolean;
  /** Milliseconds of one repetition of a measurement. */
  readonly lengthMs: number;
  /** What to measure, or how often: the one value in a quick run, else the other. */
  pick<T>(quick: T, full: T): T;
  /** Folder with the kernel of a virtual machine, if a real one is wanted. */
  readonly guest: string | undefined;
  /** Name of the engine, for `Netmap.open()` in Workers and other processes. */
  readonly instance: string;
  /** Name of a bridge that nobody else uses. */
  bridge(number?: number): string;
  /** Says what is left out on this backend, and why, for the list "Not measured". */
  lacks(what: string, why: string): void;
  /** Opens a netmap on the backend; it is closed at the end, if not before. */
  open(): Netmap;
  /** Goes through settings, and shows how far it has come. */
  steps<T>(settings: readonly T[], name?: (setting: T) => string): Generator<T>;
}

/** All points of one backend. */
export interface Run<R extends Row> {
  readonly backend: BackendName;
  readonly rows: readonly R[];
}

/** What comes of it. */
export interface Conclusion {
  readonly plots: readonly Plot[];
  /** What was found: sentences with numbers. */
  readonly found: readonly string[];
  /** How that compares with the paper, and what explains the difference: sentences. */
  readonly compared: readonly string[];
  /** Numbers that were computed, such as those of a fit, by name with unit: `embedded_batch_ns`. */
  readonly figures?: Readonly<Record<string, number>> | undefined;
}

/** An experiment. */
export interface Experiment<R extends Row> {
  /** Name of its file, without ".ts": "netmap_basics". */
  readonly name: string;
  readonly title: string;
  readonly follows: Source;
  /** What it varies and shows, for `--help` and the page: a few sentences. */
  readonly about: string;
  /** Heading for each column of the table, with unit: { rate_mpps: "rate (Mpps)" }. */
  readonly columns: { readonly [Name in keyof Required<R>]: string };
  /** Backends that it cannot run on, with the reason in words. */
  readonly without?: Partial<Record<BackendName, string>> | undefined;
  /** Measures on one backend. */
  measure(lab: Lab): AsyncIterable<R> | Iterable<R>;
  /** Says what the points of all backends mean. */
  conclude(runs: readonly Run<R>[]): Conclusion;
}
