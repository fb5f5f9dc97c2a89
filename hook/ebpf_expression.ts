/**
 * Writes expressions of the intermediate form as eBPF instructions.
 *
 * Values are computed in registers 1 to 4, as on a stack: each function is told the depth that it may
 * use from, and leaves its result in that register. Registers 0 and 5 are scratch. 6 holds the context
 * and 7 the packet's end. A call of the kernel spoils 0 to 5, so what contains one is computed first, while
 * nothing is in 1 to 4.
 *
 * Much is written for the verifier, which follows each way through the program unless it has seen one
 * that was as general: the packet's begin is loaded anew for each access, as a register would remember
 * on each way how much of the packet has been seen to be there.
 *
 * @module
 */

import { Alu, type Assembler, isImmediate, Jump, Label, type Register } from "./ebpf_assembler.ts";
import { hasCall } from "./build_ir.ts";
import { isPlainOffset, loadAt, loadBehind, storeAt, storeBehind } from "./ebpf_packet.ts";
import { ARITHMETIC, COMPARISONS, isLinked, OPPOSITES } from "./ebpf_operators.ts";
import { CONTEXT, DATA_END, FRAME, SCRATCH, VALUES, XDP_MD } from "./ebpf_registers.ts";
import type { Storage } from "./ebpf_storage.ts";
import type {
  Binary,
  Cond,
  Expression,
  Input,
  Load,
  Local,
  StoreStatement,
  TableCall,
} from "./ir.ts";

/** Writes table operations; they spoil registers 0 to 5. */
export interface TableWriter {
  /** Leaves the result in the register of `depth`, below which nothing is kept. */
  call(call: TableCall): Register;
}

/** Which assignments hide from the verifier what it knows. */
export interface Widening {
  /** Where there is a 0 that the verifier knows nothing of. */
  readonly zero: number;
  /** Whether an assignment does. */
  wants(local: Local, value: Expression): boolean;
}

/** Writes expressions. */
export class ExpressionWriter {
  readonly #asm: Assembler;
  readonly #storage: Storage;
  /** Where inputs that are read from the context are kept. */
  readonly #inputs: ReadonlyMap<Input, number>;
  readonly #widening: Widening | undefined;
  /** Set before the first table operation. */
  tables: TableWriter | undefined;

  /** Writes into an assembler. */
  constructor(
    asm: Assembler,
    storage: Storage,
    inputs: ReadonlyMap<Input, number>,
    widening: Widening | undefined,
  ) {
    this.#asm = asm;
    this.#storage = storage;
    this.#inputs = inputs;
    this.#widening = widening;
  }

  /** Computes a value; gives the register that has it, that of `depth`. */
  value(expression: Expression, depth = 0): Register {
    const asm = this.#asm, to = VALUES[depth];
    switch (expression.op) {
      case "const":
        asm.set(to, expression.value);
        return to;
      case "get":
      case "input":
        this.#leaf(expression, to);
        return to;
      case "load":
        return this.#load(expression, depth);
      case "int32":
        this.value(expression.value, depth);
        this.#signExtend(to);
        return to;
      case "uint32":
        this.value(expression.value, depth);
        asm.alu32(Alu.mov, to, to);
        return to;
      case "cond":
        return this.#cond(expression, depth);
      case "let":
        this.#store(expression.local, this.value(expression.value, depth));
        return this.value(expression.body, depth);
      case "table":
        if (depth > 0) throw new RangeError("A table is asked while something is in registers");
        return this.tables!.call(expression);
      default:
        return this.#binary(expression, depth);
    }
  }

  /** Computes the value of a variable. */
  assign(local: Local, value: Expression): void {
    const register = this.value(value);
    if (this.#widening !== undefined && this.#widening.wants(local, value)) {
      this.#widen(register);
    }
    this.#store(local, register);
  }

