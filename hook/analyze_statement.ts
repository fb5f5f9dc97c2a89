/**
 * Follows a hook's statements: which are reached, what variables hold there, how often loops run.
 *
 * Loops are followed round by round, as many as there can be, so what a loop adds up has bounds.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { ExpressionAnalyzer } from "./analyze_expression.ts";
import { binaryValue, isQuotient, refuse } from "./analyze_operator.ts";
import { analyzeCopy, analyzeWrite } from "./analyze_write.ts";
import { UINT32, within } from "./range.ts";
import { refine } from "./refine.ts";
import { analyzeSwitch } from "./switch.ts";
import type {
  Assignment,
  Call,
  Declaration,
  ExpressionNode,
  ForNode,
  IfNode,
  JumpNode,
  Node,
  ReturnNode,
  StatementNode,
  Update,
  WhileNode,
} from "./syntax.ts";
import { checkTableCall } from "./table_call.ts";
import { unsupported } from "./unsupported.ts";
import {
  join,
  joinStates,
  numberIn,
  Scope,
  type State,
  type Value,
  type Variable,
  withValue,
} from "./value.ts";

/** Most rounds of a loop. */
const ROUNDS_MAX = 4096;
/** Most statements that are followed, each round's anew. */
const STEPS_MAX = 200_000;

/** Where `break` and `continue` go. */
export interface Exits {
  /** The states at each `break`. */
  broken: State;
  /** The states at each `continue`; absent in a `switch`. */
  continued: State;
  /** The same of the loop around a `switch`. */
  loop: Exits | undefined;
}

/** Analyses the statements of one hook. */
export class StatementAnalyzer {
  readonly #analysis: Analysis;
  /** Analyses the expressions in them. */
  readonly expressions: ExpressionAnalyzer;
  #steps = 0;

  /** Findings go into `analysis`. */
  constructor(analysis: Analysis) {
    this.#analysis = analysis;
    this.expressions = new ExpressionAnalyzer(analysis);
  }

  /** Follows statements; gives the state behind them. */
  run(
    statements: readonly StatementNode[],
    scope: Scope,
    state: State,
    exits: Exits | undefined,
  ): State {
    for (const statement of statements) {
      if (statement.type === "VariableDeclaration") this.#hoist(statement, scope);
    }
    for (const statement of statements) {
      // What no way leads to may be anything
      if (state === undefined) break;
      state = this.#step(statement, scope, state, exits);
    }
    return state;
  }

