/**
 * Turns a hook's expressions into the intermediate form.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { ARITHMETIC, BIT_OPERATORS, isEquality, ORDER } from "./analyze_operator.ts";
import {
  binary,
  bind,
  bits,
  both,
  cond,
  constant,
  either,
  get,
  input,
  int32,
  load,
  not,
  truth,
  uint32,
} from "./build_ir.ts";
import { memberOf } from "./constants.ts";
import { FIELDS, READERS } from "./fields.ts";
import type { Headers } from "./headers.ts";
import { ABSENT, type Expression, type Local, type Operator, type TableCall } from "./ir.ts";
import type { Names } from "./names.ts";
import { type Range, within } from "./range.ts";
import type {
  Call,
  Conditional,
  ExpressionNode,
  Identifier,
  Logical,
  Member,
  Unary,
} from "./syntax.ts";
import { keyOf, type TableMethod } from "./table_call.ts";
import type { Value, Variable } from "./value.ts";
import { hasCall } from "./walk.ts";

/** The range of what stands for a value: `undefined` is -1. */
function rangeOf({ kind, lo, hi }: Value): Range {
  return kind === "optional" ? { lo: ABSENT, hi } : { lo, hi };
}

/** The same expression, with what else is known about it. */
export function narrow(expression: Expression, { lo, hi }: Range): Expression {
  const range = { lo: Math.max(expression.lo, lo), hi: Math.min(expression.hi, hi) };
  if (range.lo === range.hi && !hasCall(expression)) return constant(range.lo);
  return range.lo > range.hi ? expression : { ...expression, ...range };
}

/** Turns expressions into the intermediate form; they have been analysed. */
export class ExpressionLowering {
  readonly #analysis: Analysis;
  readonly #names: Names;
  /** The variables of the headers. */
  readonly headers: Headers;
  readonly #locals = new Map<Variable, Local>();

  /** With what the analysis has found. */
  constructor(analysis: Analysis, names: Names, headers: Headers) {
    this.#analysis = analysis;
    this.#names = names;
    this.headers = headers;
  }

  /** True if the hook chooses a ring; otherwise it stays the sender's. */
  get isRingAssigned(): boolean {
    return this.#analysis.isRingAssigned;
  }

  /** The variable of the intermediate form that stands for one of the source. */
  local(variable: Variable): Local {
    let local = this.#locals.get(variable);
    if (local === undefined) {
      const { lo, hi } = rangeOf(variable.all!);
      local = this.#names.local(variable.name.replace("packet.", ""), lo, hi);
      this.#locals.set(variable, local);
    }
    return local;
  }

