/**
 * What the analysis of a hook finds out, for the lowering to use.
 *
 * @module
 */

import { HookSyntaxError, positionAt } from "./errors.ts";
import type { HookConstant, HookConstants } from "./constants.ts";
import { memberOf, namedConstant } from "./constants.ts";
import type { Position } from "./ir.ts";
import type { ParsedHook } from "./parse.ts";
import type { ExpressionNode, Identifier, Member, Node } from "./syntax.ts";
import type { TableShape } from "./table.ts";
import { unsupported } from "./unsupported.ts";
import { join, joinRounds, type Scope, type Value, type Variable } from "./value.ts";

/** Tables by the name that the source has for them. */
export type HookTables = Readonly<Record<string, TableShape>>;

/** Where a value is found: the packet, a variable, a table, a constant. */
export type Meaning =
  | { readonly is: "packet" }
  | { readonly is: "variable"; readonly variable: Variable }
  | { readonly is: "table"; readonly name: string }
  | { readonly is: "constant"; readonly value: HookConstant }
  | { readonly is: "math" }
  | { readonly is: "undefined" };

/** The findings about one hook. */
export class Analysis {
  readonly #hook: ParsedHook;
  readonly #constants: HookConstants;
  readonly #tables: HookTables;

  /** What expressions give; those that are never evaluated are missing. */
  readonly values: Map<Node, Value> = new Map();
  /** What names stand for. */
  readonly meanings: Map<Identifier, Meaning> = new Map();
  /** What declarations declare. */
  readonly declared: Map<Node, Variable> = new Map();
  /** Statements, and cases of switches, that some way leads to. */
  readonly reached: Set<Node> = new Set();
  /** How often loops begin their body at most. */
  readonly rounds: Map<Node, number> = new Map();
  /** `packet.ring`, which a hook can assign. */
  readonly ring: Variable = { name: "packet.ring", mutable: true, all: undefined };
  /** True once an assignment of it has been seen. */
  isRingAssigned = false;
  /** 1 where bytes may have been written that headers are found by, else 0. */
  readonly written: Variable = { name: "packet", mutable: true, all: undefined };

  /** About a hook that was parsed. */
  constructor(hook: ParsedHook, constants: HookConstants, tables: HookTables) {
    this.#hook = hook;
    this.#constants = constants;
    this.#tables = tables;
  }

  /** Text that positions count in. */
  get source(): string {
    return this.#hook.source;
  }

  /** Where a node is. */
  position(node: { readonly start: number }): Position {
    return positionAt(this.#hook.source, Math.max(0, node.start - this.#hook.shift));
  }

  /** The text of a node. */
  text(node: Node): string {
    const { source, shift } = this.#hook;
    const text = source.slice(node.start - shift, node.end - shift).replace(/\s+/g, " ");
    return text.length > 40 ? `${text.slice(0, 37)}...` : text;
  }

  /** Gives up. */
  fail(node: { readonly start: number }, construct: string, problem: string, mend: string): never {
    throw new HookSyntaxError(this.source, this.position(node), construct, problem, mend);
  }

  /** Remembers what an expression gives, besides what it gave in earlier rounds. */
  note(node: Node, value: Value): Value {
    const before = this.values.get(node);
    this.values.set(node, before === undefined ? value : joinRounds(before, value));
    return value;
  }

  /** Remembers a value that a variable gets. */
  assigned(variable: Variable, value: Value): void {
    variable.all = variable.all === undefined ? value : join(variable.all, value) ?? value;
  }

  /** What a name stands for; undefined if nobody knows it. */
  meaning(node: Identifier, scope: Scope): Meaning | undefined {
    const meaning = this.#meaning(node.name, scope);
    if (meaning !== undefined) this.meanings.set(node, meaning);
    return meaning;
  }

  #meaning(name: string, scope: Scope): Meaning | undefined {
    const found = scope.find(name);
    if (found === "packet") return { is: "packet" };
    if (found !== undefined) return { is: "variable", variable: found };
    if (Object.hasOwn(this.#tables, name)) return { is: "table", name };
    const value = namedConstant(this.#constants, name);
    if (value !== undefined) return { is: "constant", value };
    if (name === "Math") return { is: "math" };
    return name === "undefined" ? { is: "undefined" } : undefined;
  }

  /** A table's shape. */
  table(name: string): TableShape {
    return this.#tables[name];
  }

  /** Names of the tables, in order. */
  get tableNames(): string[] {
    return Object.keys(this.#tables);
  }

  /** The object and the name of `object.name`. */
  property(node: Member, scope: Scope): { meaning: Meaning | undefined; name: string } {
    if (node.optional) {
      this.fail(node, "`?.`", "there always is an object", `Write "." instead of "?."`);
    }
    if (node.computed || node.property.type !== "Identifier") {
      this.fail(
        node,
        "an index in brackets",
        "hooks have no arrays",
        "Read the packet with u8(), u16() or u32(), and look values up in a table with get()",
      );
    }
    const { name } = node.property;
    return { meaning: this.#objectOf(node.object, scope), name };
  }

  /** What an object in front of a dot, which was analysed, stands for. */
  found(node: ExpressionNode): Meaning | undefined {
    if (node.type === "Identifier") return this.meanings.get(node);
    const object = node.type === "MemberExpression" ? this.found(node.object) : undefined;
    if (object?.is !== "constant") return undefined;
    const { name } = (node as Member).property as Identifier;
    const value = memberOf(object.value, name);
    return value === undefined ? undefined : { is: "constant", value };
  }

  #objectOf(node: ExpressionNode, scope: Scope): Meaning | undefined {
    if (node.type === "Identifier") return this.meaning(node, scope) ?? this.unknown(node);
    if (node.type !== "MemberExpression") return unsupported(this, node);
    const { meaning, name } = this.property(node, scope);
    if (meaning?.is !== "constant") return undefined;
    const value = memberOf(meaning.value, name);
    return value === undefined ? undefined : { is: "constant", value };
  }

  /** A name that nobody knows. */
  unknown(node: Identifier): never {
    const { name } = node;
    if (name === "console") unsupported(this, node);
    if (name === "arguments") {
      const problem = "a lookup is called with the packet";
      this.fail(node, "`arguments`", problem, "Name the parameter");
    }
    if (name === "NaN" || name === "Infinity") {
      this.fail(node, `\`${name}\``, "hooks compute with whole numbers", "Use a whole number");
    }
    return this.fail(
      node,
      `the name "${name}"`,
      "a function's text does not tell what names outside of it stand for",
      `Pass a number with compile(fn, { constants: { ${name} } }), a table with { tables: { ${name} } }`,
    );
  }
}
