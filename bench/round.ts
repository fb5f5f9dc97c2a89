/** Programs that take turns, so that what slows the machine down slows all of them. */

import type { Built } from "./build.ts";
import { Daemon } from "./daemon.ts";
import { type Program, Subject } from "./subject.ts";

/** How much is measured. */
export interface Effort {
  /** Times that the processes are started anew: where memory happens to lie makes a difference. */
  rounds: number;
  /** Repetitions in each round. */
  repetitions: number;
  /** Milliseconds of each. */
  length_ms: number;
  /** Milliseconds before the first one, in which a script's code is compiled. */
  warmup_ms: number;
}

/** The default: some six seconds a row, so that all rows of a run take less than ten minutes. */
export const FULL: Effort = { rounds: 3, repetitions: 11, length_ms: 50, warmup_ms: 300 };
/** Enough to see that all of it works. */
export const QUICK: Effort = { rounds: 1, repetitions: 5, length_ms: 20, warmup_ms: 200 };

/** With other switches, which take a while to start. */
export const PEERS: Effort = { rounds: 1, repetitions: 15, length_ms: 60, warmup_ms: 400 };

/** What a run needs to know. */
export interface Setting extends Effort {
  built: Built;
  /** Whether threads are bound to CPUs. */
  pin: boolean;
}

/** What can be measured in turn with others. */
export interface Measurable extends AsyncDisposable {
  /** What it is, for errors. */
  readonly name: string;
  /**
   * Measures for so long.
   *
   * @returns its figures, the first of which mostly is millions of packets a second
   */
  measure(milliseconds: number): Promise<number[]>;
}

/** Each measurement divided by the mean of the two of the limit beside it. */
export function toNeighbours(measured: readonly number[], limit: readonly number[]): number[] {
  return measured.map((value, i) => 2 * value / (limit[i] + limit[i + 1]));
}

/**
 * Figures by program and repetition; the first, the limit, is measured once more at the end.
 *
 * @param hasDaemon whether they need a daemon, which is started for them
 */
export async function measureRound(
  programs: readonly Program[],
  setting: Setting,
  hasDaemon = false,
): Promise<number[][][]> {
  await using stack = new AsyncDisposableStack();
  const daemon = hasDaemon ? stack.use(await Daemon.start(setting.built)) : undefined;
  const subjects = programs.map((program) =>
    stack.use(new Subject(program, { ...setting, env: daemon?.env }))
  );
  return await takeTurns(subjects, setting);
}

/** The same for whatever can be measured. */
export async function takeTurns(
  subjects: readonly Measurable[],
  setting: Effort,
): Promise<number[][][]> {
  for (const subject of subjects) await subject.measure(setting.warmup_ms);
  const figures = subjects.map((): number[][] => []);
  for (let i = 0; i < setting.repetitions; i++) {
    for (const [index, subject] of subjects.entries()) {
      const measured = await subject.measure(setting.length_ms);
      if (measured[0] === 0) throw new Error(`Cannot measure ${subject.name}: nothing was done`);
      figures[index].push(measured);
    }
  }
  figures[0].push(await subjects[0].measure(setting.length_ms));
  return figures;
}
