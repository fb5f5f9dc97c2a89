/**
 * The models of `valet replay`, as nmreplay writes them: how fast a link is, how long packets are under way,
 * which are lost.
 *
 * Pure.
 *
 * @module
 */

import { UsageError } from "../context.ts";

/** When packets are sent. */
export type Pace =
  /** As they were recorded, so many times as fast. */
  | { readonly kind: "recorded"; readonly speed: number }
  /** So many a second. */
  | { readonly kind: "packets"; readonly perSecond: number }
  /** So many bits a second, counting `framingBytes` more for each packet. */
  | { readonly kind: "bits"; readonly perSecond: number; readonly framingBytes: number };

/** How long packets are under way, in nanoseconds. */
export type Delay =
  /** Always the same. */
  | { readonly kind: "constant"; readonly ns: number }
  /** Anything between two times. */
  | { readonly kind: "uniform"; readonly minNs: number; readonly maxNs: number }
  /** At least `minNs`, on average `meanNs`, exponentially distributed. */
  | { readonly kind: "exponential"; readonly minNs: number; readonly meanNs: number };

/** Which packets are lost. */
export type Loss =
  /** Packets, with this probability. */
  | { readonly kind: "packets"; readonly probability: number }
  /** Those of which a bit is wrong: bits are with this probability. */
  | { readonly kind: "bits"; readonly probability: number };

/** Bytes on an Ethernet link that are no part of the packet: preamble, CRC, gap. */
const ETHERNET_BYTES = 24;

const BIT_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };
const TIME_UNITS: Readonly<Record<string, number>> = { "": 1e9, s: 1e9, m: 1e6, u: 1e3, n: 1 };

/** nmreplay's `-B`: "real[,speed]", "[constant,]bps", "ether,bps". */
export function parseBandwidth(text: string): Pace {
  const [kind, ...values] = text.split(",");
  const bits = (value: string | undefined, framingBytes: number): Pace => {
    const perSecond = quantity(value, BIT_UNITS);
    // 0 is nmreplay's word for a link without a limit
    if (perSecond === undefined) throw malformed("-B", text, BANDWIDTHS);
    return { kind: "bits", perSecond: perSecond === 0 ? Infinity : perSecond, framingBytes };
  };
  if (kind === "real" && values.length <= 1) {
    const speed = quantity(values[0] ?? "1", { "": 1 });
    if (speed === undefined || speed === 0) throw malformed("-B", text, BANDWIDTHS);
    return { kind: "recorded", speed };
  }
  if (kind === "ether" && values.length === 1) return bits(values[0], ETHERNET_BYTES);
  if (kind === "constant" && values.length === 1) return bits(values[0], 0);
  if (values.length === 0) return bits(kind, 0);
  throw malformed("-B", text, BANDWIDTHS);
}

const BANDWIDTHS = '"real", "real,2", "10M", "constant,10M" or "ether,1G", in bit/s';

/** `--rate`: "10M", in bit/s. */
export function parseRate(text: string): number {
  const rate = quantity(text, BIT_UNITS);
  if (rate !== undefined && rate > 0) return rate;
  throw malformed("--rate", text, 'bit/s, such as "500k", "10M", "1.5G"');
}

/** nmreplay's `-D`: "[constant,]dt", "uniform,min,max", "exp,min,average". */
export function parseDelay(text: string): Delay {
  const words = text.split(",");
  const kind = words.length === 1 ? "constant" : words.shift();
  const times = words.map((word) => quantity(word, TIME_UNITS));
  const [first, second] = times;
  const isGiven = times.every((time) => time !== undefined);
  if (isGiven && kind === "constant" && times.length === 1) return { kind, ns: first! };
  if (isGiven && times.length === 2) {
    if (kind === "uniform" && first! <= second!) return { kind, minNs: first!, maxNs: second! };
    // nmreplay's manual and its code have them in different order; the smaller one is the minimum
    if (kind === "exp") {
      return {
        kind: "exponential",
        minNs: Math.min(first!, second!),
        meanNs: Math.max(first!, second!),
      };
    }
  }
  throw malformed("-D", text, '"20m", "uniform,10m,30m" or "exp,10m,15m"; s, m, u, n are units');
}

/** nmreplay's `-L`: "[plr,]p", "ber,p". */
export function parseLoss(text: string): Loss {
  const words = text.split(",");
  const kind = words.length === 1 ? "plr" : words.shift();
  const probability = quantity(words[0], { "": 1 });
  if (words.length === 1 && probability !== undefined && probability <= 1) {
    if (kind === "plr") return { kind: "packets", probability };
    if (kind === "ber") return { kind: "bits", probability };
  }
  throw malformed("-L", text, '"0.01", "plr,0.01" or "ber,1e-6"');
}

/** A number that is not negative, with a unit behind it. */
function quantity(
  text: string | undefined,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const match = /^(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)([a-z]?)$/.exec(
    text?.toLowerCase() ?? "",
  );
  const unit = units[match?.[2] ?? "none"];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function malformed(option: string, text: string, expected: string): UsageError {
  return new UsageError(`Cannot use "${text}" as ${option}: expected ${expected}`);
}
