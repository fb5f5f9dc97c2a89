/** Measures how long commands take. */

import { fileURLToPath } from "node:url";
import type { MomentResult, TimeResult } from "./results.ts";
import type { MomentRow, StartRow } from "./row.ts";
import { type Setting, toNeighbours } from "./round.ts";
import { median, significant, spread, summary } from "./statistics.ts";

const NOTHING = "bench/rows/start_nothing.ts";

/** A moment is looked at for so long, and so often at least. */
const PATIENCE_MS = 20_000;
const LEAST = 3;

/** Measures a command, in turn with deno alone. */
export async function measureStart(row: StartRow, setting: Setting): Promise<TimeResult> {
  const times: number[] = [], limit: number[] = [];
  // Once before: the first start fills caches, those of deno on the disk too
  for (const run of [[NOTHING], row.run]) await timeOf(run, setting);
  for (let i = 0; i < setting.repetitions; i++) {
    limit.push(await timeOf([NOTHING], setting));
    times.push(await timeOf(row.run, setting));
  }
  limit.push(await timeOf([NOTHING], setting));
  const ratios = toNeighbours(times, limit);
  return {
    name: row.name,
    ...row.below_ms === undefined ? {} : { goal: row.below_ms },
    ms: significant(median(times)),
    limit_ms: significant(median(limit)),
    ...summary(ratios),
    repetitions: ratios.length,
  };
}

/** Measures what a script looks at itself: a new process each time. */
export async function measureMoment(row: MomentRow, setting: Setting): Promise<MomentResult> {
  const times: number[] = [], start = performance.now();
  while (wantsMore(times.length, performance.now() - start, setting.repetitions)) {
    times.push(Number(await outputOf([`bench/rows/${row.moment}.ts`], setting)));
  }
  times.shift(); // the first start fills caches
  return {
    name: row.name,
    moment_ms: significant(median(times)),
    spread: significant(spread(times), 2),
    repetitions: times.length,
    goal: row.below_ms,
  };
}

/**
 * Whether to look again, after so many times, the first of which does not count: what takes seconds is
 * looked at less often, for a whole run has ten minutes.
 */
export function wantsMore(times: number, passed_ms: number, repetitions: number): boolean {
  return times <= repetitions && (times <= LEAST || passed_ms < PATIENCE_MS);
}

/** Milliseconds from start to end. */
async function timeOf(run: readonly string[], setting: Setting): Promise<number> {
  const start = performance.now();
  await outputOf(run, setting);
  return performance.now() - start;
}

/** What a script prints. */
async function outputOf([file, ...args]: readonly string[], { built }: Setting): Promise<string> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", path, ...args],
    stdin: "null",
    env: { VALET_BACKEND: "embedded", VALET_LIB: built.library },
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new Error(`Cannot run ${file}: ${text.decode(stderr)}`.trimEnd());
}
