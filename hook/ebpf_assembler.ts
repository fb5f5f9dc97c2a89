/**
 * Writes eBPF instructions: encodes them, resolves labels, and leaves out what cannot be reached, which
 * the kernel would refuse.
 *
 * The encoding is that of RFC 9669 on a little-endian machine.
 *
 * @module
 */

import type { Position } from "./ir.ts";

/** A register: 0 is the result, 1 to 5 are arguments of calls, 6 to 9 survive calls, 10 is the frame. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** Arithmetic, of 64 bits, or of 32 with the upper half set to 0. `div` and `mod` are unsigned. */
export const Alu = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
} as const;

/** Conditions of jumps, on 64 bits: unsigned, and signed with an `s`. */
export const Jump = {
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;

/** One of {@linkcode Alu}. */
export type AluOperation = typeof Alu[keyof typeof Alu];
/** One of {@linkcode Jump}. */
export type JumpCondition = typeof Jump[keyof typeof Jump];
/** Bytes that are loaded or stored. */
export type Size = 1 | 2 | 4 | 8;

const Class = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, ALU64: 7 } as const;
const REGISTER_SOURCE = 0x08;
const SIZES: Readonly<Record<Size, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };
const MODE_IMM = 0x00, MODE_MEM = 0x60, MODE_ATOMIC = 0xc0;
const WIDE_IMMEDIATE = Class.LD | SIZES[8] | MODE_IMM;
const BYTE_SWAP = 0xd0;
const CALL = 0x85, EXIT = 0x95, JUMP_ALWAYS = 0x05;
/** An immediate that is the descriptor of a map: BPF_PSEUDO_MAP_FD. */
const MAP_DESCRIPTOR = 1;
/** A call within the program: BPF_PSEUDO_CALL. */
const FUNCTION_CALL = 1;
/** A 64-bit compare-and-exchange with register 0; an addition. */
const COMPARE_EXCHANGE = 0xf1, ATOMIC_ADD = 0x00;

/** Bytes of an instruction. */
export const INSTRUCTION_BYTES = 8;

const INT32_MIN = -0x8000_0000, INT32_MAX = 0x7fff_ffff;

/** True if a number can stand in an instruction, where it is extended with its sign. */
export function isImmediate(value: number): boolean {
  return value >= INT32_MIN && value <= INT32_MAX;
}

/** A place in the program that jumps lead to. */
export class Label {
  /** Instruction that it stands before; undefined until it is placed. */
  at: number | undefined;
  /** Whether a jump leads there. */
  used = false;
}

interface Instruction {
  readonly code: number;
  readonly destination: number;
  readonly source: number;
  offset: number;
  readonly immediate: number;
  readonly target?: Label | undefined;
  readonly position: Position | undefined;
}

/** Where the program has the descriptor of a table's map. */
export interface MapReference {
  /** Number of the instruction whose immediate it is. */
  readonly instruction: number;
  /** Number of the table. */
  readonly table: number;
}

