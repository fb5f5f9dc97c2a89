/**
 * An experiment's results: as JSON, and as text.
 *
 * @module
 */

import type { BackendName } from "../../../mod.ts";
import type { Conclusion, Experiment, Row, Run } from "./experiment.ts";

/** Where it was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly deno: string;
}

/** What `NAME.json` holds. */
export interface Report {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly paper: string;
  readonly figure: string;
  readonly quick: boolean;
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly columns: Readonly<Record<string, string>>;
  readonly runs: readonly Run<Row>[];
  /** Backends that it did not run on, and why. */
  readonly missing: readonly string[];
  readonly found: readonly string[];
  readonly compared: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  /** Files in the same folder, with their titles. */
  readonly plots: readonly { readonly file: string; readonly title: string }[];
}

function machine(): Machine {
  return {
    cpu: cpuModel(),
    cpus: navigator.hardwareConcurrency,
    kernel: Deno.osRelease(),
    deno: Deno.version.deno,
  };
}

function cpuModel(): string {
  try {
    const line = /^model name\s*:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"));
    return line?.[1] ?? Deno.build.arch;
  } catch {
    return Deno.build.arch; // not allowed to read it
  }
}

/** Puts together what an experiment has found. */
export function reportOf<R extends Row>(
  experiment: Experiment<R>,
  runs: readonly Run<R>[],
  conclusion: Conclusion,
  how: { quick: boolean; seconds: number; missing: readonly string[] },
): Report {
  const { name, title, about, follows, columns } = experiment;
  return {
    name,
    title,
    about,
    ...follows,
    ...how,
    seconds: Number(how.seconds.toFixed(1)),
    date: new Date().toISOString(),
    machine: machine(),
    columns: { ...columns },
    runs,
    found: conclusion.found,
    compared: conclusion.compared,
    figures: conclusion.figures ?? {},
    plots: conclusion.plots.map((plot) => ({
      file: `${name}.${plot.name}.svg`,
      title: plot.title,
    })),
  };
}

/** A value as the table shows it: four significant digits at least. */
export function formatCell(value: Row[string] | null): string {
  if (value === undefined || value === null) return "-";
  if (typeof value !== "number") return `${value}`;
  if (Number.isInteger(value) || Math.abs(value) >= 10_000) return value.toFixed(0);
  return `${Number(value.toPrecision(4))}`;
}

/** Rows under headings; numbers to the right. */
export function formatTable(
  columns: Readonly<Record<string, string>>,
  rows: readonly (Row & { readonly backend?: BackendName })[],
): string {
  const keys = Object.keys(columns);
  const lines = [Object.values(columns), ...rows.map((row) => keys.map((k) => formatCell(row[k])))];
  const isText = keys.map((key) => rows.some((row) => typeof row[key] === "string"));
  const widths = keys.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines.map((line) =>
    line.map((cell, i) => isText[i] ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd()
  ).join("\n");
}

/** All of it as text. */
export function formatReport(report: Report): string {
  const rows = report.runs.flatMap(({ backend, rows }) => rows.map((row) => ({ backend, ...row })));
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `- ${line}`)];
  return [
    report.title,
    `Follows ${report.figure} of ${report.paper}`,
    "",
    formatTable({ backend: "backend", ...report.columns }, rows),
    "",
    ...list("Found", report.found),
    ...list("Compared with the paper", report.compared),
    ...list("Not measured", report.missing),
  ].join("\n");
}
