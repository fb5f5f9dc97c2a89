/**
 * Which variables of a hook are places in the packet. The verifier keeps apart what it knows about such
 * ones on each way through the program, and would follow a loop over headers too often to come to an end.
 *
 * @module
 */

import { isImmediate } from "./ebpf_assembler.ts";
import type { Expression, HookProgram, Local, Statement } from "./ir.ts";
import { bodiesOf, expressionsOf, operands } from "./walk.ts";

/** Most bits that a mask in an instruction has. */
const MASK_BITS = 31;

/** Bits of a number >= 0; 32 stand for more. */
export function bitsOf(value: number): number {
  return value > 0xffff_ffff ? 32 : 32 - Math.clz32(value);
}

/** The variables of whom assignments are worth it, or undefined if none are. */
export function widenedLocals(program: HookProgram): ReadonlySet<Local> | undefined {
  const places = new Set<Local>();
  let size: number;
  do {
    size = places.size;
    inStatements(program.body, places);
  } while (places.size > size);
  for (const local of places) {
    if (bitsOf(local.hi - local.lo) > MASK_BITS || !isImmediate(local.lo)) places.delete(local);
  }
  return places.size > 0 ? places : undefined;
}

/** True if an assignment gives a variable a place that differs from way to way. */
export function isWidened(local: Local, value: Expression): boolean {
  if (value.op === "const") return false;
  // Counting on: the verifier knows the turn of the loop anyway
  return !(value.op === "add" && value.left.op === "get" && value.left.local === local &&
    value.right.op === "const");
}

function inStatements(statements: readonly Statement[], places: Set<Local>): void {
  for (const statement of statements) {
    for (const expression of expressionsOf(statement)) inExpression(expression, places);
    if (statement.op === "store") addParts(statement.at, places);
    if (statement.op === "set" && places.has(statement.local)) addParts(statement.value, places);
    for (const body of bodiesOf(statement)) inStatements(body, places);
  }
}

function inExpression(expression: Expression, places: Set<Local>): void {
  if (expression.op === "load") addParts(expression.at, places);
  if (expression.op === "let" && places.has(expression.local)) addParts(expression.value, places);
  for (const operand of operands(expression)) inExpression(operand, places);
}

/** The variables that a place is computed from; not what is loaded from the packet. */
function addParts(expression: Expression, places: Set<Local>): void {
  if (expression.op === "get") places.add(expression.local);
  if (expression.op === "load" || expression.op === "table") return;
  const parts = expression.op === "cond"
    ? [expression.yes, expression.no]
    : expression.op === "let"
    ? [expression.body]
    : operands(expression);
  for (const part of parts) addParts(part, places);
}
