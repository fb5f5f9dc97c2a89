/**
 * What all bridges have counted, and how fast it grows.
 *
 * @module
 */

import { type BridgeInfo, DROP_CAUSES, type DropCause, type Netmap, NetmapError } from "../mod.ts";
import type { PortCounters } from "../mod.ts";
import { UsageError } from "./context.ts";
import { sleep } from "./sleep.ts";
import type { OptionValues } from "./table.ts";

/** Counters of all ports at one moment. */
export interface Sample {
  /** When, in milliseconds of `performance.now()`. */
  readonly atMs: number;
  /** The bridges, by name. */
  readonly bridges: readonly BridgeSample[];
  /** Persistent interfaces that are on no bridge. */
  readonly unattached: readonly PortSample[];
}

/** A bridge of a sample. */
export interface BridgeSample {
  /** "vale0" */
  readonly name: string;
  /** What decides there. */
  readonly lookup: BridgeInfo["lookup"];
  /** Stations in its learning table. */
  readonly stations: number;
  /** Stations that it has room for. */
  readonly buckets: number;
  /** A station that is silent for so many milliseconds is forgotten; 0: never. */
  readonly ageingMs: number;
  /** Its ports, by index. */
  readonly ports: readonly PortSample[];
}

/** A port of a sample. */
export interface PortSample {
  /** "vale0:vi0"; "vi0" on no bridge. */
  readonly name: string;
  /** "vi0" */
  readonly interface: string;
  /** Its counters. */
  readonly counters: PortCounters;
}

/** Two samples, one after the other. */
export interface SamplePair {
  /** The counters before. */
  readonly before: Sample;
  /** The counters. */
  readonly now: Sample;
}

/** How fast a port's counters grow, each a second. */
export interface PortRates {
  /** Packets sent. */
  readonly txPackets: number;
  /** Bits sent. */
  readonly txBits: number;
  /** Packets received. */
  readonly rxPackets: number;
  /** Bits received. */
  readonly rxBits: number;
  /** Packets lost. */
  readonly dropped: number;
  /** Why most of them were; undefined when none were. */
  readonly cause: DropCause | undefined;
}

/**
 * Reads the counters of all ports. A port or bridge that goes meanwhile is left out.
 *
 * @throws {NetmapError} EOPNOTSUPP on the kernel, which counts nothing
 */
export function takeSample(netmap: Netmap): Sample {
  const names = [...new Set(netmap.ports().map((port) => port.bridge))];
  const bridges = names.map((name) => takeBridge(netmap, name)).filter((it) => it !== undefined);
  const unattached = Object.entries(netmap.interfaces())
    .filter(([, { bridgeIndex }]) => bridgeIndex === undefined)
    .map(([name, counters]) => ({ name, interface: name, counters }));
  return { atMs: performance.now(), bridges, unattached };
}

function takeBridge(netmap: Netmap, name: string): BridgeSample | undefined {
  using bridge = netmap.bridge(name);
  try {
    const { lookup, tableEntries, tableBuckets, ageingMs } = bridge.info();
    const ports = Object.entries(bridge.counters()).map(([port, counters]) => ({
      name: `${name}:${port}`,
      interface: port,
      counters,
    }));
    return {
      name,
      lookup,
      stations: tableEntries,
      buckets: tableBuckets,
      ageingMs,
      ports,
    };
  } catch (error) {
    if (error instanceof NetmapError && error.code === "ENXIO") return undefined;
    throw error;
  }
}

/**
 * Takes sample after sample, until the signal aborts.
 *
 * @param intervalMs asked before each of them
 * @param first the sample that the first pair begins with
 * @throws {NetmapError} as `takeSample()`; ECONNRESET or ECONNREFUSED when the daemon has gone
 */
export async function* samplePairs(
  netmap: Netmap,
  intervalMs: () => number,
  signal: AbortSignal,
  first: Sample = takeSample(netmap),
): AsyncGenerator<SamplePair, void> {
  for (let before = first;;) {
    await sleep(intervalMs(), signal);
    if (signal.aborted) return;
    const now = takeSample(netmap);
    yield { before, now };
    before = now;
  }
}

/**
 * Reads the options `--interval`, in seconds, and `--count`, which is without end if it is not given.
 *
 * @throws {UsageError} if a value makes no sense
 */
export function samplingOptions(
  { interval, count = Infinity }: OptionValues,
): { intervalMs: number; count: number } {
  if (typeof interval !== "number" || !(interval >= 0.01 && interval <= 86_400)) {
    throw new UsageError(`Cannot use ${interval} as --interval: expected 0.01 to 86400 seconds`);
  }
  if (typeof count !== "number" || !(count >= 1)) {
    throw new UsageError(`Cannot use ${count} as --count: expected 1 or more`);
  }
  return { intervalMs: interval * 1000, count };
}

/** All ports of a sample, by name. */
export function portsOf(sample: Sample): Map<string, PortSample> {
  const ports = [...sample.bridges.flatMap(({ ports }) => ports), ...sample.unattached];
  return new Map(ports.map((port) => [port.name, port]));
}

/**
 * How fast a port's counters have grown.
 *
 * @param before undefined, or counters that are larger, mean that the port is new: it began at 0
 * @param seconds between the two
 */
export function ratesOf(
  before: PortCounters | undefined,
  now: PortCounters,
  seconds: number,
): PortRates {
  const isSame = before !== undefined && before.txPackets <= now.txPackets &&
    before.rxPackets <= now.rxPackets && before.dropped <= now.dropped;
  const old = isSame ? before : undefined;
  const rate = (now: number, before = 0): number => seconds > 0 ? (now - before) / seconds : 0;
  return {
    txPackets: rate(now.txPackets, old?.txPackets),
    txBits: 8 * rate(now.txBytes, old?.txBytes),
    rxPackets: rate(now.rxPackets, old?.rxPackets),
    rxBits: 8 * rate(now.rxBytes, old?.rxBytes),
    dropped: rate(now.dropped, old?.dropped),
    cause: mostOf(DROP_CAUSES.map((cause) => [cause, now.drops[cause] - (old?.drops[cause] ?? 0)])),
  };
}

function mostOf(causes: readonly (readonly [DropCause, number])[]): DropCause | undefined {
  const [cause, count] = causes.reduce((most, next) => next[1] > most[1] ? next : most);
  return count > 0 ? cause : undefined;
}
