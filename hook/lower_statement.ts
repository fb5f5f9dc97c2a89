/**
 * Turns a hook's statements into the intermediate form.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import {
  binary,
  bind,
  both,
  cond,
  constant,
  either,
  get,
  not,
  StatementBuilder,
} from "./build_ir.ts";
import { type Expression, GARBAGE, type Statement } from "./ir.ts";
import { type ExpressionLowering, narrow } from "./lower_expression.ts";
import type { Names } from "./names.ts";
import { UINT32, within } from "./range.ts";
import { caseGroups } from "./switch.ts";
import type {
  Assignment,
  Call,
  ExpressionNode,
  ForNode,
  Identifier,
  IfNode,
  Member,
  Node,
  StatementNode,
  SwitchNode,
  Update,
  WhileNode,
} from "./syntax.ts";
import type { Value, Variable } from "./value.ts";
import { hasCall } from "./walk.ts";
import { FIELD_WRITERS, WRITERS } from "./writers.ts";

/** Labels that `break` and `continue` go to. */
interface Targets {
  readonly broken: number;
  readonly continued: number | undefined;
}

/** Turns statements into the intermediate form; they have been analysed. */
export class StatementLowering {
  readonly #analysis: Analysis;
  readonly #names: Names;
  readonly #expressions: ExpressionLowering;

  /** With what the analysis has found. */
  constructor(analysis: Analysis, names: Names, expressions: ExpressionLowering) {
    this.#analysis = analysis;
    this.#names = names;
    this.#expressions = expressions;
  }

  /** A list of statements. */
  list(statements: readonly StatementNode[], targets?: Targets): Statement[] {
    return statements.flatMap((statement) => this.#statement(statement, targets));
  }

  /** What is returned; anything but a port index is garbage. */
  returned(node: ExpressionNode): Statement {
    const value = this.#expressions.value(node);
    const local = this.#names.local("result", value.lo, value.hi);
    const checked = within(value, UINT32) ? value : bind(local, value, (port) =>
      cond(
        both(
          binary("le", constant(0), port),
          binary("le", port, constant(UINT32.hi)),
        ),
        narrow(port, UINT32),
        constant(GARBAGE),
      ));
    return this.#at(node).return(checked);
  }

  #at(node: { readonly start: number }): StatementBuilder {
    return new StatementBuilder(this.#analysis.position(node));
  }

  #statement(node: StatementNode, targets: Targets | undefined): Statement[] {
    if (!this.#analysis.reached.has(node)) return [];
    const build = this.#at(node);
    switch (node.type) {
      case "VariableDeclaration":
        return node.declarations.map((declarator) => {
          const variable = this.#analysis.declared.get(declarator)!;
          const value = this.#expressions.value(declarator.init!);
          return this.#at(declarator).set(this.#expressions.local(variable), value);
        });
      case "ExpressionStatement":
        return this.#effect(node.expression);
      case "BlockStatement":
        return this.list(node.body, targets);
      case "IfStatement":
        return this.#if(node, targets);
      case "ForStatement":
      case "WhileStatement":
        return this.#loop(node);
      case "SwitchStatement":
        return this.#switch(node, targets);
      case "BreakStatement":
        return [build.break(targets!.broken)];
      case "ContinueStatement":
        return [build.break(targets!.continued!)];
      case "ReturnStatement":
        return [this.returned(node.argument!)];
      default:
        return [];
    }
  }

  #effect(node: ExpressionNode): Statement[] {
    if (node.type === "AssignmentExpression") return this.#assignment(node);
    if (node.type === "UpdateExpression") return this.#update(node);
    const { name } = (node as Call & { callee: Member }).callee.property as Identifier;
    if (Object.hasOwn(WRITERS, name)) return this.#write(node as Call, WRITERS[name]);
    if (Object.hasOwn(FIELD_WRITERS, name)) return this.#rewrite(node as Call, name);
    const value = this.#expressions.tableCall(node as Call);
    return [{ op: "effect", value, position: value.position }];
  }

  #write(node: Call, size: 1 | 2 | 4): Statement[] {
    const build = this.#at(node);
    const [at, value] = node.arguments.map((argument) => this.#expressions.value(argument));
    if (!hasCall(at) || !hasCall(value)) return [build.store(size, at, value)];
    // From left to right
    const first = this.#names.local("at", at.lo, at.hi);
    return [build.set(first, at), build.store(size, get(first), value)];
  }

