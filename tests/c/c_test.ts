/**
 * Runs the tests of the C library (the programs beside this file) under the sanitizers.
 *
 * The programs and what each shows are in the .c files; run.sh builds and runs them, also by hand.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const RUN = fileURLToPath(new URL("run.sh", import.meta.url));

/** What run.sh ends with when it cannot be done here. */
const CANNOT = 77;

function run(...options: string[]): { code: number; text: string } {
  const { code, stdout, stderr } = new Deno.Command("sh", {
    args: [RUN, ...options],
    stdin: "null",
  }).outputSync();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const SANITIZERS: Record<string, string> = {
  address: "AddressSanitizer and UndefinedBehaviorSanitizer",
  thread: "ThreadSanitizer",
};

for (const [sanitizer, name] of Object.entries(SANITIZERS)) {
  const possible = run("--probe", sanitizer);
  const why = possible.code === 0 ? "" : ` (${possible.text.trim()})`;
  Deno.test({
    name: `the C library's tests pass under ${name}${why}`,
    ignore: possible.code === CANNOT,
    fn(): void {
      const { code, text } = run(sanitizer);
      assert.equal(code, 0, text);
    },
  });
}
