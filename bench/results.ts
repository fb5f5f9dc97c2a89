/** What comes out of a run. */

/** A rate beside a limit's. */
export interface ComparedRate {
  name: string;
  /** Millions of packets a second, median. */
  mpps: number;
  /** The same of the limit in the same minute. */
  limit_mpps: number;
  /** Median of the ratios of neighbouring measurements. */
  ratio: number;
  /** Width of the middle half of those ratios. */
  spread: number;
  /** How many there were. */
  repetitions: number;
}

/** A measured rate; the limit is the loop that only copies. */
export interface RateResult extends ComparedRate {
  /** The ratio that design.md asks for. */
  goal?: number;
  /** The rate compared with another row's in the same turns, where the goal refers to that. */
  share?: number;
  /** That row. */
  share_of?: string;
  /** What a packet costs compared with another row's in the same turns, where there is a goal for it. */
  cost?: number;
  /** That row. */
  cost_of?: string;
  /** The most that it may be. */
  cost_goal?: number;
  /** engine.threads.*: all threads to one thread, both measured in this row. */
  gain?: number;
  /** engine.threads.*: the same of the limit loop. */
  limit_gain?: number;
  /** engine.ports.*: to the limit loop on as much memory. */
  ratio_same_memory?: number;
  /** Through the daemon: the rate sent, of which `mpps` was received and the rest lost. */
  sent_mpps?: number;
}

/** A measured size. */
export interface MemoryResult {
  name: string;
  /** Bytes a port, mean. */
  bytes: number;
  /** What the first one took, with the engine and the bridge. */
  first_bytes: number;
  /** Microseconds that opening one took, mean. */
  open_us?: number;
  /** The goal: less than this. */
  goal: number;
}

/** Measured round trips. */
export interface LatencyResult {
  name: string;
  /** Microseconds that half of the round trips take at most: median of the repetitions. */
  p50_us: number;
  /** The same for 90 %. */
  p90_us: number;
  /** The same for 99 %. */
  p99_us: number;
  /** The same for 99.9 %. */
  p999_us: number;
  /** What half of them take without anything between the processes. */
  limit_p50_us: number;
  /** Median of the ratios of neighbouring measurements, of `p50_us`. */
  ratio: number;
  /** Width of the middle half of those ratios. */
  spread: number;
  /** How many there were. */
  repetitions: number;
}

/** A measured use of the CPU. */
export interface CpuResult {
  name: string;
  /** CPU seconds a second, of daemon and clients. */
  cpu: number;
  /** Of the clients alone. */
  clients_cpu: number;
  /** How often it was measured; `cpu` is the median. */
  repetitions: number;
  /** The goal: less than this. */
  goal: number;
}

/** A measured time. */
export interface TimeResult {
  name: string;
  /** Milliseconds from start to end, median. */
  ms: number;
  /** The goal: less than this. */
  goal?: number;
  /** The same of deno with an empty script. */
  limit_ms: number;
  /** Median of the ratios of neighbouring measurements. */
  ratio: number;
  /** Width of the middle half of those ratios. */
  spread: number;
  /** How many there were. */
  repetitions: number;
}

/** A time that a script has looked at itself. */
export interface MomentResult {
  name: string;
  /** Milliseconds, median. */
  moment_ms: number;
  /** Width of the middle half, in milliseconds. */
  spread: number;
  /** How many there were. */
  repetitions: number;
  /** The goal: less than this. */
  goal: number;
}

/** How far the distances of replayed packets were from the recorded ones. */
export interface GapResult {
  name: string;
  /** Microseconds that half of the errors are at most: median of the repetitions. */
  error_p50_us: number;
  /** The same for 90 %. */
  error_p90_us: number;
  /** The same for 99 %. */
  error_p99_us: number;
  /** The same for 99.9 %. */
  error_p999_us: number;
  /** The largest. */
  error_max_us: number;
  /** Packets of each repetition. */
  packets: number;
  /** How often it was measured. */
  repetitions: number;
}

