/**
 * Chains of network functions: 1 to 16 of them, over VALE switches and over pipes; rate, and latency of each hop.
 *
 *     deno run -A scripts/experiments/nf_chain.ts
 *
 * @module
 */

import { openChain, passThrough } from "./kit/chain.ts";
import { type Conclusion, effortOf, type Experiment, type Lab, main } from "./kit/mod.ts";
import { measureRate, RATE_COLUMNS, type RateColumns, rateColumns, ratePoint } from "./kit/mod.ts";
import { median, type Run, type Series, significant } from "./kit/mod.ts";

/** A measured point. */
export type Chain = RateColumns & {
  over: string;
  functions: number;
  hop_ns: number;
  latency_us: number;
};

const LENGTHS = [1, 2, 4, 8, 16];
const BATCH = 256;
/** Packets that are timed alone, a millisecond of the measurement. */
const SINGLES = 20;

function* measure(lab: Lab): Generator<Chain> {
  const settings = (["VALE", "pipes"] as const).flatMap((over) =>
    LENGTHS.map((functions) => ({ over, functions }))
  );
  const title = ({ over, functions }: typeof settings[number]): string => `${functions}, ${over}`;
  for (const { over, functions } of lab.steps(settings, title)) {
    using netmap = lab.open();
    const chain = openChain(netmap, lab, over, functions);
    const rate = measureRate(() => passThrough(chain, BATCH), effortOf(lab));
    const times = Array.from({ length: Math.ceil(lab.lengthMs * SINGLES) }, () => {
      const start = performance.now();
      passThrough(chain, 1);
      return (performance.now() - start) * 1000;
    });
    const hop_ns = significant(1e9 / rate.median / (functions + 1));
    const latency_us = significant(median(times), 3);
    yield { over, functions, ...rateColumns(rate), hop_ns, latency_us };
  }
}

function conclude(runs: readonly Run<Chain>[]): Conclusion {
  const series = (point: (row: Chain) => Series["points"][number]): Series[] =>
    runs.flatMap(({ backend: panel, rows }) =>
      ["VALE", "pipes"].map((name) => ({
        ...{ name, panel },
        points: rows.filter(({ over }) => over === name).map(point),
      }))
    );
  const x = { label: "network functions", log: true };
  const found = runs.flatMap(({ backend, rows }) =>
    ["VALE", "pipes"].map((kind) => {
      const own = rows.filter(({ over }) => over === kind);
      const [one, many] = [own[0], own[own.length - 1]];
      const hops = many.functions - one.functions;
      const hop_ns = (1000 / many.mpps - 1000 / one.mpps) / hops;
      const hop_us = (many.latency_us - one.latency_us) / hops;
      return `${backend}, ${kind}: ${one.mpps} Mpps through one function, ${many.mpps} through ` +
        `${many.functions}; each further one takes ${significant(hop_ns, 3)} ns a packet, and ` +
        `${significant(hop_us, 2)} us of one that is alone.`;
    })
  );
  return {
    plots: [{
      ...{ name: "rate", title: "Rate through a chain of network functions", x },
      y: { label: "rate", unit: "Mpps, 60 bytes", log: true },
      series: series((row) => ratePoint(row.functions, row)),
    }, {
      ...{ name: "latency", title: "Latency through a chain, one packet at a time", x },
      y: { label: "median latency", unit: "us", log: true },
      series: series((row) => ({ x: row.functions, y: row.latency_us })),
    }],
    found,
    compared: COMPARED,
  };
}

const COMPARED = [
  "One thread runs the whole chain, so the rate falls as 1 / length: what counts is what a hop takes. In the " +
  "tutorial's figure each function has a thread, or a virtual machine, of its own.",
  "A pipe neither copies nor looks up, VALE does both; what a function does to a packet in TypeScript, and " +
  "copying it to the port where it goes on, is most of a hop over either.",
];

export const experiment: Experiment<Chain> = {
  name: "nf_chain",
  title: "Chains of network functions",
  follows: { paper: "the mSwitch tutorial", figure: "the figure of chained network functions" },
  about:
    "1 to 16 functions, each of which does a router's work (time to live, checksum, addresses), between a " +
    "source and a sink, linked by VALE switches, up to 8 as the kernel's module has, or by pipes. One thread " +
    "lets them work in turn.",
  columns: {
    ...{ over: "over", functions: "functions", ...RATE_COLUMNS },
    ...{ hop_ns: "a hop (ns/packet)", latency_us: "latency (us)" },
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
