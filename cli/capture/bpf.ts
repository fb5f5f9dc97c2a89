/**
 * Classic BPF: the programs that libpcap compiles filters to, run on packets.
 *
 * Source: McCanne, Jacobson: The BSD Packet Filter, USENIX 1993; bpf(4) of FreeBSD.
 *
 * Pure.
 *
 * @module
 */

/** One instruction. */
export interface BpfInstruction {
  /** Class, and what it is done with. */
  readonly code: number;
  /** Instructions to leave out if the condition holds. */
  readonly jumpTrue: number;
  /** Instructions to leave out if it does not. */
  readonly jumpFalse: number;
  /** Constant. */
  readonly k: number;
}

/** Words of scratch memory. */
const MEMORY_WORDS = 16;

const LD = 0x00, LDX = 0x01, ST = 0x02, STX = 0x03, ALU = 0x04, JMP = 0x05, RET = 0x06;
const SIZE_WORD = 0x00, SIZE_HALF = 0x08;
const MODE_IMMEDIATE = 0x00,
  MODE_ABSOLUTE = 0x20,
  MODE_INDEX = 0x40,
  MODE_MEMORY = 0x60,
  MODE_LENGTH = 0x80,
  MODE_HEADER_LENGTH = 0xa0;
const SOURCE_X = 0x08;
const RETURN_A = 0x10;
const TAX = 0x00;

/** A program, ready to run. */
export class BpfProgram {
  readonly #program: readonly BpfInstruction[];
  readonly #memory = new Uint32Array(MEMORY_WORDS);

  /** @param program jumps go forward only, as the kernel checks it */
  constructor(program: readonly BpfInstruction[]) {
    this.#program = program;
  }

  /**
   * Runs the program.
   *
   * @param packet its bytes, from the Ethernet header on
   * @returns how many bytes of it are wanted; 0: none, it does not match
   */
  run(packet: Uint8Array): number {
    let a = 0, x = 0;
    const program = this.#program, memory = this.#memory;
    for (let pc = 0; pc < program.length; pc++) {
      const { code, jumpTrue, jumpFalse, k } = program[pc];
      switch (code & 7) {
        case LD: {
          const value = this.#load(packet, code, k, x);
          if (value < 0) return 0;
          a = value;
          break;
        }
        case LDX: {
          const value = (code & 0xe0) === MODE_HEADER_LENGTH
            ? k < packet.length ? (packet[k] & 0xf) * 4 : -1
            : this.#load(packet, code, k, x);
          if (value < 0) return 0;
          x = value;
          break;
        }
        case ST:
          memory[k] = a;
          break;
        case STX:
          memory[k] = x;
          break;
        case ALU: {
          const value = compute(code & 0xf0, a, (code & SOURCE_X) !== 0 ? x : k);
          if (value < 0) return 0;
          a = value;
          break;
        }
        case JMP:
          if ((code & 0xf0) === 0) pc += k;
          else pc += holds(code & 0xf0, a, (code & SOURCE_X) !== 0 ? x : k) ? jumpTrue : jumpFalse;
          break;
        case RET:
          return (code & 0x18) === RETURN_A ? a : k;
        default:
          if ((code & 0xf8) === TAX) x = a;
          else a = x;
      }
    }
    return 0;
  }

  /** A value of the packet or of memory; -1 outside the packet. */
  #load(packet: Uint8Array, code: number, k: number, x: number): number {
    switch (code & 0xe0) {
      case MODE_IMMEDIATE:
        return k;
      case MODE_ABSOLUTE:
        return read(packet, code & 0x18, k);
      case MODE_INDEX:
        return read(packet, code & 0x18, k + x);
      case MODE_MEMORY:
        return this.#memory[k];
      case MODE_LENGTH:
        return packet.length;
      default:
        return -1;
    }
  }
}

function read(packet: Uint8Array, size: number, at: number): number {
  const bytes = size === SIZE_WORD ? 4 : size === SIZE_HALF ? 2 : 1;
  if (at < 0 || at + bytes > packet.length) return -1;
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + packet[at + i];
  return value;
}

/** a OP b as 32-bit numbers; -1 for a division by zero. */
function compute(operation: number, a: number, b: number): number {
  switch (operation) {
    case 0x00:
      return a + b >>> 0;
    case 0x10:
      return a - b >>> 0;
    case 0x20:
      return Math.imul(a, b) >>> 0;
    case 0x30:
      return b === 0 ? -1 : Math.floor(a / b);
    case 0x40:
      return (a | b) >>> 0;
    case 0x50:
      return (a & b) >>> 0;
    case 0x60:
      return b > 31 ? 0 : a << b >>> 0;
    case 0x70:
      return b > 31 ? 0 : a >>> b;
    case 0x80:
      return -a >>> 0;
    case 0x90:
      return b === 0 ? -1 : a % b;
    case 0xa0:
      return (a ^ b) >>> 0;
    default:
      return -1;
  }
}

function holds(condition: number, a: number, b: number): boolean {
  switch (condition) {
    case 0x10:
      return a === b;
    case 0x20:
      return a > b;
    case 0x30:
      return a >= b;
    default:
      return (a & b) !== 0;
  }
}
