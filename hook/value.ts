/**
 * What the analysis knows about values and variables.
 *
 * @module
 */

import { BIT, exactly, type Range, union } from "./range.ts";

/**
 * What a value is: a whole number; `true` or `false`; a number that may be `undefined` instead; the
 * result of a division by something that is not 0, which has to be rounded; the same by something that may
 * be 0, or a remainder of it, where only the bit operators make a number of infinity and NaN.
 */
export type Kind = "number" | "boolean" | "optional" | "fraction" | "unsafe";

/**
 * A value: its kind and its least and greatest value; of `optional` those of the number, of a quotient
 * those of the rounded one.
 */
export interface Value extends Range {
  /** What it is. */
  readonly kind: Kind;
}

/** A number within a range. */
export function numberIn({ lo, hi }: Range): Value {
  return { kind: "number", lo, hi };
}

/** A condition's value. */
export function booleanIn({ lo, hi }: Range): Value {
  return { kind: "boolean", lo, hi };
}

/** `undefined` itself. */
export const UNDEFINED: Value = { kind: "optional", lo: 0, hi: 0 };

/** A value that is one of two; undefined if no kind holds both. */
export function join(a: Value, b: Value): Value | undefined {
  if (a.kind === b.kind) return { kind: a.kind, ...union(a, b) };
  const kinds = [a.kind, b.kind];
  if (kinds.includes("optional") && kinds.includes("number")) {
    return { kind: "optional", ...union(a, b) };
  }
  return undefined;
}

/** What an expression gives that gives two values in two rounds of a loop; quotients as well. */
export function joinRounds(a: Value, b: Value): Value {
  return join(a, b) ?? { kind: "unsafe", ...union(a, b) };
}

/** Whether a value counts as true: 0 to 1. */
export function truthOf({ kind, lo, hi }: Value): Range {
  if (lo === 0 && hi === 0) return exactly(0);
  return kind !== "optional" && (lo > 0 || hi < 0) ? exactly(1) : BIT;
}

/** A variable of the hook. */
export interface Variable {
  /** What the source calls it. */
  readonly name: string;
  /** False if it cannot be assigned again. */
  readonly mutable: boolean;
  /** All values that it is ever given. */
  all: Value | undefined;
}

/** What is known about each variable at some place; undefined where no way leads to. */
export type State = ReadonlyMap<Variable, Value> | undefined;

/** A state in which a variable has a value. */
export function withValue(state: State, variable: Variable, value: Value): State {
  return state === undefined ? undefined : new Map(state).set(variable, value);
}

/** The state behind the meeting of two ways. */
export function joinStates(a: State, b: State): State {
  if (a === undefined || b === undefined) return a ?? b;
  const joined = new Map<Variable, Value>();
  for (const [variable, value] of a) {
    const other = b.get(variable);
    const both = other === undefined ? undefined : join(value, other);
    if (both !== undefined) joined.set(variable, both);
  }
  return joined;
}

/** Names that can be seen at some place. */
export class Scope {
  readonly #names = new Map<string, Variable | "packet">();
  readonly #parent: Scope | undefined;

  /** A scope within another one. */
  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  /** What a name stands for, undefined if it was not declared here. */
  find(name: string): Variable | "packet" | undefined {
    return this.#names.get(name) ?? this.#parent?.find(name);
  }

  /** Declares a name. */
  declare(name: string, variable: Variable | "packet"): void {
    this.#names.set(name, variable);
  }
}
