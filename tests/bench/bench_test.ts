// Shows that the benchmark runs and that what it prints has the right form. How fast it says things are is not
// judged here.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { compare, isMet, readResults } from "../../bench/results.ts";
import { ROWS } from "../../bench/rows.ts";
import { wantsMore } from "../../bench/run_start.ts";
import { median, quantile, spread } from "../../bench/statistics.ts";

const MAIN = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

function command(args: readonly string[], options: Deno.CommandOptions = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    ...options,
  });
}

function bench(...args: string[]): Deno.CommandOutput {
  return command(args).outputSync();
}

/** Names of the processes that have the text in their environment. */
function processesWith(text: string): string[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^[0-9]+$/.test(name)).flatMap(
    ({ name }) => {
      try {
        if (!Deno.readTextFileSync(`/proc/${name}/environ`).includes(text)) return [];
        return [`${name} ${Deno.readTextFileSync(`/proc/${name}/cmdline`)}`];
      } catch {
        return []; // ended meanwhile, or another user's
      }
    },
  );
}

/** Waits until nothing is left of a run whose temporary files were in the folder. */
async function nothingLeft(folder: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  const left = (): string[] => [
    ...[...Deno.readDirSync(folder)].map(({ name }) => name),
    ...processesWith(`VALET_SOCKET=${folder}/`),
  ];
  while (left().length > 0) {
    assert.ok(performance.now() < deadline, `Left: ${left().join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function rows(output: Deno.CommandOutput): Record<string, unknown>[] {
  const text = new TextDecoder();
  assert.ok(output.success, text.decode(output.stderr));
  return JSON.parse(text.decode(output.stdout));
}

function isPositive(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

Deno.test("bench counts instructions a packet, or says that it cannot", () => {
  const counts = rows(bench("--instructions", "--json", "--only", "pipe.60"));
  if (counts.length === 0) {
    const { stdout } = bench("--instructions", "--only", "pipe.60");
    assert.match(new TextDecoder().decode(stdout), /^skipped: there is no valgrind/);
    return;
  }
  const [{ name, instructions, parts }] = counts;
  assert.equal(name, "pipe.60");
  assert.ok(isPositive(instructions));
  // All of them are for something, and each part is there
  const all = parts as Record<string, number>;
  const sum = Object.values(all).reduce((a, b) => a + b);
  assert.ok(Math.abs(sum - Number(instructions)) < 0.1, JSON.stringify(counts));
  assert.ok(isPositive(all.pipe) && isPositive(all.benchmark), JSON.stringify(counts));
});

Deno.test("bench counts no instructions of rows in TypeScript", () => {
  const { success, stderr } = bench("--instructions", "--only", "api.send");
  assert.equal(success, false);
  assert.match(new TextDecoder().decode(stderr), /only of those in C/);
});

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

Deno.test("bench measures two processes through a daemon of its own, and ends it", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const names = ["daemon.60.batch64", "daemon.ts.60", "daemon.ping.sleep", "daemon.idle"];
    const output = command(["--quick", "--json", ...names.flatMap((name) => ["--only", name])], {
      env: { TMPDIR: folder },
    }).outputSync();
    const results = rows(output);
    assert.deepEqual(results.map((row) => row.name), names);
    const [native, script, ping, idle] = results;
    for (const row of [native, script]) {
      assert.ok(isPositive(row.mpps) && isPositive(row.limit_mpps), JSON.stringify(row));
      assert.ok(isPositive(row.ratio) && isPositive(row.sent_mpps), JSON.stringify(row));
    }
    const percentiles = [ping.p50_us, ping.p90_us, ping.p99_us, ping.p999_us];
    assert.ok(percentiles.every(isPositive), JSON.stringify(ping));
    assert.deepEqual(percentiles, percentiles.toSorted((a, b) => Number(a) - Number(b)));
    assert.ok(isPositive(ping.limit_p50_us) && isPositive(ping.ratio), JSON.stringify(ping));
    assert.equal("mpps" in ping, false);
    assert.ok(typeof idle.cpu === "number" && idle.cpu >= 0 && idle.cpu < 1, JSON.stringify(idle));
    await nothingLeft(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("bench ends its daemon when it is ended by a signal", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const child = command(["--json", "--only", "daemon.60.batch64"], {
      env: { TMPDIR: folder },
      stdout: "null",
      stderr: "null",
    }).spawn();
    const deadline = performance.now() + 60_000;
    // The daemon itself, and a program that measures
    while (processesWith(`VALET_SOCKET=${folder}/`).length < 2) {
      assert.ok(performance.now() < deadline, "No daemon was started");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 128 + 15);
    await nothingLeft(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("bench prints how long commands take", () => {
  const results = rows(bench("--quick", "--json", "--only", "start"));
  assert.deepEqual(results.map((row) => row.name), [
    "start.vale_ctl",
    "start.import",
    "start.script",
    "start.first_packet",
  ]);
  const first = results.pop();
  assert.ok(isPositive(first?.moment_ms) && first?.goal === 10, JSON.stringify(first));
  for (const row of results) {
    assert.ok(isPositive(row.ms) && isPositive(row.limit_ms), JSON.stringify(row));
    assert.ok(isPositive(row.ratio) && !("mpps" in row), JSON.stringify(row));
  }
});

Deno.test("wantsMore() looks at quick moments often, and at slow ones three times", () => {
  /** How often something that takes so long is looked at, the first time not counted. */
  const counted = (ms: number): number => {
    let times = 0;
    while (wantsMore(times, times * ms, 11)) times++;
    return times - 1;
  };
  assert.deepEqual([10, 1000, 2000, 4000, 9000, 60_000].map(counted), [11, 11, 9, 4, 3, 3]);
});

Deno.test("bench measures loops of scripts in every form, and a sweep's row when it is named", () => {
  const names = [
    "engine.learning.60.batch1024",
    "engine.learning.big",
    "engine.broadcast.16.60",
    "engine.hook.c.60",
    "engine.hook.compiled_table.60",
    "engine.macs.100",
    "api.send.bytes",
    "api.batches",
    "api.streams",
    "api.workers.2",
  ];
  const results = rows(bench("--quick", "--json", ...names.flatMap((name) => ["--only", name])));
  assert.deepEqual(results.map((row) => row.name).toSorted(), names.toSorted());
  for (const row of results) assert.ok(isPositive(row.ratio), JSON.stringify(row));
});

Deno.test("isMet() judges rates by ratio, gain and cost", () => {
  const row = { name: "x", mpps: 50, limit_mpps: 100, ratio: 0.5, spread: 0, repetitions: 1 };
  assert.equal(isMet(row), undefined);
  assert.equal(isMet({ ...row, goal: 0.5 }), true);
  assert.equal(isMet({ ...row, goal: 0.6 }), false);
  assert.equal(isMet({ ...row, goal: 0.5, gain: 1.1, limit_gain: 2 }), false);
  assert.equal(isMet({ ...row, cost: 2.1, cost_of: "y", cost_goal: 2 }), false);
  assert.equal(isMet({ ...row, goal: 0.6, cost: 1.9, cost_of: "y", cost_goal: 2 }), false);
  assert.equal(isMet({ ...row, goal: 0.5, cost: 1.9, cost_of: "y", cost_goal: 2 }), true);
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

Deno.test("compare() calls a shorter time faster", () => {
  const time = (ratio: number): Parameters<typeof compare>[1] => ({
    name: "start.script",
    ms: 50 * ratio,
    limit_ms: 50,
    ratio,
    spread: 0.01,
    repetitions: 15,
  });
  assert.equal(compare(time(2), time(1.5)).verdict, "faster");
  assert.equal(compare(time(2), time(2.5)).verdict, "slower");
  const rate = { name: "start.script", mpps: 1, limit_mpps: 1, ratio: 1, spread: 0 };
  assert.equal(compare({ ...rate, repetitions: 1 }, time(1)).verdict, "not comparable");
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

Deno.test("bench prints how far replayed distances are from recorded ones", () => {
  const output = bench("--only", "net.replay", "--quick", "--json");
  const all = rows(output);
  assert.deepEqual(
    all.map(({ name }) => name),
    ROWS.filter((row) => "gap_us" in row).map(({ name }) => name),
  );
  for (const row of all) {
    const percentiles = ["p50", "p90", "p99", "p999", "max"].map((key) => row[`error_${key}_us`]);
    assert.ok(percentiles.every((value) => typeof value === "number"), JSON.stringify(row));
    assert.deepEqual(percentiles, percentiles.toSorted((a, b) => Number(a) - Number(b)));
    assert.ok(isPositive(row.packets) && isPositive(row.repetitions) && !("ratio" in row));
  }
});
