import { formatRate } from "./format.ts";

/**
 * What a frame costs on an Ethernet link besides its bytes: 20 of preamble and gap between frames,
 * 4 of checksum. `pkt-gen -B` counts them.
 */
export const ETHERNET_OVERHEAD: number = 24;

/** Options of {@linkcode Rate}. */
export interface RateOptions {
  /** Bytes to add to each packet in bits per second, 0 by default, see `ETHERNET_OVERHEAD`. */
  overheadBytes?: number;
  /** Where the time comes from, in milliseconds; `performance.now` by default. */
  now?: () => number;
}

/** What happened in a stretch of time. */
export interface RateSample {
  /** How long it was. */
  seconds: number;
  /** Packets. */
  packets: number;
  /** Bytes of these packets, without overhead. */
  bytes: number;
  /** Packets a second. */
  pps: number;
  /** Bits a second, with the overhead of each packet. */
  bitsPerSecond: number;
}

/**
 * Counts packets and bytes.
 *
 * @example
 * ```ts
 * import { Counter } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const received = new Counter();
 * received.add(60);
 * received.add(1514);
 * assert.equal(`${received}`, "2 packets, 1574 bytes");
 * ```
 */
export class Counter {
  /** Packets so far. */
  packets = 0;
  /** Bytes so far. */
  bytes = 0;

  /** Counts one packet of `length` bytes. */
  add(length: number): void {
    this.packets++;
    this.bytes += length;
  }

  /** Counts several packets with `bytes` in all. */
  addMany(packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
  }

  /** Starts again at 0. */
  reset(): void {
    this.packets = this.bytes = 0;
  }

  /** `2 packets, 1574 bytes`. */
  toString(): string {
    const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
    return `${plural(this.packets, "packet")}, ${plural(this.bytes, "byte")}`;
  }
}

/**
 * Packets and bytes per second: `sample()` since the last sample, `total()` since the beginning.
 *
 * @example
 * ```ts
 * import { ETHERNET_OVERHEAD, Rate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * let ms = 0;
 * const rate = new Rate({ overheadBytes: ETHERNET_OVERHEAD, now: () => ms });
 * rate.addMany(14_880, 14_880 * 60);
 * ms = 1;
 * const sample = rate.sample();
 * assert.equal(sample.pps, 14_880_000);
 * assert.equal(sample.bitsPerSecond, 14_880_000 * 84 * 8);
 * assert.equal(rate.format(sample), "14.88 Mpps, 9.999 Gbit/s");
 * ```
 */
export class Rate extends Counter {
  #overheadBytes: number;
  #now: () => number;
  #start: number;
  #last: number;
  #lastPackets = 0;
  #lastBytes = 0;

  /**
   * Counts from now on.
   *
   * @throws {RangeError} when the overhead is negative.
   */
  constructor(options: RateOptions = {}) {
    super();
    const { overheadBytes = 0, now = () => performance.now() } = options;
    if (!(overheadBytes >= 0)) {
      throw new RangeError(`Cannot use overheadBytes ${overheadBytes}: expected 0 or more`);
    }
    this.#overheadBytes = overheadBytes;
    this.#now = now;
    this.#start = this.#last = now();
  }

  /** What happened since the last call, or since the beginning. Call it at each report. */
  sample(): RateSample {
    const now = this.#now();
    const packets = this.packets - this.#lastPackets, bytes = this.bytes - this.#lastBytes;
    const sample = this.#rate(now - this.#last, packets, bytes);
    this.#last = now;
    this.#lastPackets = this.packets;
    this.#lastBytes = this.bytes;
    return sample;
  }

  /** What happened since the beginning. */
  total(): RateSample {
    return this.#rate(this.#now() - this.#start, this.packets, this.bytes);
  }

  /** Starts again at 0, now. */
  override reset(): void {
    super.reset();
    this.#start = this.#last = this.#now();
    this.#lastPackets = this.#lastBytes = 0;
  }

  /** `14.88 Mpps, 9.999 Gbit/s`; of the total by default. */
  format(sample: RateSample = this.total()): string {
    return `${formatRate(sample.pps)}, ${formatRate(sample.bitsPerSecond, "bit/s")}`;
  }

  #rate(milliseconds: number, packets: number, bytes: number): RateSample {
    const seconds = milliseconds / 1000;
    // No time, no rate: 0 rather than infinity
    const perSecond = seconds > 0 ? 1 / seconds : 0;
    const bits = (bytes + packets * this.#overheadBytes) * 8;
    return {
      seconds,
      packets,
      bytes,
      pps: packets * perSecond,
      bitsPerSecond: bits * perSecond,
    };
  }
}
