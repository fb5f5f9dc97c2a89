/**
 * Plots as SVG, drawn by vega-lite without a browser: the only module that loads it.
 *
 * @module
 */

import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** One axis of a plot. */
export interface Axis {
  /** What it shows: "batch size". */
  readonly label: string;
  /** In which unit: "packets". It stands behind the label. */
  readonly unit?: string | undefined;
  /** Logarithmic. Ticks of the x axis are where the points are, if there are few. Default: false. */
  readonly log?: boolean | undefined;
  /** Ends of the axis. Default: what the points need, and 0 unless it is logarithmic. */
  readonly domain?: readonly [number, number] | undefined;
}

/** A point, with the ends of its error bar if it has one. */
export interface Point {
  /** A number; or a word, of which the axis then shows one after the other. */
  readonly x: number | string;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** Points of one colour, with a name in the legend. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /**
   * "line": points that are joined, of what was measured; "model": a dashed line without points, of what
   * was computed; "points": not joined; "bar". Default: "line".
   */
  readonly style?: "line" | "model" | "points" | "bar" | undefined;
  /** Title of the panel that it is in. Two panels stand in a row, each with its own scales. */
  readonly panel?: string | undefined;
}

/** A plot. */
export interface Plot {
  /** What its file is called, behind the experiment's name: "rate". */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** Bars stand on each other, the first series lowest, and not beside each other. Default: false. */
  readonly isStacked?: boolean | undefined;
  /** Width and height in pixels, of a row of panels, without titles and legend. Default: 600 x 340. */
  readonly size?: readonly [number, number] | undefined;
}

/** Ticks are set where the points are up to so many different ones, which are apart by such a factor. */
const TICKS = 12, APART = 1.3;
/** Room beyond the points of a logarithmic axis, as a factor. */
const ROOM = 1.25;
/** Panels in a row. */
const PANELS = 2;

/** A point with all that vega-lite has to know about it. */
interface Datum extends Point {
  readonly series: string;
  readonly style: string;
  /** Tells lines of one name and style apart. */
  readonly line: number;
}

function titleOf({ label, unit }: Axis): string {
  return unit === undefined ? label : `${label} (${unit})`;
}

/** The scale of an axis of numbers; `ends` are those of a logarithmic one. */
function scaleOf({ log = false, domain }: Axis, ends?: readonly number[]): Record<string, unknown> {
  const shown = domain ?? (log ? ends : undefined);
  return {
    type: log ? "log" : "linear",
    ...(log ? { nice: false } : { zero: true }),
    ...(shown === undefined ? {} : { domain: [...shown], clamp: domain !== undefined }),
  };
}

/** Ends of the y axis that show all points, and a bit more. */
function endsOf(data: readonly Datum[]): readonly [number, number] {
  const all = data.flatMap(({ y, low = y, high = y }) => [y, low, high]);
  return [Math.min(...all) / ROOM, Math.max(...all) * ROOM];
}

/** The x axis: words in the order in which they come, or numbers. */
function horizontal(axis: Axis, data: readonly Datum[]): Record<string, unknown> {
  const field = { field: "x", title: titleOf(axis) };
  const places = [...new Set(data.map(({ x }) => x))];
  if (data.some(({ x, style }) => typeof x === "string" || style === "bar")) {
    return { ...field, type: "ordinal", sort: places, axis: { labelAngle: 0, labelLimit: 200 } };
  }
  const sorted = (places as number[]).toSorted((a, b) => a - b);
  const isFew = axis.log && sorted.length <= TICKS &&
    sorted.every((x, i) => i === 0 || x > APART * sorted[i - 1]);
  const ticks = isFew ? { values: sorted, labelOverlap: true, format: "," } : {};
  return { ...field, type: "quantitative", scale: scaleOf(axis), axis: ticks };
}

/** Marks of one kind, and what they stand for. */
interface Layer {
  readonly data: { readonly values: readonly Datum[] };
  readonly mark: Record<string, unknown>;
  readonly encoding: Record<string, unknown>;
}

