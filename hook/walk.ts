/**
 * Goes through the intermediate form: what parts are made of, and which variables they read.
 *
 * @module
 */

import type { Expression, Local, Statement } from "./ir.ts";

/** The expressions that an expression is made of. */
export function operands(expression: Expression): readonly Expression[] {
  switch (expression.op) {
    case "const":
    case "get":
    case "input":
      return [];
    case "load":
      return [expression.at];
    case "int32":
    case "uint32":
      return [expression.value];
    case "cond":
      return [expression.test, expression.yes, expression.no];
    case "let":
      return [expression.value, expression.body];
    case "table":
      return expression.argument === undefined
        ? expression.key
        : [...expression.key, expression.argument];
    default:
      return [expression.left, expression.right];
  }
}

/** True if an expression does something besides having a value. */
export function hasCall(expression: Expression): boolean {
  return expression.op === "table" || operands(expression).some(hasCall);
}

/** The expressions that stand in a statement itself, not in those below it. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.op) {
    case "set":
    case "ring":
    case "copy":
    case "effect":
    case "return":
      return [statement.value];
    case "store":
      return [statement.at, statement.value];
    case "if":
      return [statement.test];
    default:
      return [];
  }
}

/** The lists of statements below a statement. */
export function bodiesOf(statement: Statement): readonly (readonly Statement[])[] {
  switch (statement.op) {
    case "if":
      return [statement.yes, statement.no];
    case "block":
    case "loop":
      return [statement.body];
    default:
      return [];
  }
}

/** Adds the variables that an expression reads. */
export function readsOf(expression: Expression, reads: Set<Local>): void {
  if (expression.op === "get") reads.add(expression.local);
  for (const operand of operands(expression)) readsOf(operand, reads);
}

/** The variables that statements read. */
export function readsIn(
  statements: readonly Statement[],
  reads: Set<Local> = new Set(),
): Set<Local> {
  for (const statement of statements) {
    for (const expression of expressionsOf(statement)) readsOf(expression, reads);
    for (const body of bodiesOf(statement)) readsIn(body, reads);
  }
  return reads;
}

/** The variables of statements, in order of appearance. */
export function localsIn(statements: readonly Statement[]): Local[] {
  const locals = new Set<Local>();
  collect(statements, locals);
  return [...locals];
}

function collect(statements: readonly Statement[], locals: Set<Local>): void {
  for (const statement of statements) {
    if (statement.op === "set") locals.add(statement.local);
    for (const expression of expressionsOf(statement)) collectBound(expression, locals);
    for (const body of bodiesOf(statement)) collect(body, locals);
  }
}

function collectBound(expression: Expression, locals: Set<Local>): void {
  if (expression.op === "let") locals.add(expression.local);
  for (const operand of operands(expression)) collectBound(operand, locals);
}
