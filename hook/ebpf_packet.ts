/**
 * Writes accesses to the packet the way the verifier wants to see them: each behind a comparison with
 * the packet's end.
 *
 * @module
 */

import { Alu, type Assembler, Jump, Label, type Register } from "./ebpf_assembler.ts";
import { CONTEXT, DATA_END, SCRATCH, XDP_MD } from "./ebpf_registers.ts";
import type { Const, Expression, Load } from "./ir.ts";

/** Most that may be added to a packet's address for the verifier to follow: MAX_PACKET_OFF. */
const PACKET_OFFSET_MAX = 0xffff;
/** Most that is written as an instruction's offset. */
const OFFSET_MAX = 0x7fff;

type Bytes = Load["size"];

/** True if a place can be written into the instruction. */
export function isPlainOffset(at: Expression, size: Bytes): at is Const {
  return at.op === "const" && at.value >= 0 && at.value + size <= OFFSET_MAX;
}

/** Loads a number at a known place, 0 beyond the packet's end. Spoils registers 0 and 5. */
export function loadAt(asm: Assembler, size: Bytes, to: Register, at: number): void {
  const outside = new Label();
  asm.load(4, 0, CONTEXT, XDP_MD.data);
  asm.move(SCRATCH, 0);
  asm.aluImmediate(Alu.add, SCRATCH, at + size);
  asm.jumpIf(Jump.gt, SCRATCH, DATA_END, outside);
  loadBytes(asm, size, to, at);
  orZero(asm, to, outside);
}

/** Loads a number at the place that is in its register. Spoils registers 0 and 5. */
export function loadBehind(asm: Assembler, size: Bytes, to: Register): void {
  const outside = new Label();
  // Negative ones are great as unsigned numbers
  asm.jumpIfImmediate(Jump.gt, to, PACKET_OFFSET_MAX - size, outside);
  asm.load(4, 0, CONTEXT, XDP_MD.data);
  asm.alu(Alu.add, 0, to);
  asm.move(SCRATCH, 0);
  asm.aluImmediate(Alu.add, SCRATCH, size);
  asm.jumpIf(Jump.gt, SCRATCH, DATA_END, outside);
  loadBytes(asm, size, to, 0);
  orZero(asm, to, outside);
}

function orZero(asm: Assembler, to: Register, outside: Label): void {
  const end = new Label();
  asm.jump(end);
  asm.place(outside);
  asm.set(to, 0);
  asm.place(end);
}

/** Stores a register's low bytes at a known place, if it is there. Spoils it, and registers 0 and 5. */
export function storeAt(asm: Assembler, size: 1 | 2 | 4, at: number, from: Register): void {
  const outside = new Label();
  toNetwork(asm, size, from);
  asm.load(4, 0, CONTEXT, XDP_MD.data);
  asm.move(SCRATCH, 0);
  asm.aluImmediate(Alu.add, SCRATCH, at + size);
  asm.jumpIf(Jump.gt, SCRATCH, DATA_END, outside);
  asm.store(size, 0, at, from);
  asm.place(outside);
}

/** The same at the place that is in a register. */
export function storeBehind(asm: Assembler, size: 1 | 2 | 4, at: Register, from: Register): void {
  const outside = new Label();
  toNetwork(asm, size, from);
  asm.jumpIfImmediate(Jump.gt, at, PACKET_OFFSET_MAX - size, outside);
  asm.load(4, 0, CONTEXT, XDP_MD.data);
  asm.alu(Alu.add, 0, at);
  asm.move(SCRATCH, 0);
  asm.aluImmediate(Alu.add, SCRATCH, size);
  asm.jumpIf(Jump.gt, SCRATCH, DATA_END, outside);
  asm.store(size, 0, 0, from);
  asm.place(outside);
}

function toNetwork(asm: Assembler, size: 1 | 2 | 4, register: Register): void {
  if (size > 1) asm.fromNetwork(register, size === 2 ? 16 : 32); // the same exchange
}

/** From register 0. */
function loadBytes(asm: Assembler, size: Bytes, to: Register, offset: number): void {
  if (size === 6) {
    asm.load(2, SCRATCH, 0, offset + 4);
    asm.load(4, to, 0, offset);
    asm.fromNetwork(to, 32);
    asm.fromNetwork(SCRATCH, 16);
    asm.aluImmediate(Alu.lsh, to, 16);
    asm.alu(Alu.or, to, SCRATCH);
    return;
  }
  asm.load(size, to, 0, offset);
  if (size > 1) asm.fromNetwork(to, size === 2 ? 16 : 32);
}
