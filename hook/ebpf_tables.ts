/**
 * Writes table operations as eBPF: the tables are BPF maps (see `table_kernel.ts`), the arithmetic is
 * that of `c/valet_table.h`.
 *
 * @module
 */

import type { TableLayout } from "../ffi/table_home.ts";
import { hasCall } from "./build_ir.ts";
import { Alu, type Assembler, Jump, Label, type Register } from "./ebpf_assembler.ts";
import type { ExpressionWriter, TableWriter } from "./ebpf_expression.ts";
import { FRAME } from "./ebpf_registers.ts";
import type { Storage } from "./ebpf_storage.ts";
import { ABSENT, type Expression, type HookProgram, type TableCall } from "./ir.ts";

/** Helpers of the kernel: BPF_FUNC_... of linux/bpf.h. */
const Helper = { mapLookup: 1, mapUpdate: 2, clock: 5 } as const;
/** BPF_ANY and BPF_NOEXIST. */
const ANY = 0, IF_ABSENT = 1;

const RESULT: Register = 1;
const UINT32_MAX = 0xffff_ffff;

/** A bucket: tokens in 2^-16 in 40 bits, above them ticks of 2^20 ns modulo 2^24. */
const TIME_SHIFT = 40, TOKEN_SHIFT = 16, TICK_SHIFT = 20, TICK_MASK = 0xff_ffff;
/** Times that somebody else may change a bucket in between: one for each of so many CPUs. */
const TRIES = 32;

/** Words of a key. */
export function keyWords(key: readonly number[]): number {
  return key.reduce((words, bits) => words + (bits > 32 ? 2 : 1), 0);
}

/** Writes the table operations of a program. */
export class MapWriter implements TableWriter {
  readonly #asm: Assembler;
  readonly #storage: Storage;
  readonly #program: HookProgram;
  readonly #layouts: readonly TableLayout[];
  readonly #expressions: ExpressionWriter;
  /** Where keys and values are put together, for the kernel to read. */
  readonly #key: number;
  readonly #value: number;

  /** `layouts` are those of the program's tables. */
  constructor(
    asm: Assembler,
    storage: Storage,
    program: HookProgram,
    layouts: readonly TableLayout[],
    expressions: ExpressionWriter,
  ) {
    this.#asm = asm;
    this.#storage = storage;
    this.#program = program;
    this.#layouts = layouts;
    this.#expressions = expressions;
    const words = Math.max(...program.tables.map(({ key }) => keyWords(key)));
    this.#key = storage.reserve(8 * Math.ceil(words / 2));
    this.#value = storage.reserve(8);
  }

  /** Computes key and argument, then does the operation. */
  call(call: TableCall): Register {
    const before = this.#asm.position;
    const argument = this.#operands(call);
    this.#asm.position = call.position;
    switch (call.method) {
      case "get":
        this.#get(call.table);
        break;
      case "set":
        this.#set(call.table, argument!);
        break;
      case "count":
        this.#count(call.table, argument!);
        break;
      case "take":
        this.#take(call.table, argument!);
        break;
    }
    if (argument !== undefined) this.#storage.giveBack(argument);
    this.#asm.position = before;
    return RESULT;
  }

  /** Puts the key where the kernel reads it; gives the place of the argument. */
  #operands({ key, argument, table }: TableCall): number | undefined {
    const asm = this.#asm, storage = this.#storage;
    // What asks tables itself comes first, as it puts its own key there
    const early = new Map<Expression, number>();
    for (const part of key) if (hasCall(part)) early.set(part, this.#keep(part));
    const place = argument && this.#keep(argument);
    let at = this.#key;
    key.forEach((part, i) => {
      const kept = early.get(part);
      if (kept === undefined) this.#expressions.value(part);
      else asm.load(8, RESULT, FRAME, kept);
      asm.store(4, FRAME, at, RESULT);
      at += 4;
      if (this.#program.tables[table].key[i] > 32) {
        asm.aluImmediate(Alu.rsh, RESULT, 32);
        asm.store(4, FRAME, at, RESULT);
        at += 4;
      }
    });
    for (const slot of early.values()) storage.giveBack(slot);
    return place;
  }