  /** What an expression gives. */
  value(node: ExpressionNode): Expression {
    const value = this.#analysis.values.get(node)!;
    return narrow(this.#value(node, value), rangeOf(value));
  }

  /** 1 if an expression counts as true, else 0. */
  condition(node: ExpressionNode): Expression {
    if (node.type === "LogicalExpression" && node.operator !== "??") {
      const left = this.condition(node.left);
      if (!this.#analysis.values.has(node.right)) return left;
      const combine = node.operator === "&&" ? both : either;
      return combine(left, this.condition(node.right));
    }
    if (node.type === "UnaryExpression" && node.operator === "!") {
      return not(this.condition(node.argument));
    }
    return this.#truth(this.value(node), this.#analysis.values.get(node)!);
  }

  /** What `left operator right` gives, for assignments as well. */
  binary(operator: string, left: Expression, right: Expression, range: Range): Expression {
    return this.#inOrder([left, right], ([a, b]) => this.#binary(operator, a, b, range));
  }

  /** A call of a table. */
  tableCall(node: Call): TableCall {
    const { callee } = node as Call & { callee: Member };
    const table = (callee.object as Identifier).name;
    const method = (callee.property as Identifier).name as TableMethod;
    const argument = node.arguments[1];
    const call = {
      op: "table",
      method,
      table: this.#analysis.tableNames.indexOf(table),
      key: keyOf(node).map((part) => this.value(part!)),
      argument: method === "get"
        ? undefined
        : argument === undefined
        ? constant(1)
        : this.value(argument),
      position: this.#analysis.position(node),
      lo: method === "get" ? ABSENT : 0,
      hi: method === "get" ? this.#analysis.values.get(node)!.hi : method === "take" ? 1 : 0,
    } as const;
    const parts = call.argument === undefined ? call.key : [...call.key, call.argument];
    if (parts.filter(hasCall).length > 1) {
      const mend = "Give each result a name with const first";
      this.#analysis.fail(node, "several calls in one key", "their order would matter", mend);
    }
    return call;
  }

  /** Evaluates from left to right where it matters. */
  #inOrder(
    values: readonly Expression[],
    combine: (values: readonly Expression[]) => Expression,
    done: readonly Expression[] = [],
  ): Expression {
    const [first, ...rest] = values;
    if (first === undefined) return combine(done);
    const next = (value: Expression): Expression => this.#inOrder(rest, combine, [...done, value]);
    return hasCall(first) && rest.some(hasCall) ? this.#bind(first, next) : next(first);
  }

  #bind(value: Expression, body: (value: Expression) => Expression): Expression {
    if (value.op === "const" || value.op === "get") return body(value);
    return bind(this.#names.local("value", value.lo, value.hi), value, body);
  }

  #truth(expression: Expression, { kind }: Value): Expression {
    if (kind === "boolean") return expression;
    return kind === "optional" ? binary("lt", constant(0), expression) : truth(expression);
  }