/** A program, instruction by instruction. */
export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #maps: MapReference[] = [];
  #reachable = true;
  #lastLabel = -1;
  /** Where in the source the next instructions come from. */
  position: Position | undefined;

  /** Instructions so far; one with a 64-bit immediate counts twice. */
  get length(): number {
    return this.#instructions.length;
  }

  /** False behind a jump that is always taken, until a label that is used. */
  get reachable(): boolean {
    return this.#reachable;
  }

  /** Instructions that refer to maps. */
  get maps(): readonly MapReference[] {
    return this.#maps;
  }

  /** Puts a number into a register. */
  set(to: Register, value: number): void {
    if (isImmediate(value)) return this.aluImmediate(Alu.mov, to, value);
    // The 32-bit form clears the upper half
    if (value >= 0 && value <= 0xffff_ffff) {
      return this.#emit(Class.ALU | Alu.mov, to, 0, 0, value | 0);
    }
    const bits = BigInt.asUintN(64, BigInt(value));
    this.#emit(WIDE_IMMEDIATE, to, 0, 0, Number(BigInt.asIntN(32, bits)));
    this.#emit(0, 0, 0, 0, Number(BigInt.asIntN(32, bits >> 32n)));
  }

  /** Copies a register. */
  move(to: Register, from: Register): void {
    if (to !== from) this.alu(Alu.mov, to, from);
  }

  /** Combines two registers into the first. */
  alu(operation: AluOperation, to: Register, from: Register): void {
    this.#emit(Class.ALU64 | operation | REGISTER_SOURCE, to, from, 0, 0);
  }

  /** The same with the lower halves of both, unsigned; the upper half becomes 0. */
  alu32(operation: AluOperation, to: Register, from: Register): void {
    this.#emit(Class.ALU | operation | REGISTER_SOURCE, to, from, 0, 0);
  }

  /** Combines a register and a number, which is within 32 bits, signed. */
  aluImmediate(operation: AluOperation, to: Register, value: number): void {
    this.#emit(Class.ALU64 | operation, to, 0, 0, value);
  }

  /** Makes a number of the 16 or 32 lower bits, which have the order of the network. */
  fromNetwork(to: Register, bits: 16 | 32): void {
    this.#emit(Class.ALU | BYTE_SWAP | REGISTER_SOURCE, to, 0, 0, bits);
  }

  /** Loads from memory, without the sign. */
  load(size: Size, to: Register, base: Register, offset: number): void {
    this.#emit(Class.LDX | SIZES[size] | MODE_MEM, to, base, offset, 0);
  }

  /** Stores the lower bytes of a register. */
  store(size: Size, base: Register, offset: number, from: Register): void {
    this.#emit(Class.STX | SIZES[size] | MODE_MEM, base, from, offset, 0);
  }

  /** Stores a number that is within 32 bits, signed. */
  storeImmediate(size: Size, base: Register, offset: number, value: number): void {
    this.#emit(Class.ST | SIZES[size] | MODE_MEM, base, 0, offset, value);
  }

  /** Adds a register to 8 bytes of memory at once. */
  atomicAdd(base: Register, offset: number, from: Register): void {
    this.#emit(Class.STX | SIZES[8] | MODE_ATOMIC, base, from, offset, ATOMIC_ADD);
  }

  /** Replaces 8 bytes of memory if they are register 0, which then has what was there. */
  compareExchange(base: Register, offset: number, from: Register): void {
    this.#emit(Class.STX | SIZES[8] | MODE_ATOMIC, base, from, offset, COMPARE_EXCHANGE);
  }

  /** Puts the address of a table's map into a register. */
  map(to: Register, table: number): void {
    if (this.#reachable) this.#maps.push({ instruction: this.length, table });
    this.#emit(WIDE_IMMEDIATE, to, MAP_DESCRIPTOR, 0, 0);
    this.#emit(0, 0, 0, 0, 0);
  }

  /** Calls a helper of the kernel. */
  call(helper: number): void {
    this.#emit(CALL, 0, 0, 0, helper);
  }

  /** Calls the function at a label, which has a stack and registers 6 to 9 of its own. */
  callFunction(at: Label): void {
    this.#emit(CALL, 0, FUNCTION_CALL, 0, 0, at);
  }

  /** Ends the program with what is in register 0. */
  exit(): void {
    this.#emit(EXIT, 0, 0, 0, 0);
    this.#reachable = false;
  }

  /** Goes on at a label. */
  jump(to: Label): void {
    this.#emit(JUMP_ALWAYS, 0, 0, 0, 0, to);
    this.#reachable = false;
  }

  /** Goes on at a label if a condition holds between two registers. */
  jumpIf(condition: JumpCondition, left: Register, right: Register, to: Label): void {
    this.#emit(Class.JMP | condition | REGISTER_SOURCE, left, right, 0, 0, to);
  }

  /** Goes on at a label if it holds between a register and a number, within 32 bits and signed. */
  jumpIfImmediate(condition: JumpCondition, left: Register, right: number, to: Label): void {
    this.#emit(Class.JMP | condition, left, 0, 0, right, to);
  }

  /** Puts a label before the next instruction. */
  place(label: Label): void {
    const last = this.#instructions.at(-1);
    // A jump to the next instruction
    if (last?.code === JUMP_ALWAYS && last.target === label && this.#lastLabel < this.length) {
      this.#instructions.pop();
      this.#reachable = true;
    }
    label.at = this.length;
    if (label.used) this.#reachable = true;
    if (this.#reachable) this.#lastLabel = this.length;
  }

  /**
   * The program's bytes.
   *
   * @throws {RangeError} if a jump is too far
   */
  encode(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length * INSTRUCTION_BYTES);
    const view = new DataView(bytes.buffer);
    for (const [i, instruction] of this.#instructions.entries()) {
      const { code, destination, source, target, immediate } = instruction;
      const distance = target === undefined ? undefined : target.at! - i - 1;
      const isCall = code === CALL && distance !== undefined;
      const offset = isCall ? 0 : distance ?? instruction.offset;
      if (offset < -0x8000 || offset > 0x7fff) {
        throw new RangeError(
          `Cannot encode a program of ${this.length} instructions: a jump leads over ${offset} of them`,
        );
      }
      const at = i * INSTRUCTION_BYTES;
      view.setUint8(at, code);
      view.setUint8(at + 1, destination | source << 4);
      view.setInt16(at + 2, offset, true);
      view.setInt32(at + 4, isCall ? distance : immediate, true);
    }
    return bytes;
  }

  /** For each instruction, where in the source it comes from. */
  positions(): (Position | undefined)[] {
    return this.#instructions.map(({ position }) => position);
  }

  #emit(
    code: number,
    destination: number,
    source: number,
    offset: number,
    immediate: number,
    target?: Label,
  ): void {
    if (!this.#reachable) return;
    if (target !== undefined) target.used = true;
    const { position } = this;
    this.#instructions.push({ code, destination, source, offset, immediate, target, position });
  }
}
