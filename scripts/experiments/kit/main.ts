/**
 * Runs an experiment as a program: measures, prints, and writes JSON and plots.
 *
 * @module
 */

import { join } from "node:path";
import { NetmapError } from "../../../mod.ts";
import { Backends } from "./backends.ts";
import type { Experiment, Row, Run } from "./experiment.ts";
import { Laboratory } from "./lab.ts";
import { checked, OPTIONS, type Options, readOptions } from "./options.ts";
import { renderSvg } from "./plot.ts";
import { Progress } from "./progress.ts";
import { formatReport, type Report, reportOf } from "./report.ts";

function helpOf({ name, title, about, follows }: Experiment<Row>): string {
  return `${title}

${about}

Follows ${follows.figure} of ${follows.paper}

usage: deno run -A scripts/experiments/${name}.ts [options]
${OPTIONS}`;
}

/** Writes text to stdout or stderr, all of it. */
export function write(text: string, to: { writeSync(bytes: Uint8Array): number }): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

/** Results cannot be written. */
class Unwritable extends TypeError {}

/** Makes the folder for results, before anything is measured. */
export function makeFolder(out: string): void {
  try {
    Deno.mkdirSync(out, { recursive: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new Unwritable(`Cannot write to "${out}": ${why}\nHint: Name another folder with --out`);
  }
}

/** Measures on each backend, and writes `NAME.json` and the plots to the folder. */
export async function runExperiment<R extends Row>(
  experiment: Experiment<R>,
  options: Pick<Options, "backend" | "quick" | "lengthMs" | "out" | "guest">,
): Promise<Report> {
  makeFolder(options.out);
  const start = performance.now();
  await using backends = await Backends.find(options.backend);
  const missing = [...backends.missing];
  const runs: Run<R>[] = [];
  const progress = new Progress();
  for (const backend of backends.names) {
    const reason = experiment.without?.[backend];
    if (reason !== undefined) {
      missing.push(`${backend}: ${reason}`);
      continue;
    }
    const { quick, lengthMs, guest } = options, { title } = experiment;
    using lab = new Laboratory(backend, { quick, lengthMs, guest, title, progress });
    try {
      runs.push({ backend, rows: await Array.fromAsync(experiment.measure(lab)) });
    } catch (error) {
      // One backend may lack something, as the kernel valet's lookup module: the others are measured
      if (!(error instanceof NetmapError) || backends.names.length === 1) throw error;
      missing.push(`${backend}: ${error.message.replaceAll("\n", " ")}`);
    }
    missing.push(...lab.missing);
  }
  if (runs.length === 0) throw new Error(`Cannot run ${experiment.name}: ${missing.join("; ")}`);
  const conclusion = experiment.conclude(runs);
  const seconds = (performance.now() - start) / 1000;
  const how = { quick: options.quick, seconds, missing };
  const report = reportOf(experiment, runs, conclusion, how);
  for (const [i, plot] of conclusion.plots.entries()) {
    await Deno.writeTextFile(join(options.out, report.plots[i].file), await renderSvg(plot));
  }
  const json = `${JSON.stringify(report, null, 2)}\n`;
  await Deno.writeTextFile(join(options.out, `${report.name}.json`), json);
  return report;
}

/** The program. Ends with status 1 if it fails, 2 if the command line is wrong. */
export async function main<R extends Row>(experiment: Experiment<R>): Promise<void> {
  let options: Options;
  try {
    options = checked(readOptions(Deno.args));
  } catch (error) {
    write(`${error instanceof Error ? error.message : error}\nTry --help\n`, Deno.stderr);
    Deno.exit(2);
  }
  if (options.help) return write(helpOf(experiment), Deno.stdout);
  try {
    const report = await runExperiment(experiment, options);
    if (options.json) return write(`${JSON.stringify(report, null, 2)}\n`, Deno.stdout);
    write(`${formatReport(report)}\n\n`, Deno.stdout);
    const files = [`${report.name}.json`, ...report.plots.map(({ file }) => file)];
    write(`Wrote ${files.map((file) => join(options.out, file)).join(", ")}\n`, Deno.stdout);
  } catch (error) {
    if (!(error instanceof NetmapError || error instanceof Unwritable)) throw error;
    write(`${error.message}\n`, Deno.stderr);
    Deno.exit(1);
  }
}