  /** Checks what is returned. */
  returned(node: ExpressionNode, scope: Scope, state: State): void {
    const value = this.expressions.value(node, scope, state);
    if (value.kind !== "number") refuse(this.#analysis, node, value);
    if (value.lo > UINT32.hi || value.hi < 0) {
      const problem = `it is no port index: it is ${
        value.lo === value.hi ? value.lo : `${value.lo} to ${value.hi}`
      }`;
      this.#analysis.fail(node, "this result", problem, "Return a port index, BROADCAST or DROP");
    }
  }

  #step(node: StatementNode, scope: Scope, state: State, exits: Exits | undefined): State {
    this.#analysis.reached.add(node);
    if (++this.#steps > STEPS_MAX) {
      const problem = "its loops take too many rounds to be followed";
      this.#analysis.fail(node, "this hook", problem, "Give the loops smaller bounds");
    }
    switch (node.type) {
      case "VariableDeclaration":
        return this.#declare(node, scope, state);
      case "ExpressionStatement":
        return this.#effect(node.expression, scope, state);
      case "BlockStatement":
        return this.run(node.body, new Scope(scope), state, exits);
      case "IfStatement":
        return this.#if(node, scope, state, exits);
      case "ForStatement":
        return this.#for(node, new Scope(scope), state);
      case "WhileStatement":
        return this.#loop(node, node.test, scope, state, (inner) => inner);
      case "SwitchStatement":
        return analyzeSwitch(this.#analysis, this, node, scope, state, exits);
      case "BreakStatement":
      case "ContinueStatement":
        return this.#jump(node, state, exits);
      case "ReturnStatement":
        return this.#return(node, scope, state);
      case "EmptyStatement":
        return state;
      default:
        return unsupported(this.#analysis, node);
    }
  }

  /** Names hide those outside from the beginning of their block on, though they have no value yet. */
  #hoist(node: Declaration, scope: Scope): void {
    for (const declarator of node.declarations) {
      const { id } = declarator;
      if (id.type !== "Identifier") return unsupported(this.#analysis, id);
      let variable = this.#analysis.declared.get(declarator);
      if (variable === undefined) {
        variable = { name: id.name, mutable: node.kind === "let", all: undefined };
        this.#analysis.declared.set(declarator, variable);
      }
      scope.declare(id.name, variable);
    }
  }

  #declare(node: Declaration, scope: Scope, state: State): State {
    const { kind } = node;
    if (kind !== "const" && kind !== "let") {
      const problem = "hooks have `const` and `let`";
      this.#analysis.fail(node, `\`${kind}\``, problem, "Write let instead");
    }
    for (const declarator of node.declarations) {
      const { init } = declarator;
      if (init === null) {
        const problem = "it has no value at first";
        const construct = `the variable "${this.#analysis.text(declarator)}"`;
        this.#analysis.fail(declarator, construct, problem, "Give it a value, as 0");
      }
      const value = this.expressions.value(init, scope, state);
      if (isQuotient(value)) refuse(this.#analysis, init, value);
      state = this.#assign(this.#analysis.declared.get(declarator)!, value, state);
    }
    return state;
  }

  #assign(variable: Variable, value: Value, state: State): State {
    this.#analysis.assigned(variable, value);
    return withValue(state, variable, value);
  }

  /** An expression that is a statement. */
  #effect(node: ExpressionNode, scope: Scope, state: State): State {
    if (node.type === "AssignmentExpression") return this.#assignment(node, scope, state);
    if (node.type === "UpdateExpression") return this.#update(node, scope, state);
    if (node.type === "CallExpression") {
      if (this.#tableCall(node, scope, state)) return state;
      const behind = analyzeWrite(this.#analysis, this.expressions, node, scope, state);
      if (behind !== undefined) return behind;
    }
    this.expressions.value(node, scope, state); // may have more to say
    const problem = "it has no effect";
    return this.#analysis.fail(node, "this statement", problem, "Use its value, or leave it out");
  }

  #tableCall(node: Call, scope: Scope, state: State): boolean {
    if (node.callee.type !== "MemberExpression") return false;
    const { meaning, name } = this.#analysis.property(node.callee, scope);
    if (meaning?.is !== "table") return false;
    const call = { table: meaning.name, method: name, isStatement: true };
    checkTableCall(
      this.#analysis,
      node,
      call,
      (argument) => this.expressions.number(argument, scope, state),
    );
    return true;
  }

  /** The variable that is assigned to. */
  #target(node: ExpressionNode, scope: Scope): Variable {
    const analysis = this.#analysis;
    if (node.type === "MemberExpression") {
      const { meaning, name } = analysis.property(node, scope);
      if (meaning?.is === "packet" && name === "ring") {
        analysis.isRingAssigned = true;
        return analysis.ring;
      }
      const text = analysis.text(node);
      const mend = meaning?.is === "table"
        ? "Call its set()"
        : "Of a packet, `ring` and `copyTo` can be assigned, and setU8() and the like write it";
      return analysis.fail(node, `an assignment to "${text}"`, "it cannot be changed", mend);
    }
    if (node.type !== "Identifier") return unsupported(analysis, node);
    const meaning = analysis.meaning(node, scope) ?? analysis.unknown(node);
    if (meaning.is === "variable" && meaning.variable.mutable) return meaning.variable;
    return analysis.fail(
      node,
      `an assignment to "${node.name}"`,
      "it is constant",
      meaning.is === "variable" ? "Declare it with let" : "Declare a variable of your own with let",
    );
  }

