/**
 * Links a program out of an object file: puts the functions that it calls behind it, and notes where
 * the descriptors of maps belong.
 *
 * @module
 */

import { INSTRUCTION_BYTES } from "./ebpf_assembler.ts";
import {
  type ElfObject,
  type ElfRelocation,
  type ElfSymbol,
  ObjectFormatError,
  viewOf,
} from "./elf.ts";

/** Instructions with a relocation, and what their source register says. */
const WIDE_IMMEDIATE = 0x18, CALL = 0x85;
const Pseudo = { MAP: 1, CALL: 1, MAP_VALUE: 2, FUNCTION: 4 } as const;
/** R_BPF_64_64 and R_BPF_64_32. */
const RELOCATION_WIDE = 1, RELOCATION_CALL = 10;
/** The verifier takes a million, and no more than this in one program. */
const INSTRUCTIONS_MAX = 1_000_000;

/** An instruction that wants the descriptor of a map. */
export interface ObjectReference {
  /** Its number. */
  readonly instruction: number;
  /** Number of the section where the map is defined, or that is the map. */
  readonly section: number;
  /** Bytes from that section's begin. */
  readonly offset: number;
}

/** A program without its maps. */
export interface LinkedProgram {
  /** The instructions, 8 bytes each. */
  readonly instructions: Uint8Array<ArrayBuffer>;
  /** What is missing in them. */
  readonly references: readonly ObjectReference[];
}

/** Names of sections with variables. */
export function isDataSection(name: string): boolean {
  return /^\.(rodata|data|bss)(\.|$)/.test(name);
}

/** Names of sections that define maps. */
export function isMapSection(name: string): boolean {
  return name === ".maps" || name === "maps" || name.startsWith("maps/");
}

/** A function and where it has been put. */
interface Placed {
  readonly symbol: ElfSymbol;
  readonly base: number;
  readonly length: number;
}

class Linker {
  readonly #object: ElfObject;
  readonly #placed: Placed[] = [];
  readonly references: ObjectReference[] = [];
  #length = 0;

  constructor(object: ElfObject) {
    this.#object = object;
  }

  /** The function, and all that it calls. */
  link(main: ElfSymbol): Uint8Array<ArrayBuffer> {
    this.#place(main);
    // Grows while it is gone through
    const parts: Uint8Array[] = [];
    for (const placed of this.#placed) parts.push(this.#complete(placed));
    const all = new Uint8Array(this.#length * INSTRUCTION_BYTES);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  #place(symbol: ElfSymbol): Placed {
    const { section, value, size } = symbol;
    const known = this.#placed.find(({ symbol }) =>
      symbol.section === section && symbol.value === value
    );
    if (known !== undefined) return known;
    const bytes = size || this.#object.sections[section].bytes.length - value;
    const length = bytes / INSTRUCTION_BYTES;
    if (!Number.isInteger(length) || length === 0) {
      throw new ObjectFormatError(`its function "${symbol.name}" is no whole instructions`);
    }
    const placed = { symbol, base: this.#length, length };
    this.#length += length;
    if (this.#length > INSTRUCTIONS_MAX) throw new ObjectFormatError("it is too large for eBPF");
    this.#placed.push(placed);
    return placed;
  }

  #complete({ symbol, base, length }: Placed): Uint8Array {
    const { sections, relocations } = this.#object;
    const { value, section } = symbol;
    const end = value + length * INSTRUCTION_BYTES;
    const bytes = sections[section].bytes.slice(value, end);
    if (bytes.length < end - value) throw new RangeError();
    const here = new Map((relocations.get(section) ?? []).map((one) => [one.offset, one]));
    const view = viewOf(bytes);
    for (let i = 0; i < length; i++) {
      const at = i * INSTRUCTION_BYTES, code = view.getUint8(at);
      const relocation = here.get(value + at);
      const source = view.getUint8(at + 1) >> 4;
      if (relocation !== undefined) {
        this.#relocate(view, at, base + i, relocation);
      } else if (code === CALL && source === Pseudo.CALL) {
        this.#call(
          view,
          at,
          base + i,
          section,
          value + at + INSTRUCTION_BYTES * (1 + imm(view, at)),
        );
      }
      if (code === WIDE_IMMEDIATE) i++;
    }
    return bytes;
  }

  #relocate(view: DataView, at: number, number: number, { symbol, type }: ElfRelocation): void {
    const { sections } = this.#object, code = view.getUint8(at);
    const name = sections[symbol.section]?.name ?? "";
    if (symbol.section === 0 || symbol.section >= sections.length) {
      throw new ObjectFormatError(`it uses "${symbol.name}", which is not in it`);
    }
    if (code === CALL && type === RELOCATION_CALL) {
      const behind = symbol.isFunction ? 0 : INSTRUCTION_BYTES * (1 + imm(view, at));
      return this.#call(view, at, number, symbol.section, symbol.value + behind);
    }
    if (code !== WIDE_IMMEDIATE || type !== RELOCATION_WIDE) {
      throw new ObjectFormatError(`it has a relocation of type ${type}, which is unknown`);
    }
    const offset = symbol.value + (symbol.isFunction ? 0 : imm(view, at));
    if (sections[symbol.section].isCode) {
      setSource(view, at, Pseudo.FUNCTION);
      const { base } = this.#place(this.#functionAt(symbol.section, offset));
      return view.setInt32(at + 4, base - number - 1, true);
    }
    if (!isDataSection(name) && !isMapSection(name)) {
      throw new ObjectFormatError(`it uses its section "${name}", which is neither maps nor data`);
    }
    const isData = isDataSection(name);
    setSource(view, at, isData ? Pseudo.MAP_VALUE : Pseudo.MAP);
    view.setInt32(at + INSTRUCTION_BYTES + 4, isData ? offset : 0, true);
    this.references.push({ instruction: number, section: symbol.section, offset });
  }

  #call(view: DataView, at: number, number: number, section: number, target: number): void {
    const { base } = this.#place(this.#functionAt(section, target));
    view.setInt32(at + 4, base - number - 1, true);
  }

  #functionAt(section: number, offset: number): ElfSymbol {
    const found = this.#object.symbols.find((symbol) =>
      symbol.section === section && symbol.isFunction && symbol.value === offset
    );
    if (found !== undefined) return found;
    const { name } = this.#object.sections[section];
    throw new ObjectFormatError(`no function begins where it calls one, at ${offset} in "${name}"`);
  }
}

/** The immediate of an instruction. */
function imm(view: DataView, at: number): number {
  return view.getInt32(at + 4, true);
}

function setSource(view: DataView, at: number, source: number): void {
  view.setUint8(at + 1, view.getUint8(at + 1) & 0xf | source << 4);
}

/**
 * Links a program.
 *
 * @param main its function
 * @throws {ObjectFormatError} if something of it is not in the file
 */
export function linkProgram(object: ElfObject, main: ElfSymbol): LinkedProgram {
  const linker = new Linker(object);
  const instructions = linker.link(main);
  return { instructions, references: linker.references };
}
