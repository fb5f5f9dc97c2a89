/** Measures round trips through a daemon, and what it costs while nothing happens. */

import { Daemon } from "./daemon.ts";
import type { CpuResult, LatencyResult } from "./results.ts";
import type { IdleRow, LatencyRow } from "./row.ts";
import { measureRound, type Setting, toNeighbours } from "./round.ts";
import { median, significant, summary } from "./statistics.ts";
import { Subject } from "./subject.ts";

/** Measures round trips. */
export async function measureLatency(row: LatencyRow, setting: Setting): Promise<LatencyResult> {
  const programs = ["limit.ping", "ping"].map((scene) => ({ scene, args: [row.wait] }));
  const limit: number[] = [], ratios: number[] = [];
  const percentiles: number[][] = [];
  for (let round = 0; round < setting.rounds; round++) {
    const [ofLimit, measured] = await measureRound(programs, setting, true);
    limit.push(...ofLimit.map(([p50]) => p50));
    percentiles.push(...measured);
    ratios.push(...toNeighbours(measured.map(([p50]) => p50), ofLimit.map(([p50]) => p50)));
  }
  const us = (at: number): number => significant(median(percentiles.map((all) => all[at])));
  return {
    name: row.name,
    p50_us: us(0),
    p90_us: us(1),
    p99_us: us(2),
    p999_us: us(3),
    limit_p50_us: significant(median(limit)),
    ...summary(ratios),
    repetitions: ratios.length,
  };
}

/** How much longer an idle daemon is watched than a row is measured: little happens in it. */
const IDLE_FACTOR = 20;

/** Measures what a daemon and two clients cost while nothing happens. */
export async function measureIdle(row: IdleRow, setting: Setting): Promise<CpuResult> {
  const all: number[] = [], ofClients: number[] = [];
  for (let round = 0; round < setting.rounds; round++) {
    await using stack = new AsyncDisposableStack();
    const daemon = stack.use(await Daemon.start(setting.built));
    const program = { scene: "idle", args: [`${daemon.pid}`] };
    const subject = stack.use(new Subject(program, { ...setting, env: daemon.env }));
    await subject.measure(setting.warmup_ms);
    const [ofDaemon, clients] = await subject.measure(setting.length_ms * IDLE_FACTOR);
    all.push(ofDaemon + clients);
    ofClients.push(clients);
  }
  return {
    name: row.name,
    cpu: significant(median(all)),
    clients_cpu: significant(median(ofClients)),
    repetitions: all.length,
    goal: row.idle_below,
  };
}
