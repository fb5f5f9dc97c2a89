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

/** What a measurement gives: one figure or more, the first of which is millions of packets a second. */
type Figures = number | readonly number[];

/** Numbers of seconds that have come in, as text in pieces. */
class Questions {
  readonly #decoder = new TextDecoder();
  #rest = "";

  *take(bytes: Uint8Array): Generator<number> {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) yield Number(line);
  }
}

function answer(figures: Figures): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${[figures].flat().join(" ")}\n`));
}

/**
 * Measures once for each number of seconds that comes in on stdin, and writes what it was to stdout.
 * Returns at the end of stdin.
 *
 * @param measure measures for so many seconds
 * @param options pin: bind this thread to a CPU, unless told otherwise. Default: true
 */
export function serve(
  measure: (seconds: number) => Figures,
  options: { pin?: boolean } = {},
): void {
  pinUnless(options.pin);
  const questions = new Questions(), bytes = new Uint8Array(4096);
  for (let read = Deno.stdin.readSync(bytes); read !== null; read = Deno.stdin.readSync(bytes)) {
    for (const seconds of questions.take(bytes.subarray(0, read))) answer(measure(seconds));
  }
}

/** The same for what is measured with the event loop going on. */
export async function serveAsync(
  measure: (seconds: number) => Promise<Figures>,
  options: { pin?: boolean } = {},
): Promise<void> {
  pinUnless(options.pin);
  const questions = new Questions();
  for await (const bytes of Deno.stdin.readable) {
    for (const seconds of questions.take(bytes)) answer(await measure(seconds));
  }
}

function pinUnless(pin = Deno.env.get("BENCH_PIN") !== "0"): void {
  if (pin) native.bench_script_pin();
}