  #assignment(node: Assignment, scope: Scope, state: State): State {
    if (analyzeCopy(this.#analysis, this.expressions, node, scope, state)) return state;
    const { left, right } = node;
    const variable = this.#target(left, scope);
    const operator = node.operator.slice(0, -1);
    const given = this.expressions.value(right, scope, state);
    if (operator === "") return this.#store(node, variable, given, state);
    if (operator === "&&" || operator === "||" || operator === "??") {
      const mend = `Write x = x ${operator} y`;
      this.#analysis.fail(node, `\`${node.operator}\``, "hooks do not have it", mend);
    }
    if (operator === "/") unsupported(this.#analysis, node, operator);
    const before = this.expressions.value(left, scope, state);
    const value = binaryValue(this.#analysis, node, operator, {
      left: before,
      leftNode: left,
      right: given,
      rightNode: right,
    });
    return this.#store(node, variable, value, state);
  }

  #update(node: Update, scope: Scope, state: State): State {
    const variable = this.#target(node.argument, scope);
    const before = this.expressions.value(node.argument, scope, state);
    const value = binaryValue(this.#analysis, node, node.operator[0], {
      left: before,
      leftNode: node.argument,
      right: numberIn({ lo: 1, hi: 1 }),
      rightNode: node.argument,
    });
    return this.#store(node, variable, value, state);
  }

  #store(
    node: Assignment | Update,
    variable: Variable,
    value: Value,
    state: State,
  ): State {
    const analysis = this.#analysis;
    const right = node.type === "UpdateExpression" ? node : node.right;
    analysis.note(node, value);
    if (isQuotient(value)) refuse(analysis, right, value);
    if (variable === analysis.ring) {
      if (value.kind !== "number") refuse(analysis, right, value);
      if (!within(value, UINT32)) {
        const problem = `it may be ${
          value.lo < 0 ? value.lo : value.hi
        }, and a ring is 0 to 2^32 - 1`;
        analysis.fail(node, "this ring", problem, "Write packet.ring = (...) >>> 0");
      }
    } else if (variable.all !== undefined && join(variable.all, value) === undefined) {
      analysis.fail(
        right,
        `this value for "${variable.name}"`,
        `it is a ${value.kind === "boolean" ? "boolean" : "number"}, and the variable is not`,
        "Use another variable",
      );
    }
    return this.#assign(variable, value, state);
  }

  #if(node: IfNode, scope: Scope, state: State, exits: Exits | undefined): State {
    const { test, consequent, alternate } = node;
    const truth = this.expressions.condition(test, scope, state);
    const yes = truth.hi === 0 ? undefined : refine(this.#analysis, test, true, state);
    const no = truth.lo === 1 ? undefined : refine(this.#analysis, test, false, state);
    const a = this.run([consequent], new Scope(scope), yes, exits);
    const b = alternate === null ? no : this.run([alternate], new Scope(scope), no, exits);
    return joinStates(a, b);
  }

  #for(node: ForNode, scope: Scope, state: State): State {
    const { init, test, update } = node;
    if (init?.type === "VariableDeclaration") {
      this.#analysis.reached.add(init);
      this.#hoist(init, scope);
      state = this.#declare(init, scope, state);
    } else if (init !== null) state = this.#effect(init, scope, state);
    return this.#loop(
      node,
      test,
      scope,
      state,
      (inner) => {
        if (update === null) return inner;
        this.#analysis.reached.add(update);
        return this.#effect(update, scope, inner);
      },
    );
  }

  #loop(
    node: ForNode | WhileNode,
    test: ExpressionNode | null,
    scope: Scope,
    state: State,
    update: (state: State) => State,
  ): State {
    const exits: Exits = { broken: undefined, continued: undefined, loop: undefined };
    let rounds = 0;
    while (state !== undefined) {
      if (++rounds > ROUNDS_MAX) this.#endless(node);
      if (test !== null) {
        const truth = this.expressions.condition(test, scope, state);
        const done = truth.lo === 1 ? undefined : refine(this.#analysis, test, false, state);
        exits.broken = joinStates(exits.broken, done);
        state = truth.hi === 0 ? undefined : refine(this.#analysis, test, true, state);
      }
      exits.continued = undefined;
      state = this.run([node.body], new Scope(scope), state, exits);
      state = joinStates(state, exits.continued);
      if (state !== undefined) state = update(state);
    }
    const before = this.#analysis.rounds.get(node) ?? 0;
    this.#analysis.rounds.set(node, Math.max(before, rounds));
    return exits.broken;
  }

  #endless(node: Node): never {
    return this.#analysis.fail(
      node,
      "this loop",
      `it cannot be shown that it ends within ${ROUNDS_MAX} rounds`,
      "Count with a variable to a constant: for (let i = 0; i < 8; i++), and leave with break",
    );
  }

  #jump(node: JumpNode, state: State, exits: Exits | undefined): State {
    if (node.label !== null) {
      const mend = "Set a variable and test it in the outer loop";
      this.#analysis.fail(node, "a label", "only the innermost loop can be left", mend);
    }
    // The parser has seen that there is something to leave
    if (node.type === "BreakStatement") exits!.broken = joinStates(exits!.broken, state);
    else {
      const loop = exits!.loop ?? exits!;
      loop.continued = joinStates(loop.continued, state);
    }
    return undefined;
  }

  #return(node: ReturnNode, scope: Scope, state: State): State {
    if (node.argument === null) {
      const mend = "Write return DROP";
      this.#analysis.fail(node, "`return` without a value", "the packet goes nowhere", mend);
    }
    this.returned(node.argument, scope, state);
    return undefined;
  }
}
