/**
 * Runs the intermediate form as it is: slow, and the measure for what the generators make of it.
 *
 * @module
 */

import { DROP } from "../ffi/constants.ts";
import { ABSENT, type Expression, type HookProgram, type Input, type Statement } from "./ir.ts";
import type { HookTable } from "./table.ts";

/** A packet to interpret a hook with. */
export interface InterpretedPacket extends Readonly<Record<Input, number>> {
  /** The bytes that can be read, `readable` of them. */
  readonly bytes: Uint8Array;
}

/** What a hook decided. */
export interface Decision {
  /** Port index, `BROADCAST`, `DROP`, `LEARN` or garbage. */
  readonly port: number;
  /** Ring at the destination. */
  readonly ring: number;
  /** Port that gets it as well, `DROP` if none does. */
  readonly copyTo: number;
}

/** What ends a statement: an answer, or the label that is left. */
type Outcome = { readonly port: number } | { readonly label: number } | undefined;

/**
 * Runs a hook on a packet.
 *
 * @param tables in the order of the program's
 * @throws {RangeError} if a value is not within its bounds, or a loop not within its rounds
 */
export function interpret(
  program: HookProgram,
  packet: InterpretedPacket,
  tables: readonly HookTable[] = [],
): Decision {
  const run = new Run(program, packet, tables);
  const outcome = run.list(program.body);
  if (outcome === undefined || "label" in outcome) throw new RangeError("Ended without a return");
  return { port: outcome.port, ring: run.ring, copyTo: run.copyTo };
}

class Run {
  readonly #packet: InterpretedPacket;
  readonly #tables: readonly HookTable[];
  readonly #locals: (number | undefined)[];
  ring: number;
  copyTo: number = DROP;

  constructor(program: HookProgram, packet: InterpretedPacket, tables: readonly HookTable[]) {
    this.#packet = packet;
    this.#tables = tables;
    this.#locals = program.locals.map(() => undefined);
    this.ring = packet.ring;
  }

  list(statements: readonly Statement[]): Outcome {
    for (const statement of statements) {
      const outcome = this.#statement(statement);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  #statement(statement: Statement): Outcome {
    switch (statement.op) {
      case "set":
        this.#locals[statement.local.id] = this.#value(statement.value);
        return undefined;
      case "ring":
        this.ring = this.#value(statement.value);
        return undefined;
      case "copy":
        this.copyTo = this.#value(statement.value);
        return undefined;
      case "store":
        this.#store(statement.size, this.#value(statement.at), this.#value(statement.value));
        return undefined;
      case "effect":
        this.#value(statement.value);
        return undefined;
      case "if":
        return this.list(this.#value(statement.test) !== 0 ? statement.yes : statement.no);
      case "block":
        return without(this.list(statement.body), statement.label);
      case "loop":
        for (let round = 0; round < statement.bound; round++) {
          const outcome = this.list(statement.body);
          if (outcome !== undefined) return without(outcome, statement.label);
        }
        throw new RangeError(`A loop has more than ${statement.bound} rounds`);
      case "break":
        return { label: statement.label };
      case "return":
        return { port: this.#value(statement.value) };
    }
  }

  #value(expression: Expression): number {
    const value = this.#compute(expression);
    if (value >= expression.lo && value <= expression.hi) return value;
    throw new RangeError(
      `"${expression.op}" gives ${value}, not ${expression.lo} to ${expression.hi}`,
    );
  }

  #compute(expression: Expression): number {
    switch (expression.op) {
      case "const":
        return expression.value;
      case "get": {
        const value = this.#locals[expression.local.id];
        if (value === undefined) throw new RangeError(`"${expression.local.name}" has no value`);
        return value;
      }
      case "input":
        return this.#packet[expression.input];
      case "load":
        return this.#load(expression.size, this.#value(expression.at));
      case "int32":
        return this.#value(expression.value) | 0;
      case "uint32":
        return this.#value(expression.value) >>> 0;
      case "cond":
        return this.#value(this.#value(expression.test) !== 0 ? expression.yes : expression.no);
      case "let":
        this.#locals[expression.local.id] = this.#value(expression.value);
        return this.#value(expression.body);
      case "table": {
        const parts = expression.key.map((part) => this.#value(part));
        const key = parts.length === 1 ? parts[0] : parts;
        const argument = expression.argument === undefined ? 0 : this.#value(expression.argument);
        const table = this.#tables[expression.table];
        if (expression.method === "get") return table.get(key) ?? ABSENT;
        if (expression.method === "take") return Number(table.take(key, argument));
        table[expression.method](key, argument);
        return 0;
      }
      default:
        return operate(expression.op, this.#value(expression.left), this.#value(expression.right));
    }
  }

  #load(size: number, at: number): number {
    const { bytes, readable } = this.#packet;
    if (at < 0 || at + size > readable) return 0;
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i];
    return value;
  }

  #store(size: number, at: number, value: number): void {
    const { bytes, readable } = this.#packet;
    if (at < 0 || at + size > readable) return;
    for (let i = size - 1; i >= 0; i--, value = Math.floor(value / 256)) {
      bytes[at + i] = ((value % 256) + 256) % 256;
    }
  }
}

function without(outcome: Outcome, label: number): Outcome {
  return outcome !== undefined && "label" in outcome && outcome.label === label
    ? undefined
    : outcome;
}

function isInt32(value: number): boolean {
  return (value | 0) === value;
}

function operate(op: Exclude<Expression["op"], "const">, a: number, b: number): number {
  switch (op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b + 0;
    case "div":
      return Math.floor(a / b);
    case "mod":
      return a % b;
    case "imul":
      return Math.imul(a, b);
    case "and":
      return isInt32(a) && isInt32(b) ? a & b : Number(BigInt(a) & BigInt(b));
    case "or":
      return isInt32(a) && isInt32(b) ? a | b : Number(BigInt(a) | BigInt(b));
    case "xor":
      return isInt32(a) && isInt32(b) ? a ^ b : Number(BigInt(a) ^ BigInt(b));
    case "shl":
      return a * 2 ** b;
    case "shr":
      return Math.floor(a / 2 ** b);
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    case "eq":
      return Number(a === b);
    case "ne":
      return Number(a !== b);
    case "lt":
      return Number(a < b);
    case "le":
      return Number(a <= b);
    default:
      throw new TypeError(`No operator "${op}"`);
  }
}