  /**
   * Has the verifier forget that a value is that of a variable: it would keep apart what a comparison
   * tells about the variable, though nothing needs to be known about it.
   *
   * @returns the register that has the value now
   */
  #unlink(register: Register, expression: Expression): Register {
    if (!isLinked(expression)) return register;
    const to = VALUES.includes(register) ? register : SCRATCH;
    this.#asm.move(to, register);
    this.#asm.aluImmediate(Alu.or, to, 0);
    return to;
  }

  /** Has the verifier forget what it knows about a value. */
  #widen(register: Register): void {
    this.#asm.load(8, SCRATCH, FRAME, this.#widening!.zero);
    this.#asm.alu(Alu.add, register, SCRATCH);
  }

  /** Puts a register into a variable. */
  #store(local: Local, from: Register): void {
    const place = this.#storage.place(local);
    if ("register" in place) this.#asm.move(place.register, from);
    else this.#asm.store(8, FRAME, place.stack, from);
  }

  /** Goes on at a label if the expression is true (or false), else behind. */
  branch(test: Expression, to: Label, when: boolean, depth = 0): void {
    const asm = this.#asm;
    switch (test.op) {
      case "const":
        if ((test.value !== 0) === when) asm.jump(to);
        return;
      case "eq":
      case "ne":
      case "lt":
      case "le":
        return this.#compare(test, to, when, depth);
      case "cond":
        return this.#branchCond(test, to, when, depth);
      case "let":
        this.#store(test.local, this.value(test.value, depth));
        return this.branch(test.body, to, when, depth);
      default:
        asm.jumpIfImmediate(when ? Jump.ne : Jump.eq, this.value(test, depth), 0, to);
    }
  }

  #branchCond({ test, yes, no }: Cond, to: Label, when: boolean, depth: number): void {
    const end = new Label();
    const goesTo = (value: number): Label => (value !== 0) === when ? to : end;
    if (no.op === "const") {
      this.branch(test, goesTo(no.value), false, depth);
      this.branch(yes, to, when, depth);
    } else if (yes.op === "const") {
      this.branch(test, goesTo(yes.value), true, depth);
      this.branch(no, to, when, depth);
    } else {
      const otherwise = new Label();
      this.branch(test, otherwise, false, depth);
      this.branch(yes, to, when, depth);
      this.#asm.jump(end);
      this.#asm.place(otherwise);
      this.branch(no, to, when, depth);
    }
    this.#asm.place(end);
  }

  #compare(test: Binary, to: Label, when: boolean, depth: number): void {
    const condition = (when ? COMPARISONS : OPPOSITES)[test.op];
    this.#operands(test, depth, (left, right) => {
      this.#unlink(left, test.left);
      this.#asm.jumpIfImmediate(condition, left, right, to);
    }, (left, right) => {
      this.#unlink(left, test.left);
      this.#asm.jumpIf(condition, left, this.#unlink(right, test.right), to);
    });
  }

  #cond({ test, yes, no }: Cond, depth: number): Register {
    const asm = this.#asm, otherwise = new Label(), end = new Label();
    this.branch(test, otherwise, false, depth);
    this.value(yes, depth);
    asm.jump(end);
    asm.place(otherwise);
    this.value(no, depth);
    asm.place(end);
    return VALUES[depth];
  }

  #binary(expression: Binary, depth: number): Register {
    const asm = this.#asm, to = VALUES[depth];
    const { op } = expression;
    switch (op) {
      case "eq":
      case "ne":
      case "lt":
      case "le": {
        const end = new Label();
        this.#operands(expression, depth, (left, right) => {
          asm.set(0, 1);
          asm.jumpIfImmediate(COMPARISONS[op], left, right, end);
        }, (left, right) => {
          asm.set(0, 1);
          asm.jumpIf(COMPARISONS[op], left, right, end);
        });
        asm.set(0, 0);
        asm.place(end);
        asm.move(to, 0);
        return to;
      }
      case "min":
      case "max": {
        const end = new Label();
        const keeps = op === "min" ? Jump.sle : Jump.sge;
        this.#operands(expression, depth, (left, right) => {
          asm.jumpIfImmediate(keeps, left, right, end);
          asm.set(to, right);
        }, (left, right) => {
          asm.jumpIf(keeps, left, right, end);
          asm.move(to, right);
        });
        asm.place(end);
        return to;
      }
      case "imul":
        this.#operands(expression, depth, undefined, (left, right) => {
          asm.alu32(Alu.mul, left, right);
        });
        this.#signExtend(to);
        return to;
      default:
        this.#operands(
          expression,
          depth,
          (left, right) => asm.aluImmediate(ARITHMETIC[op], left, right),
          (left, right) => asm.alu(ARITHMETIC[op], left, right),
        );
        return to;
    }
  }

  /**
   * Computes the left operand into the register of `depth`, the right one into another or as a number
   * in the instruction, and has the operation written.
   */
  #operands(
    { left, right }: Binary,
    depth: number,
    immediate: ((left: Register, right: number) => void) | undefined,
    registers: (left: Register, right: Register) => void,
  ): void {
    const asm = this.#asm, to = VALUES[depth];
    if (right.op === "const" && immediate !== undefined && isImmediate(right.value)) {
      immediate(this.value(left, depth), right.value);
    } else if (right.op === "const" || right.op === "get" || right.op === "input") {
      this.value(left, depth);
      registers(to, this.#inRegister(right));
    } else if (hasCall(right)) {
      const slot = this.#storage.borrow();
      asm.store(8, FRAME, slot, this.value(right, depth));
      this.value(left, depth);
      asm.load(8, SCRATCH, FRAME, slot);
      this.#storage.giveBack(slot);
      registers(to, SCRATCH);
    } else if (depth + 1 < VALUES.length) {
      this.value(left, depth);
      registers(to, this.value(right, depth + 1));
    } else {
      const slot = this.#storage.borrow();
      asm.store(8, FRAME, slot, this.value(left, depth));
      asm.move(SCRATCH, this.value(right, depth));
      asm.load(8, to, FRAME, slot);
      this.#storage.giveBack(slot);
      registers(to, SCRATCH);
    }
  }

  /** The register that a variable is in, or scratch with the value. */
  #inRegister(leaf: Expression): Register {
    if (leaf.op === "get") {
      const place = this.#storage.place(leaf.local);
      if ("register" in place) return place.register;
    }
    if (leaf.op === "const") this.#asm.set(SCRATCH, leaf.value);
    else this.#leaf(leaf, SCRATCH);
    return SCRATCH;
  }

  #leaf(leaf: Expression, to: Register): void {
    const asm = this.#asm;
    if (leaf.op === "get") {
      const place = this.#storage.place(leaf.local);
      if ("register" in place) asm.move(to, place.register);
      else asm.load(8, to, FRAME, place.stack);
    } else if (leaf.op === "input" && leaf.input === "readable") {
      asm.load(4, 0, CONTEXT, XDP_MD.data);
      asm.move(to, DATA_END);
      asm.alu(Alu.sub, to, 0);
    } else if (leaf.op === "input") {
      asm.load(8, to, FRAME, this.#inputs.get(leaf.input)!);
    }
  }

  #signExtend(register: Register): void {
    this.#asm.aluImmediate(Alu.lsh, register, 32);
    this.#asm.aluImmediate(Alu.arsh, register, 32);
  }

  /** Writes into the packet. */
  write({ size, at, value }: StoreStatement): void {
    const asm = this.#asm;
    const from = this.value(value);
    if (isPlainOffset(at, size)) return storeAt(asm, size, at.value, from);
    const slot = this.#storage.borrow();
    asm.store(8, FRAME, slot, from);
    const place = this.value(at);
    this.#unlink(place, at);
    asm.load(8, VALUES[1], FRAME, slot);
    this.#storage.giveBack(slot);
    storeBehind(asm, size, place, VALUES[1]);
  }

  /** A number of the packet, 0 beyond its end. */
  #load({ size, at, position }: Load, depth: number): Register {
    const asm = this.#asm, to = VALUES[depth];
    const before = asm.position;
    if (isPlainOffset(at, size)) {
      asm.position = position;
      loadAt(asm, size, to, at.value);
    } else {
      this.value(at, depth);
      asm.position = position;
      this.#unlink(to, at);
      loadBehind(asm, size, to);
    }
    asm.position = before;
    return to;
  }
}
