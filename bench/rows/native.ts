/** The benchmarks' C part as scripts use it, and the protocol that all subjects speak. */

import { builtFiles } from "../build.ts";
import { median } from "../statistics.ts";

/** Functions of `bench/c/script.c`. */
export const native = Deno.dlopen(builtFiles().native, {
  bench_script_now: { parameters: [], result: "f64" },
  bench_script_pin: { parameters: [], result: "void" },
  bench_script_row_open: { parameters: ["buffer" /* name */], result: "i32" },
  bench_script_row_run: { parameters: ["f64" /* seconds */], result: "f64" },
  bench_script_receiver_open: { parameters: ["buffer" /* name */], result: "void" },
  bench_script_receiver_drain: { parameters: [], result: "f64" },
  bench_script_end_with_parent: { parameters: [], result: "void" },
  bench_script_meeting_open: { parameters: ["buffer" /* path */], result: "void" },
  bench_script_meeting_wait: { parameters: [], result: "void" },
  bench_script_meeting_ready: { parameters: [], result: "void" },
  bench_script_meeting_add: { parameters: ["u32" /* packets */], result: "void" },
  bench_script_meeting_packets: { parameters: [], result: "f64" },
  bench_script_clock: { parameters: [], result: "f64" },
}).symbols;

/** The engine that the C part opens its ports in. */
export const INSTANCE = "bench";

/** A text as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Seconds of this thread's CPU time, as in all rows; see `bench/c/row.h`. */
export function now(): number {
  return native.bench_script_now();
}

/** Seconds that asking for the time takes, which are in each difference of two times. */
export function clockCost(): number {
  const costs = Array.from({ length: 10_000 }, () => {
    const start = now();
    return now() - start;
  });
  return median(costs);
}

/**
 * Measures once for each number of seconds that comes in on stdin, and writes what it was to stdout.
 * Returns at the end of stdin.
 *
 * @param measure measures for so many seconds; returns one figure or more, the first of which is
 *   millions of packets a second
 * @param options pin: bind this thread to a CPU, unless told otherwise. Default: true
 */
export function serve(
  measure: (seconds: number) => number | readonly number[],
  options: { pin?: boolean } = {},
): void {
  const { pin = Deno.env.get("BENCH_PIN") !== "0" } = options;
  if (pin) native.bench_script_pin();
  const decoder = new TextDecoder(), encoder = new TextEncoder();
  const bytes = new Uint8Array(4096);
  let rest = "";
  for (let read = Deno.stdin.readSync(bytes); read !== null; read = Deno.stdin.readSync(bytes)) {
    const lines = (rest + decoder.decode(bytes.subarray(0, read))).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const figures = [measure(Number(line))].flat();
      Deno.stdout.writeSync(encoder.encode(`${figures.join(" ")}\n`));
    }
  }
}
