/**
 * Plots of what the model predicts, and what two threads do.
 *
 * @module
 */

import type { Run } from "../kit/experiment.ts";
import type { Plot, Series } from "../kit/plot.ts";
import type { Mismatched } from "./compare.ts";

/** What of a point is drawn. */
type Pick = (row: Mismatched) => number | undefined;

/** What was measured as lines, and what was predicted as dashed ones, of some groups. */
function lines(runs: readonly Run<Mismatched>[], x: Pick, y: Pick, ...said: Pick[]): Series[] {
  return runs.flatMap(({ backend: panel, rows }) =>
    Object.entries(Object.groupBy(rows, ({ group }) => group)).flatMap(([name, own = []]) =>
      [y, ...said].map((value, i): Series => ({
        name,
        panel,
        style: i === 0 ? "line" : "model",
        points: own.map((row) => ({ x: x(row) ?? NaN, y: value(row) ?? NaN })),
      }))
    )
  );
}

/** The runs with points of some groups only. */
const only = (runs: readonly Run<Mismatched>[], word: RegExp): Run<Mismatched>[] =>
  runs.map((run) => ({ ...run, rows: run.rows.filter(({ group }) => word.test(group)) }));

/** The four plots of the experiment. */
export function mismatchPlots(runs: readonly Run<Mismatched>[]): Plot[] {
  const notified = only(runs, /^(?!sleeping)/), slept = only(runs, /^sleeping/);
  const factors = [["equal", 1], ["25 % off", 1.25], ["25 % off", 0.75]] as const;
  const guides = notified.flatMap(({ backend: panel, rows }) => {
    const all = rows.map((row) => row.best_us);
    const ends = [Math.min(...all) / 1.3, Math.max(...all) * 1.3];
    return factors.map(([name, factor]): Series => ({
      ...{ name, panel, style: "model" },
      points: ends.map((x) => ({ x, y: x * factor })),
    }));
  });
  const nap: Pick = (row) => row.group === "sleeping consumer" ? row.y_c_us : row.y_p_us;
  const time = { label: "time of a message", unit: "us" }, log = true;
  return [{
    name: "faster",
    title: "A faster party makes both slower; dashed: the model",
    x: { label: "work of the faster party", unit: "us a message" },
    y: time,
    series: lines(
      only(runs, /^faster/),
      (row) => Math.min(row.w_p_us, row.w_c_us),
      (row) => row.measured_us,
      (row) => row.best_us,
    ),
  }, {
    name: "predicted",
    title: "Measured against predicted, in all regimes",
    x: { label: "predicted", unit: "us a message", log },
    y: { label: "measured", unit: "us a message", log },
    series: lines(notified, (row) => row.best_us, (row) => row.measured_us)
      .map((series): Series => ({ ...series, style: "points" })).concat(guides),
  }, {
    name: "sleeping",
    title: "Sleeping instead of notifying; dashed: the model's best and worst",
    x: { label: "sleep", unit: "us", log },
    y: time,
    series: lines(slept, nap, (r) => r.measured_us, (r) => r.best_us, (r) => r.worst_us),
  }, {
    name: "latency",
    title: "What sleeping costs in latency; dashed: the model's bound",
    x: { label: "sleep", unit: "us", log },
    y: { label: "latency of 90 %", unit: "us", log },
    series: lines(slept, nap, (row) => row.latency_us, (row) => row.bound_us),
  }];
}
