/** Compares valet with other switches, and prints one table. */

import { Daemon } from "../daemon.ts";
import { type Measurable, type Setting, takeTurns, toNeighbours } from "../round.ts";
import type { ComparedRate } from "../results.ts";
import { median, significant, summary } from "../statistics.ts";
import { type Group, groups, type Peer } from "./groups.ts";

/**
 * How one of them did: "peers.memory.60.testpmd.io". The limit is the loop that only copies, or a cable
 * without a switch.
 */
export interface PeerResult extends ComparedRate {
  /** valet's best in this group, divided by it. */
  valet_to_this?: number;
}

/** One that was not measured. */
export interface PeerSkipped {
  name: string;
  /** Why, in words. */
  skipped: string;
}

/** Either. */
export type PeerOutcome = PeerResult | PeerSkipped;

/** The groups that are asked for, by how "peers.GROUP.BYTES" begins; all without any. */
export function chosenGroups(only: readonly string[], pktGen?: string): readonly Group[] {
  const all = groups(pktGen);
  if (only.length === 0) return all;
  const chosen = all.filter(({ name }) =>
    only.some((start) => `peers.${name}`.startsWith(start) || name.startsWith(start))
  );
  if (chosen.length > 0) return chosen;
  throw new Error(
    `Cannot compare "${only.join(", ")}": there is no such group of peers\nHint: They are ` +
      all.map(({ name }) => name).join(", "),
  );
}

/** What has been measured of a group. */
interface Series {
  limit: number[];
  mpps: Map<Peer, number[]>;
  ratios: Map<Peer, number[]>;
  /** Why some were not. */
  problems: Map<Peer, string>;
}

/** Measures a group: all of its peers in turn. */
export async function measureGroup(group: Group, setting: Setting): Promise<PeerOutcome[]> {
  const series: Series = { limit: [], mpps: new Map(), ratios: new Map(), problems: new Map() };
  for (const peer of [group.limit, ...group.peers]) {
    const problem = peer.problem();
    if (problem !== undefined) series.problems.set(peer, problem);
  }
  const problem = series.problems.get(group.limit);
  if (problem !== undefined) {
    return group.peers.map((peer) => ({ name: nameOf(group, peer), skipped: problem }));
  }
  for (let round = 0; round < setting.rounds; round++) await addRound(group, setting, series);
  const best = Math.max(
    ...group.peers.filter(isOurs).map((peer) => median(series.mpps.get(peer) ?? [0])),
  );
  return group.peers.map((peer) => outcomeOf(group, peer, series, best));
}

function nameOf(group: Group, peer: Peer): string {
  return `peers.${group.name}.${peer.name}`;
}

function isOurs({ name }: Peer): boolean {
  return name.startsWith("valet");
}

/** Starts all of them, and measures them in turn. */
async function addRound(group: Group, setting: Setting, series: Series): Promise<void> {
  const { problems, mpps, ratios } = series;
  await using stack = new AsyncDisposableStack();
  const daemon = group.daemon ? stack.use(await Daemon.start(setting.built)) : undefined;
  const surroundings = { ...setting, env: daemon?.env };
  const limit = stack.use(await group.limit.start(surroundings));
  const started = new Map<Peer, Measurable>();
  for (const peer of group.peers.filter((peer) => !problems.has(peer))) {
    try {
      const subject = stack.use(await peer.start(surroundings));
      started.set(peer, guarded(subject, (problem) => problems.set(peer, problem)));
    } catch (error) {
      problems.set(peer, textOf(error));
    }
  }
  const [ofLimit, ...measured] = (await takeTurns([limit, ...started.values()], setting))
    .map((all) => all.map(([rate]) => rate));
  series.limit.push(...ofLimit);
  for (const [i, peer] of [...started.keys()].entries()) {
    if (problems.has(peer)) continue;
    append(mpps, peer, measured[i]);
    append(ratios, peer, toNeighbours(measured[i], ofLimit));
  }
}

function outcomeOf(group: Group, peer: Peer, series: Series, best: number): PeerOutcome {
  const rates = series.mpps.get(peer), ratios = series.ratios.get(peer);
  const name = nameOf(group, peer), problem = series.problems.get(peer);
  if (problem !== undefined || rates === undefined || ratios === undefined) {
    return { name, skipped: problem ?? "nothing was measured" };
  }
  const mpps = median(rates);
  return {
    name,
    mpps: significant(mpps),
    limit_mpps: significant(median(series.limit)),
    ...summary(ratios),
    repetitions: rates.length,
    ...best > 0 && !isOurs(peer) ? { valet_to_this: significant(best / mpps, 3) } : {},
  };
}

/** Who fails does not spoil the others' measurement: it gives no number, and what went wrong. */
function guarded(subject: Measurable, onProblem: (problem: string) => void): Measurable {
  return {
    name: subject.name,
    async measure(milliseconds): Promise<number[]> {
      try {
        const figures = await subject.measure(milliseconds);
        if (figures[0] > 0) return figures;
        throw new Error(`nothing arrived within ${milliseconds} ms`);
      } catch (error) {
        onProblem(textOf(error));
        return [NaN];
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function append<Key>(map: Map<Key, number[]>, key: Key, values: readonly number[]): void {
  map.set(key, [...map.get(key) ?? [], ...values]);
}

const WIDTHS = { name: 34, number: 10 };

/** The line above them. */
export function peerHead(): string {
  return "peer".padEnd(WIDTHS.name) +
    ["Mpps", "limit", "ratio", "spread", "valet is"].map((title) => title.padStart(WIDTHS.number))
      .join("");
}

/** A line of the table. */
export function peerLine(result: PeerOutcome): string {
  const name = result.name.slice("peers.".length).padEnd(WIDTHS.name);
  if ("skipped" in result) return `${name}  skipped: ${result.skipped}`;
  const { mpps, limit_mpps, ratio, spread, valet_to_this } = result;
  return name + [
    mpps.toFixed(mpps < 10 ? 3 : 1),
    limit_mpps.toFixed(limit_mpps < 10 ? 3 : 1),
    ratio.toFixed(ratio < 0.1 ? 4 : 3),
    spread.toFixed(ratio < 0.1 ? 4 : 3),
    valet_to_this === undefined ? "" : `${valet_to_this.toFixed(2)} x`,
  ].map((text) => text.padStart(WIDTHS.number)).join("");
}

/** What the groups are, and what of them must not be compared. */
export function peerNotes(groups: readonly Group[]): string {
  const abouts = new Map(groups.map(({ name, about }) => [name.split(".")[0], about]));
  return [...abouts].map(([name, about]) => `${name}: ${about}`).join("\n");
}
