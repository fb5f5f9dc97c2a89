/**
 * What a condition tells about variables, once it is known to be true or false.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { isEquality, ORDER } from "./analyze_operator.ts";
import type { BinaryNode, ExpressionNode } from "./syntax.ts";
import {
  joinStates,
  numberIn,
  type State,
  truthOf,
  UNDEFINED,
  type Value,
  type Variable,
  withValue,
} from "./value.ts";

/** The state where a condition, which was analysed already, is `truth`; undefined if it never is. */
export function refine(
  analysis: Analysis,
  node: ExpressionNode,
  truth: boolean,
  state: State,
): State {
  if (state === undefined) return undefined;
  if (node.type === "UnaryExpression" && node.operator === "!") {
    return refine(analysis, node.argument, !truth, state);
  }
  if (node.type === "LogicalExpression" && node.operator !== "??") {
    const isAnd = node.operator === "&&";
    const behind = refine(analysis, node.left, isAnd, state);
    const right = refine(analysis, node.right, truth, behind);
    if (truth === isAnd) return right;
    return joinStates(refine(analysis, node.left, truth, state), right);
  }
  if (node.type === "BinaryExpression") return refineComparison(analysis, node, truth, state);
  const variable = variableOf(analysis, node);
  if (variable === undefined) return state;
  const value = state.get(variable);
  if (value === undefined) return state;
  const possible = truthOf(value);
  if (truth ? possible.hi === 0 : possible.lo === 1) return undefined;
  if (value.kind === "boolean") {
    return withValue(state, variable, { kind: "boolean", lo: Number(truth), hi: Number(truth) });
  }
  if (truth) return narrowed(state, variable, without(numberIn(value), 0));
  return withValue(state, variable, { kind: value.kind, lo: 0, hi: 0 });
}

function refineComparison(
  analysis: Analysis,
  node: BinaryNode,
  truth: boolean,
  state: State,
): State {
  const { operator, left, right } = node;
  const a = variableOf(analysis, left), b = variableOf(analysis, right);
  const order = ORDER[operator];
  const equality = isEquality(operator);
  if (state === undefined || (order === undefined && equality === undefined)) return state;
  // Both are the values before, so that one narrowing does not count for the other
  const before = state;
  const of = (side: ExpressionNode, variable: Variable | undefined): Value | undefined =>
    (variable && before.get(variable)) ?? analysis.values.get(side);
  const x = of(left, a), y = of(right, b);
  if (x === undefined || y === undefined) return state;
  let result: State = state;
  for (const [variable, mine, other, isLeft] of [[a, x, y, true], [b, y, x, false]] as const) {
    if (variable === undefined || result === undefined) continue;
    const isAbsence = equality !== undefined && isUndefined(analysis, isLeft ? right : left);
    if (isAbsence && mine.kind !== "optional") {
      if (equality === truth) return undefined;
      continue;
    }
    const value = equality === undefined
      ? ordered(mine, other, order[0] === "lt", isLeft !== order[1], truth)
      : isAbsence
      ? (equality === truth ? UNDEFINED : numberIn(mine))
      : equalTo(mine, other, equality === truth);
    result = narrowed(result, variable, value);
  }
  return result;
}

function isUndefined(analysis: Analysis, node: ExpressionNode): boolean {
  return node.type === "Identifier" && analysis.meanings.get(node)?.is === "undefined";
}

/** What is left of `mine` if it is less than `other` (`isLess`: it stands on the less side), or not. */
function ordered(
  mine: Value,
  other: Value,
  isStrict: boolean,
  isLess: boolean,
  truth: boolean,
): Value {
  // Not (a < b) is b <= a: the sides change, and the strictness
  const below = isLess === truth;
  const gap = isStrict === truth ? 1 : 0;
  return below
    ? { ...mine, hi: Math.min(mine.hi, other.hi - gap) }
    : { ...mine, lo: Math.max(mine.lo, other.lo + gap) };
}

function equalTo(mine: Value, other: Value, isEqual: boolean): Value {
  if (!isEqual) {
    // A number that is not some other may still be undefined
    return other.kind !== "optional" && other.lo === other.hi ? without(mine, other.lo) : mine;
  }
  const lo = Math.max(mine.lo, other.lo), hi = Math.min(mine.hi, other.hi);
  if (mine.kind === "optional" && other.kind === "optional") return mine;
  return { kind: mine.kind === "optional" ? other.kind : mine.kind, lo, hi };
}

/** A range without a value at one of its ends. */
function without(value: Value, excluded: number): Value {
  if (value.kind === "optional") return value;
  return {
    kind: value.kind,
    lo: value.lo === excluded ? value.lo + 1 : value.lo,
    hi: value.hi === excluded ? value.hi - 1 : value.hi,
  };
}

function narrowed(state: State, variable: Variable, value: Value): State {
  return value.lo > value.hi ? undefined : withValue(state, variable, value);
}

function variableOf(analysis: Analysis, node: ExpressionNode): Variable | undefined {
  if (node.type !== "Identifier") return undefined;
  const meaning = analysis.meanings.get(node);
  return meaning?.is === "variable" ? meaning.variable : undefined;
}
