/**
 * What eBPF programs of hooks return: `VALET_MODULE_...` of `c/uapi/valet_module.h`.
 *
 * @module
 */

import { LEARN } from "../ffi/constants.ts";
import { Alu, type Assembler, Jump, Label, type Register } from "./ebpf_assembler.ts";
import { FRAME, SCRATCH } from "./ebpf_registers.ts";
import type { Storage } from "./ebpf_storage.ts";
import type { Expression } from "./ir.ts";

/** Results of a program besides port indices. */
export const ModuleResult = {
  /** To every other port. */
  BROADCAST: 254,
  /** To nobody. */
  DROP: 255,
  /** The learning bridge decides. */
  LEARN: 256,
  /** Not a result: what hooks return that is none. */
  GARBAGE: 0x7ff,
  /** All of them, and port indices, are within these bits. */
  MASK: 0x7ff,
} as const;

/** Bits of a program's result below the ring + 1. */
export const MODULE_RING_SHIFT = 12;

/**
 * Results with a copy: the bit that says so, where the copy's port begins, and where the ring + 1 does,
 * which has fewer bits there.
 */
export const ModuleCopy = {
  FLAG: 0x800,
  PORT_SHIFT: 12,
  RING_SHIFT: 20,
  RINGS: 4095,
  /** What stands for ports that cannot be. */
  NO_PORT: 254,
} as const;

/**
 * What rings are taken modulo of first: the least number that is a multiple of all numbers of rings
 * that a port can have (1 to 16), so that the receiver's own modulo gives the same.
 */
const RINGS_MULTIPLE = 720_720;

/** What the module is told for what a hook returns. */
export function resultOf(value: number): number {
  if (value <= ModuleResult.DROP) return value;
  return value === LEARN ? ModuleResult.LEARN : ModuleResult.GARBAGE;
}

/** A hook chooses rings that a program cannot. */
export class RingError extends RangeError {
  /** "RingError". */
  override readonly name = "RingError";
}

/** Writes what a program returns: the port, and ring and copy, which are kept on the stack until then. */
export class ResultWriter {
  readonly #asm: Assembler;
  /** Where ring and copy are, if there can be ones: their bits of the result. */
  readonly #ring: number | undefined;
  readonly #copy: number | undefined;

  /** Takes what it needs of the stack. */
  constructor(asm: Assembler, storage: Storage, { ring, copy }: { ring: boolean; copy: boolean }) {
    this.#asm = asm;
    this.#ring = ring ? storage.reserve(8) : undefined;
    this.#copy = copy ? storage.reserve(8) : undefined;
  }

  /** At the program's begin. */
  begin(): void {
    for (const place of [this.#ring, this.#copy]) {
      if (place !== undefined) this.#asm.storeImmediate(8, FRAME, place, 0);
    }
  }

  /**
   * Chooses the ring that is in a register, which it spoils.
   *
   * @throws {RingError} if that may be one that the result has no bits for
   */
  ring(register: Register, { hi }: Expression): void {
    const asm = this.#asm;
    if (this.#copy !== undefined && hi >= ModuleCopy.RINGS) {
      throw new RingError(
        `it copies packets, so it can choose rings 0 to ${ModuleCopy.RINGS - 1}, not ${hi}`,
      );
    }
    if (hi >= RINGS_MULTIPLE) asm.aluImmediate(Alu.mod, register, RINGS_MULTIPLE);
    asm.aluImmediate(Alu.add, register, 1);
    asm.aluImmediate(Alu.lsh, register, MODULE_RING_SHIFT);
    asm.store(8, FRAME, this.#ring!, register);
  }

  /** Chooses the copy's port that is in a register, which it spoils. */
  copy(register: Register): void {
    const asm = this.#asm, { FLAG, PORT_SHIFT, NO_PORT } = ModuleCopy;
    const isPort = new Label(), none = new Label(), end = new Label();
    asm.jumpIfImmediate(Jump.lt, register, NO_PORT, isPort);
    asm.jumpIfImmediate(Jump.eq, register, ModuleResult.DROP, none);
    asm.set(register, NO_PORT);
    asm.place(isPort);
    asm.aluImmediate(Alu.lsh, register, PORT_SHIFT);
    asm.aluImmediate(Alu.or, register, FLAG);
    asm.jump(end);
    asm.place(none);
    asm.set(register, 0);
    asm.place(end);
    asm.store(8, FRAME, this.#copy!, register);
  }

  /** Returns a number, or what is in register 0; `most` is its greatest value. */
  end(value: number | undefined, most: number): void {
    if (value !== undefined) this.#asm.set(0, resultOf(value));
    else if (most > ModuleResult.DROP) this.#check();
    this.#add();
    this.#asm.exit();
  }

  /** What is in register 0 may be no port index. */
  #check(): void {
    const asm = this.#asm;
    const done = new Label(), garbage = new Label();
    asm.jumpIfImmediate(Jump.le, 0, ModuleResult.DROP, done);
    asm.set(SCRATCH, LEARN);
    asm.jumpIf(Jump.ne, 0, SCRATCH, garbage);
    asm.set(0, ModuleResult.LEARN);
    asm.jump(done);
    asm.place(garbage);
    asm.set(0, ModuleResult.GARBAGE);
    asm.place(done);
  }

  /** Adds ring and copy to register 0; with a copy, the ring is further up. Spoils 1 and 5. */
  #add(): void {
    const asm = this.#asm, ring = this.#ring, copy = this.#copy;
    if (ring !== undefined) asm.load(8, SCRATCH, FRAME, ring);
    if (copy !== undefined) {
      const none = new Label();
      asm.load(8, 1, FRAME, copy);
      asm.alu(Alu.or, 0, 1);
      if (ring === undefined) return;
      asm.jumpIfImmediate(Jump.eq, 1, 0, none);
      asm.aluImmediate(Alu.lsh, SCRATCH, ModuleCopy.RING_SHIFT - MODULE_RING_SHIFT);
      asm.place(none);
    }
    if (ring !== undefined) asm.alu(Alu.or, 0, SCRATCH);
  }
}
