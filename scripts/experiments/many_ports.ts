/**
 * mSwitch: any number of ports. Rate against the ports of a switch, and against active destinations.
 *
 *     deno run -A scripts/experiments/many_ports.ts
 *
 * @module
 */

import { type Conclusion, effortOf, type Experiment, type Lab, main } from "./kit/mod.ts";
import { measureRate, RATE_COLUMNS, type RateColumns, rateColumns, ratePoint } from "./kit/mod.ts";
import { type Plot, type Run, type Series, Shuttle } from "./kit/mod.ts";
import { Stations } from "./kit/stations.ts";

/** A measured point. */
export type Switching = RateColumns & {
  what: string;
  ports: number;
  active: number;
};

const PORTS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const DESTINATIONS = [1, 2, 4, 8, 16, 32, 64];
/** The kernel's VALE has 254 ports. */
const KERNEL_PORTS = 254;
const BATCH = 64, SLOTS = 2 * BATCH;
/** One pair of many ports, then all pairs in turns. */
function* ports(lab: Lab): Generator<Switching> {
  const counts = PORTS.filter((count) => lab.backend !== "kernel" || count <= KERNEL_PORTS);
  using netmap = lab.open();
  const stations = new Stations(netmap, lab.bridge(), SLOTS), all = stations.ports;
  for (const count of lab.steps(counts, (count) => `${count} ports`)) {
    stations.open(count, (i) => i % 2 === 1);
    for (const pairs of new Set([1, count / 2])) {
      const shuttles = Array.from({ length: pairs }, (_, i) => ({
        shuttle: new Shuttle(all[2 * i], [all[2 * i + 1]]),
        packet: stations.frame(2 * i + 1),
      }));
      let next = 0;
      const rate = measureRate(() => {
        next = (next + 1) % pairs;
        return shuttles[next].shuttle.round(shuttles[next].packet, BATCH);
      }, effortOf(lab));
      const what = pairs === 1 ? "one pair" : "all pairs in turns";
      yield { what, ports: count, active: 2 * pairs, ...rateColumns(rate) };
    }
  }
}

/** One sender whose batches go to more and more ports. */
function* destinations(lab: Lab): Generator<Switching> {
  using netmap = lab.open();
  const stations = new Stations(netmap, lab.bridge(), SLOTS);
  stations.open(1 + Math.max(...DESTINATIONS), (i) => i > 0);
  const [from, ...to] = stations.ports;
  for (const active of lab.steps(DESTINATIONS, (active) => `${active} destinations`)) {
    const shuttle = new Shuttle(from, to.slice(0, active), "one");
    const packet = stations.frame(1, active);
    const rate = measureRate(() => shuttle.round(packet, BATCH), effortOf(lab));
    if (shuttle.onTheWay < 0) throw new Error("Packets have come to more than one port");
    yield { what: "destinations", ports: 1 + to.length, active, ...rateColumns(rate) };
  }
}

function* measure(lab: Lab): Generator<Switching> {
  yield* ports(lab);
  yield* destinations(lab);
}

function conclude(runs: readonly Run<Switching>[]): Conclusion {
  const of = (rows: readonly Switching[], word: string): Switching[] =>
    rows.filter(({ what }) => what === word);
  const lines = (words: readonly string[], x: "ports" | "active"): Series[] =>
    runs.flatMap(({ backend: panel, rows }) =>
      words.map((name): Series => {
        return { name, panel, points: of(rows, name).map((row) => ratePoint(row[x], row)) };
      })
    );
  const y = { label: "rate", unit: "Mpps, 60 bytes" };
  const plots: Plot[] = [{
    ...{ name: "ports", title: "Rate against ports of the switch", y },
    x: { label: "ports", log: true },
    series: lines(["one pair", "all pairs in turns"], "ports"),
  }, {
    ...{ name: "destinations", title: "Rate against destinations of each batch of 64", y },
    x: { label: "destinations", unit: "ports", log: true },
    series: lines(["destinations"], "active"),
  }];
  const found = runs.flatMap(({ backend, rows }) => {
    const [one, all, spread] = ["one pair", "all pairs in turns", "destinations"].map((word) =>
      of(rows, word)
    );
    const last = one[one.length - 1];
    return [
      `${backend}: a pair has ${one[0].mpps} Mpps on a switch of ${
        one[0].ports
      } ports, ${last.mpps} on one ` +
      `of ${last.ports}; all pairs of that in turns ${all[all.length - 1].mpps}.`,
      `${backend}: ${spread[0].mpps} Mpps to one destination, ${
        spread[spread.length - 1].mpps
      } to ` +
      `${spread[spread.length - 1].active} in each batch.`,
    ];
  });
  return { plots, found, compared: COMPARED };
}

const COMPARED = [
  "As in the paper, ports that do nothing cost nothing; many active ones cost what their memory takes, which " +
  "from some hundred ports on is no longer in the caches.",
  "The learning table has 1024 buckets, one station each. Stations are given addresses that do not push each " +
  "other out: else what is for some of them would go to all ports, and the plots would show that.",
  "A batch to many destinations is delivered in as many pieces, each with a lock and a sync at the receiver: " +
  "the paper's curve falls for the same reason.",
];

export const experiment: Experiment<Switching> = {
  name: "many_ports",
  title: "Many ports: what they cost, idle and active",
  follows: {
    paper:
      "M. Honda, F. Huici, G. Lettieri, L. Rizzo, mSwitch: A Highly-Scalable, Modular Software Switch, SOSR 2015",
    figure: "the figures of throughput against ports and active destinations",
  },
  about:
    "A switch with 2 to 1024 ports: the rate between two of them, and between all pairs in turns. Batches " +
    "from one port to 1 to 64 others.",
  columns: {
    ...{ what: "what", ports: "ports", active: "active ports", ...RATE_COLUMNS },
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
