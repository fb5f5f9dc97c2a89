/** What `--plot` draws: the rows of each sweep as one chart; and what instructions are for. */

import type { Axis, Plot, Point, Series } from "../scripts/experiments/kit/plot.ts";
import type { Count } from "./instructions.ts";
import { PARTS } from "./parts.ts";
import type { RateResult, Result } from "./results.ts";
import { median } from "./statistics.ts";

/** What a row's figures are on the y axis. */
type Value = (mpps: number) => number;

/** A chart, and the rows that it takes: `#` stands for what is on the x axis. */
interface Chart {
  name: string;
  title: string;
  x: Axis;
  y: Axis;
  value: Value;
  rows: Readonly<Record<string, string>>;
  /** The limit loop of one of the series. */
  limitOf?: string;
}

const rate: Value = (mpps) => mpps;
const cost: Value = (mpps) => 1000 / mpps;
const RATE: Axis = { label: "rate", unit: "Mpps" };
const COST: Axis = { label: "cost of a packet", unit: "ns" };

const CHARTS: readonly Chart[] = [
  {
    name: "frame_size",
    title: "Rate by size of the frames",
    x: { label: "frame", unit: "bytes", log: true },
    y: { ...RATE, log: true },
    value: rate,
    rows: { "learning": "engine.learning.#", "static": "engine.static.#", "pipe": "pipe.#" },
    limitOf: "learning",
  },
  {
    name: "batch",
    title: "Rate by packets a sync, 60 bytes",
    x: { label: "batch", unit: "packets", log: true },
    y: { ...RATE, log: true },
    value: rate,
    rows: { "learning": "engine.learning.60.batch#", "daemon": "daemon.60.batch#" },
  },
  {
    name: "receivers",
    title: "A broadcast's cost by its receivers, 60 bytes",
    x: { label: "receivers" },
    y: COST,
    value: cost,
    rows: { "broadcast": "engine.broadcast.#.60" },
  },
  {
    name: "ports",
    title: "Cost by ports that take turns, 60 bytes",
    x: { label: "ports", log: true },
    y: COST,
    value: cost,
    rows: { "learning": "engine.ports.#", "static routes": "engine.ports.static.#" },
  },
  {
    name: "stations",
    title: "Cost by stations (MAC addresses), 60 bytes",
    x: { label: "stations", log: true },
    y: COST,
    value: cost,
    rows: { "learning": "engine.macs.#" },
  },
  {
    name: "threads",
    title: "Rate by threads, each with a pair of ports of its own, 60 bytes",
    x: { label: "threads" },
    y: RATE,
    value: rate,
    rows: { "all threads": "engine.threads.#" },
  },
  {
    name: "monitors",
    title: "Rate by monitors of the receiver, 60 bytes",
    x: { label: "monitors" },
    y: RATE,
    value: rate,
    rows: { "copy": "engine.monitor.copy.#.60", "zero-copy": "engine.monitor.zcopy.#.60" },
  },
];

/** Charts of those sweeps of which there are two points at least. */
export function chartsOf(results: readonly Result[]): Plot[] {
  const rates = results.filter((result): result is RateResult => "mpps" in result);
  return CHARTS.flatMap((chart): Plot[] => {
    const { name, title, x, y } = chart;
    const series = Object.entries(chart.rows).map(([label, pattern]): Series => ({
      name: label,
      points: pointsOf(chart, rates, pattern),
    })).filter(({ points }) => points.length > 1);
    if (series.length === 0) return [];
    if (chart.limitOf !== undefined) series.push(limitOf(chart, rates, chart.rows[chart.limitOf]));
    return [{ name, title, x, y, series }];
  });
}

/**
 * The same.
 *
 * @throws {Error} if there is nothing to draw
 */
export function sweepCharts(results: readonly Result[]): Plot[] {
  const plots = chartsOf(results);
  if (plots.length > 0) return plots;
  throw new Error(
    "Cannot draw: no sweep has two rows that were measured\nHint: Try --all, or --only engine.macs",
  );
}

/** Instructions a packet by what they are for: a bar for each row, with its parts on each other. */
export function partsChart(counts: readonly Count[]): Plot {
  return {
    name: "parts",
    title: "What a packet's instructions are for",
    x: { label: "row" },
    y: { label: "instructions", unit: "a packet" },
    series: PARTS.map((part): Series => ({
      name: part,
      style: "bar",
      points: counts.map(({ name, parts }) => ({
        x: name.replace(/^engine\./, ""),
        y: parts[part],
      })),
    })).filter(({ points }) => points.some(({ y }) => y > 0)),
    isStacked: true,
    size: [Math.max(240, 170 * counts.length), 340],
  };
}

/** Rows whose names have a number in that place, in its order. */
function sweepOf(
  rates: readonly RateResult[],
  pattern: string,
): { x: number; result: RateResult }[] {
  const [before, after] = pattern.split("#");
  return rates.flatMap((result) => {
    const { name } = result;
    if (!name.startsWith(before) || !name.endsWith(after)) return [];
    const number = name.slice(before.length, name.length - after.length);
    return /^\d+$/.test(number) ? [{ x: Number(number), result }] : [];
  }).sort((a, b) => a.x - b.x);
}

/**
 * The error bars are the middle half of the ratios. Rates are what the ratios come to, for a limit that
 * was the same all the time; only where it depends on x it is each row's own.
 */
function pointsOf(chart: Chart, rates: readonly RateResult[], pattern: string): Point[] {
  const { value, limitOf } = chart, sweep = sweepOf(rates, pattern);
  return sweep.map(({ x, result }) => {
    const { ratio, spread } = result, half = spread / ratio / 2;
    const limits = limitOf === undefined ? sweep.map(({ result }) => result.limit_mpps) : [];
    const mpps = limits.length === 0 ? result.mpps : ratio * median(limits);
    const ends = [value(mpps * (1 - half)), value(mpps * (1 + half))];
    return { x, y: value(mpps), low: Math.min(...ends), high: Math.max(...ends) };
  });
}

function limitOf({ value }: Chart, rates: readonly RateResult[], pattern: string): Series {
  const points = sweepOf(rates, pattern).map(({ x, result }) => ({
    x,
    y: value(result.limit_mpps),
  }));
  return { name: "limit: a loop that only copies", points, style: "model" };
}
