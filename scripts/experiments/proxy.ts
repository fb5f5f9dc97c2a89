/**
 * Prism's idea: a proxy accepts connections and reads requests, then hands the connection to a back end, whose
 * answer the switch rewrites and passes by the proxy. Against a proxy that relays all bytes.
 *
 *     deno run -A scripts/experiments/proxy.ts
 *
 * @module
 */

import * as proxySteer from "../hooks/proxy_steer.ts";
import {
  type Conclusion,
  effortOf,
  type Experiment,
  type Lab,
  main,
  measureRate,
  type Run,
  significant,
} from "./kit/mod.ts";
import { Cluster, type Way } from "./proxy/cluster.ts";
import { trySetHook } from "./stack/hook.ts";

/** A measured point. */
export type Point = {
  way: Way;
  bytes: number;
  requests_per_s: number;
  mbit_per_s: number;
  low_mbit_per_s: number;
  high_mbit_per_s: number;
  proxy_packets: number;
  proxy_bytes: number;
};

const CONNECTIONS = 8, BACKENDS = 4;

async function* measure(lab: Lab): AsyncGenerator<Point> {
  const sizes = lab.pick([100, 10_000, 1_000_000], [100, 1000, 10_000, 100_000, 1_000_000]);
  const cluster = new Cluster(lab.open(), lab.bridge(), BACKENDS);
  for (const way of ["relayed", "steered"] as const) {
    using bridge = cluster.bridge;
    if (way === "steered" && !await trySetHook(lab, bridge, proxySteer)) continue;
    cluster.use(way);
    for (const bytes of lab.steps(sizes, (bytes) => `${way}, ${bytes} bytes`)) {
      const { counts } = cluster.proxy, before = { ...counts };
      let requests = 0;
      const rate = measureRate(() => {
        cluster.fetch(bytes, CONNECTIONS);
        requests += CONNECTIONS;
        return CONNECTIONS;
      }, effortOf(lab));
      const packets = counts.received - before.received + counts.sent - before.sent;
      const all = counts.receivedBytes - before.receivedBytes + counts.sentBytes - before.sentBytes;
      const mbit = (requestsPerSecond: number): number =>
        significant(requestsPerSecond * bytes * 8 / 1e6);
      yield {
        way,
        bytes,
        requests_per_s: significant(rate.median),
        mbit_per_s: mbit(rate.median),
        low_mbit_per_s: mbit(rate.low),
        high_mbit_per_s: mbit(rate.high),
        proxy_packets: significant(packets / requests),
        proxy_bytes: significant(all / requests / bytes),
      };
    }
  }
}

function conclude(runs: readonly Run<Point>[]): Conclusion {
  const found = runs.flatMap(({ backend, rows }) => {
    const relayed = rows.filter(({ way }) => way === "relayed");
    const pairs = relayed.flatMap((one) => {
      const other = rows.find(({ way, bytes }) => way === "steered" && bytes === one.bytes);
      return other === undefined ? [] : [[one, other] as const];
    });
    if (pairs.length === 0) return [];
    const [first, last] = [pairs[0], pairs.at(-1)!].map(([one, other]) =>
      `${significant(other.mbit_per_s / one.mbit_per_s, 2)} times`
    );
    const [big, steered] = pairs.at(-1)!;
    return [
      `${backend}: steering answers ${first} as many requests as relaying on the same CPU for responses of ` +
      `${pairs[0][0].bytes} bytes, ${last} for ${big.bytes} bytes.`,
      `${backend}: for each byte of the latter ${big.proxy_bytes} bytes pass a proxy that relays, and ` +
      `${steered.proxy_bytes} with steering.`,
    ];
  });
  const series = (y: "mbit_per_s" | "proxy_bytes") =>
    runs.flatMap(({ backend: panel, rows }) =>
      (["relayed", "steered"] as const).map((way) => ({
        ...{ name: way, panel },
        points: rows.filter((row) => row.way === way).map((row) => ({
          x: row.bytes,
          y: row[y],
          ...(y === "mbit_per_s" ? { low: row.low_mbit_per_s, high: row.high_mbit_per_s } : {}),
        })),
      }))
    );
  const x = { label: "response", unit: "bytes", log: true };
  const rate = { label: "responses", unit: "Mbit/s", log: true };
  const load = { label: "proxy's traffic", unit: "bytes/byte", log: true };
  return {
    plots: [
      { name: "rate", title: "Responses", x, y: rate, series: series("mbit_per_s") },
      { name: "load", title: "What passes the proxy", x, y: load, series: series("proxy_bytes") },
    ],
    found,
    compared: [
      "As in the paper, bytes of responses go from back end to client directly, and the proxy sees the request " +
      "alone: its link no longer limits what all back ends send together.",
      "Here client, proxy, back ends and switch share a CPU, so the rate gains what the proxy's work was, a " +
      "part of all; the paper's proxies are limited by their links, and gain as the second plot says.",
    ],
  };
}

export const experiment: Experiment<Point> = {
  name: "proxy",
  title: "A proxy that steps aside",
  follows: {
    paper:
      "Y. Hayakawa, L. Eggert, M. Honda, D. Santry, Prism: a proxy architecture for datacenter networks, " +
      "SoCC 2017",
    figure: "throughput against size of transactions",
  },
  about:
    "Eight clients' connections at a time reach a proxy, which knows four back ends. It relays requests and " +
    "responses over connections of its own; or it hands the connection, with its TCP state, to a back end, and " +
    "the hook proxy_steer leads the client's packets there and rewrites the answers. Every byte is looked at.",
  columns: {
    way: "way",
    bytes: "response (bytes)",
    requests_per_s: "requests/s",
    mbit_per_s: "rate (Mbit/s)",
    low_mbit_per_s: "1st quartile",
    high_mbit_per_s: "3rd quartile",
    proxy_packets: "proxy's packets a request",
    proxy_bytes: "proxy's bytes a byte",
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
