/**
 * MultiStack's idea: each application has a network stack of its own, all share one address, and the switch
 * leads packets by protocol, address and port; the rest goes to the host's stack.
 *
 *     deno run -A scripts/experiments/multistack.ts
 *
 * @module
 */

import {
  type Conclusion,
  type Experiment,
  type Lab,
  main,
  type Plot,
  type Run,
  significant,
} from "./kit/mod.ts";
import * as rates from "./multistack/rates.ts";
import { PACKET_BYTES, type Point, RESPONSE_BYTES } from "./multistack/rates.ts";

/** Ways of one kind, in the order of coming. */
const ways = (
  rows: readonly Point[],
  what: Point["what"],
): string[] => [...new Set(rows.filter((row) => row.what === what).map(({ how }) => how))];

function found({ backend, rows }: Run<Point>): string[] {
  const packets = rows.filter(({ what, bytes }) => what === "packets" && bytes === PACKET_BYTES[0]);
  const most = Math.max(...packets.map(({ stacks }) => stacks!));
  const rate = (how: string, stacks: number): number =>
    packets.find((row) => row.how === how && row.stacks === stacks)!.per_s / 1e6;
  const mux = ways(packets, "packets").map((how) =>
    `${how} ${significant(rate(how, 1), 3)} Mpps to one stack and ${
      significant(rate(how, most), 3)
    } to ${most}`
  );
  const http = RESPONSE_BYTES.flatMap((bytes) => {
    const [user, linux] = ["user-level stack", "Linux, loopback"].map((how) =>
      rows.find((row) => row.how === how && row.bytes === bytes)?.per_s
    );
    return user === undefined || linux === undefined
      ? []
      : `${significant(user / linux, 2)} times at ${bytes} bytes`;
  });
  return [
    `${backend}: packets of 60 bytes: ${mux.join("; ")}.`,
    ...http.length === 0 ? [] : [
      `${backend}: HTTP over the user-level stack, against the same over Linux: ${
        http.join(", ")
      }.`,
    ],
  ];
}

function muxPlot(runs: readonly Run<Point>[]): Plot {
  return {
    name: "packets",
    title: "Packets from one port to all stacks in turn",
    x: { label: "stacks", log: true },
    y: { label: "rate", unit: "Mpps", log: true },
    size: [900, 340],
    series: runs.flatMap(({ backend, rows }) =>
      ways(rows, "packets").flatMap((how) =>
        PACKET_BYTES.map((bytes) => ({
          name: `${backend}, ${how}`,
          panel: `${bytes} bytes`,
          points: rows.filter((row) =>
            row.what === "packets" && row.how === how && row.bytes === bytes
          ).map(({ stacks, per_s, low_per_s, high_per_s }) => ({
            x: stacks!,
            y: per_s / 1e6,
            low: low_per_s / 1e6,
            high: high_per_s / 1e6,
          })),
        }))
      )
    ),
  };
}

function httpPlot(runs: readonly Run<Point>[]): Plot {
  return {
    name: "http",
    title: "HTTP, one request a connection, 8 at a time",
    x: { label: "response (bytes)" },
    y: { label: "rate", unit: "requests/s" },
    series: runs.flatMap(({ backend, rows }) =>
      ways(rows, "HTTP requests").map((how) => ({
        name: `${backend}, ${how}`,
        style: "bar" as const,
        points: rows.filter((row) => row.what === "HTTP requests" && row.how === how)
          .map(({ bytes, per_s: y, low_per_s: low, high_per_s: high }) => ({
            x: bytes.toLocaleString("en"),
            y,
            low,
            high,
          })),
      }))
    ),
  };
}

const conclude = (runs: readonly Run<Point>[]): Conclusion => ({
  plots: [muxPlot(runs), httpPlot(runs)],
  found: runs.flatMap(found),
  compared: [
    "The paper's multiplexer fills a 10 Gbit/s link (14.88 Mpps) with one or two cores, however many stacks there " +
    "are. Here the look-up in the table costs what its form costs; that more stacks are slower is their rings, " +
    "which no longer fit into the caches: a hook without a table shows the same.",
    "The paper's HTTP server over a user-level stack is 18 to 90 % faster than over the kernel's. Here the stack " +
    "is 500 lines of TypeScript, and Linux is reached through Deno's event loop: what is compared is both " +
    "together. Small responses, with few bytes for each system call, gain; Linux copies large ones faster.",
  ],
});

export const experiment: Experiment<Point> = {
  name: "multistack",
  title: "Several stacks, one address",
  follows: {
    paper:
      "M. Honda, F. Huici, C. Raiciu, J. Araujo, L. Rizzo, Rekindling network protocol innovation with " +
      "user-level stacks, CCR 44(2), 2014",
    figure: "the multiplexer's throughput, and HTTP over a user-level TCP",
  },
  about:
    "Stacks share an address; the hook multistack leads packets by their 3-tuple to who owns it, checks " +
    "what stacks send, and leaves the rest to the host. Measured are packets to many stacks, against a hook " +
    "without a table, and a tiny HTTP responder over a minimal user-level TCP against the same over Linux. With real clients it is tested in tests/net/multistack_test.ts.",
  columns: {
    what: "what",
    how: "how",
    stacks: "stacks",
    bytes: "bytes",
    per_s: "rate (1/s)",
    low_per_s: "1st quartile",
    high_per_s: "3rd quartile",
  },
  async *measure(lab: Lab): AsyncGenerator<Point> {
    yield* rates.muxRates(lab);
    yield* rates.httpRates(lab);
  },
  conclude,
};

if (import.meta.main) await main(experiment);
