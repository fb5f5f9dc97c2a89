/** Measures rows. */

import type { Built } from "./build.ts";
import type { MemoryResult, RateResult, Result } from "./results.ts";
import type { MemoryRow, RateRow, Row } from "./rows.ts";
import { median, significant, spread } from "./statistics.ts";
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

/** The default: about two minutes for all rows. */
export const FULL: Effort = { rounds: 3, repetitions: 15, length_ms: 60, warmup_ms: 400 };
/** Enough to see that all of it works. */
export const QUICK: Effort = { rounds: 1, repetitions: 5, length_ms: 20, warmup_ms: 200 };

/** What a run needs to know. */
export interface Setting extends Effort {
  built: Built;
  /** Whether threads are bound to CPUs. */
  pin: boolean;
}

/** Measures one row. A failure is a result too. */
export async function measureRow(
  row: Row,
  setting: Setting,
  earlier: readonly Result[],
): Promise<Result> {
  try {
    return "slots" in row ? measureMemory(row, setting) : await measureRate(row, setting, earlier);
  } catch (error) {
    return { name: row.name, error: error instanceof Error ? error.message : String(error) };
  }
}

function measureMemory(row: MemoryRow, { built }: Setting): MemoryResult {
  const { success, stdout } = new Deno.Command(built.program, {
    args: ["memory", `${row.slots}`, `${row.ports}`],
    stdin: "null",
    stderr: "inherit",
  }).outputSync();
  if (!success) throw new Error(`Cannot measure ${row.name}: its process has failed`);
  const { bytes, first_bytes } = JSON.parse(new TextDecoder().decode(stdout));
  return { name: row.name, bytes, first_bytes, goal: row.below };
}

async function measureRate(
  row: RateRow,
  setting: Setting,
  earlier: readonly Result[],
): Promise<RateResult> {
  const beside = Object.entries(row.beside ?? {});
  const programs = [{ native: row.limit }, row.program, ...beside.map(([, program]) => program)];
  const series = programs.map((): number[] => []);
  // To the limit loop before and after: what changes slowly affects both alike
  const ratios: number[] = [];
  for (let round = 0; round < setting.rounds; round++) {
    const rates = await measureRound(programs, setting);
    rates.forEach((measured, i) => series[i].push(...measured));
    rates[1].forEach((mpps, i) => ratios.push(2 * mpps / (rates[0][i] + rates[0][i + 1])));
  }
  const result: RateResult = {
    name: row.name,
    mpps: significant(median(series[1])),
    limit_mpps: significant(median(series[0])),
    ratio: significant(median(ratios)),
    spread: significant(spread(ratios), 2),
    repetitions: ratios.length,
  };
  const goal = goalOf(row, earlier);
  if (goal !== undefined) result.goal = significant(goal);
  const rateOf = (name: string): number | undefined => {
    const index = beside.findIndex(([key]) => key === name);
    return index < 0 ? undefined : median(series[index + 2]);
  };
  const oneThread = rateOf("one_thread"), limitThreads = rateOf("limit_threads");
  const limitPairs = rateOf("limit_pairs");
  if (oneThread) result.gain = significant(result.mpps / oneThread);
  if (limitThreads) result.limit_gain = significant(limitThreads / result.limit_mpps);
  if (limitPairs) result.ratio_same_memory = significant(result.mpps / limitPairs);
  return result;
}

/** Rates by program; the first, the limit loop, is measured once more at the end. */
async function measureRound(programs: readonly Program[], setting: Setting): Promise<number[][]> {
  await using stack = new AsyncDisposableStack();
  const subjects = programs.map((program) =>
    stack.use(new Subject(program, setting.built, setting.pin))
  );
  for (const subject of subjects) await subject.measure(setting.warmup_ms);
  const rates = subjects.map((): number[] => []);
  for (let i = 0; i < setting.repetitions; i++) {
    for (const [index, subject] of subjects.entries()) {
      rates[index].push(await subject.measure(setting.length_ms));
    }
  }
  rates[0].push(await subjects[0].measure(setting.length_ms));
  return rates;
}

function goalOf({ goal }: RateRow, earlier: readonly Result[]): number | undefined {
  if (goal.of === "limit") return goal.factor;
  const base = earlier.find((result) => result.name === goal.of);
  return base !== undefined && "ratio" in base ? base.ratio * goal.factor : undefined;
}
