// What is drawn of a run: the sweeps, in the order of their numbers.
import assert from "node:assert/strict";
import { chartsOf } from "../../bench/charts.ts";
import { writeCharts } from "../../bench/plot.ts";
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

Deno.test("writeCharts() writes SVG files, and says when there is nothing to draw", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const [path, ...others] = await writeCharts(`${folder}/plots`, SIZES);
    assert.deepEqual(others, []);
    assert.match(Deno.readTextFileSync(path), /^<svg [^]*Rate by size of the frames[^]*<\/svg>/);
    await assert.rejects(writeCharts(folder, []), /^Error: Cannot draw: /);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
