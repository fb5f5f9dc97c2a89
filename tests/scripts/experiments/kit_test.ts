/** What all experiments share: the command line, tables, plots, rates, and the page. */

import assert from "node:assert/strict";
import { Netmap } from "../../../mod.ts";
import { experimentNames } from "../../../scripts/experiments/kit/all.ts";
import { Backends } from "../../../scripts/experiments/kit/backends.ts";
import { measureRate, Shuttle } from "../../../scripts/experiments/kit/measure.ts";
import { readOptions } from "../../../scripts/experiments/kit/options.ts";
import { type Plot, renderSvg } from "../../../scripts/experiments/kit/plot.ts";
import { renderPage } from "../../../scripts/experiments/kit/page.ts";
import { bar } from "../../../scripts/experiments/kit/progress.ts";
import { Stations } from "../../../scripts/experiments/kit/stations.ts";
import { formatTable, type Report } from "../../../scripts/experiments/kit/report.ts";

const PLOT: Plot = {
  name: "rate",
  title: "Rate & size",
  x: { label: "batch", unit: "packets", log: true },
  y: { label: "rate", unit: "Mpps" },
  series: [
    {
      name: "measured",
      points: [{ x: 1, y: 2, low: 1, high: 3 }, { x: 8, y: 9, low: 8, high: 9 }],
    },
    { name: "computed", style: "model", points: [{ x: 1, y: 2 }, { x: 8, y: 10 }] },
  ],
};

/** How many elements of an SVG have such a description. */
function marks(svg: string, name: string): number {
  return svg.split(`aria-roledescription="${name}"`).length - 1;
}

Deno.test("renderSvg() draws axes with units, points, error bars, the model's line and a legend", async () => {
  const svg = await renderSvg(PLOT);
  for (
    const text of ["Rate &amp; size", "batch (packets)", "rate (Mpps)", "measured", "computed"]
  ) {
    assert.ok(svg.includes(`>${text}</text>`), text);
  }
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.equal(marks(svg, "point"), 2);
  assert.equal(marks(svg, "rule mark container"), 1);
  assert.equal(marks(svg, "line mark container"), 2);
  assert.match(svg, /stroke-dasharray="6,4"/);
});

Deno.test("renderSvg() puts bars of each series beside each other, and panels side by side", async () => {
  const points = [{ x: "learning", y: 3 }, { x: "dummy", y: 4 }];
  const svg = await renderSvg({
    ...PLOT,
    x: { label: "lookup" },
    series: ["embedded", "daemon"].map((name) => ({ name, style: "bar", points })),
  });
  assert.equal(marks(svg, "bar"), 4);
  assert.ok(svg.indexOf(">learning</text>") < svg.indexOf(">dummy</text>"), "the order of coming");
  const series = ["embedded", "daemon"].map((panel) => ({ ...PLOT.series[0], panel }));
  const panels = await renderSvg({ ...PLOT, series });
  assert.ok(panels.includes(">embedded</text>") && panels.includes(">daemon</text>"));
  assert.equal(marks(panels, "point"), 4);
});

Deno.test("renderSvg() has two panels in a row", async () => {
  const panels = ["a", "b", "c"].map((panel) => ({ ...PLOT.series[0], panel }));
  const sizes = await Promise.all([1, 2, 3].map(async (count) => {
    const svg = await renderSvg({ ...PLOT, series: panels.slice(0, count) });
    return /width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
  }));
  const [[, one], [twoWidth, two], [threeWidth, three]] = sizes;
  assert.equal(threeWidth, twoWidth);
  assert.ok(Math.abs(one - two) < 50 && three > 1.8 * two, `${sizes}`);
});

