/**
 * Turns the intermediate form into C, for the engine.
 *
 * @module
 */

import type { Cond, Expression, HookProgram, Input, Statement, TableCall } from "./ir.ts";
import { bodiesOf } from "./walk.ts";

const INFIX: Readonly<Record<string, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "%",
  and: "&",
  or: "|",
  xor: "^",
  shr: ">>",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
};

const INPUTS: Readonly<Record<Input, string>> = {
  port: "(int64_t)source",
  ring: "(int64_t)packet->ring",
  length: "(int64_t)packet->length",
  readable: "readable",
  fragments: "(int64_t)packet->fragments",
};

/**
 * A hook as a source file in C: a batch lookup for `c/valet_hook.h`.
 *
 * Positions in the hook's source stand in comments.
 */
export function generateC(program: HookProgram): string {
  const decide = generateFunction(program, "decide");
  if (program.tables.length === 0) {
    return `#include "valet_hook.h"\n\n${decide}\nVALET_LOOKUP_PACKET(decide)\n`;
  }
  return `#include "valet_hook.h"\n#include "valet_table.h"\n\n${decide}
VALET_LOOKUP_TABLES(decide, ${program.tables.length})
`;
}

/** The function that decides about one packet, for {@linkcode generateC} and for tests of many. */
export function generateFunction(program: HookProgram, name: string): string {
  const generator = new Generator(program);
  const body = generator.list(program.body, "\t");
  const locals = program.locals.map(({ id }) => `v${id} = 0`);
  const tables = generator.tables.map((text) => `${text}\n`).join("");
  const context = program.tables.length === 0 ? "" : ", struct valet_table *const *tables";
  return `${tables}/* ${comment(program.name)} */
static inline uint32_t ${name}(struct valet_packet *packet, uint32_t source${context})
{
\tuint8_t *data = packet->data;
\tconst int64_t readable = packet->first_length;
${locals.length === 0 ? "" : `\tint64_t ${locals.join(", ")};\n`}
\t(void)source, (void)data, (void)readable;
${body}\t__builtin_unreachable();
}
`;
}

/** Text that cannot end a comment. */
function comment(text: string): string {
  return text.replace(/[^\w$ .-]/g, "?");
}

/**
 * Whether it is true if one of two comparisons is, both of which may as well be made: one jump less each.
 * With what makes it known which way most packets go, the hook of engine.hook.compiled.60 takes 21
 * instructions a packet, not 26, and jumps once instead of three times.
 */
function isEitherOfTwo({ test, yes, no }: Cond): boolean {
  return yes.op === "const" && yes.value === 1 && isComparison(test) && isComparison(no);
}

function isComparison(expression: Expression): boolean {
  switch (expression.op) {
    case "eq":
    case "ne":
    case "lt":
    case "le":
      return [expression.left, expression.right].every(({ op }) =>
        op === "const" || op === "get" || op === "input"
      );
    case "cond":
      return isEitherOfTwo(expression);
    default:
      return false;
  }
}

class Generator {
  readonly #program: HookProgram;
  /** Labels that something jumps to. */
  readonly #used: Set<number>;
  #line = 0;
  readonly #functions = new Map<string, string>();

  constructor(program: HookProgram) {
    this.#program = program;
    this.#used = new Set();
    this.#findLabels(program.body);
  }

