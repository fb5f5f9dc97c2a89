/**
 * What instructions the operators of the intermediate form are.
 *
 * @module
 */

import { Alu, type AluOperation, Jump, type JumpCondition } from "./ebpf_assembler.ts";
import type { Expression } from "./ir.ts";

/** Operators on numbers. */
export const ARITHMETIC: Readonly<Record<string, AluOperation>> = {
  add: Alu.add,
  sub: Alu.sub,
  mul: Alu.mul,
  div: Alu.div,
  mod: Alu.mod,
  and: Alu.and,
  or: Alu.or,
  xor: Alu.xor,
  shl: Alu.lsh,
  shr: Alu.arsh,
};

/** Comparisons of signed numbers. */
export const COMPARISONS: Readonly<Record<string, JumpCondition>> = {
  eq: Jump.eq,
  ne: Jump.ne,
  lt: Jump.slt,
  le: Jump.sle,
};

/** Their opposites. */
export const OPPOSITES: Readonly<Record<string, JumpCondition>> = {
  eq: Jump.ne,
  ne: Jump.eq,
  lt: Jump.sge,
  le: Jump.sgt,
};

/** True if the verifier may know that a value is a variable's, or that and a constant. */
export function isLinked(expression: Expression): boolean {
  switch (expression.op) {
    case "get":
      return true;
    case "add":
    case "sub":
      return expression.right.op === "const" && isLinked(expression.left);
    case "min":
    case "max":
      return isLinked(expression.left) || isLinked(expression.right);
    case "cond":
      return isLinked(expression.yes) || isLinked(expression.no);
    case "let":
      return isLinked(expression.body);
    default:
      return false;
  }
}
