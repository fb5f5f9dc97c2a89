/** Measures how long commands take. */

import { fileURLToPath } from "node:url";
import type { TimeResult } from "./results.ts";
import type { StartRow } from "./rows.ts";
import { type Setting, toNeighbours } from "./round.ts";
import { median, significant, spread } from "./statistics.ts";

const NOTHING = "bench/rows/start_nothing.ts";

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
    ms: significant(median(times)),
    limit_ms: significant(median(limit)),
    ratio: significant(median(ratios)),
    spread: significant(spread(ratios), 2),
    repetitions: ratios.length,
  };
}

/** Milliseconds from start to end. */
async function timeOf([file, ...args]: readonly string[], { built }: Setting): Promise<number> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const start = performance.now();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", path, ...args],
    stdin: "null",
    env: { VALET_BACKEND: "embedded", VALET_LIB: built.library },
  }).output();
  const time = performance.now() - start;
  if (success) return time;
  throw new Error(`Cannot run ${file}: ${new TextDecoder().decode(stderr)}`.trimEnd());
}