  #keep(expression: Expression): number {
    const register = this.#expressions.value(expression);
    const slot = this.#storage.borrow();
    this.#asm.store(8, FRAME, slot, register);
    return slot;
  }

  /** Leaves the address of the entry in register 0; 0 if there is none. */
  #lookup(table: number): void {
    const asm = this.#asm;
    asm.map(1, table);
    asm.move(2, FRAME);
    asm.aluImmediate(Alu.add, 2, this.#key);
    asm.call(Helper.mapLookup);
  }

  /** Writes what is in `#value`; where there is no room nothing happens. */
  #update(table: number, how: number): void {
    const asm = this.#asm;
    asm.map(1, table);
    asm.move(2, FRAME);
    asm.aluImmediate(Alu.add, 2, this.#key);
    asm.move(3, FRAME);
    asm.aluImmediate(Alu.add, 3, this.#value);
    asm.set(4, how);
    asm.call(Helper.mapUpdate);
  }

  /** Leaves the address of an entry in register 0 that is made if need be; 0 if there is no room. */
  #entry(table: number, newValue: () => void): void {
    const asm = this.#asm, found = new Label();
    this.#lookup(table);
    asm.jumpIfImmediate(Jump.ne, 0, 0, found);
    newValue();
    this.#update(table, IF_ABSENT);
    // Somebody else may have made it
    this.#lookup(table);
    asm.place(found);
  }

  #get(table: number): void {
    const asm = this.#asm, absent = new Label(), end = new Label();
    this.#lookup(table);
    asm.jumpIfImmediate(Jump.eq, 0, 0, absent);
    if (this.#layouts[table].kind === "counters") {
      asm.load(8, RESULT, 0, 0);
      // Modulo 2^53
      asm.aluImmediate(Alu.lsh, RESULT, 11);
      asm.aluImmediate(Alu.rsh, RESULT, 11);
      asm.set(2, UINT32_MAX);
      asm.jumpIf(Jump.le, RESULT, 2, end);
      asm.move(RESULT, 2);
    } else {
      asm.load(4, RESULT, 0, 0);
    }
    asm.jump(end);
    asm.place(absent);
    asm.set(RESULT, ABSENT);
    asm.place(end);
  }

  #set(table: number, argument: number): void {
    const asm = this.#asm, absent = new Label(), end = new Label();
    this.#lookup(table);
    asm.load(8, 2, FRAME, argument);
    asm.jumpIfImmediate(Jump.eq, 0, 0, absent);
    asm.store(8, 0, 0, 2);
    asm.jump(end);
    asm.place(absent);
    asm.store(8, FRAME, this.#value, 2);
    this.#update(table, ANY);
    asm.place(end);
  }

  #count(table: number, argument: number): void {
    const asm = this.#asm, end = new Label();
    this.#entry(table, () => asm.storeImmediate(8, FRAME, this.#value, 0));
    asm.jumpIfImmediate(Jump.eq, 0, 0, end);
    asm.load(8, 2, FRAME, argument);
    asm.atomicAdd(0, 0, 2);
    asm.place(end);
  }

  #take(table: number, argument: number): void {
    const asm = this.#asm, storage = this.#storage;
    const { ratePerSecond, burst } = this.#layouts[table];
    const now = storage.borrow(), tries = storage.borrow();
    const again = new Label(), none = new Label(), end = new Label();
    asm.call(Helper.clock);
    asm.aluImmediate(Alu.rsh, 0, TICK_SHIFT);
    asm.aluImmediate(Alu.and, 0, TICK_MASK);
    asm.store(8, FRAME, now, 0);
    this.#entry(table, () => {
      asm.load(8, 1, FRAME, now);
      asm.aluImmediate(Alu.lsh, 1, TIME_SHIFT);
      asm.set(2, burst * 2 ** TOKEN_SHIFT);
      asm.alu(Alu.or, 1, 2);
      asm.store(8, FRAME, this.#value, 1);
    });
    asm.jumpIfImmediate(Jump.eq, 0, 0, none);
    asm.move(2, 0);
    asm.storeImmediate(8, FRAME, tries, 0);
    asm.place(again);
    this.#bucketAfter(now, argument, ratePerSecond, burst);
    // Register 0 is what was there, 3 what shall be, 4 whether there were enough
    asm.move(5, 0);
    asm.compareExchange(2, 0, 3);
    asm.move(RESULT, 4);
    asm.jumpIf(Jump.eq, 0, 5, end);
    asm.load(8, 5, FRAME, tries);
    asm.aluImmediate(Alu.add, 5, 1);
    asm.store(8, FRAME, tries, 5);
    asm.jumpIfImmediate(Jump.lt, 5, TRIES, again);
    asm.place(none);
    asm.set(RESULT, 0);
    asm.place(end);
    storage.giveBack(now);
    storage.giveBack(tries);
  }

  /** The bucket that register 2 points to after a take: `valet_bucket_after()`. */
  #bucketAfter(now: number, argument: number, ratePerSecond: number, burst: number): void {
    const asm = this.#asm, filled = new Label(), full = new Label(), tooFew = new Label();
    asm.load(8, 0, 2, 0);
    asm.move(3, 0);
    asm.aluImmediate(Alu.rsh, 3, TIME_SHIFT);
    asm.load(8, 5, FRAME, now);
    asm.alu(Alu.sub, 5, 3);
    asm.aluImmediate(Alu.and, 5, TICK_MASK);
    asm.set(1, Math.round(ratePerSecond * 2 ** 44 / 1e9));
    asm.alu(Alu.mul, 5, 1);
    asm.aluImmediate(Alu.rsh, 5, 8);
    asm.move(1, 0);
    asm.aluImmediate(Alu.lsh, 1, 64 - TIME_SHIFT);
    asm.aluImmediate(Alu.rsh, 1, 64 - TIME_SHIFT);
    asm.jumpIfImmediate(Jump.eq, 5, 0, filled);
    asm.alu(Alu.add, 1, 5);
    asm.set(5, burst * 2 ** TOKEN_SHIFT);
    asm.jumpIf(Jump.le, 1, 5, full);
    asm.move(1, 5);
    asm.place(full);
    asm.load(8, 3, FRAME, now);
    asm.place(filled);
    asm.load(8, 5, FRAME, argument);
    asm.aluImmediate(Alu.lsh, 5, TOKEN_SHIFT);
    asm.set(4, 0);
    asm.jumpIf(Jump.lt, 1, 5, tooFew);
    asm.alu(Alu.sub, 1, 5);
    asm.set(4, 1);
    asm.place(tooFew);
    asm.aluImmediate(Alu.lsh, 3, TIME_SHIFT);
    asm.alu(Alu.or, 3, 1);
  }
}
