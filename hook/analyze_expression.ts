/**
 * Finds out what a hook's expressions give, and refuses those that cannot be compiled.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { binaryValue, bitsOf, refuse } from "./analyze_operator.ts";
import { isMathFunction, MATH_FUNCTIONS, memberOf } from "./constants.ts";
import { DIRECT_FIELDS, FIELDS, READERS, UNREADABLE } from "./fields.ts";
import { operate, type Range } from "./range.ts";
import { refine } from "./refine.ts";
import type {
  Call,
  Conditional,
  ExpressionNode,
  Identifier,
  Literal,
  Logical,
  Member,
  Node,
  Unary,
} from "./syntax.ts";
import { checkTableCall } from "./table_call.ts";
import { unsupported } from "./unsupported.ts";
import {
  booleanIn,
  join,
  numberIn,
  type Scope,
  type State,
  truthOf,
  UNDEFINED,
  type Value,
} from "./value.ts";

/** Analyses the expressions of one hook. */
export class ExpressionAnalyzer {
  readonly #analysis: Analysis;

  /** Findings go into `analysis`. */
  constructor(analysis: Analysis) {
    this.#analysis = analysis;
  }

  /** What an expression gives. */
  value(node: ExpressionNode, scope: Scope, state: State): Value {
    return this.#analysis.note(node, this.#value(node, scope, state));
  }

  /** What an expression gives, which has to be a number. */
  number(node: ExpressionNode, scope: Scope, state: State): Value {
    const value = this.value(node, scope, state);
    if (value.kind !== "number") refuse(this.#analysis, node, value);
    return value;
  }

  /** Whether an expression counts as true: 0 to 1. */
  condition(node: ExpressionNode, scope: Scope, state: State): Range {
    if (node.type === "LogicalExpression" && node.operator !== "??") {
      const isAnd = node.operator === "&&";
      const left = this.condition(node.left, scope, state);
      const behind = refine(this.#analysis, node.left, isAnd, state);
      const skipped = isAnd ? left.hi === 0 : left.lo === 1;
      if (skipped || behind === undefined) return this.#noteTruth(node, left);
      const right = this.condition(node.right, scope, behind);
      const truth = isAnd
        ? { lo: left.lo & right.lo, hi: right.hi }
        : { lo: left.lo | right.lo, hi: left.hi | right.hi };
      return this.#noteTruth(node, truth);
    }
    if (node.type === "UnaryExpression" && node.operator === "!") {
      const { lo, hi } = this.condition(node.argument, scope, state);
      return this.#noteTruth(node, { lo: 1 - hi, hi: 1 - lo });
    }
    const value = this.value(node, scope, state);
    if (value.kind === "fraction" || value.kind === "unsafe") refuse(this.#analysis, node, value);
    return truthOf(value);
  }

  #value(node: ExpressionNode, scope: Scope, state: State): Value {
    switch (node.type) {
      case "Literal":
        return this.#literal(node);
      case "Identifier":
        return this.#identifier(node, scope, state);
      case "UnaryExpression":
        return this.#unary(node, scope, state);
      case "BinaryExpression": {
        const left = this.value(node.left, scope, state);
        const right = this.value(node.right, scope, state);
        const { left: leftNode, right: rightNode } = node;
        return binaryValue(this.#analysis, node, node.operator, {
          left,
          leftNode,
          right,
          rightNode,
        });
      }
      case "LogicalExpression":
        return this.#logical(node, scope, state);
      case "ConditionalExpression":
        return this.#conditional(node, scope, state);
      case "MemberExpression":
        return this.#member(node, scope, state);
      case "CallExpression":
        return this.#call(node, scope, state);
      default:
        return unsupported(this.#analysis, node);
    }
  }

  #literal(node: Literal): Value {
    const { value, raw } = node;
    if (typeof value === "boolean") return booleanIn({ lo: Number(value), hi: Number(value) });
    if (typeof value !== "number") return unsupported(this.#analysis, node);
    if (Number.isSafeInteger(value)) return numberIn({ lo: value, hi: value });
    return this.#analysis.fail(
      node,
      `the number ${raw}`,
      "hooks compute with whole numbers up to 2^53 - 1",
      "Use a whole number; for a part of something multiply first and divide then, " +
        "as Math.floor(x * 3 / 4)",
    );
  }

  #identifier(node: Identifier, scope: Scope, state: State): Value {
    const analysis = this.#analysis;
    const meaning = analysis.meaning(node, scope) ?? analysis.unknown(node);
    switch (meaning.is) {
      case "variable": {
        const value = state?.get(meaning.variable);
        if (value !== undefined) return value;
        return analysis.fail(
          node,
          `the variable "${node.name}"`,
          "it is read before it has a value on every way",
          "Declare it further up, with a value",
        );
      }
      case "constant":
        return this.#constant(node, meaning.value);
      case "undefined":
        return UNDEFINED;
      default:
        return analysis.fail(
          node,
          `"${node.name}" as a value`,
          "it is not a number",
          meaning.is === "packet"
            ? `Read one of its properties, as ${node.name}.port`
            : meaning.is === "table"
            ? `Call one of its functions, as ${node.name}.get(key)`
            : `Call one of ${MATH_FUNCTIONS}`,
        );
    }
  }

