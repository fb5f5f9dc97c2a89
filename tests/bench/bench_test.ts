// Shows that the benchmark runs and that what it prints has the right form. How fast it says things are is not
// judged here.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { compare, isMet, readResults } from "../../bench/results.ts";
import { ROWS } from "../../bench/rows.ts";
import { median, quantile, spread } from "../../bench/statistics.ts";

function bench(...args: string[]): Deno.CommandOutput {
  const main = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));
  return new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--quiet", main, ...args] })
    .outputSync();
}

function rows(output: Deno.CommandOutput): Record<string, unknown>[] {
  const text = new TextDecoder();
  assert.ok(output.success, text.decode(output.stderr));
  return JSON.parse(text.decode(output.stdout));
}

function isPositive(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

Deno.test("bench prints memory rows with bytes", () => {
  const results = rows(bench("--quick", "--json", "--only", "memory"));
  assert.deepEqual(results.map((row) => row.name), ["memory.port.default", "memory.port.256"]);
  for (const row of results) {
    assert.ok(isPositive(row.bytes), JSON.stringify(row));
    assert.equal("mpps" in row, false);
  }
});

Deno.test("bench prints rows of the engine and of the API with rate, limit, ratio and spread", () => {
  const file = Deno.makeTempFileSync({ suffix: ".json" });
  try {
    const only = ["--only", "engine.learning.60", "--only", "api.receive"];
    const results = rows(bench("--quick", "--json", "--save", file, ...only));
    assert.deepEqual(results.map((row) => row.name), ["engine.learning.60", "api.receive"]);
    for (const row of results) {
      assert.ok(isPositive(row.mpps) && isPositive(row.limit_mpps), JSON.stringify(row));
      assert.ok(isPositive(row.ratio), JSON.stringify(row));
      assert.ok(typeof row.spread === "number" && row.spread >= 0, JSON.stringify(row));
      // The ratio is of neighbours, not of the medians, so they need not agree exactly
      const ratio = (row.mpps as number) / (row.limit_mpps as number);
      assert.ok(Math.abs(Math.log(ratio / (row.ratio as number))) < 0.7, JSON.stringify(row));
    }
    assert.deepEqual([...readResults(file).values()], results);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("bench names the rows that there are when it is asked for another", () => {
  const { success, stderr } = bench("--only", "engine.warp");
  assert.equal(success, false);
  const message = new TextDecoder().decode(stderr);
  assert.match(message, /^Cannot measure "engine\.warp": there is no such row\nHint: /);
  for (const { name } of ROWS) assert.ok(message.includes(name), message);
});

Deno.test("bench says what is wrong with a file to compare with", () => {
  const { success, stderr } = bench("--compare", fileURLToPath(import.meta.url));
  assert.equal(success, false);
  assert.match(new TextDecoder().decode(stderr), /^Cannot compare with ".*bench_test\.ts": /);
});

Deno.test("compare() takes differences within the spread for noise", () => {
  const row = (ratio: number, spread: number): Parameters<typeof compare>[1] => ({
    name: "engine.learning.60",
    mpps: 100 * ratio,
    limit_mpps: 100,
    ratio,
    spread,
    repetitions: 45,
  });
  assert.equal(compare(row(0.5, 0.04), row(0.53, 0.04)).verdict, "same");
  assert.equal(compare(row(0.5, 0.04), row(0.55, 0.04)).verdict, "faster");
  assert.equal(compare(row(0.5, 0.01), row(0.45, 0.01)).verdict, "slower");
  assert.equal(compare(row(0.5, 0), row(0.505, 0)).verdict, "same");
  assert.equal(compare(undefined, row(0.5, 0)).verdict, "not comparable");
  const memory = (bytes: number): Parameters<typeof compare>[1] => ({
    name: "memory.port.256",
    bytes,
    first_bytes: bytes,
    goal: 1e5,
  });
  assert.equal(compare(memory(20000), memory(20100)).verdict, "same");
  assert.equal(compare(memory(20000), memory(10000)).verdict, "smaller");
});

Deno.test("isMet() wants two threads to gain as the limit loop does", () => {
  const threads = { name: "engine.threads.2", mpps: 150, limit_mpps: 100, spread: 0 };
  const result = { ...threads, ratio: 1.5, repetitions: 1, goal: 1.4, limit_gain: 2 };
  assert.equal(isMet({ ...result, gain: 1.7 }), true);
  assert.equal(isMet({ ...result, gain: 1.5 }), false);
  assert.equal(isMet({ name: "engine.threads.2", error: "failed" }), undefined);
});

Deno.test("quantile() lies between neighbours", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(quantile([0, 10], 0.25), 2.5);
  assert.equal(spread([1, 2, 3, 4, 5]), 2);
  assert.throws(() => quantile([], 0.5), RangeError);
});
