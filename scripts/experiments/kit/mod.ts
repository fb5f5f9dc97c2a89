/**
 * All that an experiment needs besides `mod.ts`.
 *
 * @module
 */

export type { Conclusion, Experiment, Lab, Row, Run } from "./experiment.ts";
export { main } from "./main.ts";
export {
  type Effort,
  effortOf,
  type Estimate,
  estimate,
  measureRate,
  measureRateAsync,
  RATE_COLUMNS,
  type RateColumns,
  rateColumns,
  ratePoint,
  Shuttle,
} from "./measure.ts";
export { ROUND_TRIP_COLUMNS, type RoundTrips, roundTrips, type Way } from "./ping_pong.ts";
export type { Plot, Point, Series } from "./plot.ts";
export { draw, Drawing } from "./drawing.ts";
export { renderSvg } from "./plot.ts";
export { formatTable } from "./report.ts";
export { median, quantile, significant, spread } from "../../../bench/statistics.ts";