  #findLabels(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.op === "break") this.#used.add(statement.label);
      for (const body of bodiesOf(statement)) this.#findLabels(body);
    }
  }

  /** Functions for the operations on tables that are used. */
  get tables(): string[] {
    return [...this.#functions.values()];
  }

  list(statements: readonly Statement[], indent: string): string {
    return statements.map((statement) => this.#statement(statement, indent)).join("");
  }

  #statement(statement: Statement, indent: string): string {
    const place = this.#place(statement.position.line);
    switch (statement.op) {
      case "set":
        return `${indent}v${statement.local.id} = ${this.#bare(statement.value)};${place}\n`;
      case "ring":
        return `${indent}packet->ring = (uint32_t)${this.#value(statement.value)};${place}\n`;
      case "copy":
        return `${indent}packet->copy_to = (uint32_t)${this.#value(statement.value)};${place}\n`;
      case "store": {
        const { size, at, value } = statement;
        const call = `valet_set_u${8 * size}_at(data, readable, ${this.#bare(at)}, ${
          this.#bare(value)
        })`;
        return `${indent}${call};${place}\n`;
      }
      case "effect":
        return `${indent}${this.#value(statement.value)};${place}\n`;
      case "if": {
        const { test, yes, no, isUsual } = statement;
        const condition = this.#bare(test);
        const known = isUsual ? `__builtin_expect(!!(${condition}), 1)` : condition;
        const otherwise = no.length === 0
          ? ""
          : ` else {\n${this.list(no, `${indent}\t`)}${indent}}`;
        return `${indent}if (${known}) {${place}\n` +
          `${this.list(yes, `${indent}\t`)}${indent}}${otherwise}\n`;
      }
      case "block":
        return this.list(statement.body, indent) + this.#target(statement.label, indent);
      case "loop":
        return `${indent}for (;;) { /* at most ${statement.bound} times */${place}\n` +
          `${this.list(statement.body, `${indent}\t`)}${indent}}\n` +
          this.#target(statement.label, indent);
      case "break":
        return `${indent}goto L${statement.label};\n`;
      case "return":
        return `${indent}return (uint32_t)${this.#value(statement.value)};${place}\n`;
    }
  }

  /** A comment with the line in the hook's source, where it is another one than before. */
  #place(line: number): string {
    if (line === this.#line) return "";
    this.#line = line;
    return ` /* line ${line} */`;
  }

  /** A value without parentheses around it. */
  #bare(expression: Expression): string {
    const text = this.#value(expression);
    return INFIX[expression.op] === undefined ? text : text.slice(1, -1);
  }

  #target(label: number, indent: string): string {
    return this.#used.has(label) ? `${indent.slice(1)}L${label}:;\n` : "";
  }

  #value(expression: Expression): string {
    switch (expression.op) {
      case "const":
        // INT64_MIN never occurs, so each constant is a literal
        return expression.value < 0 ? `(${expression.value}ll)` : `${expression.value}ll`;
      case "get":
        return `v${expression.local.id}`;
      case "input":
        return INPUTS[expression.input];
      case "load": {
        const at = this.#value(expression.at);
        return `(int64_t)valet_u${8 * expression.size}_at(data, readable, ${at})`;
      }
      case "int32":
        return `(int64_t)(int32_t)${this.#value(expression.value)}`;
      case "uint32":
        return `(int64_t)(uint32_t)${this.#value(expression.value)}`;
      case "cond":
        if (isEitherOfTwo(expression)) {
          return `(${this.#value(expression.test)} | ${this.#value(expression.no)})`;
        }
        return `(${this.#value(expression.test)} ? ${this.#value(expression.yes)} : ${
          this.#value(expression.no)
        })`;
      case "let":
        return `(v${expression.local.id} = ${this.#value(expression.value)}, ${
          this.#value(expression.body)
        })`;
      case "table":
        return this.#table(expression);
      case "imul":
      case "shl":
      case "min":
      case "max": {
        const left = this.#value(expression.left), right = this.#value(expression.right);
        return `valet_${expression.op}(${left}, ${right})`;
      }
      default: {
        const left = this.#value(expression.left), right = this.#value(expression.right);
        return `(${left} ${INFIX[expression.op]} ${right})`;
      }
    }
  }

  /** Each operation is a function, in which each part of a key is computed once. */
  #table({ table, method, key, argument }: TableCall): string {
    const name = `table${table}_${method}`;
    const shape = this.#program.tables[table];
    const words = shape.key.flatMap((bits, i) => [
      `(uint32_t)k${i}`,
      ...(bits > 32 ? [`(uint32_t)(k${i} >> 32)`] : []),
    ]);
    const parameters = shape.key.map((_, i) => `, int64_t k${i}`).join("");
    const [more, amount] = argument === undefined
      ? ["", ""]
      : [", int64_t argument", ", (uint32_t)argument"];
    const call = method === "get" && shape.kind === "counters" ? "read" : method;
    this.#functions.set(
      name,
      `/* ${comment(shape.name)} */
static inline int64_t ${name}(struct valet_table *const *tables${parameters}${more})
{
\tconst uint32_t key[] = { ${words.join(", ")} };

\treturn valet_table_${call}(tables[${table}], key${amount});
}
`,
    );
    const parts = argument === undefined ? key : [...key, argument];
    return `${name}(${["tables", ...parts.map((part) => this.#bare(part))].join(", ")})`;
  }
}
