/**
 * Where an eBPF program keeps its variables: two in registers, the others in its stack of 512 bytes.
 *
 * Variables that are not needed at the same time share a place.
 *
 * @module
 */

import type { Register } from "./ebpf_assembler.ts";
import { VARIABLES } from "./ebpf_registers.ts";
import type { Expression, HookProgram, Local, Statement } from "./ir.ts";
import { operands } from "./walk.ts";

/** A register, or bytes on the stack, as their distance from the frame's end (negative). */
export type Place = { readonly register: Register } | { readonly stack: number };

/** Bytes of stack that a program has. */
const STACK_BYTES = 512;
/** How much more a use counts with each loop around it. */
const LOOP_WEIGHT = 10;

interface Use {
  readonly local: Local;
  first: number;
  last: number;
  weight: number;
}

/** First and last place of each variable, counted in expressions and statements. */
class Uses {
  readonly all = new Map<Local, Use>();
  #now = 0;
  #weight = 1;

  statements(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    this.#now++;
    switch (statement.op) {
      case "set":
        this.#expression(statement.value);
        this.#use(statement.local);
        break;
      case "store":
        this.#expression(statement.at);
        this.#expression(statement.value);
        break;
      case "ring":
      case "copy":
      case "effect":
      case "return":
        this.#expression(statement.value);
        break;
      case "if":
        this.#expression(statement.test);
        this.statements(statement.yes);
        this.statements(statement.no);
        break;
      case "block":
        this.statements(statement.body);
        break;
      case "loop":
        this.#loop(statement.body);
        break;
    }
  }

  #loop(body: readonly Statement[]): void {
    const start = this.#now;
    this.#weight *= LOOP_WEIGHT;
    this.statements(body);
    this.#weight /= LOOP_WEIGHT;
    const end = ++this.#now;
    // What outlives a turn is kept during all of them
    for (const use of this.all.values()) {
      if (use.first < start && use.last > start) use.last = end;
    }
  }

  #expression(expression: Expression): void {
    for (const operand of operands(expression)) this.#expression(operand);
    this.#now++;
    if (expression.op === "get" || expression.op === "let") this.#use(expression.local);
  }

  #use(local: Local): void {
    const use = this.all.get(local);
    if (use === undefined) {
      this.all.set(local, { local, first: this.#now, last: this.#now, weight: this.#weight });
    } else {
      use.last = this.#now;
      use.weight += this.#weight;
    }
  }
}

function overlap(a: Use, b: Use): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** The stack is full. */
export class StackError extends RangeError {
  /** "StackError". */
  override readonly name = "StackError";
}

/** Gives out registers and stack. */
export class Storage {
  readonly #places = new Map<Local, Place>();
  /** Bytes of stack in use for good. */
  #fixed = 0;
  #temporary = 0;
  #deepest = 0;
  readonly #free: number[] = [];

  /** Finds places for the variables of a program. */
  constructor(program: HookProgram) {
    const uses = new Uses();
    uses.statements(program.body);
    const byWeight = [...uses.all.values()].sort((a, b) => b.weight - a.weight);
    const taken: Use[][] = VARIABLES.map(() => []);
    const slots: Use[][] = [];
    for (const use of byWeight) {
      const at = taken.findIndex((others) => !others.some((other) => overlap(use, other)));
      if (at >= 0) {
        taken[at].push(use);
        this.#places.set(use.local, { register: VARIABLES[at] });
        continue;
      }
      let slot = slots.findIndex((others) => !others.some((other) => overlap(use, other)));
      if (slot < 0) slot = slots.push([]) - 1;
      slots[slot].push(use);
      this.#places.set(use.local, { stack: -8 * (slot + 1) });
    }
    this.#fixed = 8 * slots.length;
    this.#check();
  }

  /** Where a variable is. */
  place(local: Local): Place {
    const place = this.#places.get(local);
    if (place === undefined) throw new RangeError(`The variable "${local.name}" is never used`);
    return place;
  }

  /** Stack for good, a multiple of 8 bytes; the lowest byte's distance. */
  reserve(bytes: number): number {
    if (this.#temporary > 0) throw new RangeError("Stack is reserved before it is used");
    this.#fixed += bytes;
    this.#check();
    return -this.#fixed;
  }

  /** Eight bytes for a while. */
  borrow(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    this.#temporary += 8;
    this.#check();
    return -(this.#fixed + this.#temporary);
  }

  /** Gives them back. */
  giveBack(slot: number): void {
    this.#free.push(slot);
  }

  /** Most bytes that were in use. */
  get bytes(): number {
    return this.#deepest;
  }

  #check(): void {
    this.#deepest = Math.max(this.#deepest, this.#fixed + this.#temporary);
    if (this.#deepest > STACK_BYTES) {
      throw new StackError(
        `It needs more than the ${STACK_BYTES} bytes of stack that an eBPF program has`,
      );
    }
  }
}
