/**
 * What the daemon and the process or Worker of a hook say to each other: values that JSON has.
 *
 * @module
 */

import type { LogLevel } from "./log.ts";

/** To the hook. */
export type HookCommand =
  | HookLoad
  /** Look at the bridge now instead of with the next tick. */
  | { readonly type: "check" }
  /** Say that it is there. */
  | { readonly type: "look"; readonly id: number }
  /** Ask the hook's own `stats()`. */
  | { readonly type: "stats"; readonly id: number }
  /** Take the lookup back and end. */
  | { readonly type: "close" };

/** Import a file and make it a bridge's lookup. */
export interface HookLoad {
  /** "load" */
  readonly type: "load";
  /** URL of the file. */
  readonly url: string;
  /** "vale0" */
  readonly bridge: string;
  /** Which engine. */
  readonly instance: string;
  /** What to make of the file. */
  readonly form: HookForm;
  /**
   * 0 or 1, another one than that of the hook that is replaced: machine code has to be another one's
   * too, or taking back the old hook would take back the new one.
   */
  readonly place: number;
}

/**
 * What a hook is: a function that V8 runs, the same as machine code of `compile()`, a lookup in C, or, on
 * bridges of the kernel, a program that the kernel runs.
 */
export type HookForm = "TypeScript" | "compiled" | "C" | "eBPF";

/** A table that a hook's file exports. */
export interface HookTableStats {
  /** "values", "counters" or "buckets". */
  readonly kind: string;
  /** Entries in it. */
  readonly size: number;
  /** Most entries. */
  readonly capacity: number;
  /** Some of the entries; of buckets: the tokens. */
  readonly entries: readonly (readonly [key: number | readonly number[], value: number])[];
}

/** From the hook. */
export type HookEvent =
  /** What it has counted, in the order of {@linkcode Count}; comes before all else that changes it. */
  | { readonly type: "counts"; readonly counts: readonly number[] }
  /** It is there. */
  | { readonly type: "looked"; readonly id: number }
  /** The lookup is set, or waits for its bridge. */
  | { readonly type: "loaded" }
  /** It could not be; the hook can be ended. */
  | { readonly type: "failed"; readonly error: string }
  /** What `stats()` said, undefined when the hook has none, and its tables. */
  | {
    readonly type: "stats";
    readonly id: number;
    readonly value?: unknown;
    readonly error?: string;
    readonly tables?: Readonly<Record<string, HookTableStats>> | undefined;
  }
  /** A line for the daemon's log. */
  | {
    readonly type: "log";
    readonly level: LogLevel;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }
  /** The lookup threw, or something else in the file did. */
  | { readonly type: "error"; readonly error: string }
  /** Taken back. */
  | { readonly type: "closed" };

/** What a hook counts. Machine code is not counted: the bridge's ports are. */
export const Count = {
  /** Packets that the lookup was asked about. */
  PACKETS: 0,
  /** Calls of it; machine code: 0. */
  BATCHES: 1,
  /** Calls that threw, with a fallback packets; machine code: packets at which it failed. */
  ERRORS: 2,
  /** Milliseconds in it; machine code: 0. */
  BUSY_MS: 3,
  /** How it stands: index into {@linkcode HOOK_STATES}. */
  STATE: 4,
  /** How many counts there are. */
  ALL: 5,
} as const;

/**
 * How a hook stands: "waiting" its bridge does not exist; "active" it decides; "replaced" a lookup
 * that somebody else has set decides; "ended" its process or Worker has; "silent" it does not answer, so
 * that its packets are dropped: its code loops, or takes very long.
 */
export const HOOK_STATES = ["waiting", "active", "replaced", "ended", "silent"] as const;

/** See {@linkcode HOOK_STATES}. */
export type HookState = typeof HOOK_STATES[number];
