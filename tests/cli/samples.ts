/**
 * Counters as tests make them up.
 */

import { DROP_CAUSES, type DropCause, type PortCounters } from "../../mod.ts";
import type { PortSample, Sample } from "../../cli/sample.ts";

/** A port that has counted this. */
export function port(name: string, given: Partial<PortCounters> = {}): PortSample {
  const drops = { ...Object.fromEntries(DROP_CAUSES.map((cause) => [cause, 0])), ...given.drops };
  const counters: PortCounters = {
    txPackets: 0,
    txBytes: 0,
    rxPackets: 0,
    rxBytes: 0,
    ringResets: 0,
    bridgeIndex: 0,
    portIndex: 0,
    opens: 1,
    kind: "ephemeral",
    device: undefined,
    xdpMode: undefined,
    memoryId: 1,
    ...given,
    drops: drops as Record<DropCause, number>,
    dropped: Object.values(drops).reduce((sum, count) => sum + count, 0),
  };
  return { name: `vale0:${name}`, interface: name, counters };
}

/** Counters of the ports of vale0 at a moment. */
export function sample(atMs: number, ...ports: PortSample[]): Sample {
  const table = { stations: 7, buckets: 1024, ageingMs: 0 };
  return {
    atMs,
    unattached: [],
    bridges: [{ name: "vale0", lookup: "learning", ...table, ports }],
  };
}
