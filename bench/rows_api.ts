/** Rows of what a script does in loops of its own. */

import { ofLimit, type RateRow } from "./row.ts";

/** A loop of `rows/FILE.ts`. */
function loop(name: string, file: string, args: readonly string[], about: string): RateRow {
  return { name, about, program: { script: file, args }, limit: "limit.60" };
}

/** All of them. */
export const API_ROWS: readonly RateRow[] = [
  {
    ...loop(
      "api.send",
      "send",
      ["vary"],
      "TypeScript sends a template with a field that varies; learning bridge, receiver in C",
    ),
    goal: ofLimit(0.35),
  },
  loop(
    "api.send.template",
    "send",
    ["template"],
    "the same with a template in which nothing varies",
  ),
  loop("api.send.bytes", "send", ["bytes"], "the same with a Uint8Array"),
  {
    ...loop(
      "api.receive",
      "receive",
      ["batch"],
      "TypeScript reads headers of received packets, in batches of 256; only that is timed",
    ),
    goal: ofLimit(0.8),
  },
  loop(
    "api.receive.each",
    "receive",
    ["each"],
    "the same in a loop over all that has come, with one packet object",
  ),
  loop(
    "api.batches",
    "async_receive",
    ["batches"],
    "the same in `for await (const batch of port.batches())`, waiting for batches of 256 included",
  ),
  loop(
    "api.streams",
    "async_receive",
    ["streams"],
    "frames written to port.writable, read from port.readable: a copy and a promise each",
  ),
  loop(
    "api.workers.1",
    "workers",
    ["1"],
    "a Worker sends a template and receives it on a pair of ports of its own; time that passes",
  ),
  loop("api.workers.2", "workers", ["2"], "the same in two Workers at once, both rates added"),
];
