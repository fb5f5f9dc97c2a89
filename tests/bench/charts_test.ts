// What is drawn of a run: the sweeps, in the order of their numbers; what a packet's instructions are for.
import assert from "node:assert/strict";
import { chartsOf, partsChart, sweepCharts } from "../../bench/charts.ts";
import { countParts, partsText } from "../../bench/parts.ts";
import { writePlots } from "../../bench/plot.ts";
import type { RateResult } from "../../bench/results.ts";

function row(name: string, mpps: number): RateResult {
  return { name, mpps, limit_mpps: 200, ratio: mpps / 200, spread: 0.05, repetitions: 45 };
}

const SIZES = [row("engine.learning.1500", 10), row("engine.learning.60", 100)];

Deno.test("chartsOf() takes a sweep's rows in the order of their numbers, with the limit", () => {
  const [chart, ...others] = chartsOf([...SIZES, row("engine.learning.big", 1), row("pipe.60", 9)]);
  assert.deepEqual(others, []);
  assert.equal(chart.name, "frame_size");
  const [learning, limit, ...more] = chart.series;
  assert.deepEqual(more, []);
  assert.deepEqual(learning.points.map(({ x, y }) => [x, y]), [[60, 100], [1500, 10]]);
  assert.deepEqual(limit.points.map(({ x, y }) => [x, y]), [[60, 200], [1500, 200]]);
});

Deno.test("chartsOf() draws costs in ns, with error bars of the middle half", () => {
  const [chart] = chartsOf([row("engine.macs.1", 50), row("engine.macs.100000", 25)]);
  const [{ points: [{ x, y, low, high }] }] = chart.series;
  assert.deepEqual([x, y], [1, 20]);
  assert.ok(Math.abs((low ?? 0) - 1000 / 55) < 1e-9 && Math.abs((high ?? 0) - 1000 / 45) < 1e-9);
});

Deno.test("chartsOf() draws nothing of one row, or of what failed", () => {
  assert.deepEqual(chartsOf([SIZES[0], { name: "engine.learning.60", error: "no" }]), []);
});

Deno.test("writePlots() writes SVG files; sweepCharts() says when there is nothing to draw", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const [path, ...others] = await writePlots(`${folder}/plots`, sweepCharts(SIZES));
    assert.deepEqual(others, []);
    assert.match(Deno.readTextFileSync(path), /^<svg [^]*Rate by size of the frames[^]*<\/svg>/);
    assert.throws(() => sweepCharts([]), /^Error: Cannot draw: /);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** As callgrind writes it: names once, calls with what they cost in all, which does not count twice. */
const PROFILE = `events: Ir
ob=(1) /some/where/bench/bench
fl=(1) engine.c
fn=(1) pair_batch
10 40
cob=(2) /some/where/libvalet.so
cfn=(2) gather
calls=8 20
11 30
+1 2
fn=(5) ethertype_rule
90 7
ob=(2)
fn=(2)
20 30
-1 1
fn=(3) fill_one_wide
* 50
fn=(4) ring_txsync
5 6
`;

Deno.test("countParts() adds up what functions take themselves, by what it is for", () => {
  assert.deepEqual(countParts(PROFILE), {
    "gather": 31,
    "look-up": 7,
    "deliver": 50,
    "pipe": 0,
    "else": 6,
    "benchmark": 42,
  });
});

Deno.test("parts are drawn as text, and on each other as SVG", async () => {
  const parts = countParts(PROFILE), folder = Deno.makeTempDirSync();
  const count = { name: "engine.hook.native.60", instructions: 136, parts };
  const [line, meaning] = partsText([count]).split("\n");
  const drawn = "g".repeat(16) + "lll" + "d".repeat(25) + "eee" + "b".repeat(21);
  assert.equal(
    line,
    `engine.hook.native.60       ${drawn} 136`,
  );
  assert.match(meaning, /^Each letter is 2 instructions a packet: g gather, /);
  try {
    const plot = partsChart([count]);
    assert.deepEqual(plot.series.map(({ name }) => name), [
      "gather",
      "look-up",
      "deliver",
      "else",
      "benchmark",
    ]);
    const [path] = await writePlots(folder, [plot]);
    const svg = Deno.readTextFileSync(path);
    assert.match(svg, /^<svg [^]*What a packet's instructions are for[^]*<\/svg>/);
    // On each other: in one place, no two at the same height
    const bars = [...svg.matchAll(/aria-roledescription="bar" d="M([\d.]+),([\d.]+)/g)];
    assert.equal(new Set(bars.map(([, x]) => x)).size, 1);
    assert.equal(new Set(bars.map(([, , y]) => y)).size, 5);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
