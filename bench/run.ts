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
    return await measureRate(row, setting);
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
  const { bytes, first_bytes, open_us } = JSON.parse(new TextDecoder().decode(stdout));
  return { name: row.name, bytes, first_bytes, open_us, goal: row.below };
}

async function measureRate(row: RateRow, setting: Setting): Promise<RateResult> {
  const beside = Object.entries(row.beside ?? {});
  const others = othersOf(row);
  const programs = [
    { native: row.limit },
    row.program,
    ...others.map((native) => ({ native })),
    ...beside.map(([, program]) => program),
  ];
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
  const shareOf = (name: string): number => {
    const rates = series[others.indexOf(name) + 2];
    return median(series[1].map((mpps, turn) => mpps / rates[turn]));
  };
  setGoals(result, row, shareOf);
  if (row.daemon) result.sent_mpps = significant(median(sent));
  const rateOf = (name: string): number | undefined => {
    const index = beside.findIndex(([key]) => key === name);
    return index < 0 ? undefined : median(series[2 + others.length + index]);
  };
  const oneThread = rateOf("one_thread"), limitThreads = rateOf("limit_threads");
  const limitPairs = rateOf("limit_pairs");
  if (oneThread) result.gain = significant(result.mpps / oneThread);
  if (limitThreads) result.limit_gain = significant(limitThreads / result.limit_mpps);
  if (limitPairs) result.ratio_same_memory = significant(result.mpps / limitPairs);
  return result;
}

/** What the row has to reach, and how it compares with the rows that it is to be compared with. */
function setGoals(
  result: RateResult,
  { goal, cost }: RateRow,
  shareOf: (name: string) => number,
): void {
  if (goal?.of === "limit") {
    result.goal = goal.factor;
  } else if (goal !== undefined) {
    result.share = significant(shareOf(goal.of));
    result.share_of = goal.of;
    result.goal = significant(result.ratio * goal.factor / result.share);
  }
  if (cost !== undefined) {
    result.cost = significant(1 / shareOf(cost.of), 3);
    result.cost_of = cost.of;
    result.cost_goal = cost.most;
  }
}

/** The rows that goals refer to: measured in the same turns, as the limit is another one in each. */
function othersOf({ goal, cost }: RateRow): string[] {
  const names = [goal?.of, cost?.of].filter((name) => name !== undefined && name !== "limit");
  return [...new Set(names as string[])];
}
