/**
 * Names that stand for numbers: those that every hook knows, and those passed to `compile()`.
 *
 * @module
 */

import { BROADCAST, DROP, LEARN } from "../ffi/constants.ts";
import { show } from "../ffi/errors.ts";
import { EtherType, IcmpType, Protocol, TcpFlag } from "../packet/protocols.ts";

/** A number or condition, or an object of them. */
export type HookConstant = number | boolean | { readonly [name: string]: HookConstant };

/** Names and what they stand for. */
export type HookConstants = Readonly<Record<string, HookConstant>>;

const WELL_KNOWN: HookConstants = {
  BROADCAST,
  DROP,
  LEARN,
  EtherType,
  Protocol,
  TcpFlag,
  IcmpType,
};

const MATH: readonly string[] = ["min", "max", "imul", "floor", "trunc"];

/** Functions of Math that hooks can call. */
export function isMathFunction(name: string): boolean {
  return MATH.includes(name);
}

/** The names of those functions, for messages. */
export const MATH_FUNCTIONS: string = MATH.map((name) => `Math.${name}()`).join(", ");

/**
 * Checks what the caller passed.
 *
 * @throws {TypeError} if something is neither number, boolean, nor plain object
 * @throws {RangeError} if a number is not whole, or beyond 2^53 - 1
 */
export function checkConstants(constants: unknown, path = "constants"): void {
  if (!isRecord(constants)) {
    throw new TypeError(`Cannot use ${show(constants)} as \`${path}\`: expected an object`);
  }
  for (const [name, value] of Object.entries(constants)) {
    const place = `${path}.${name}`;
    if (typeof value === "boolean") continue;
    if (typeof value === "number") {
      if (Number.isSafeInteger(value)) continue;
      throw new RangeError(
        `Cannot use ${value} as \`${place}\`: hooks compute with whole numbers up to 2^53 - 1`,
      );
    }
    if (!isRecord(value)) {
      throw new TypeError(
        `Cannot use ${
          show(value)
        } as \`${place}\`: expected a number, a boolean, or an object of ` +
          "them; what is looked up by a key belongs into `tables`",
      );
    }
    checkConstants(value, place);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  // Of a module or an enum, or `{}`; no arrays, maps, dates
  return prototype === null || prototype === Object.prototype;
}

/** What a name stands for, undefined if it is not known. */
export function namedConstant(constants: HookConstants, name: string): HookConstant | undefined {
  return memberOf(constants, name) ?? memberOf(WELL_KNOWN, name);
}

/** What a property of an object stands for, undefined if it has none of that name. */
export function memberOf(value: HookConstant, name: string): HookConstant | undefined {
  return typeof value === "object" && Object.hasOwn(value, name) ? value[name] : undefined;
}
