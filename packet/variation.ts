/** A value of a field: a number, or the text of an address. */
export type FieldValue = number | string;

/** How a field of a template changes from packet to packet; made by the functions beside it. */
export interface Variation {
  /** Which of the functions made it. */
  readonly kind: "increment" | "random" | "list" | "range";
  /** Its values: `[start]`, `[min, max]`, the list, `[first, last]`. */
  readonly values: readonly FieldValue[];
  /** What an increment adds. */
  readonly step: number;
  /** After how many values an increment starts again; undefined: when the field overflows. */
  readonly count: number | undefined;
  /** Seed of a random sequence; undefined: one that depends on the field alone. */
  readonly seed: number | undefined;
  /** How many packets keep a value before the next one is taken. */
  readonly every: number;
}

/** Options that all variations share. */
export interface VariationOptions {
  /**
   * How many packets in a row get the same value, 1 by default. With it fields nest: the ports of
   * one address first, then the next address.
   */
  every?: number;
}

/** Options of {@linkcode random}. */
export interface RandomOptions extends VariationOptions {
  /**
   * Seed, 0 to 2^32 - 1. The same seed gives the same sequence on each machine. Without one the
   * sequence is also the same in each run, but differs between the fields of a template.
   */
  seed?: number;
}

/**
 * `start`, `start + step`, ... and after `count` values `start` again. Without `count` the field
 * wraps around like a counter of its size.
 *
 * @param start a number or the text of an address.
 * @param step what to add, 1 by default; may be negative.
 * @param count how many different values.
 * @throws {RangeError} when step or count is not a whole number or count is below 1.
 * @example
 * ```ts
 * import { increment, PacketTemplate, udp } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const template = PacketTemplate.udp({
 *   src: "10.0.0.1:1000",
 *   dst: "10.1.0.1:1234",
 *   vary: { srcPort: increment(1000, 10, 3) },
 * });
 * const ports = [...template.packets(4)].map((bytes) =>
 *   udp.sourcePort(new DataView(bytes.buffer), 34)
 * );
 * assert.deepEqual(ports, [1000, 1010, 1020, 1000]);
 * ```
 */
export function increment(
  start: FieldValue,
  step = 1,
  count?: number,
  options: VariationOptions = {},
): Variation {
  if (!Number.isSafeInteger(step)) {
    throw new RangeError(`Cannot increment by ${step}: expected a whole number`);
  }
  if (count !== undefined) checkCount("count", count);
  return variation("increment", [start], options, { step, count });
}

/**
 * Each packet a new value between `min` and `max`, both included, uniformly. The sequence is the
 * same in each run, and repeats after 2^32 packets. Not for cryptography.
 *
 * @throws {RangeError} when the seed is not a whole number from 0 to 2^32 - 1.
 * @example
 * ```ts
 * import { PacketTemplate, random } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const options = {
 *   src: "10.0.0.1:1",
 *   dst: "10.1.0.1:2",
 *   vary: { src: random("10.0.0.1", "10.0.255.255", { seed: 7 }) },
 * };
 * const one = PacketTemplate.udp(options), other = PacketTemplate.udp(options);
 * assert.deepEqual([...one.packets(5)], [...other.packets(5)]);
 * ```
 */
export function random(min: FieldValue, max: FieldValue, options: RandomOptions = {}): Variation {
  const { seed } = options;
  if (seed !== undefined && seed >>> 0 !== seed) {
    throw new RangeError(`Cannot use seed ${seed}: expected a whole number from 0 to 2^32 - 1`);
  }
  return variation("random", [min, max], options, { seed });
}

/**
 * The values of a list in turn, over and over.
 *
 * @throws {RangeError} when the list is empty.
 * @example
 * ```ts
 * import { list, PacketTemplate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const template = PacketTemplate.udp({
 *   src: "10.0.0.1:1",
 *   dst: "10.1.0.1:2",
 *   vary: { length: list([60, 60, 1514]) },
 * });
 * assert.deepEqual([...template.packets(4)].map((bytes) => bytes.length), [60, 60, 1514, 60]);
 * ```
 */
export function list(values: readonly FieldValue[], options: VariationOptions = {}): Variation {
  if (values.length === 0) throw new RangeError("Cannot vary a field: the list is empty");
  return variation("list", [...values], options, {});
}

/**
 * All values from `first` to `last`, both included, over and over; downward when `last` is the
 * smaller one.
 *
 * @example
 * ```ts
 * import { PacketTemplate, PacketView, range } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const template = PacketTemplate.udp({
 *   src: "10.0.0.1:1",
 *   dst: "10.1.0.1:2",
 *   vary: { dst: range("10.1.0.255", "10.1.1.0") },
 * });
 * const view = new PacketView();
 * const addresses = [...template.packets(3)].map((bytes) =>
 *   view.attach(new DataView(bytes.buffer), 0, bytes.length).destinationAddress
 * );
 * assert.deepEqual(addresses, ["10.1.0.255", "10.1.1.0", "10.1.0.255"]);
 * ```
 */
export function range(
  first: FieldValue,
  last: FieldValue,
  options: VariationOptions = {},
): Variation {
  return variation("range", [first, last], options, {});
}

function variation(
  kind: Variation["kind"],
  values: readonly FieldValue[],
  options: VariationOptions,
  more: { step?: number; count?: number | undefined; seed?: number | undefined },
): Variation {
  const { every = 1 } = options;
  checkCount("every", every);
  return { kind, values, step: more.step ?? 1, count: more.count, seed: more.seed, every };
}

function checkCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`Cannot use ${name} ${value}: expected a whole number of at least 1`);
  }
}
