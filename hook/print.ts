/**
 * The intermediate form as text, for people and tests.
 *
 * @module
 */

import type { Expression, HookProgram, Statement } from "./ir.ts";

const INFIX: Readonly<Record<string, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "%",
  and: "&",
  or: "|",
  xor: "^",
  shl: "<<",
  shr: ">>",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
};

/** A program as text, a statement a line. */
export function printProgram(program: HookProgram): string {
  const locals = program.locals.map(({ id, name, lo, hi }) => `  v${id} ${name} ${lo}..${hi}\n`);
  return `hook ${program.name}\n${locals.join("")}${printStatements(program.body, "  ")}`;
}

function printStatements(statements: readonly Statement[], indent: string): string {
  return statements.map((statement) => `${indent}${printStatement(statement, indent)}\n`).join("");
}

function printStatement(statement: Statement, indent: string): string {
  const block = (body: readonly Statement[]): string =>
    `{\n${printStatements(body, `${indent}  `)}${indent}}`;
  switch (statement.op) {
    case "set":
      return `v${statement.local.id} = ${printExpression(statement.value)}`;
    case "ring":
      return `ring ${printExpression(statement.value)}`;
    case "copy":
      return `copy ${printExpression(statement.value)}`;
    case "store": {
      const { size, at, value } = statement;
      return `store${size}(${printExpression(at)}) = ${printExpression(value)}`;
    }
    case "effect":
      return printExpression(statement.value);
    case "if":
      return `if ${printExpression(statement.test)} ${block(statement.yes)}` +
        (statement.no.length === 0 ? "" : ` else ${block(statement.no)}`);
    case "block":
      return `block L${statement.label} ${block(statement.body)}`;
    case "loop":
      return `loop L${statement.label} at most ${statement.bound} ${block(statement.body)}`;
    case "break":
      return `break L${statement.label}`;
    case "return":
      return `return ${printExpression(statement.value)}`;
  }
}

/** An expression as text. */
export function printExpression(expression: Expression): string {
  const print = printExpression;
  switch (expression.op) {
    case "const":
      return `${expression.value}`;
    case "get":
      return `v${expression.local.id}`;
    case "input":
      return expression.input;
    case "load":
      return `load${expression.size}(${print(expression.at)})`;
    case "int32":
    case "uint32":
      return `${expression.op}(${print(expression.value)})`;
    case "cond":
      return `(${print(expression.test)} ? ${print(expression.yes)} : ${print(expression.no)})`;
    case "let":
      return `(v${expression.local.id} := ${print(expression.value)}; ${print(expression.body)})`;
    case "table": {
      const parts = [...expression.key, ...(expression.argument ? [expression.argument] : [])];
      return `table${expression.table}.${expression.method}(${parts.map(print).join(", ")})`;
    }
    default: {
      const left = print(expression.left), right = print(expression.right);
      const sign = INFIX[expression.op];
      return sign === undefined
        ? `${expression.op}(${left}, ${right})`
        : `(${left} ${sign} ${right})`;
    }
  }
}
