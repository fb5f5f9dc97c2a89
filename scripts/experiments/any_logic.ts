/**
 * mSwitch: any logic. What lookups cost: none, the learning bridge, a filter and a firewall, compiled and in
 * TypeScript.
 *
 *     deno run -A scripts/experiments/any_logic.ts
 *
 * @module
 */

import { compile } from "../../hook/mod.ts";
import { type Bridge, DROP, type Lookup, type LookupPacket, NetmapError } from "../../mod.ts";
import { PacketTemplate } from "../../mod.ts";
import acl, { constants } from "../hooks/acl.ts";
import { type Conclusion, effortOf, type Experiment, type Lab, main } from "./kit/mod.ts";
import { measureRate, RATE_COLUMNS, type RateColumns, rateColumns, ratePoint } from "./kit/mod.ts";
import { type Run, Shuttle, significant } from "./kit/mod.ts";

/** A measured point. */
export type Logic = RateColumns & { lookup: string; written: string; packet_ns: number };

const SERVER_MAC = "02:00:00:00:00:0b", CLIENT_MAC = "02:00:00:00:00:0a";

/** What the firewall of scripts/hooks/ lets pass, and the filter as well: HTTPS to a server. */
const packet = PacketTemplate.tcp({
  srcMac: CLIENT_MAC,
  dstMac: SERVER_MAC,
  src: "192.0.2.1:1234",
  dst: "10.0.0.2:443",
  flags: "S",
  length: 60,
});

const dummy = (): number => 1;
const filter = (packet: LookupPacket): number =>
  packet.isIpv4 && packet.destinationPort === 443 ? packet.port + 1 : DROP;

/** A lookup, and how it is set. */
interface Candidate {
  readonly lookup: string;
  readonly written: string;
  readonly set: (bridge: Bridge) => void | Promise<void>;
}

const LOOKUPS: readonly [string, Lookup][] = [["dummy", dummy], ["filter", filter], [
  "firewall",
  acl,
]];

const CANDIDATES: readonly Candidate[] = [
  { lookup: "learning", written: "built in", set: (bridge): void => void (bridge.lookup = null) },
  ...LOOKUPS.map(([lookup, f]) => ({
    ...{ lookup, written: "compiled" },
    set: async (bridge: Bridge): Promise<void> => {
      bridge.lookup = await compile(f, { constants });
    },
  })),
  ...LOOKUPS.map(([lookup, f]) => ({
    ...{ lookup, written: "TypeScript" },
    set: (bridge: Bridge): void => void (bridge.lookup = f),
  })),
];

const LACKING: readonly string[] = ["EOPNOTSUPP", "ENOPKG"];

async function* measure(lab: Lab): AsyncGenerator<Logic> {
  const netmap = lab.open(), bridge = netmap.bridge(lab.bridge());
  const from = netmap.open(`${bridge.name}:a`), to = netmap.open(`${bridge.name}:b`);
  // The learning bridge, which the firewall asks, has to know where the server is
  to.send(PacketTemplate.arp({ srcMac: SERVER_MAC, src: "10.0.0.2", dst: "10.0.0.2" }));
  const name = ({ lookup, written }: Candidate): string => `${lookup}, ${written}`;
  for (const { lookup, written, set } of lab.steps(CANDIDATES, name)) {
    try {
      await set(bridge);
    } catch (error) {
      // Not on this backend, or only with a module that is not loaded
      if (!(error instanceof NetmapError && LACKING.includes(error.code))) throw error;
      lab.lacks(`lookups that are ${written}`, error.message);
      continue;
    }
    const shuttle = new Shuttle(from, [to]);
    const rate = measureRate(() => shuttle.round(packet, 256), effortOf(lab));
    if (shuttle.lost > 0) throw new Error(`${lookup}, ${written}: lost ${shuttle.lost} packets`);
    const packet_ns = significant(1e9 / rate.median, 3);
    yield { lookup, written, ...rateColumns(rate), packet_ns };
  }
}

function conclude(runs: readonly Run<Logic>[]): Conclusion {
  const ways = [...new Set(CANDIDATES.map(({ written }) => written))];
  const found = runs.flatMap(({ backend, rows }) =>
    ways.flatMap((way) => {
      const own = rows.filter(({ written }) => written === way);
      if (own.length === 0) return [];
      const rates = own.map(({ lookup, mpps, packet_ns }) =>
        `${lookup} ${mpps} Mpps (${packet_ns} ns a packet)`
      );
      return [`${backend}, ${way}: ${rates.join(", ")}.`];
    })
  );
  return {
    plots: [{
      ...{ name: "rate", title: "Any logic: lookups compared", x: { label: "lookup" } },
      y: { label: "rate", unit: "Mpps, 60 bytes" },
      series: runs.flatMap(({ backend: panel, rows }) =>
        ways.map((name) => ({
          ...{ name, panel, style: "bar" as const },
          points: rows.filter(({ written }) => written === name)
            .map((row) => ratePoint(row.lookup, row)),
        }))
      ),
    }],
    found,
    compared: [
      "As in the paper, the logic is a function of its own, and the switch does the rest: a compiled filter " +
      "costs little more than one that always says the same, and less than moving the packet.",
      "The paper's modules are C in the kernel. Here the same function is TypeScript, compiled or as it is; as " +
      "it is it costs a call of JavaScript for each packet.",
      "A daemon takes no compiled lookup from a script's thread (valet hook load gives it one), and the " +
      "kernel's VALE takes TypeScript only as eBPF: those are left out.",
    ],
  };
}

export const experiment: Experiment<Logic> = {
  name: "any_logic",
  title: "Any logic: what a lookup costs",
  follows: {
    paper:
      "M. Honda, F. Huici, G. Lettieri, L. Rizzo, mSwitch: A Highly-Scalable, Modular Software Switch, SOSR 2015",
    figure: "the comparison of switching modules",
  },
  about:
    "The rate from one port to another with the learning bridge, a lookup that always says the same, a " +
    "filter by port, and the firewall of scripts/hooks/acl.ts: compiled, and in TypeScript.",
  columns: {
    ...{ lookup: "lookup", written: "written", ...RATE_COLUMNS, packet_ns: "cost (ns/packet)" },
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
