/**
 * Each experiment is run as its users do, quickly and on the embedded backend, and its JSON and plots are
 * looked at. How fast anything was is not.
 */

import assert from "node:assert/strict";
import { experimentNames } from "../../../scripts/experiments/kit/all.ts";
import type { Report } from "../../../scripts/experiments/kit/report.ts";
import { whyNoGuests } from "../../../scripts/experiments/kit/virtual_machine.ts";
import { GUEST } from "../../../scripts/experiments/kit/ways.ts";
import { deno } from "../run_script.ts";

const NAMES = experimentNames();

async function script(name: string, ...args: string[]): Promise<string> {
  const file = `scripts/experiments/${name}.ts`;
  const { code, text, errors } = await deno("run", "-A", "--no-prompt", file, ...args);
  assert.equal(errors, "");
  assert.equal(code, 0);
  return text;
}

/** What holds for the report of every experiment. */
async function checkReport(report: Report, folder: string): Promise<void> {
  assert.deepEqual(report.runs.map(({ backend }) => backend), ["embedded"]);
  const { rows } = report.runs[0];
  assert.ok(rows.length > 0, "no points");
  for (const row of rows) {
    for (const [key, value] of Object.entries(row)) {
      assert.ok(key in report.columns, `${key} is no column`);
      // JSON has null for NaN and Infinity
      assert.notEqual(value, null, `${key} of ${JSON.stringify(row)}`);
      if (typeof value === "number" && /_(mpps|ns|us)$/.test(key)) {
        assert.ok(value >= 0, `${key} is ${value}`);
      }
    }
  }
  assert.ok(report.found.length > 0 && report.compared.length > 0, "nothing found or compared");
  assert.ok(!/NaN|undefined|Infinity/.test(report.found.join() + report.compared.join()));
  assert.ok(report.plots.length > 0, "no plots");
  for (const { file } of report.plots) {
    const svg = await Deno.readTextFile(`${folder}/${file}`);
    assert.match(svg, /^<svg [^]*<\/svg>$/);
    assert.ok(!/NaN|Infinity/.test(svg), `${file} has points that are nowhere`);
    const axes = [...svg.matchAll(/aria-label="[XY]-axis titled '([^']*)'/g)].map(([, t]) => t);
    assert.ok(axes.length >= 2, `${file} has axes ${axes}`);
    const marks = /aria-roledescription="(point|bar|line mark container)"/.test(svg);
    assert.ok(marks, `${file} shows nothing`);
  }
}

Deno.test("each experiment says with --help what it follows", async () => {
  for (const name of NAMES) {
    const text = await script(name, "--help");
    assert.match(text, /\nFollows \S/);
    assert.ok(text.includes(`usage: deno run -A scripts/experiments/${name}.ts`), text);
  }
});

const KERNEL = Deno.env.get("VALET_TEST_KERNEL") ?? "/";

Deno.test({
  name: `passthrough measures a real guest${
    whyNoGuests(KERNEL) === undefined ? "" : ` (skipped: ${whyNoGuests(KERNEL)})`
  }`,
  ignore: whyNoGuests(KERNEL) !== undefined,
  async fn(): Promise<void> {
    const out = await Deno.makeTempDir({ prefix: "valet experiments " });
    try {
      const args = ["--backend", "embedded", "--ms", "1", "--json", "--out", out];
      const text = await script("passthrough", ...args, "--guest", KERNEL);
      const { rows } = (JSON.parse(text) as Report).runs[0];
      const guest = rows.filter(({ way }) => way === GUEST);
      assert.deepEqual(guest.map(({ batch }) => batch), [1, 4, 16, 64, 256]);
      for (const { mpps, cpu_ns } of guest) assert.ok(Number(mpps) > 0 && Number(cpu_ns) > 0);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});

Deno.test("passthrough says what a real guest wants that is not there", async () => {
  const file = "scripts/experiments/passthrough.ts";
  const args = ["--backend", "embedded", "--ms", "1", "--guest", "/nowhere"];
  const { code, errors } = await deno("run", "-A", "--no-prompt", file, ...args);
  assert.equal(code, 2);
  assert.match(errors, /^Cannot boot a guest: there is no .*\(Debian: /);
});

Deno.test("an experiment that gets nonsense says so, with status 2", async () => {
  const { code, errors } = await deno("run", "-A", `scripts/experiments/${NAMES[0]}.ts`, "--fast");
  assert.equal(code, 2);
  assert.match(errors, /--fast/);
});

Deno.test("an experiment says before it measures that it cannot write", async () => {
  const out = await Deno.makeTempFile({ prefix: "valet experiments " });
  try {
    for (const file of [`${NAMES[0]}.ts`, "kit/all.ts"]) {
      const args = ["--backend", "embedded", "--ms", "60000", "--out", out];
      const { code, errors } = await deno("run", "-A", `scripts/experiments/${file}`, ...args);
      assert.ok(code > 0);
      assert.match(errors, /^Cannot write to "[^"]*": .*\nHint: Name another folder with --out$/m);
    }
  } finally {
    await Deno.remove(out);
  }
});

Deno.test("deno task experiments runs all and writes one page with every plot", async (t) => {
  const out = await Deno.makeTempDir({ prefix: "valet experiments " });
  try {
    const file = "scripts/experiments/kit/all.ts";
    const args = ["--backend", "embedded", "--ms", "2", "--json", "--out", out];
    const { code, text, errors } = await deno("run", "-A", "--no-prompt", file, ...args);
    assert.equal(errors, "");
    const { page, reports, failures } = JSON.parse(text) as {
      page: string;
      reports: Report[];
      failures: unknown[];
    };
    assert.deepEqual(failures, []);
    assert.equal(code, 0);
    assert.deepEqual(reports.map(({ name }) => name), NAMES);
    for (const report of reports) {
      await t.step(`${report.name} makes sense`, () => checkReport(report, out));
    }
    const html = await Deno.readTextFile(page);
    const plots = reports.flatMap((report) => report.plots);
    assert.equal(html.split("<figure><svg ").length - 1, plots.length);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
