/** The results as people read them. */

import { type Comparison, isMet, type Result } from "./results.ts";

const WIDTHS = { name: 24, number: 9 };

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
  const reached = isMet(result);
  const mark = reached === undefined ? "" : reached ? "  ok" : "  no";
  if ("bytes" in result) {
    return name + kilobytes(result.bytes).padStart(4 * WIDTHS.number) +
      `<${kilobytes(result.goal)}`.padStart(WIDTHS.number) + mark + verdict(comparison) +
      `  first ${kilobytes(result.first_bytes)}`;
  }
  const numbers = [
    result.mpps.toFixed(1),
    result.limit_mpps.toFixed(1),
    result.ratio.toFixed(3),
    result.spread.toFixed(3),
    result.goal?.toFixed(3) ?? "",
  ];
  return name + numbers.map((text) => text.padStart(WIDTHS.number)).join("") + mark.padEnd(4) +
    verdict(comparison) + notes(result);
}

function verdict(comparison: Comparison | undefined): string {
  if (comparison === undefined) return "";
  const { change, verdict } = comparison;
  if (verdict === "not comparable") return `  ${verdict}`;
  return `  ${((change - 1) * 100).toFixed(1).padStart(6)}% ${verdict}`;
}

function notes(result: Result): string {
  if (!("ratio" in result)) return "";
  const { gain, limit_gain, ratio_same_memory } = result;
  if (gain !== undefined) {
    return `  ${gain.toFixed(2)} x one thread; the limit loop gains ${limit_gain?.toFixed(2)}`;
  }
  if (ratio_same_memory === undefined) return "";
  return `  ${ratio_same_memory.toFixed(2)} of the limit loop on as much memory`;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}
