/**
 * Fuzzes control requests, rings and virtual machines' sockets under AddressSanitizer and
 * UndefinedBehaviorSanitizer for a minute, all at the same time, on the engine in the process and on a
 * daemon's; other ports work meanwhile.
 *
 * By hand, for longer, or with the seed of a run that failed:
 * `make -C tests/c fuzz; c/build/tests/address/fuzz/rings 600 0x1234`.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROGRAMS = fileURLToPath(new URL("../c/", import.meta.url));
const BUILT = fileURLToPath(new URL("../../c/build/tests/address/fuzz/", import.meta.url));

const SECONDS = 60;
/** What only a program that hangs takes. */
const LIMIT_MS = 5 * SECONDS * 1000;

async function run(command: string, args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: {
      ASAN_OPTIONS: "detect_stack_use_after_return=1:strict_string_checks=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
    },
    stdin: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const probe = await run("sh", [`${PROGRAMS}run.sh`, "--probe", "address"]);
const why = probe.code === 0 ? "" : ` (${probe.text.trim()})`;

Deno.test({
  name:
    `requests, rings and sockets with anything in them harm nobody, for ${SECONDS} seconds${why}`,
  ignore: why !== "",
  async fn(): Promise<void> {
    const made = await run("make", ["-s", "-C", PROGRAMS, "fuzz", "SANITIZE=address"]);
    assert.equal(made.code, 0, made.text);
    const runs = ["control", "rings", "sockets"].map((name) =>
      run(`${BUILT}${name}`, [`${SECONDS}`])
    );
    for (const { code, text } of await Promise.all(runs)) {
      assert.equal(code, 0, text);
    }
  },
});
