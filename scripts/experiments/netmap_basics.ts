/**
 * netmap's first lesson: a system call is shared by all packets of a batch. Packets a second against packets
 * between two syncs, and the cost of a packet split into a part for each batch and one for each packet.
 *
 *     deno run -A scripts/experiments/netmap_basics.ts
 *
 * @module
 */

import { PacketTemplate, type Port } from "../../mod.ts";
import {
  type Conclusion,
  effortOf,
  type Experiment,
  type Lab,
  main,
  measureRate,
  RATE_COLUMNS,
  type RateColumns,
  rateColumns,
  ratePoint,
  type Run,
  type Series,
  Shuttle,
  significant,
} from "./kit/mod.ts";

/** A measured point. */
export type Batching = RateColumns & { kind: string; batch: number; packet_ns: number };

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

const template = PacketTemplate.udp({
  srcMac: "02:00:00:00:00:0a",
  dstMac: "02:00:00:00:00:0b",
  src: "10.0.0.1:1234",
  dst: "10.0.0.2:1234",
  length: 60,
});

/** Two ports, of which the bridge knows where the second one is. */
function* scenes(lab: Lab): Generator<{ kind: string; from: Port; to: Port }> {
  const netmap = lab.open(), bridge = lab.bridge();
  const from = netmap.open(`${bridge}:a`), to = netmap.open(`${bridge}:b`);
  to.send(PacketTemplate.arp({ srcMac: "02:00:00:00:00:0b", src: "10.0.0.2", dst: "10.0.0.2" }));
  yield { kind: "VALE", from, to };
  yield { kind: "pipe", from: netmap.open(`${bridge}:c{1`), to: netmap.open(`${bridge}:c}1`) };
}

function* measure(lab: Lab): Generator<Batching> {
  const effort = effortOf(lab);
  for (const { kind, from, to } of scenes(lab)) {
    const shuttle = new Shuttle(from, [to]);
    for (const batch of lab.steps(BATCHES, (batch) => `${kind}, batch ${batch}`)) {
      const rate = measureRate(() => shuttle.round(template, batch), effort);
      yield { kind, batch, ...rateColumns(rate), packet_ns: significant(1e9 / rate.median) };
    }
  }
}

/** Least squares of relative errors: time of a packet = perBatch / batch + perPacket. */
export function fit(rows: readonly Batching[]): { batch_ns: number; packet_ns: number } {
  let ww = 0, wx = 0, wxx = 0, wy = 0, wxy = 0;
  for (const { batch, packet_ns: y } of rows) {
    const x = 1 / batch, weight = 1 / (y * y);
    ww += weight;
    wx += weight * x;
    wxx += weight * x * x;
    wy += weight * y;
    wxy += weight * x * y;
  }
  const batch_ns = (ww * wxy - wx * wy) / (ww * wxx - wx * wx);
  const packet_ns = (wy - batch_ns * wx) / ww;
  // A disturbed measurement may say less than nothing
  return packet_ns < 0 ? { batch_ns: wxy / wxx, packet_ns: 0 } : { batch_ns, packet_ns };
}

function conclude(runs: readonly Run<Batching>[]): Conclusion {
  const figures: Record<string, number> = {}, found: string[] = [], series: Series[] = [];
  for (const { backend, rows } of runs) {
    for (const [kind, points] of Object.entries(Object.groupBy(rows, ({ kind }) => kind))) {
      if (points === undefined) continue;
      const { batch_ns, packet_ns } = fit(points);
      figures[`${backend}_${kind}_batch_ns`] = significant(batch_ns);
      figures[`${backend}_${kind}_packet_ns`] = significant(packet_ns);
      found.push(
        `${backend}, ${kind}: ${batch_ns.toFixed(0)} ns a batch and ${
          packet_ns.toFixed(1)
        } ns a packet; ` +
          `${points[0].mpps} Mpps one by one, ${points.at(-1)?.mpps} Mpps in batches of ${
            points.at(-1)?.batch
          }.`,
      );
      const name = `${backend}, ${kind}`;
      series.push({
        name,
        style: "points",
        points: points.map((point) => ratePoint(point.batch, point)),
      }, {
        name,
        style: "model",
        points: points.map(({ batch }) => ({ x: batch, y: 1000 / (batch_ns / batch + packet_ns) })),
      });
    }
  }
  return {
    plots: [{
      name: "rate",
      title: "Packets a second against batch size; dashed: the fit",
      x: { label: "batch size", unit: "packets between two syncs", log: true },
      y: { label: "rate", unit: "Mpps, 60 bytes", log: true },
      series,
    }],
    figures,
    found,
    compared: [
      "The paper's figure rises in the same way: steeply while the system call is shared by few packets, " +
      "then flat where the cost of each packet is left.",
    ],
  };
}

export const experiment: Experiment<Batching> = {
  name: "netmap_basics",
  title: "netmap basics: what batching is worth",
  follows: {
    paper: "L. Rizzo, netmap: a novel framework for fast packet I/O, USENIX ATC 2012",
    figure: "the figure of transmit rate against batch size",
  },
  about:
    "One thread sends packets of 60 bytes to a port that it also empties, so many with each txsync, over " +
    "a VALE switch and over a pipe. A line is fitted through the cost of a packet: a part for each batch, " +
    "shared by its packets, and a part for each packet.",
  columns: {
    kind: "over",
    batch: "batch (packets)",
    ...RATE_COLUMNS,
    packet_ns: "cost (ns/packet)",
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
