/**
 * The model of speed mismatches: golden vectors computed from the authors' published formulas, and an event
 * simulator that knows none of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  enoughLength,
  latencyBound,
  type Mismatch,
  type Regime,
  sleeping,
  throughput,
} from "../../../scripts/experiments/model/speed_mismatch.ts";
import { simulate, simulateSleeping } from "../../../scripts/experiments/model/simulate.ts";

/** wP wC nP nC sP sC kP kC length, regime, time by the model and by an independent simulator. */
const GOLDEN: readonly (readonly [string, Regime, number, number])[] = [
  ["200 190 1200 1500 500 700 1 1 128", "FC", 216.901, 216.931],
  ["200 100 1200 1500 500 700 1 1 128", "FC", 350.000, 350.000],
  ["200 50 1200 1500 500 700 1 1 128", "FC", 440.000, 440.000],
  ["200 10 1200 1500 500 700 1 1 128", "FC", 500.000, 500.000],
  ["100 200 1200 1500 500 700 1 1 128", "FP", 450.000, 449.975],
  ["190 200 1200 1500 500 700 1 1 128", "FP", 229.412, 229.400],
  ["10 200 1200 1500 500 700 1 1 128", "FP", 700.000, 700.025],
  ["100 200 1200 1500 500 700 1 64 128", "FP", 211.364, 211.325],
  ["100 200 1200 1500 500 700 1 96 128", "FP", 207.653, 207.650],
  ["50 60 2000 2000 4000 6000 1 1 8", "SS", 1763.750, 1763.750],
  ["400 300 1000 1000 300 4000 1 1 8", "SCS", 565.217, 565.350],
  ["300 400 1000 1000 4000 300 1 1 8", "SPS", 565.217, 565.300],
];

function parse(text: string): Mismatch {
  const [wP, wC, nP, nC, sP, sC, kP, kC, length] = text.split(" ").map(Number) as [
    ...[number, number, number, number, number, number, number, number, number],
  ];
  return { wP, wC, nP, nC, sP, sC, kP, kC, length };
}

/** Numbers that are the same in every run. */
function random(seed: number): (least: number, most: number) => number {
  let state = seed;
  return (least, most) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    const mixed = Math.imul(state ^ state >>> 12, 0x297a2d39);
    return least + ((mixed ^ mixed >>> 15) >>> 0) % (most - least + 1);
  };
}

Deno.test("throughput() gives the golden vectors, each to 0.1", () => {
  for (const [text, regime, time] of GOLDEN) {
    const said = throughput(parse(text));
    assert.equal(said.regime, regime, text);
    assert.ok(Math.abs(said.time - time) < 0.1, `${text}: ${said.time} instead of ${time}`);
  }
});

Deno.test("the simulator agrees with another one about the golden vectors, within 0.1 %", () => {
  for (const [text, , , time] of GOLDEN) {
    const seen = simulate(parse(text)).time;
    assert.ok(Math.abs(seen / time - 1) < 0.001, `${text}: ${seen} instead of ${time}`);
  }
});

Deno.test("the simulator and the model agree within 1 % on 1,000 random parameter sets", () => {
  const draw = random(20160317), regimes: Partial<Record<Regime, number>> = {};
  const worse: string[] = [];
  for (let i = 0; i < 1000; i++) {
    const length = draw(16, 256);
    const cost = {
      wP: draw(20, 400),
      wC: draw(20, 400),
      nP: draw(0, 3000),
      nC: draw(0, 3000),
      sP: draw(0, 12_000),
      sC: draw(0, 12_000),
      kP: 1,
      kC: draw(1, length / 2 | 0),
      length,
    };
    const said = throughput(cost), seen = simulate(cost).time;
    regimes[said.regime] = (regimes[said.regime] ?? 0) + 1;
    if (Math.abs(seen / said.time - 1) > 0.01) {
      worse.push(`${JSON.stringify(cost)} ${said.regime}: ${said.time}, simulated ${seen}`);
    }
  }
  assert.deepEqual(worse, []);
  for (const regime of ["FC", "FP", "SCS", "SPS", "SS"] as const) {
    assert.ok((regimes[regime] ?? 0) > 0, `no set was ${regime}: ${JSON.stringify(regimes)}`);
  }
});

Deno.test("a faster consumer makes both slower", () => {
  const cost = parse(GOLDEN[0]![0]);
  const times = [190, 150, 100, 50, 10].map((wC) => throughput({ ...cost, wC }).time);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
});

Deno.test("enoughLength() is where the queue stops filling during start-up", () => {
  const cost = parse("400 300 1000 1000 300 4000 1 1 8");
  const { slowConsumer } = enoughLength(cost);
  assert.equal(slowConsumer, 12);
  assert.equal(throughput({ ...cost, length: slowConsumer - 1 }).regime, "SCS");
  assert.equal(throughput({ ...cost, length: slowConsumer }).regime, "FC");
});

Deno.test("latencyBound() is not exceeded in the simulator, and comes close to what it sees", () => {
  const draw = random(11);
  const closest: Partial<Record<Regime, number>> = {};
  for (let i = 0; i < 1000; i++) {
    const length = draw(4, 128);
    const cost = {
      wP: draw(20, 400),
      wC: draw(20, 400),
      nP: draw(0, 3000),
      nC: draw(0, 3000),
      sP: draw(0, 12_000),
      sC: draw(0, 12_000),
      kP: 1,
      kC: draw(1, Math.max(1, length >> 1)),
      length,
    };
    const bound = latencyBound(cost);
    if (bound === undefined) continue;
    const part = simulate(cost, 4000).latency / bound, { regime } = throughput(cost);
    assert.ok(part < 1.0001, `${JSON.stringify(cost)}: ${part} of the bound`);
    closest[regime] = Math.max(closest[regime] ?? 0, part);
  }
  const { FC = 0, FP = 0, SPS = 0, SS = 0 } = closest;
  assert.ok(FC > 0.95 && FP > 0.95 && SPS > 0.5 && SS > 0.5, JSON.stringify(closest));
});

Deno.test("sleeping() bounds what the simulator sees", () => {
  const draw = random(7);
  let short = 0;
  for (let i = 0; i < 500; i++) {
    const cost = {
      wP: draw(20, 400),
      wC: draw(20, 400),
      yP: draw(100, 20_000),
      yC: draw(100, 20_000),
      length: draw(8, 128),
    };
    const said = sleeping(cost), seen = simulateSleeping(cost);
    const text = `${JSON.stringify(cost)}: ${JSON.stringify(said)}, ${JSON.stringify(seen)}`;
    if (said.isShort) short++;
    assert.ok(seen.time >= said.best * 0.98 && seen.time <= said.worst * 1.02, text);
    assert.ok(seen.latency <= said.latency * 1.02, text);
  }
  assert.ok(short > 100 && short < 500, `${short} with short sleeps`);
});

Deno.test("throughput() refuses what makes no sense", () => {
  const cost = parse(GOLDEN[0]![0]);
  for (
    const wrong of [{ wP: 0 }, { wC: -1 }, { kP: 0 }, { kC: 1.5 }, { length: NaN }, { kC: 129 }]
  ) {
    assert.throws(() => throughput({ ...cost, ...wrong }), RangeError, JSON.stringify(wrong));
  }
});