  /** Replaces a field of a header. */
  #rewrite(node: Call, name: string): Statement[] {
    const build = this.#at(node);
    const value = this.#expressions.value(node.arguments[0]);
    const local = this.#names.local("value", value.lo, value.hi);
    const context = {
      headers: this.#expressions.headers,
      names: this.#names,
      position: build.position,
    };
    return [build.set(local, value), ...FIELD_WRITERS[name].build(context, get(local))];
  }

  #target(node: ExpressionNode): Variable {
    if (node.type !== "Identifier") return this.#analysis.ring;
    const meaning = this.#analysis.meanings.get(node)!;
    if (meaning.is !== "variable") throw new TypeError(`Cannot lower an assignment`);
    return meaning.variable;
  }

  #assignment(node: Assignment): Statement[] {
    const { left, right } = node;
    const operator = node.operator.slice(0, -1);
    const given = this.#expressions.value(right);
    if (left.type === "MemberExpression" && (left.property as Identifier).name === "copyTo") {
      return [{ op: "copy", value: given, position: this.#analysis.position(node) }];
    }
    const value = operator === ""
      ? given
      : this.#expressions.binary(operator, this.#expressions.value(left), given, this.#range(node));
    return this.#store(node, this.#target(left), value);
  }

  #update(node: Update): Statement[] {
    const before = this.#expressions.value(node.argument);
    const operator = node.operator[0];
    const value = this.#expressions.binary(operator, before, constant(1), this.#range(node));
    return this.#store(node, this.#target(node.argument), value);
  }

  #range(node: Assignment | Update): Value {
    return this.#analysis.values.get(node)!;
  }

  #store(node: Node, variable: Variable, value: Expression): Statement[] {
    const build = this.#at(node);
    const local = this.#expressions.local(variable);
    const set = build.set(local, value);
    if (variable !== this.#analysis.ring) return [set];
    const read: Expression = { op: "get", local, lo: value.lo, hi: value.hi };
    return [set, { op: "ring", value: read, position: build.position }];
  }

  #if(node: IfNode, targets: Targets | undefined): Statement[] {
    const { test, consequent, alternate } = node;
    const yes = this.#statement(consequent, targets);
    const no = alternate === null ? [] : this.#statement(alternate, targets);
    const condition = this.#expressions.condition(test);
    const { reached } = this.#analysis;
    // Where one side is never reached, the other one is all there is
    if (!hasCall(condition)) {
      if (!reached.has(consequent)) return no;
      if (alternate !== null && !reached.has(alternate)) return yes;
      if (condition.op === "const") return condition.value !== 0 ? yes : no;
    }
    return [this.#at(node).if(condition, yes, no)];
  }

  #loop(node: ForNode | WhileNode): Statement[] {
    const build = this.#at(node);
    const broken = this.#names.label(), continued = this.#names.label();
    const before: Statement[] = [], after: Statement[] = [];
    if (node.type === "ForStatement") {
      const { init, update } = node;
      if (init?.type === "VariableDeclaration") {
        before.push(...this.list([init]));
      } else if (init !== null) before.push(...this.#effect(init));
      if (update !== null && this.#isUpdated(update)) after.push(...this.#effect(update));
    }
    const { test } = node;
    const leave = test === null ? [] : this.#leave(test, broken);
    const body = this.#statement(node.body, { broken, continued });
    const rounds = this.#analysis.rounds.get(node)!;
    return [
      ...before,
      build.loop(broken, rounds, [...leave, build.block(continued, body), ...after]),
    ];
  }

  #leave(test: ExpressionNode, label: number): Statement[] {
    const build = this.#at(test);
    const done = not(this.#expressions.condition(test));
    if (done.op !== "const") return [build.if(done, [build.break(label)])];
    return done.value === 0 ? [] : [build.break(label)];
  }

  /** False for the update of a loop that is always left before it. */
  #isUpdated(update: ExpressionNode): boolean {
    return this.#analysis.reached.has(update);
  }

  #switch(node: SwitchNode, targets: Targets | undefined): Statement[] {
    const build = this.#at(node);
    const label = this.#names.label();
    const value = this.#expressions.value(node.discriminant);
    const chosen = this.#names.local("chosen", value.lo, value.hi);
    const read: Expression = { op: "get", local: chosen, lo: value.lo, hi: value.hi };
    const groups = caseGroups(node).filter((group) => this.#analysis.reached.has(group.body));
    const inside: Targets = { broken: label, continued: targets?.continued };
    const fallback = groups.find((group) => group.isDefault);
    let rest = fallback === undefined ? [] : this.list(fallback.body.consequent, inside);
    for (const group of groups.toReversed()) {
      if (group.isDefault) continue;
      const test = group.cases
        .map(({ test }) => binary("eq", read, this.#expressions.value(test!)))
        .reduce(either);
      const body = this.list(group.body.consequent, inside);
      rest = test.op === "const"
        ? (test.value !== 0 ? body : rest)
        : [this.#at(group.body).if(test, body, rest)];
    }
    return [build.set(chosen, value), build.block(label, rest)];
  }
}