Deno.test("a logarithmic axis ends where the points do, with ticks at points that are apart", async () => {
  const log = (xs: number[], y: (x: number) => number): Promise<string> =>
    renderSvg({
      ...PLOT,
      y: { ...PLOT.y, log: true },
      series: [{ name: "measured", points: xs.map((x) => ({ x, y: y(x) })) }],
    });
  const far = await log([3, 48], (x) => x);
  assert.match(far, /X-axis titled 'batch \(packets\)' for a log scale with values from 3 to 48/);
  assert.match(far, /Y-axis titled 'rate \(Mpps\)' for a log scale with values from 2.4 to 60/);
  assert.ok(far.includes(">48</text>"));
  const near = await log([100, 101, 1000], () => 5);
  assert.ok(!near.includes(">101</text>"), "ticks do not lie on each other");
});

Deno.test("renderSvg() leaves out what a logarithmic axis cannot show", async () => {
  const points = [{ x: 1, y: 5, low: 0, high: 9 }, { x: 2, y: 0 }, { x: 0, y: 3 }];
  const svg = await renderSvg({
    ...PLOT,
    y: { ...PLOT.y, log: true },
    series: [{ name: "measured", points }],
  });
  assert.doesNotMatch(svg, /NaN|Infinity/);
  assert.equal(marks(svg, "point"), 1);
});

Deno.test("renderSvg() refuses a plot without points", async () => {
  await assert.rejects(renderSvg({ ...PLOT, series: [] }), /Cannot draw "Rate & size": it has no/);
});

Deno.test("readOptions() knows what it wants", () => {
  assert.equal(readOptions([]).quick, true);
  assert.equal(readOptions(["--full"]).quick, false);
  assert.equal(readOptions(["--guest", "/"]).guest, "/");
  assert.equal(readOptions([], "all").backend, "all");
  assert.equal(readOptions(["--ms", "2.5"]).lengthMs, 2.5);
  assert.throws(() => readOptions(["--ms", "fast"]), /"fast" as --ms/);
  assert.deepEqual(readOptions(["--only", "a", "--only", "b"], "all", true).only, ["a", "b"]);
  assert.throws(() => readOptions(["--quick", "--full"]), /both --quick and --full/);
  assert.throws(
    () => readOptions(["--backend", "cloud"]),
    /"cloud" as --backend: it is auto, all,/,
  );
  assert.throws(() => readOptions(["--only", "a"]), /this is one experiment/);
  assert.throws(() => readOptions(["--nonsense"]), TypeError);
});

Deno.test("formatTable() aligns numbers to the right, and says what is not there", () => {
  const rows = [{ kind: "pipe", rate: 12.34567 }, { kind: "VALE", rate: undefined }];
  assert.equal(
    formatTable({ kind: "over", rate: "rate (Mpps)" }, rows),
    "over  rate (Mpps)\npipe        12.35\nVALE            -",
  );
});

Deno.test("bar() shows how far it is", () => {
  assert.equal(bar(1, 2, "half"), `[${"#".repeat(15)}${".".repeat(15)}] 1/2 half`);
});

Deno.test("measureRate() counts what was done, in the time that it took", () => {
  let calls = 0;
  const word = new Int32Array(new SharedArrayBuffer(4));
  const { low, median, high } = measureRate(() => {
    Atomics.wait(word, 0, 0, 1); // sleeping counts, waiting for a CPU does not
    calls++;
    return 10;
  }, { lengthMs: 5, repetitions: 3 });
  assert.ok(calls >= 3);
  assert.ok(low <= median && median <= high);
  assert.ok(median > 0 && median <= 10_100, `${median}: more than there is time for`);
});

Deno.test("a Shuttle takes at all receivers what it sends, and says what never came", () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "shuttle" });
  const [from, b, c] = ["a", "b", "c"].map((name) => netmap.open(`vale0:${name}`, { slots: 64 }));
  const shuttle = new Shuttle(from, [b, c]);
  const frame = new Uint8Array(60).fill(0xff, 0, 6);
  let received = 0;
  for (let i = 0; i < 100; i++) received += shuttle.round(frame, 16);
  shuttle.drain();
  assert.deepEqual([received, shuttle.onTheWay, shuttle.lost], [1600, 0, 0]);
  c.close();
  netmap.open("vale0:d");
  netmap.bridge("vale0").lookup = () => 255;
  const losing = new Shuttle(from, [b]);
  losing.round(frame, 16);
  losing.drain();
  assert.equal(losing.lost, 16);
});

