/** Measures what two hosts reach with iperf3, joined by valet, by a Linux bridge and by vde_switch. */

import { hasProgram, run, until } from "./net/command.ts";
import { type Join, join, type JoinKind, joinProblem } from "./net/join.ts";
import { Service } from "./net/service.ts";
import type { NetResult, SkippedResult } from "./results.ts";
import type { NetRow } from "./row.ts";
import { type Measurable, type Setting, takeTurns, toNeighbours } from "./round.ts";
import { median, significant, summary } from "./statistics.ts";

/** iperf3 takes whole seconds. */
const SECONDS = 1;

/** Repetitions of a full run; of a quick one there are fewer. */
const REPETITIONS = 7;

/** Measures a row, or says in words why it cannot be measured here. */
export async function measureNet(
  row: NetRow,
  setting: Setting,
): Promise<NetResult | SkippedResult> {
  const problem = joinProblem(row.join) ??
    (hasProgram("iperf3") ? undefined : "there is no iperf3 (Debian: iperf3)");
  if (problem !== undefined) return { name: row.name, skipped: problem };
  const hasVde = joinProblem("vde_switch") === undefined;
  const kinds: JoinKind[] = ["linux_bridge", row.join, ...hasVde ? ["vde_switch" as const] : []];
  await using stack = new AsyncDisposableStack();
  const pairs: IperfPair[] = [];
  for (const kind of kinds) {
    const joined = await join(kind, setting.built).catch(unsupported);
    if (joined instanceof Error) return { name: row.name, skipped: joined.message };
    pairs.push(stack.use(new IperfPair(kind, joined, row.iperf)));
  }
  for (const pair of pairs) await pair.serve();
  const repetitions = Math.min(
    REPETITIONS,
    Math.max(1, Math.round(setting.repetitions * setting.rounds / 5)),
  );
  const figures = await takeTurns(pairs, { ...setting, repetitions });
  const [limit, ours, vde] = figures.map((measured) => measured.map(([gbps]) => gbps));
  const ratios = toNeighbours(ours, limit);
  return {
    name: row.name,
    gbps: significant(median(ours)),
    limit_gbps: significant(median(limit)),
    ...summary(ratios),
    repetitions: ratios.length,
    ...vde === undefined ? {} : {
      vde_gbps: significant(median(vde)),
      vde_ratio: significant(median(ours.map((gbps, i) => gbps / vde[i]))),
    },
  };
}

/** What the system or the library has no support for is skipped; all else is a failure. */
function unsupported(error: unknown): Error {
  if (error instanceof Error && error.message.includes("EOPNOTSUPP")) return error;
  throw error;
}

/** Two joined hosts with an iperf3 each. */
class IperfPair implements Measurable {
  readonly name: string;
  readonly #join: Join;
  readonly #args: readonly string[];
  readonly #stack = new AsyncDisposableStack();

  constructor(name: string, join: Join, args: readonly string[]) {
    this.name = name;
    this.#join = this.#stack.use(join);
    this.#args = args;
  }

  /** Starts the server. */
  async serve(): Promise<void> {
    const { hosts } = this.#join;
    this.#stack.use(new Service(hosts.inside(hosts.blue, "iperf3", "-s", "-B", hosts.blue.ip4)));
    const sockets = hosts.inside(hosts.blue, "cat", "/proc/net/tcp");
    // Port 5201, and the state that is listening: proc_net_tcp(5)
    await until("iperf3's server", async () => /:1451 \S+ 0A /.test(await run(...sockets)));
  }

  /** Gigabits a second. A shorter measurement is a warm-up, of as little as iperf3 can do. */
  async measure(): Promise<number[]> {
    const { hosts } = this.#join;
    const command = ["iperf3", "-J", "-t", `${SECONDS}`, "-c", hosts.blue.ip4, ...this.#args];
    return [gigabits(await run(...hosts.inside(hosts.red, ...command)))];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/**
 * Gigabits a second that arrived, as `iperf3 -J` tells: `sum_received` of TCP, and of UDP what was not lost.
 *
 * @throws {Error} if it says that something failed
 */
export function gigabits(text: string): number {
  const { error, end } = JSON.parse(text);
  if (error !== undefined) throw new Error(`iperf3 says: ${error}`);
  const { sum, sum_received: received } = end;
  const bits = sum?.lost_percent === undefined
    ? received.bits_per_second
    : sum.bits_per_second * (1 - sum.lost_percent / 100);
  return bits / 1e9;
}