/** What two hosts reach through the switch. */
export interface NetResult {
  name: string;
  /** Gigabits a second that arrived, median. */
  gbps: number;
  /** The same through a Linux bridge in the same minutes. */
  limit_gbps: number;
  /** Median of the ratios of neighbouring measurements. */
  ratio: number;
  /** Width of the middle half of those ratios. */
  spread: number;
  /** How many there were. */
  repetitions: number;
  /** The same through vde_switch, if there is one here. */
  vde_gbps?: number;
  /** What was measured, divided by that. */
  vde_ratio?: number;
}

/** A row that cannot be measured on this machine: no failure. */
export interface SkippedResult {
  name: string;
  /** Why, in words. */
  skipped: string;
}

/** A row that could not be measured. */
export interface FailedResult {
  name: string;
  /** Why. */
  error: string;
}

/** Any result. */
export type Result =
  | RateResult
  | MemoryResult
  | LatencyResult
  | CpuResult
  | TimeResult
  | MomentResult
  | GapResult
  | NetResult
  | SkippedResult
  | FailedResult;

/** Whether a result reaches its goal; undefined where that is not known. */
export function isMet(result: Result): boolean | undefined {
  if ("error" in result) return undefined;
  if ("mpps" in result) return isRateMet(result);
  if (!("goal" in result) || result.goal === undefined) return undefined;
  if ("bytes" in result) return result.bytes < result.goal;
  if ("cpu" in result) return result.cpu < result.goal;
  return ("ms" in result ? result.ms : result.moment_ms) < result.goal;
}

/** A rate may have several conditions: design.md has further ones for threads, many ports and stations. */
function isRateMet(result: RateResult): boolean | undefined {
  const { ratio, goal, gain, limit_gain, cost, cost_goal } = result;
  const conditions: boolean[] = [];
  if (goal !== undefined) conditions.push(ratio >= goal);
  if (goal !== undefined && gain !== undefined && limit_gain !== undefined) {
    conditions.push(gain >= 0.8 * limit_gain);
  }
  if (cost !== undefined && cost_goal !== undefined) conditions.push(cost <= cost_goal);
  return conditions.length === 0 ? undefined : conditions.every((isSo) => isSo);
}

/** A run before and this one, for one row. */
export interface Comparison {
  /** Now divided by then: of ratios, or of bytes. NaN: not comparable. */
  change: number;
  /** What it means. */
  verdict: "faster" | "slower" | "smaller" | "larger" | "same" | "not comparable";
}

/** Smaller differences are taken for noise: code that is merely placed elsewhere makes as much. */
const LEAST_CHANGE = 0.02;

/**
 * Compares a row with an older run. Rates are compared by their ratio to the limit loop, which takes
 * most of the machine's mood out. They differ if the middle halves of both lie apart.
 */
export function compare(old: Result | undefined, now: Result): Comparison {
  if (old !== undefined && "bytes" in old && "bytes" in now) {
    const change = now.bytes / old.bytes;
    const same = Math.abs(change - 1) < LEAST_CHANGE;
    return { change, verdict: same ? "same" : change < 1 ? "smaller" : "larger" };
  }
  if (
    old === undefined || !("ratio" in old) || !("ratio" in now) || "mpps" in old !== "mpps" in now
  ) {
    return { change: NaN, verdict: "not comparable" };
  }
  const change = now.ratio / old.ratio, isRate = "mpps" in now || "gbps" in now;
  const noise = Math.max((old.spread + now.spread) / 2, LEAST_CHANGE * old.ratio);
  if (Math.abs(now.ratio - old.ratio) <= noise) return { change, verdict: "same" };
  // Of rates, or of times
  return { change, verdict: change > 1 === isRate ? "faster" : "slower" };
}

/**
 * Reads a file that `--save` wrote.
 *
 * @throws {Error} if it cannot be read, or is no such file
 */
export function readResults(path: string): Map<string, Result> {
  let rows: unknown;
  try {
    rows = JSON.parse(Deno.readTextFileSync(path));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot compare with "${path}": ${reason}`, { cause });
  }
  const isRow = (row: unknown): row is Result =>
    typeof row === "object" && row !== null && "name" in row && typeof row.name === "string";
  if (!Array.isArray(rows) || !rows.every(isRow)) {
    throw new Error(`Cannot compare with "${path}": it is no file that --save wrote`);
  }
  return new Map(rows.map((row) => [row.name, row]));
}