  #value(node: ExpressionNode, value: Value): Expression {
    switch (node.type) {
      case "Literal":
        return constant(Number(node.value));
      case "Identifier":
        return this.#identifier(node, value);
      case "UnaryExpression":
        return this.#unary(node, value);
      case "BinaryExpression": {
        const { operator, left, right } = node;
        if (isEquality(operator) !== undefined) return this.#equality(operator, left, right);
        return this.binary(operator, this.value(left), this.value(right), value);
      }
      case "LogicalExpression":
        return this.#logical(node, value);
      case "ConditionalExpression":
        return this.#conditional(node);
      case "MemberExpression":
        return this.#member(node);
      case "CallExpression":
        return this.#call(node);
      default:
        throw new TypeError(`Cannot lower "${node.type}"`);
    }
  }

  #identifier(node: Identifier, value: Value): Expression {
    const meaning = this.#analysis.meanings.get(node)!;
    if (meaning.is === "variable") return get(this.local(meaning.variable), rangeOf(value));
    return constant(meaning.is === "constant" ? Number(meaning.value) : ABSENT);
  }

  #unary(node: Unary, range: Range): Expression {
    if (node.operator === "!") return this.condition(node);
    const value = this.value(node.argument);
    if (node.operator === "~") return binary("xor", int32(value), constant(-1));
    return node.operator === "-" ? binary("sub", constant(0), value, range) : value;
  }

  #binary(operator: string, left: Expression, right: Expression, range: Range): Expression {
    const bitOperator = BIT_OPERATORS[operator];
    if (bitOperator !== undefined) {
      return binary(
        bitOperator,
        bits(left, right, bitOperator),
        bits(right, left, bitOperator),
      );
    }
    const count = (): Expression => binary("and", bits(right, constant(31), "and"), constant(31));
    if (operator === "<<") return int32(binary("shl", int32(left), count()));
    if (operator === ">>") return binary("shr", int32(left), count());
    if (operator === ">>>") return binary("shr", uint32(left), count());
    const order = ORDER[operator];
    if (order !== undefined) {
      const [op, swapped] = order;
      return swapped ? binary(op, right, left) : binary(op, left, right);
    }
    if (operator === "/") return this.#division("div", left, right, range);
    if (operator === "%") return this.#division("mod", left, right, range);
    return binary(ARITHMETIC[operator], left, right, range);
  }

  /** Of what may be 0 as well: then the bit operators around it make 0 of it. */
  #division(op: Operator, left: Expression, right: Expression, range: Range): Expression {
    if (right.lo >= 1) return binary(op, left, right, range);
    return this.#bind(
      right,
      (divisor) =>
        cond(
          truth(divisor),
          binary(op, left, narrow(divisor, { lo: 1, hi: Infinity }), range),
          constant(0),
        ),
    );
  }

  #equality(operator: string, leftNode: ExpressionNode, rightNode: ExpressionNode): Expression {
    const values = this.#analysis.values;
    const isOptional = (node: ExpressionNode): boolean => values.get(node)!.kind === "optional";
    const mixed = isOptional(leftNode) !== isOptional(rightNode);
    return this.#inOrder([this.value(leftNode), this.value(rightNode)], ([left, right]) => {
      const number = isOptional(leftNode) ? right : left;
      const other = number === left ? right : left;
      // The number -1 is not the -1 that stands for undefined
      const equal = mixed && within({ lo: ABSENT, hi: ABSENT }, number)
        ? this.#bind(
          number,
          (bound) => both(binary("ne", bound, constant(ABSENT)), binary("eq", bound, other)),
        )
        : binary("eq", left, right);
      return isEquality(operator) ? equal : not(equal);
    });
  }

  #logical(node: Logical, value: Value): Expression {
    const { operator } = node;
    const left = this.value(node.left);
    const kind = this.#analysis.values.get(node.left)!;
    if (!this.#analysis.values.has(node.right)) return left;
    const right = this.value(node.right);
    if (value.kind === "boolean") {
      return operator === "&&" ? both(left, right) : either(left, right);
    }
    return this.#bind(left, (bound) => {
      if (operator === "&&") return cond(this.#truth(bound, kind), right, bound);
      if (operator === "||") {
        const yes = kind.kind === "optional" ? narrow(bound, { lo: 1, hi: Infinity }) : bound;
        return cond(this.#truth(bound, kind), yes, right);
      }
      const present = narrow(bound, { lo: 0, hi: Infinity });
      return cond(binary("ne", bound, constant(ABSENT)), present, right);
    });
  }

  #conditional({ test, consequent, alternate }: Conditional): Expression {
    const { values } = this.#analysis;
    // An arm that is never taken has no value
    const arm = (node: ExpressionNode): Expression | undefined =>
      values.has(node) ? this.value(node) : undefined;
    const yes = arm(consequent), no = arm(alternate);
    const condition = this.condition(test);
    if (!hasCall(condition) && (yes === undefined || no === undefined)) return (yes ?? no)!;
    return cond(condition, yes ?? constant(0), no ?? constant(0));
  }

  #member(node: Member): Expression {
    const { name } = node.property as Identifier;
    const object = this.#analysis.found(node.object)!;
    if (object.is === "constant") return constant(Number(memberOf(object.value, name)));
    if (name !== "ring") {
      const position = this.#analysis.position(node);
      return FIELDS[name].build({ headers: this.headers, position });
    }
    const { ring, values } = this.#analysis;
    return this.isRingAssigned ? get(this.local(ring), values.get(node)!) : input("ring");
  }

  #call(node: Call): Expression {
    const callee = node.callee as Member;
    const { name } = callee.property as Identifier;
    const object = this.#analysis.found(callee.object)!;
    if (object.is === "table") return this.tableCall(node);
    const values = node.arguments.map((argument) => this.value(argument));
    if (object.is === "packet") {
      return load(READERS[name], values[0], this.#analysis.position(node));
    }
    if (name === "floor" || name === "trunc") return values[0];
    if (name === "imul") {
      return this.#inOrder(values.map(int32), ([a, b]) => binary("imul", a, b));
    }
    const op = name as "min" | "max";
    return this.#inOrder(values, (all) => all.reduce((a, b) => binary(op, a, b)));
  }
}