Deno.test("Stations are known to the bridge, however many share its table", () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "stations" });
  const stations = new Stations(netmap, "vale0", 64), COUNT = 600;
  stations.open(3, (i) => i % 2 === 1);
  stations.open(COUNT, (i) => i % 2 === 1);
  const [from] = stations.ports;
  const received = (): number =>
    stations.ports.reduce((sum, port) => sum + port.receiveFrames().length, 0);
  for (let to = 1; to < COUNT; to += 2) from.send(stations.frame(to));
  assert.equal(received(), COUNT / 2);
});

Deno.test("a frame to several Stations goes to one after the other", () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "stations" });
  const stations = new Stations(netmap, "vale0", 64);
  stations.open(9, (i) => i > 0);
  stations.ports[0].send(stations.frame(3, 4), { count: 8 });
  const counts = stations.ports.map((port) => port.receiveFrames().length);
  assert.deepEqual(counts, [0, 0, 0, 2, 2, 2, 2, 0, 0]);
});

Deno.test({
  name: "a daemon that experiments have started does not end of idleness before they are done",
  sanitizeOps: false, // starting it leaves a process that is waited for
  sanitizeResources: false,
  async fn(): Promise<void> {
    const before = Deno.env.get("VALET_SOCKET");
    Deno.env.set("VALET_SOCKET", "/nonexistent/valet.sock");
    try {
      await using backends = await Backends.find("daemon", 3);
      assert.deepEqual(backends.names, ["daemon"]);
      await new Promise((resolve) => setTimeout(resolve, 5000)); // longer than it may be idle
      Netmap.open({ backend: "daemon", instance: "later" }).close();
    } finally {
      if (before === undefined) Deno.env.delete("VALET_SOCKET");
      else Deno.env.set("VALET_SOCKET", before);
    }
  },
});

Deno.test("the page has every plot and table, and tells what failed, as text", async () => {
  const folder = await Deno.makeTempDir({ prefix: "valet page " });
  try {
    await Deno.writeTextFile(`${folder}/one.rate.svg`, await renderSvg(PLOT));
    const report: Report = {
      name: "one",
      title: "One <experiment>",
      about: "It varies & shows.",
      paper: "The paper",
      figure: "figure 1",
      quick: true,
      date: "2026-01-01T00:00:00.000Z",
      seconds: 1,
      machine: { cpu: "cpu", cpus: 2, kernel: "6", deno: "2" },
      columns: { rate: "rate (Mpps)" },
      runs: [{ backend: "embedded", rows: [{ rate: 5 }] }],
      missing: ["kernel: not there"],
      found: ["It is so."],
      compared: ["As in the paper."],
      figures: {},
      plots: [{ file: "one.rate.svg", title: "Rate & size" }],
    };
    const page = renderPage(folder, [report], [{ name: "two", error: "<broken>" }]);
    assert.match(page, /<figure><svg /);
    assert.match(page, /<h2>One &lt;experiment&gt;<\/h2>/);
    assert.match(page, /<td>5<\/td>/);
    assert.match(page, /kernel: not there/);
    assert.match(page, /two \(failed\)/);
    assert.match(page, /&lt;broken&gt;/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("each experiment has fewer than 150 lines, and names itself", async () => {
  for (const name of experimentNames()) {
    const file = new URL(`../../../scripts/experiments/${name}.ts`, import.meta.url);
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").length;
    assert.ok(lines < 150, `${name}.ts has ${lines} lines`);
    const { experiment } = await import(file.href);
    assert.equal(experiment.name, name);
  }
});