  #constant(node: Node, constant: unknown): Value {
    if (typeof constant === "number") return numberIn({ lo: constant, hi: constant });
    if (typeof constant === "boolean") {
      return booleanIn({ lo: Number(constant), hi: Number(constant) });
    }
    const text = this.#analysis.text(node);
    return this.#analysis.fail(
      node,
      `"${text}" as a value`,
      "it is an object",
      `Read one of its properties, as ${text}.${Object.keys(constant as object)[0] ?? "name"}`,
    );
  }

  #unary(node: Unary, scope: Scope, state: State): Value {
    const { operator, argument } = node;
    if (operator === "!") return booleanIn(this.condition(node, scope, state));
    if (operator === "~") {
      const { lo, hi } = bitsOf(this.#analysis, argument, this.value(argument, scope, state));
      return numberIn({ lo: -1 - hi, hi: -1 - lo });
    }
    if (operator !== "-" && operator !== "+") return unsupported(this.#analysis, node, operator);
    const { lo, hi } = this.number(argument, scope, state);
    return numberIn(operator === "+" ? { lo, hi } : { lo: 0 - hi, hi: 0 - lo });
  }

  #logical(node: Logical, scope: Scope, state: State): Value {
    const { operator } = node;
    const left = this.value(node.left, scope, state);
    if (left.kind === "fraction" || left.kind === "unsafe") refuse(this.#analysis, node.left, left);
    if (operator === "??") {
      if (left.kind !== "optional") return left;
      return this.#either(node, numberIn(left), this.value(node.right, scope, state));
    }
    const isAnd = operator === "&&";
    const truth = truthOf(left);
    const behind = refine(this.#analysis, node.left, isAnd, state);
    const skipped = isAnd ? truth.hi === 0 : truth.lo === 1;
    if (skipped || behind === undefined) return left;
    const right = this.value(node.right, scope, behind);
    return this.#either(node, isAnd ? falsy(left) : truthy(left), right);
  }

  #conditional(node: Conditional, scope: Scope, state: State): Value {
    const test = this.condition(node.test, scope, state);
    const yes = test.hi === 0 ? undefined : refine(this.#analysis, node.test, true, state);
    const no = test.lo === 1 ? undefined : refine(this.#analysis, node.test, false, state);
    const a = yes && this.value(node.consequent, scope, yes);
    const b = no && this.value(node.alternate, scope, no);
    if (a === undefined || b === undefined) {
      return a ?? b ?? this.value(node.alternate, scope, state);
    }
    return this.#either(node, a, b);
  }

  #either(node: Node, a: Value, b: Value): Value {
    for (const value of [a, b]) {
      if (value.kind === "fraction" || value.kind === "unsafe") refuse(this.#analysis, node, value);
    }
    return join(a, b) ?? this.#analysis.fail(
      node,
      "this choice",
      "one side is a number, the other a boolean",
      "Give a number on both sides, or a condition on both",
    );
  }

  #member(node: Member, scope: Scope, state: State): Value {
    const analysis = this.#analysis;
    const { meaning, name } = analysis.property(node, scope);
    if (meaning?.is === "packet") {
      if (name === "ring") return state!.get(analysis.ring)!;
      const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
      if (field !== undefined) {
        if (!DIRECT_FIELDS.includes(name)) checkHeaders(analysis, node, state);
        return { kind: field.kind, lo: 0, hi: field.hi };
      }
      this.#unreadable(node, name);
    }
    if (meaning?.is === "constant") {
      const value = memberOf(meaning.value, name);
      if (value !== undefined) return this.#constant(node, value);
    }
    return analysis.fail(
      node,
      `"${analysis.text(node)}"`,
      "there is no such property",
      meaning?.is === "constant" && typeof meaning.value === "object"
        ? `Use one of ${Object.keys(meaning.value).join(", ")}`
        : "Read properties of the packet and of constants only",
    );
  }

  #unreadable(node: Node, name: string): never {
    const reason = Object.hasOwn(UNREADABLE, name) ? UNREADABLE[name] : undefined;
    if (reason !== undefined) {
      const [problem, mend] = reason.split("; ");
      const hint = mend[0].toUpperCase() + mend.slice(1);
      this.#analysis.fail(node, `the packet's "${name}"`, problem, hint);
    }
    if (Object.hasOwn(READERS, name)) {
      const mend = `Call it with an offset, as packet.${name}(0)`;
      this.#analysis.fail(node, `the packet's "${name}"`, "it is a function", mend);
    }
    const mend = `Use one of ${Object.keys(FIELDS).join(", ")}, ring, u8(), u16(), u32()`;
    this.#analysis.fail(node, `the packet's "${name}"`, "a packet has no such property", mend);
  }

  #call(node: Call, scope: Scope, state: State): Value {
    const analysis = this.#analysis;
    const { callee } = node;
    if (callee.type !== "MemberExpression" || node.optional) return unsupported(analysis, node);
    const { meaning, name } = analysis.property(callee, scope);
    if (meaning?.is === "math" && isMathFunction(name)) return this.#math(node, name, scope, state);
    if (meaning?.is === "packet" && Object.hasOwn(READERS, name)) {
      this.#arguments(node, 1);
      this.number(node.arguments[0], scope, state);
      return numberIn({ lo: 0, hi: 2 ** (8 * READERS[name]) - 1 });
    }
    if (meaning?.is === "packet") this.#unreadable(callee, name);
    if (meaning?.is === "table") {
      return checkTableCall(
        analysis,
        node,
        { table: meaning.name, method: name, isStatement: false },
        (argument) => this.number(argument, scope, state),
      );
    }
    if (meaning?.is !== "math") return unsupported(analysis, node);
    const mend = `Use one of ${MATH_FUNCTIONS}`;
    return analysis.fail(node, `Math.${name}()`, "hooks compute with whole numbers", mend);
  }

  #arguments(node: Call, count: number): void {
    if (node.arguments.length === count) return;
    const problem = `it takes ${count} argument${count === 1 ? "" : "s"}`;
    const mend = `Give it ${count}, not ${node.arguments.length}`;
    this.#analysis.fail(node, `"${this.#analysis.text(node)}"`, problem, mend);
  }

  #math(node: Call, name: string, scope: Scope, state: State): Value {
    if (name === "floor" || name === "trunc") {
      this.#arguments(node, 1);
      const [argument] = node.arguments;
      const value = this.value(argument, scope, state);
      if (value.kind === "fraction") return numberIn(value);
      if (value.kind !== "number") refuse(this.#analysis, argument, value);
      return value;
    }
    if (name === "imul") {
      this.#arguments(node, 2);
      const [a, b] = node.arguments.map((argument) =>
        bitsOf(this.#analysis, argument, this.value(argument, scope, state))
      );
      return numberIn(operate("imul", a, b)!);
    }
    if (node.arguments.length === 0) this.#arguments(node, 2);
    return node.arguments
      .map((argument) => this.number(argument, scope, state))
      .reduce((a, b) => numberIn(operate(name as "min" | "max", a, b)!));
  }

  #noteTruth(node: Node, truth: Range): Range {
    this.#analysis.note(node, booleanIn(truth));
    return truth;
  }
}

/** Headers are found once, so not by bytes that the hook itself has written. */
export function checkHeaders(analysis: Analysis, node: Node, state: State): void {
  if (state?.get(analysis.written)?.hi !== 1) return;
  analysis.fail(
    node,
    `"${analysis.text(node)}" behind setU8(), setU16() or setU32()`,
    "these may have changed where it is",
    "Do it before, and keep what you read in a const; or read with u8(), u16() or u32()",
  );
}

/** Of a value what counts as false. */
function falsy({ kind }: Value): Value {
  return { kind, lo: 0, hi: 0 };
}

/** Of a value what counts as true. */
function truthy({ kind, lo, hi }: Value): Value {
  const range = { lo: lo === 0 ? 1 : lo, hi: hi === 0 ? -1 : hi };
  return kind === "boolean" ? { kind, lo: 1, hi: 1 } : numberIn(range);
}
