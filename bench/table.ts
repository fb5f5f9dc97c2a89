/** The results as people read them. */

import { type Comparison, isMet, type RateResult, type Result } from "./results.ts";

const WIDTHS = { name: 28, number: 9 };

/** The line above the rows. */
export function tableHead(isComparing: boolean): string {
  const numbers = ["Mpps", "limit", "ratio", "spread", "goal"];
  return "row".padEnd(WIDTHS.name) +
    numbers.map((title) => title.padStart(WIDTHS.number)).join("") +
    (isComparing ? "      than before" : "");
}

/** A row. */
export function tableLine(result: Result, comparison?: Comparison): string {
  const name = result.name.padEnd(WIDTHS.name);
  if ("error" in result) return `${name}  ${result.error}`;
  if ("skipped" in result) return `${name}  skipped: ${result.skipped}`;
  const reached = isMet(result);
  const mark = reached === undefined ? "" : reached ? "  ok" : "  no";
  if ("cpu" in result) {
    return name + percent(result.cpu).padStart(4 * WIDTHS.number) +
      `<${percent(result.goal)}`.padStart(WIDTHS.number) + mark + "  of a CPU";
  }
  if ("p50_us" in result) {
    return name +
      ratioPart(result, microseconds(result.p50_us), microseconds(result.limit_p50_us)) +
      verdict(comparison) + `  us; 90 % ${microseconds(result.p90_us)}, 99 % ` +
      `${microseconds(result.p99_us)}, 99.9 % ${microseconds(result.p999_us)}`;
  }
  if ("ms" in result) {
    const { ms, limit_ms, ratio, spread } = result;
    return name + ratioPart({ ratio, spread }, ms.toFixed(0), limit_ms.toFixed(0)).trimEnd() +
      lessThan(result.goal, 0) + mark + verdict(comparison) + "  ms";
  }
  if ("moment_ms" in result) {
    return name + result.moment_ms.toFixed(2).padStart(WIDTHS.number) +
      result.spread.toFixed(2).padStart(3 * WIDTHS.number) + lessThan(result.goal, 0) + mark +
      "  ms";
  }
  if ("error_p50_us" in result) {
    const { error_p90_us, error_p99_us, error_p999_us, error_max_us } = result;
    const others = [["90 %", error_p90_us], ["99 %", error_p99_us], ["99.9 %", error_p999_us]]
      .map(([name, value]) => `${name} ${microseconds(Number(value))}`).join(", ");
    return name + microseconds(result.error_p50_us).padStart(WIDTHS.number) +
      `  us off the recorded distance; ${others}, most ${microseconds(error_max_us)}`;
  }
  if ("bytes" in result) {
    return name + kilobytes(result.bytes).padStart(4 * WIDTHS.number) +
      `<${kilobytes(result.goal)}`.padStart(WIDTHS.number) + mark + verdict(comparison) +
      `  first ${kilobytes(result.first_bytes)}` +
      (result.open_us === undefined ? "" : `; opened in ${result.open_us.toFixed(0)} us each`);
  }
  if ("gbps" in result) {
    const { gbps, limit_gbps, vde_gbps, vde_ratio } = result;
    const beside = vde_gbps === undefined
      ? ""
      : `; vde_switch ${vde_gbps.toFixed(2)}, that is ${vde_ratio?.toFixed(2)} x`;
    return name + ratioPart(result, gbps.toFixed(2), limit_gbps.toFixed(2)) + verdict(comparison) +
      `  Gbit/s${beside}`;
  }
  const digits = result.mpps < 10 ? 2 : 1;
  return name + ratioPart(result, result.mpps.toFixed(digits), result.limit_mpps.toFixed(1)) +
    mark.padEnd(4) + verdict(comparison) + notes(result);
}

function lessThan(goal: number | undefined, digits: number): string {
  return (goal === undefined ? "" : `<${goal.toFixed(digits)}`).padStart(WIDTHS.number);
}

/** What was measured, the limit, and how they compare. */
function ratioPart(
  result: { ratio: number; spread: number; goal?: number },
  value: string,
  limit: string,
): string {
  const { ratio, spread, goal } = result;
  const digits = ratio < 0.1 ? 4 : 3;
  return [value, limit, ratio.toFixed(digits), spread.toFixed(digits), goal?.toFixed(3) ?? ""]
    .map((text) => text.padStart(WIDTHS.number)).join("");
}

function verdict(comparison: Comparison | undefined): string {
  if (comparison === undefined) return "";
  const { change, verdict } = comparison;
  if (verdict === "not comparable") return `  ${verdict}`;
  return `  ${((change - 1) * 100).toFixed(1).padStart(6)}% ${verdict}`;
}

function notes(result: RateResult): string {
  const { gain, limit_gain, ratio_same_memory, sent_mpps, cost, cost_of, cost_goal } = result;
  const { share, share_of } = result;
  const texts: string[] = [];
  if (share !== undefined) texts.push(`${share.toFixed(2)} of ${share_of}`);
  if (sent_mpps !== undefined) texts.push(`${sent_mpps.toFixed(sent_mpps < 10 ? 2 : 1)} sent`);
  if (gain !== undefined) {
    texts.push(`${gain.toFixed(2)} x one thread; the limit loop gains ${limit_gain?.toFixed(2)}`);
  }
  if (ratio_same_memory !== undefined) {
    texts.push(`${ratio_same_memory.toFixed(2)} of the limit loop on as much memory`);
  }
  if (cost !== undefined) texts.push(`${cost.toFixed(2)} x the cost of ${cost_of}, <${cost_goal}`);
  return texts.length === 0 ? "" : `  ${texts.join("; ")}`;
}

function microseconds(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function percent(value: number): string {
  return `${(value * 100).toFixed(2)} %`;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
