/**
 * What the daemon answers to which question, and asking with errors thrown.
 *
 * @module
 */

import {
  askDaemon,
  askDaemonAsync,
  type AskOptions,
  type DaemonAnswer,
  type DaemonQuestion,
  type DaemonStatus,
} from "../../mod.ts";
import type { HookForm, HookState, HookTableStats } from "./hook_messages.ts";
import type { LogLevel } from "./log.ts";

/** The answer to "status". */
export interface StatusAnswer extends DaemonStatus {
  /** Process of the daemon. */
  readonly pid: number;
  /** Where it listens. */
  readonly socket: string;
  /** File of its log; undefined when it has none. */
  readonly log?: string | undefined;
  /** Mildest level that is logged. */
  readonly logLevel: LogLevel;
  /** Since when: "2026-01-31T23:59:59.123Z". */
  readonly since: string;
  /** It ends itself after being idle for so many milliseconds; 0: never. */
  readonly idleLimitMs: number;
  /** Threads that were asked for; 0: as many as fit the machine. */
  readonly threads: number;
  /** Hooks that are loaded. */
  readonly hooks: number;
}

/** A hook, as "hook-list" answers. */
export interface HookInfo {
  /** "vale0" */
  readonly bridge: string;
  /** Which engine; "" is the usual one. */
  readonly instance: string;
  /** As it was given. */
  readonly file: string;
  /** What runs. */
  readonly form: HookForm;
  /** Since when: "2026-01-31T23:59:59.123Z". */
  readonly since: string;
  /** How it stands. */
  readonly state: HookState;
  /** Packets that it was asked about; of machine code: as the bridge's ports have counted them. */
  readonly packets: number;
  /** Calls that threw, with a fallback packets; of machine code: packets at which it failed. */
  readonly errors: number;
  /** What was thrown last. */
  readonly lastError?: string | undefined;
}

/** A hook, as "hook-load" answers. */
export interface HookLoaded
  extends Pick<HookInfo, "bridge" | "instance" | "file" | "form" | "state"> {
  /** File of the hook that was there before. */
  readonly replaced?: string | undefined;
  /** That one did not end. */
  readonly stuck: boolean;
  /** That one did not answer, and was killed. */
  readonly killed?: true | undefined;
}

/** A hook, as "hook-unload" answers. */
export interface HookUnloaded extends HookInfo {
  /** It did not end. */
  readonly stuck: boolean;
  /** It did not answer, and was killed. */
  readonly killed?: true | undefined;
}

/** A hook, as "hook-stats" answers. */
export interface HookStats extends HookInfo {
  /** Calls of it; undefined for machine code, which nobody counts. */
  readonly batches?: number | undefined;
  /** Milliseconds in it; undefined likewise. */
  readonly busyMs?: number | undefined;
  /** The tables that its file exports. */
  readonly tables?: Readonly<Record<string, HookTableStats>> | undefined;
  /** What its export `stats()` says. */
  readonly own?: unknown;
  /** Why that is not known. */
  readonly ownError?: string | undefined;
}

/**
 * Asks the daemon and takes the answer for what it should be.
 *
 * @throws {NetmapError} if no daemon runs, or it does not answer
 * @throws {Error} if it refuses, with its words
 */
export function ask<T>(question: DaemonQuestion, options?: AskOptions): T {
  return accepted<T>(askDaemon(question, options));
}

/** The same, while the event loop goes on. */
export async function askAsync<T>(question: DaemonQuestion, options?: AskOptions): Promise<T> {
  return accepted<T>(await askDaemonAsync(question, options));
}

function accepted<T>(answer: DaemonAnswer): T {
  if (!answer.ok) throw new Error(answer.error);
  return answer as T;
}
