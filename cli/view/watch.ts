/**
 * What `valet view` shows, sample after sample, also where the daemon goes away and comes back.
 *
 * @module
 */

import { Netmap, NetmapError, type PortCounters, type TableEntry } from "../../mod.ts";
import type { Context } from "../context.ts";
import {
  type BridgeSample,
  type PortSample,
  portsOf,
  ratesOf,
  type Sample,
  samplePairs,
  takeSample,
} from "../sample.ts";
import { sleep } from "../sleep.ts";
import { HookWatch } from "./hook_watch.ts";
import type {
  ViewBridge,
  ViewCounters,
  ViewHook,
  ViewPort,
  ViewState,
  ViewTable,
} from "./messages.ts";

/** So often somebody looks whether the daemon is back, or more often if the interval is shorter. */
const RETRY_MS = 1000;

/** Stations that are shown of a bridge. */
const STATIONS = 256;

const NO_DAEMON = "No daemon runs. The first command that needs one starts it; so does " +
  '"valet daemon start".';

/**
 * Looks at the bridges until the signal aborts. What goes wrong with netmap is a state with a problem, and
 * tried again.
 */
export async function* watchBridges(
  context: Context,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<ViewState, void> {
  while (!signal.aborted) {
    try {
      using netmap = connect(context);
      yield* netmap.backend === "kernel"
        ? watchKernel(netmap, context, intervalMs, signal)
        : watchEngine(netmap, context, intervalMs, signal);
    } catch (error) {
      if (!(error instanceof NetmapError)) throw error;
      yield problem(textOf(error));
    }
    await sleep(Math.min(RETRY_MS, intervalMs), signal);
  }
}

/** @throws {NetmapError} ENOENT where there is neither the kernel's netmap nor a daemon */
function connect({ backend, instance }: Context): Netmap {
  const netmap = Netmap.open({ backend, instance });
  if (netmap.backend !== "embedded" || backend === "embedded") return netmap;
  // An engine in this process has no ports, whatever others do
  netmap.close();
  return Netmap.open({ backend: "daemon", instance });
}

function textOf({ code, message }: NetmapError): string {
  if (code === "ENOENT" || code === "ECONNREFUSED") return NO_DAEMON;
  if (code === "ECONNRESET") return "The daemon has ended, and all ports with it.";
  return message;
}

function problem(text: string): ViewState {
  const timeMs = Date.now();
  return { timeMs, problem: text, seconds: 0, counts: false, bridges: [], waiting: [] };
}

async function* watchEngine(
  netmap: Netmap,
  context: Context,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<ViewState, void> {
  await using hooks = new HookWatch(context, netmap.backend);
  const first = takeSample(netmap);
  yield engineState(netmap, hooks, undefined, first);
  await hooks.ask();
  yield engineState(netmap, hooks, undefined, first);
  for await (const { before, now } of samplePairs(netmap, () => intervalMs, signal, first)) {
    yield engineState(netmap, hooks, before, now);
    hooks.ask(); // the answers are for the next picture
  }
}

function engineState(
  netmap: Netmap,
  hooks: HookWatch,
  before: Sample | undefined,
  now: Sample,
): ViewState {
  const old = before === undefined ? undefined : portsOf(before);
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  const bridges = now.bridges.map((bridge): ViewBridge => ({
    name: bridge.name,
    lookup: bridge.lookup,
    hook: hooks.hooks.find((hook) => hook.bridge === bridge.name),
    ports: bridge.ports.map((port) => portOf(port, old?.get(port.name), seconds))
      .sort((a, b) => Number(a.index) - Number(b.index)),
    table: tableOf(netmap, bridge),
  }));
  const unattached = now.unattached.map((port) => portOf(port, old?.get(port.name), seconds));
  return stateOf(netmap, hooks, {
    seconds,
    counts: true,
    bridges: unattached.length === 0 ? bridges : [...bridges, { name: "", ports: unattached }],
  });
}

function stateOf(
  { backend }: Netmap,
  { hooks, problem }: HookWatch,
  facts: Pick<ViewState, "seconds" | "counts" | "bridges">,
): ViewState {
  const isThere = ({ bridge }: ViewHook): boolean =>
    facts.bridges.some(({ name }) => name === bridge);
  return {
    timeMs: Date.now(),
    backend,
    ...facts,
    hookProblem: problem,
    waiting: hooks.filter((hook) => !isThere(hook)),
  };
}

function portOf(port: PortSample, before: PortSample | undefined, seconds: number): ViewPort {
  const { counters } = port;
  const { cause: _, ...rates } = ratesOf(before?.counters, counters, seconds);
  return {
    name: port.interface,
    index: counters.portIndex,
    counters: countersOf(counters),
    rates: seconds > 0 ? rates : undefined,
  };
}

function countersOf(counters: PortCounters): ViewCounters {
  const { kind, device, opens, txPackets, txBytes, rxPackets, rxBytes, dropped, drops } = counters;
  const causes = Object.entries(drops).filter(([, packets]) => packets > 0)
    .sort(([, a], [, b]) => b - a);
  return { kind, device, opens, txPackets, txBytes, rxPackets, rxBytes, dropped, causes };
}

function tableOf(netmap: Netmap, { name, buckets, ageingMs, stations }: BridgeSample): ViewTable {
  const entries = stations === 0 ? [] : stationsOf(netmap, name);
  return { stations: entries.length, buckets, ageingMs, entries: entries.slice(0, STATIONS) };
}

/** None when the bridge has gone meanwhile. */
function stationsOf(netmap: Netmap, name: string): TableEntry[] {
  using bridge = netmap.bridge(name);
  try {
    return bridge.table().sort((a, b) => a.port - b.port || (a.mac < b.mac ? -1 : 1));
  } catch (error) {
    if (error instanceof NetmapError && error.code === "ENXIO") return [];
    throw error;
  }
}

/** The kernel counts nothing and shows no table: what is left is who is there, and the hooks. */
async function* watchKernel(
  netmap: Netmap,
  context: Context,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<ViewState, void> {
  await using hooks = new HookWatch(context, netmap.backend);
  for (; !signal.aborted; await sleep(intervalMs, signal)) {
    await hooks.ask();
    const byBridge = Map.groupBy(netmap.ports(), ({ bridge }) => bridge);
    const bridges = [...byBridge].map(([name, ports]): ViewBridge => ({
      name,
      hook: hooks.hooks.find(({ bridge }) => bridge === name),
      ports: ports.map((port) => ({ name: port.interface, index: port.portIndex })),
    }));
    yield stateOf(netmap, hooks, { seconds: 0, counts: false, bridges });
  }
}
