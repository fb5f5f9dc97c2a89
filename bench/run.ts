/** Measures rows. */

import { joinProblem } from "./net/join.ts";
import type { MemoryResult, RateResult, Result } from "./results.ts";
import type { MemoryRow, RateRow, Row } from "./row.ts";
import { measureRound, type Setting, toNeighbours } from "./round.ts";
import { measureIdle, measureLatency } from "./run_daemon.ts";
import { measureGap } from "./run_gap.ts";
import { measureNet } from "./run_net.ts";
import { measureMoment, measureStart } from "./run_start.ts";
import { median, significant, summary } from "./statistics.ts";

/** Measures one row. A failure is a result too. */
export async function measureRow(
  row: Row,
  setting: Setting,
  earlier: readonly Result[],
): Promise<Result> {
  try {
    if ("slots" in row) return measureMemory(row, setting);
    if ("wait" in row) return await measureLatency(row, setting);
    if ("idle_below" in row) return await measureIdle(row, setting);
    if ("run" in row) return await measureStart(row, setting);
    if ("moment" in row) return await measureMoment(row, setting);
    if ("join" in row) return await measureNet(row, setting);
    if ("gap_us" in row) return await measureGap(row, setting);
    const problem = row.needs && joinProblem(row.needs);
    if (problem !== undefined) return { name: row.name, skipped: problem };
    return await measureRate(row, setting, earlier);
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
  const ratios: number[] = [], sent: number[] = [];
  for (let round = 0; round < setting.rounds; round++) {
    const figures = await measureRound(programs, setting, row.daemon);
    const rates = figures.map((measured) => measured.map(([mpps]) => mpps));
    rates.forEach((measured, i) => series[i].push(...measured));
    ratios.push(...toNeighbours(rates[1], rates[0]));
    if (row.daemon) sent.push(...figures[1].map((measured) => measured[1]));
  }
  const result: RateResult = {
    name: row.name,
    mpps: significant(median(series[1])),
    limit_mpps: significant(median(series[0])),
    ...summary(ratios),
    repetitions: ratios.length,
  };
  const goal = goalOf(row, earlier);
  if (goal !== undefined) result.goal = significant(goal);
  const other = row.cost && ratioOf(row.cost.of, earlier);
  if (row.cost !== undefined && other !== undefined) {
    result.cost = significant(other / result.ratio, 3);
    result.cost_of = row.cost.of;
    result.cost_goal = row.cost.most;
  }
  if (row.daemon) result.sent_mpps = significant(median(sent));
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

function goalOf({ goal }: RateRow, earlier: readonly Result[]): number | undefined {
  if (goal === undefined || goal.of === "limit") return goal?.factor;
  const base = ratioOf(goal.of, earlier);
  return base === undefined ? undefined : base * goal.factor;
}

/** A row's ratio in the same run. */
function ratioOf(name: string, earlier: readonly Result[]): number | undefined {
  const result = earlier.find((result) => result.name === name);
  return result !== undefined && "ratio" in result ? result.ratio : undefined;
}
