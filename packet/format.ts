const PREFIXES = ["", "K", "M", "G", "T", "P"];

/**
 * A rate with four significant digits and a decimal prefix, as people in this field write it.
 *
 * @param rate a number of units a second.
 * @param unit what is counted, "pps" by default; "bit/s" for bits.
 * @example
 * ```ts
 * import { formatRate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatRate(14_880_952), "14.88 Mpps");
 * assert.equal(formatRate(10e9, "bit/s"), "10.00 Gbit/s");
 * assert.equal(formatRate(7), "7 pps");
 * ```
 */
export function formatRate(rate: number, unit = "pps"): string {
  if (!Number.isFinite(rate)) return `- ${unit}`;
  let scaled = rate, prefix = 0;
  // 999.95 would round up to the five digits of 1000.0
  while (Math.abs(scaled) >= 999.95 && prefix < PREFIXES.length - 1) {
    scaled /= 1000;
    prefix++;
  }
  if (prefix === 0) return `${Number(scaled.toFixed(1))} ${unit}`;
  const digits = Math.abs(scaled) >= 99.995 ? 1 : Math.abs(scaled) >= 9.9995 ? 2 : 3;
  return `${scaled.toFixed(digits)} ${PREFIXES[prefix]}${unit}`;
}

/**
 * A time in the unit that suits its size, with three significant digits.
 *
 * @param nanoseconds how long.
 * @example
 * ```ts
 * import { formatDuration } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatDuration(850), "850 ns");
 * assert.equal(formatDuration(12_340), "12.3 us");
 * ```
 */
export function formatDuration(nanoseconds: number): string {
  if (!Number.isFinite(nanoseconds)) return "-";
  const units = ["ns", "us", "ms", "s"];
  let scaled = nanoseconds, unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const text = Math.abs(scaled) >= 999.5 ? scaled.toFixed(0) : Number(scaled.toPrecision(3));
  return `${text} ${units[unit]}`;
}
