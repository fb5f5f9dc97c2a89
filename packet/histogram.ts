import { formatDuration } from "./format.ts";

/** Options of {@linkcode Histogram}. */
export interface HistogramOptions {
  /**
   * Binary digits of precision, 1 to 12, 7 by default. A percentile is never below the true one and
   * above it by less than 1/2^bits of it (7: 0.8 %). Memory: 8 bytes * (54 - bits) * 2^bits
   * (7: 47 KB).
   */
  bits?: number;
}

/** Bars for {@linkcode Histogram.sparkline}. */
const BARS = "▁▂▃▄▅▆▇█";

/**
 * A histogram for latencies: log-linear as HdrHistogram, so that it takes all whole numbers from 0
 * to 2^53 - 1 with one bounded relative error, and a record costs a few nanoseconds.
 *
 * @example
 * ```ts
 * import { Histogram } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const latency = new Histogram();
 * for (let ns = 1; ns <= 1000; ns++) latency.record(ns);
 * assert.equal(latency.count, 1000);
 * assert.equal(latency.max, 1000);
 * const median = latency.percentile(50);
 * assert.ok(median >= 500 && median < 504);
 * ```
 */
export class Histogram {
  /** Binary digits of precision. */
  readonly bits: number;
  #counts: Float64Array;
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  /**
   * An empty histogram.
   *
   * @throws {RangeError} when `bits` is not a whole number from 1 to 12.
   */
  constructor(options: HistogramOptions = {}) {
    const { bits = 7 } = options;
    if (!Number.isInteger(bits) || bits < 1 || bits > 12) {
      throw new RangeError(`Cannot use ${bits} bits of precision: expected 1 to 12`);
    }
    this.bits = bits;
    this.#counts = new Float64Array((54 - bits) << bits);
  }

  /**
   * Counts a value; a fraction is cut off.
   *
   * @throws {RangeError} when it is negative, above 2^53 - 1 or not a number.
   */
  record(value: number): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`Cannot record ${value}: expected 0 to 2^53 - 1`);
    }
    value = Math.floor(value);
    this.#counts[this.#bucket(value)]++;
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  /** How many values were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The smallest value, exactly; NaN without values. */
  get min(): number {
    return this.#count === 0 ? NaN : this.#min;
  }

  /** The largest value, exactly; NaN without values. */
  get max(): number {
    return this.#count === 0 ? NaN : this.#max;
  }

  /** The mean; NaN without values. */
  get mean(): number {
    return this.#sum / this.#count;
  }

  /**
   * The value that `percent` of all values do not exceed, with the error that `bits` sets; NaN
   * without values.
   *
   * @param percent 0 (the smallest value) to 100 (the largest).
   * @throws {RangeError} when it is outside that range.
   */
  percentile(percent: number): number {
    if (!(percent >= 0 && percent <= 100)) {
      throw new RangeError(`Cannot take percentile ${percent}: expected 0 to 100`);
    }
    if (this.#count === 0) return NaN;
    if (percent === 0) return this.#min;
    const wanted = Math.max(1, Math.ceil(this.#count * percent / 100));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= wanted) return Math.min(this.#highest(bucket), this.#max);
    }
    return this.#max;
  }

  /**
   * Adds all values of another histogram.
   *
   * @throws {RangeError} when it has another precision.
   */
  merge(other: Histogram): void {
    if (other.bits !== this.bits) {
      throw new RangeError(`Cannot merge ${other.bits} bits of precision into ${this.bits}`);
    }
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] += other.#counts[i];
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  /** Forgets all values. */
  reset(): void {
    this.#counts.fill(0);
    this.#count = this.#sum = 0;
    this.#min = Infinity;
    this.#max = -Infinity;
  }

  /** The buckets that are not empty, from the smallest values to the largest. */
  *buckets(): Generator<HistogramBucket> {
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      const count = this.#counts[bucket];
      if (count > 0) yield { low: this.#lowest(bucket), high: this.#highest(bucket), count };
    }
  }

  /** The shape of the distribution in `width` characters, from min to max on a log scale. */
  sparkline(width = 40): string {
    if (!Number.isInteger(width) || width < 1) {
      throw new RangeError(`Cannot draw ${width} characters: expected a whole number above 0`);
    }
    if (this.#count === 0) return "";
    const columns = new Array<number>(width).fill(0);
    const low = Math.log(this.#min + 1), span = Math.log(this.#max + 1) - low;
    for (const bucket of this.buckets()) {
      const middle = Math.log(Math.max(bucket.low, this.#min) + 1);
      const column = span === 0 ? 0 : Math.floor((middle - low) / span * width);
      columns[Math.min(Math.max(column, 0), width - 1)] += bucket.count;
    }
    const most = Math.max(...columns);
    return columns.map((count) => count === 0 ? " " : BARS[Math.ceil(count / most * 8) - 1])
      .join("");
  }

  /** `n 1000, min 1 ns, p50 503 ns, p99 991 ns, p99.9 999 ns, max 1 us`: values are nanoseconds. */
  toString(): string {
    if (this.#count === 0) return "n 0";
    const parts = [50, 99, 99.9].map((p) => `p${p} ${formatDuration(this.percentile(p))}`);
    return `n ${this.#count}, min ${formatDuration(this.#min)}, ${parts.join(", ")}, ` +
      `max ${formatDuration(this.#max)}`;
  }

  /** What `JSON.stringify()` writes: the figures of `toString()` as numbers. */
  toJSON(): Record<string, number | null> {
    const at = (percent: number) => this.#count === 0 ? null : this.percentile(percent);
    return {
      count: this.#count,
      min: at(0),
      mean: this.#count === 0 ? null : this.mean,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: at(100),
    };
  }

  /**
   * Values below 2^bits have a bucket each; above, each power of two is cut into 2^bits buckets.
   */
  #bucket(value: number): number {
    const bits = this.bits;
    if (value < 0x8000_0000) {
      const whole = value | 0;
      const shift = 31 - Math.clz32(whole) - bits;
      return shift <= 0 ? whole : (shift << bits) + (whole >>> shift);
    }
    // Wider than the bit operators: the exponent of the upper half, a division in place of a shift
    const shift = 63 - Math.clz32(Math.floor(value / 0x1_0000_0000)) - bits;
    return (shift << bits) + Math.floor(value / 2 ** shift);
  }

  #lowest(bucket: number): number {
    const size = 1 << this.bits;
    if (bucket < size * 2) return bucket;
    const shift = (bucket >>> this.bits) - 1;
    return (bucket - shift * size) * 2 ** shift;
  }

  #highest(bucket: number): number {
    const size = 1 << this.bits;
    if (bucket < size * 2) return bucket;
    const shift = (bucket >>> this.bits) - 1;
    return (bucket - shift * size + 1) * 2 ** shift - 1;
  }
}

/** One bucket of a {@linkcode Histogram}. */
export interface HistogramBucket {
  /** The smallest value that it counts. */
  low: number;
  /** The largest value that it counts. */
  high: number;
  /** How many values it has counted. */
  count: number;
}
