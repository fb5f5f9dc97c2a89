/**
 * Finds out what operators give, and refuses operands that they cannot be compiled for.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import type { Operator } from "./ir.ts";
import { BIT, int32Range, operate, type Range, uint32Range, union } from "./range.ts";
import type { ExpressionNode, Node } from "./syntax.ts";
import { unsupported } from "./unsupported.ts";
import { booleanIn, join, numberIn, type Value } from "./value.ts";

/** Operators that compute with the low 32 bits. */
export const BIT_OPERATORS: Readonly<Record<string, "and" | "or" | "xor">> = {
  "&": "and",
  "|": "or",
  "^": "xor",
};

/** Operators that give the exact result. */
export const ARITHMETIC: Readonly<Record<string, "add" | "sub" | "mul">> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
};

/** Comparisons, and whether their sides change places. */
export const ORDER: Readonly<Record<string, readonly ["lt" | "le", boolean]>> = {
  "<": ["lt", false],
  "<=": ["le", false],
  ">": ["lt", true],
  ">=": ["le", true],
};

/** True for `===` and `==`, false for `!==` and `!=`, undefined for others. */
export function isEquality(operator: string): boolean | undefined {
  if (operator === "===" || operator === "==") return true;
  return operator === "!==" || operator === "!=" ? false : undefined;
}

/** The two sides of an operator. */
export interface Sides {
  /** What the left one gives. */
  readonly left: Value;
  /** The left one. */
  readonly leftNode: ExpressionNode;
  /** What the right one gives. */
  readonly right: Value;
  /** The right one. */
  readonly rightNode: ExpressionNode;
}

/** What `left operator right` gives, for assignments as well. */
export function binaryValue(
  analysis: Analysis,
  node: Node,
  operator: string,
  sides: Sides,
): Value {
  const { left, leftNode, right, rightNode } = sides;
  if (isEquality(operator) !== undefined) return equality(analysis, node, operator, sides);
  const bitOperator = BIT_OPERATORS[operator];
  if (bitOperator !== undefined) {
    const a = bitsOf(analysis, leftNode, left), b = bitsOf(analysis, rightNode, right);
    return numberIn(computed(bitOperator, a, b));
  }
  if (operator === "<<" || operator === ">>" || operator === ">>>") {
    const count = computed("and", bitsOf(analysis, rightNode, right), { lo: 31, hi: 31 });
    return numberIn(shift(operator, rounded(analysis, leftNode, left), count));
  }
  if (left.kind !== "number") refuse(analysis, leftNode, left);
  if (right.kind !== "number") refuse(analysis, rightNode, right);
  const order = ORDER[operator];
  if (order !== undefined) {
    const [op, swapped] = order;
    return booleanIn(swapped ? computed(op, right, left) : computed(op, left, right));
  }
  if (operator === "/" || operator === "%") return division(analysis, operator, sides);
  const arithmetic = ARITHMETIC[operator];
  if (arithmetic === undefined) return unsupported(analysis, node, operator);
  const range = operate(arithmetic, left, right);
  return range === undefined ? overflow(analysis, node, operator) : numberIn(range);
}

/** For operators whose results are always exact. */
function computed(operator: Operator, left: Range, right: Range): Range {
  const range = operate(operator, left, right);
  if (range === undefined) throw new RangeError(`Operator "${operator}" is not exact`);
  return range;
}

/** The operand of a bit operator, as a signed number of 32 bits. */
export function bitsOf(analysis: Analysis, node: ExpressionNode, value: Value): Range {
  return int32Range(rounded(analysis, node, value));
}

/** A number, or a quotient that is about to be made a whole number. */
function rounded(analysis: Analysis, node: ExpressionNode, value: Value): Range {
  if (value.kind === "boolean" || value.kind === "optional") refuse(analysis, node, value);
  return value;
}

function shift(operator: "<<" | ">>" | ">>>", left: Range, count: Range): Range {
  if (operator === ">>>") return computed("shr", uint32Range(left), count);
  if (operator === ">>") return computed("shr", int32Range(left), count);
  return int32Range(computed("shl", int32Range(left), count));
}

function equality(analysis: Analysis, node: Node, operator: string, sides: Sides): Value {
  const { left, leftNode, right, rightNode } = sides;
  if (isQuotient(left)) refuse(analysis, leftNode, left);
  if (isQuotient(right)) refuse(analysis, rightNode, right);
  if (join(left, right) === undefined) {
    const mend = "Compare numbers with numbers, and conditions with conditions";
    analysis.fail(node, "this comparison", "a number never equals a boolean", mend);
  }
  if (left.kind === "optional" || right.kind === "optional") return booleanIn(BIT);
  return booleanIn(computed(isEquality(operator) ? "eq" : "ne", left, right));
}

function division(
  analysis: Analysis,
  operator: "/" | "%",
  { left, leftNode, right, rightNode }: Sides,
): Value {
  refuseNegative(analysis, leftNode, left);
  refuseNegative(analysis, rightNode, right);
  const divisor = { lo: Math.max(1, right.lo), hi: right.hi };
  const range = divisor.hi < 1
    ? { lo: 0, hi: 0 }
    : computed(operator === "/" ? "div" : "mod", left, divisor);
  if (right.lo === 0) return { kind: "unsafe", ...union(range, { lo: 0, hi: 0 }) };
  return operator === "/" ? { kind: "fraction", ...range } : numberIn(range);
}

function refuseNegative(analysis: Analysis, node: ExpressionNode, { lo, hi }: Value): void {
  if (lo >= 0) return;
  const text = analysis.text(node);
  analysis.fail(
    node,
    `"${text}" in a division`,
    `it may be negative (${lo} to ${hi}), and only numbers from 0 on are divided`,
    `Write ((${text}) >>> 0), or Math.max(0, ${text})`,
  );
}

function overflow(analysis: Analysis, node: Node, operator: string): never {
  return analysis.fail(
    node,
    `"${analysis.text(node)}"`,
    "the result may be beyond 2^53 - 1, where numbers are not exact any more",
    operator.startsWith("*")
      ? "Write Math.imul(a, b) >>> 0 for the low 32 bits of the product, or make the factors smaller"
      : "Write (a + b) >>> 0 to keep 32 bits, in a loop in each round",
  );
}

/** True for what has to be rounded first. */
export function isQuotient({ kind }: Value): boolean {
  return kind === "fraction" || kind === "unsafe";
}

/** Refuses a value of a kind that cannot stand here. */
export function refuse(analysis: Analysis, node: Node, { kind }: Value): never {
  const text = analysis.text(node);
  switch (kind) {
    case "boolean":
      return analysis.fail(
        node,
        `"${text}" as a number`,
        "it is a boolean",
        `Write (${text} ? 1 : 0)`,
      );
    case "optional":
      return analysis.fail(
        node,
        `"${text}" as a number`,
        "it may be undefined",
        `Write (${text} ?? 0)`,
      );
    case "fraction":
      return analysis.fail(
        node,
        "a division",
        "the result may be no whole number",
        `Write Math.floor(${text})`,
      );
    case "unsafe":
      return analysis.fail(
        node,
        "a division by what may be 0",
        "the result may be NaN or Infinity",
        `Write ((${text}) >>> 0), where a division by 0 gives 0, or divide by Math.max(1, ...)`,
      );
    default:
      return analysis.fail(node, `"${text}" here`, "it is a number", `Write ${text} !== 0`);
  }
}