/** The layers of one panel. */
function layers(plot: Plot, data: readonly Datum[], names: readonly string[]): Layer[] {
  const isBar = data.some(({ style }) => style === "bar");
  // Series stand beside each other where words are, else over each other
  const isBeside = isBar || data.some(({ x }) => typeof x === "string");
  const x = horizontal(plot.x, data);
  const y = {
    field: "y",
    type: "quantitative",
    title: titleOf(plot.y),
    scale: scaleOf(plot.y, endsOf(data)),
  };
  const color = {
    field: "series",
    type: "nominal",
    scale: { domain: names },
    legend: names.length === 1 ? null : { title: null, labelLimit: 400 },
  };
  const beside = { x, y, color, xOffset: { field: "series", sort: names } };
  const encoding = plot.isStacked
    ? { x, y: { ...y, stack: "zero" }, color, order: { field: "line" } }
    : isBeside
    ? beside
    : { x, y, color, detail: { field: "line" } };
  const values = (...styles: string[]): Omit<Layer, "mark"> => ({
    data: { values: data.filter(({ style }) => styles.includes(style)) },
    encoding,
  });
  const bars = data.filter(({ low, high }) => low !== undefined && high !== undefined);
  return [
    { ...values("bar"), mark: { type: "bar" } },
    { ...values("model"), mark: { type: "line", strokeDash: [6, 4], opacity: 0.8 } },
    {
      data: { values: bars },
      mark: { type: "rule", opacity: 0.7, ...(isBar ? { color: "black" } : {}) },
      encoding: {
        ...(isBeside ? { x, xOffset: beside.xOffset } : { x }),
        ...(isBar ? {} : { color }),
        y: { ...y, field: "low" },
        y2: { field: "high" },
      },
    },
    { ...values("line"), mark: { type: "line" } },
    { ...values("line", "points"), mark: { type: "point", filled: true, size: 45, opacity: 1 } },
  ].filter(({ data }) => data.values.length > 0);
}

/** What an axis can show: there is no 0 on a logarithmic one, and an error bar that reaches it ends at the point. */
function shown({ x, y }: Plot, point: Point): Point[] {
  if (x.log && typeof point.x === "number" && point.x <= 0) return [];
  if (!y.log) return [point];
  if (point.y <= 0) return [];
  return [point.low !== undefined && point.low <= 0 ? { ...point, low: point.y } : point];
}

/** The plot as vega-lite has it. */
export function specification(plot: Plot): TopLevelSpec {
  const names = [...new Set(plot.series.map(({ name }) => name))];
  const panels = [...new Set(plot.series.map(({ panel }) => panel))];
  const [width, height] = plot.size ?? [600, 340];
  const views = panels.map((panel) => {
    const data = plot.series.filter((series) => series.panel === panel).flatMap((
      { name, style = "line", points },
      line,
    ) =>
      points.flatMap((point) => shown(plot, point))
        .map((point): Datum => ({ ...point, series: name, style, line }))
    );
    return {
      ...(panel === undefined ? {} : { title: panel }),
      width: Math.floor(width / Math.min(panels.length, PANELS)),
      height,
      layer: layers(plot, data, names),
    };
  });
  // A single panel's title would take the place of the plot's
  const alone = views.length === 1 && panels[0] !== undefined ? `: ${panels[0]}` : "";
  const spec = {
    ...(views.length === 1
      ? views[0]
      : { concat: views, columns: PANELS, resolve: { scale: { color: "shared" } } }),
    title: { text: plot.title + alone, fontSize: 15, offset: 14, anchor: "start" },
    background: "white",
    config: {
      axis: { labelFontSize: 12, titleFontSize: 13, gridColor: "#e4e4e4" },
      legend: { labelFontSize: 12, symbolOpacity: 1 },
      point: { strokeWidth: 0 },
    },
  };
  return spec as unknown as TopLevelSpec;
}

/** The plot as the text of an SVG file. */
export async function renderSvg(plot: Plot): Promise<string> {
  if (plot.series.every(({ points }) => points.length === 0)) {
    throw new RangeError(`Cannot draw "${plot.title}": it has no points`);
  }
  const view = new View(parse(compile(specification(plot)).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
