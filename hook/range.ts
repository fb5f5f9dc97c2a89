/**
 * Integer intervals: what is known about a number before the hook runs.
 *
 * Each function gives bounds of JavaScript's exact result. What could leave +-(2^53 - 1), where doubles are
 * no longer exact, is `undefined`.
 *
 * @module
 */

import type { Operator } from "./ir.ts";

/** Least and greatest value. */
export interface Range {
  /** Least value. */
  readonly lo: number;
  /** Greatest value. */
  readonly hi: number;
}

const MAX = Number.MAX_SAFE_INTEGER;
/** What a signed 32-bit number can be. */
export const INT32: Range = { lo: -0x8000_0000, hi: 0x7fff_ffff };
/** What an unsigned 32-bit number can be. */
export const UINT32: Range = { lo: 0, hi: 0xffff_ffff };
/** What a condition can be. */
export const BIT: Range = { lo: 0, hi: 1 };

/** A single value; never -0. */
export function exactly(value: number): Range {
  return { lo: value + 0, hi: value + 0 };
}

/** The interval that holds two. */
export function union(a: Range, b: Range): Range {
  return { lo: Math.min(a.lo, b.lo), hi: Math.max(a.hi, b.hi) };
}

/** True if all of `inner` lies in `outer`. */
export function within(inner: Range, outer: Range): boolean {
  return inner.lo >= outer.lo && inner.hi <= outer.hi;
}

/** `value | 0` */
export function int32Range({ lo, hi }: Range): Range {
  // Without a wrap in between the order stays
  return hi - lo <= UINT32.hi && (lo | 0) <= (hi | 0) ? { lo: lo | 0, hi: hi | 0 } : INT32;
}

/** `value >>> 0` */
export function uint32Range({ lo, hi }: Range): Range {
  return hi - lo <= UINT32.hi && lo >>> 0 <= hi >>> 0 ? { lo: lo >>> 0, hi: hi >>> 0 } : UINT32;
}

function corners(a: Range, b: Range, operate: (x: number, y: number) => number): Range {
  const values = [
    operate(a.lo, b.lo),
    operate(a.lo, b.hi),
    operate(a.hi, b.lo),
    operate(a.hi, b.hi),
  ];
  return { lo: Math.min(...values) + 0, hi: Math.max(...values) + 0 };
}

/** All bits up to the highest one of a number >= 0. */
function mask(value: number): number {
  let power = 1;
  while (power <= value) power *= 2;
  return power - 1;
}

function bitwise(a: Range, b: Range, operate: (x: bigint, y: bigint) => bigint): Range | undefined {
  if (a.lo !== a.hi || b.lo !== b.hi) return undefined;
  return exactly(Number(operate(BigInt(a.lo), BigInt(b.lo))));
}

function and(a: Range, b: Range): Range {
  if (a.lo >= 0 && b.lo >= 0) return { lo: 0, hi: Math.min(a.hi, b.hi) };
  if (a.lo >= 0) return { lo: 0, hi: a.hi };
  if (b.lo >= 0) return { lo: 0, hi: b.hi };
  return { lo: -signed(a, b) - 1, hi: signed(a, b) };
}

/** Greatest number of as many bits as two signed ones need. */
function signed(a: Range, b: Range): number {
  return mask(Math.max(a.hi, b.hi, -1 - a.lo, -1 - b.lo));
}

function or(a: Range, b: Range): Range {
  if (a.lo >= 0 && b.lo >= 0) {
    return { lo: Math.max(a.lo, b.lo), hi: mask(Math.max(a.hi, b.hi)) };
  }
  return { lo: -signed(a, b) - 1, hi: signed(a, b) };
}

function xor(a: Range, b: Range): Range {
  if (b.lo === -1 && b.hi === -1) return { lo: -1 - a.hi, hi: -1 - a.lo };
  if (a.lo >= 0 && b.lo >= 0) return { lo: 0, hi: mask(Math.max(a.hi, b.hi)) };
  return { lo: -signed(a, b) - 1, hi: signed(a, b) };
}

/** Bounds of a product, the sums that doubles round included: rounding keeps the order. */
function exact(range: Range): Range | undefined {
  return within(range, { lo: -MAX, hi: MAX }) ? range : undefined;
}

/** 1 if it is always so, 0 if never. */
function decided(always: boolean, never: boolean): Range {
  return always ? exactly(1) : never ? exactly(0) : BIT;
}

/** Bounds of an operator's result as {@linkcode Operator} defines it; `undefined` if not exact. */
export function operate(operator: Operator, a: Range, b: Range): Range | undefined {
  switch (operator) {
    case "add":
      return exact({ lo: a.lo + b.lo, hi: a.hi + b.hi });
    case "sub":
      return exact({ lo: a.lo - b.hi, hi: a.hi - b.lo });
    case "mul":
      return exact(corners(a, b, (x, y) => x * y));
    case "div":
      return corners(a, b, (x, y) => Math.floor(x / y));
    case "mod":
      return a.hi < b.lo ? a : { lo: 0, hi: Math.min(a.hi, b.hi - 1) };
    case "imul": {
      const product = exact(corners(a, b, (x, y) => x * y));
      return product === undefined ? INT32 : int32Range(product);
    }
    case "and":
      return bitwise(a, b, (x, y) => x & y) ?? and(a, b);
    case "or":
      return bitwise(a, b, (x, y) => x | y) ?? or(a, b);
    case "xor":
      return bitwise(a, b, (x, y) => x ^ y) ?? xor(a, b);
    case "shl":
      return corners(a, b, (x, y) => x * 2 ** y);
    case "shr":
      return corners(a, b, (x, y) => Math.floor(x / 2 ** y));
    case "min":
      return { lo: Math.min(a.lo, b.lo), hi: Math.min(a.hi, b.hi) };
    case "max":
      return { lo: Math.max(a.lo, b.lo), hi: Math.max(a.hi, b.hi) };
    case "eq":
      return decided(a.lo === a.hi && b.lo === b.hi && a.lo === b.lo, a.lo > b.hi || a.hi < b.lo);
    case "ne":
      return decided(a.lo > b.hi || a.hi < b.lo, a.lo === a.hi && b.lo === b.hi && a.lo === b.lo);
    case "lt":
      return decided(a.hi < b.lo, a.lo >= b.hi);
    case "le":
      return decided(a.hi <= b.lo, a.lo > b.hi);
  }
}
