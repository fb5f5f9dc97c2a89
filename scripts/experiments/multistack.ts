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
  type Run,
  significant,
} from "./kit/mod.ts";
import { httpPlot, muxPlot, type Point, ratesOf } from "./multistack/plots.ts";
import { sharePlot, sharesOf, waysOf } from "./multistack/plots.ts";
import { httpRates, muxRates, PACKET_BYTES, RESPONSE_BYTES } from "./multistack/rates.ts";

function found({ backend, rows }: Run<Point>): string[] {
  const packets = ratesOf(rows, "packets").filter(({ bytes }) => bytes === PACKET_BYTES[0]);
  const most = Math.max(...packets.map(({ stacks }) => stacks!));
  const rate = (how: string, stacks: number): number =>
    packets.find((row) => row.how === how && row.stacks === stacks)!.per_s / 1e6;
  const mux = waysOf(packets).map((how) =>
    `${how} ${significant(rate(how, 1), 3)} Mpps to one stack and ${
      significant(rate(how, most), 3)
    } to ${most}`
  );
  const http = RESPONSE_BYTES.flatMap((bytes) => {
    const [user, linux] = ["user-level stack", "Linux, loopback"].map((how) =>
      ratesOf(rows, "HTTP requests").find((row) => row.how === how && row.bytes === bytes)?.per_s
    );
    return user === undefined || linux === undefined
      ? []
      : `${significant(user / linux, 2)} times at ${bytes} bytes`;
  });
  const shares = sharesOf(rows).filter(({ packets_each }) => packets_each > 0)
    .map(({ how, to, packets_each }) => `${how}: ${to} (${packets_each} each)`);
  return [
    `${backend}: who got the packets of requests to the address: ${
      shares.join(", ")
    }. All were answered.`,
    `${backend}: packets of 60 bytes: ${mux.join("; ")}.`,
    ...http.length === 0 ? [] : [
      `${backend}: HTTP over the user-level stack, against the same over Linux: ${
        http.join(", ")
      }.`,
    ],
  ];
}

const conclude = (runs: readonly Run<Point>[]): Conclusion => ({
  plots: [sharePlot(runs), muxPlot(runs), httpPlot(runs)],
  found: runs.flatMap(found),
  compared: [
    "As in the paper a port belongs to the stack that has asked for it, and what nobody has asked for, pings among " +
    "it, is the host's: no stack sees a packet of another one.",
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
    "what stacks send, and leaves the rest to the host's stack. A stack that echoes UDP, one with a tiny HTTP " +
    "responder over a minimal TCP, and the host's are asked for all kinds of things; then measured are packets to " +
    "many stacks, against a hook without a table, and HTTP against the same over Linux. The host's stack is a " +
    "user-level one here; Linux's own, and its clients, take root: tests/net/multistack_test.ts.",
  columns: {
    what: "what",
    how: "how",
    to: "received by",
    packets_each: "packets a request",
    stacks: "stacks",
    bytes: "bytes",
    per_s: "rate (1/s)",
    low_per_s: "1st quartile",
    high_per_s: "3rd quartile",
  },
  async *measure(lab: Lab): AsyncGenerator<Point> {
    yield* muxRates(lab);
    yield* httpRates(lab);
  },
  conclude,
};

if (import.meta.main) await main(experiment);
