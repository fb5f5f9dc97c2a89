/** Measures how exactly packets are replayed. */

import { fileURLToPath } from "node:url";
import type { GapResult } from "./results.ts";
import type { Setting } from "./round.ts";
import type { GapRow } from "./row.ts";
import { median, significant } from "./statistics.ts";

const SCRIPT = fileURLToPath(new URL("rows/replay_gap.ts", import.meta.url));

/** Least packets of a round: percentiles of fewer mean little. */
const LEAST_PACKETS = 100;

/** Replays a capture in each round, in a process of its own. */
export async function measureGap(row: GapRow, setting: Setting): Promise<GapResult> {
  const { rounds, repetitions, length_ms, built } = setting;
  const packets = Math.max(LEAST_PACKETS, Math.round(repetitions * length_ms * 1000 / row.gap_us));
  const all: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", SCRIPT, `${row.gap_us}`, `${packets}`],
      stdin: "null",
      env: { VALET_LIB: built.library },
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(decoder.decode(stderr).trimEnd());
    all.push(JSON.parse(decoder.decode(stdout)));
  }
  const us = (at: number): number => significant(median(all.map((percentiles) => percentiles[at])));
  return {
    name: row.name,
    error_p50_us: us(0),
    error_p90_us: us(1),
    error_p99_us: us(2),
    error_p999_us: us(3),
    error_max_us: us(4),
    packets,
    repetitions: all.length,
  };
}
