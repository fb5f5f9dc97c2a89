/**
 * VALE's learning bridge: rate against packet size and number of receivers, and round trips between two threads.
 *
 *     deno run -A scripts/experiments/learning_bridge.ts
 *
 * @module
 */

import { PacketTemplate, type Port } from "../../mod.ts";
import { type Conclusion, effortOf, type Experiment, type Lab, main } from "./kit/mod.ts";
import { measureRate, RATE_COLUMNS, type RateColumns, rateColumns, ratePoint } from "./kit/mod.ts";
import { ROUND_TRIP_COLUMNS, type RoundTrips, roundTrips, Shuttle } from "./kit/mod.ts";
import { type Plot, type Point, type Run, type Series, significant } from "./kit/mod.ts";

/** A measured point: a rate, or round trips. */
export type Bridging = Partial<RateColumns & RoundTrips> & {
  what: string;
  receivers: number;
  bytes: number;
  gbps?: number;
};

const SIZES = [60, 128, 256, 512, 1024, 1514];
const RECEIVERS = [1, 2, 3, 4, 6, 8];
const MACS = ["02:00:00:00:00:0a", "02:00:00:00:00:0b"] as const;

function frame(length: number, dstMac: string): PacketTemplate {
  return PacketTemplate.udp({ srcMac: MACS[0], dstMac, src: "10.0.0.1", dst: "10.0.0.2", length });
}

function* rates(lab: Lab): Generator<Bridging> {
  const netmap = lab.open(), effort = effortOf(lab);
  const points = [
    ...SIZES.map((bytes) => ({ what: "unicast", bytes, receivers: 1 })),
    ...SIZES.map((bytes) => ({ what: "broadcast", bytes, receivers: 3 })),
    ...RECEIVERS.map((receivers) => ({ what: "receivers", bytes: 60, receivers })),
  ];
  for (const point of lab.steps(points, ({ what, bytes }) => `${what}, ${bytes} bytes`)) {
    const { what, bytes, receivers } = point;
    using ports = new DisposableStack();
    const open = (name: string): Port => ports.use(netmap.open(`${lab.bridge()}:${name}`));
    const from = open("from"), to = Array.from({ length: receivers }, (_, i) => open(`to${i}`));
    // The bridge learns where the first receiver is; the others take that packet
    to[0].send(PacketTemplate.arp({ srcMac: MACS[1], src: "10.0.0.2", dst: "10.0.0.2" }));
    const shuttle = new Shuttle(from, to);
    for (const port of [from, ...to]) port.receiveFrames();
    const packet = frame(bytes, what === "unicast" ? MACS[1] : "ff:ff:ff:ff:ff:ff");
    const rate = measureRate(() => shuttle.round(packet, 256), effort);
    yield { ...point, ...rateColumns(rate), gbps: significant(rate.median * bytes * 8 / 1e9) };
  }
}

async function* measure(lab: Lab): AsyncGenerator<Bridging> {
  yield* rates(lab);
  const [ping, pong] = ["ping", "pong"].map((name) => `${lab.bridge()}:${name}`);
  for (const isSleeping of lab.steps([true, false], () => "round trips")) {
    const what = `round trip, ${isSleeping ? "sleeping" : "looking"}`;
    yield { what, receivers: 1, bytes: 60, ...await roundTrips(lab, { ping, pong, isSleeping }) };
  }
}

const only = (runs: readonly Run<Bridging>[], word: string): Run<Bridging>[] =>
  runs.map(({ backend, rows }) => ({
    backend,
    rows: rows.filter(({ what }) => what.startsWith(word)),
  }));

function plots(runs: readonly Run<Bridging>[]): Plot[] {
  const sizes = (y: (row: Bridging) => Point): Series[] =>
    ["unicast", "broadcast"].flatMap((what) =>
      only(runs, what).map(({ backend, rows }): Series => ({
        name: what === "unicast" ? what : "broadcast to 3",
        panel: backend,
        points: rows.map(y),
      }))
    );
  const x = { label: "frame size", unit: "bytes" }, mpps = { label: "rate sent", unit: "Mpps" };
  return [{
    ...{ name: "rate", title: "Rate against frame size", x, y: mpps },
    series: sizes((row) => ratePoint(row.bytes, row)),
  }, {
    ...{ name: "throughput", title: "Throughput against frame size", x },
    y: { label: "throughput sent", unit: "Gbit/s" },
    series: sizes((row) => ({ x: row.bytes, y: row.gbps ?? NaN })),
  }, {
    ...{ name: "receivers", title: "Broadcast: rate against receivers", y: mpps },
    x: { label: "receivers", unit: "ports" },
    series: only(runs, "receivers").map(({ backend: panel, rows }) => ({
      ...{ name: "broadcast, 60 bytes", panel },
      points: rows.map((row) => ratePoint(row.receivers, row)),
    })),
  }, {
    ...{ name: "latency", title: "Round trips, median to 99 %", x: { label: "both ends" } },
    y: { label: "round trip", unit: "us", log: true },
    series: only(runs, "round").map(({ backend, rows }) => ({
      ...{ name: backend, style: "points" },
      points: rows.map(({ what, p50_us: low, p99_us: high }) => (
        { x: what.replace("round trip, ", ""), y: low ?? NaN, low, high }
      )),
    })),
  }];
}

function conclude(runs: readonly Run<Bridging>[]): Conclusion {
  const found = runs.flatMap(({ backend, rows }) => {
    const at = (what: string, place: number): Bridging =>
      rows.filter((row) => row.what.startsWith(what)).at(place) ?? rows[0];
    const [small, large] = [0, -1].map((place) => at("unicast", place));
    const [one, many] = [0, -1].map((place) => at("receivers", place));
    const [sleeping, looking] = [at("round trip, s", 0), at("round trip, l", 0)];
    return [
      `${backend}: ${small.mpps} Mpps of ${small.bytes} bytes; ${large.gbps} Gbit/s of ${large.bytes}.`,
      `${backend}: broadcast to ${many.receivers} receivers takes ${
        significant((one.mpps ?? NaN) / (many.mpps ?? NaN), 2)
      } times as long as to one.`,
      `${backend}: a round trip takes ${sleeping.p50_us} us with both ends sleeping, ` +
      `${looking.p50_us} us with both looking.`,
    ];
  });
  return { plots: plots(runs), found, compared: COMPARED };
}

const COMPARED = [
  "As in the paper, the rate hardly falls with small frames, then by what copying takes: throughput rises with " +
  "size. The paper reports more than 17 Mpps between processes with 60 bytes.",
  "Each further receiver of a broadcast costs a copy, and no second look-up: less than the first one.",
  "Round trips are ruled by how fast a sleeper wakes up, not by the switch, as the paper finds.",
];

export const experiment: Experiment<Bridging> = {
  name: "learning_bridge",
  title: "Learning bridge: packet size, receivers, latency",
  follows: {
    paper: "L. Rizzo, G. Lettieri, VALE, a Switched Ethernet for Virtual Machines, CoNEXT 2012",
    figure: "the figures of throughput against packet size and of latency",
  },
  about:
    "A VALE switch that learns. One thread sends batches of 256 and receives them: to one port that the " +
    "switch knows, and to all, with frames of 60 to 1514 bytes and 1 to 8 receivers. Then a frame goes to " +
    "another thread and back, with both ends sleeping in poll(), or looking all the time.",
  columns: {
    ...{ what: "what", receivers: "receivers", bytes: "frame (bytes)", ...RATE_COLUMNS },
    ...{ gbps: "Gbit/s", ...ROUND_TRIP_COLUMNS },
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
