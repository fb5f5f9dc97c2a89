/**
 * Reads object files: ELF, 64 bits, little-endian, as far as compilers write it for eBPF.
 *
 * The format is that of elf(5).
 *
 * @module
 */

/** Types and flags of sections. */
export const Section = { SYMBOLS: 2, RELOCATIONS_ADDEND: 4, NO_BITS: 8, RELOCATIONS: 9 } as const;
/** SHF_EXECINSTR: the section is code. */
const EXECUTABLE = 4;
/** EM_BPF, and ET_REL. */
const MACHINE_BPF = 247, RELOCATABLE = 1;
const HEADER_BYTES = 64, SECTION_BYTES = 64, SYMBOL_BYTES = 24, RELOCATION_BYTES = 16;
/** STT_FUNC and STT_SECTION: what a symbol stands for. */
const FUNCTION = 2, SECTION_SYMBOL = 3;

/** A section. */
export interface ElfSection {
  /** "xdp", ".maps" ... */
  readonly name: string;
  /** SHT_... */
  readonly type: number;
  /** Whether it is code. */
  readonly isCode: boolean;
  /** What is in it; zeroes where the file has nothing. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of relocations: the section that they are for. */
  readonly info: number;
  /** Of symbols: the section of their names. */
  readonly link: number;
}

/** A name for a place. */
export interface ElfSymbol {
  /** Empty for sections. */
  readonly name: string;
  /** Number of its section; 0 when it is defined elsewhere. */
  readonly section: number;
  /** Bytes from the section's begin. */
  readonly value: number;
  /** Bytes. */
  readonly size: number;
  /** Whether it is a function. */
  readonly isFunction: boolean;
  /** Whether it is a section. */
  readonly isSection: boolean;
}

/** A place in a section that has to be completed. */
export interface ElfRelocation {
  /** Bytes from the section's begin. */
  readonly offset: number;
  /** What is to be put there. */
  readonly symbol: ElfSymbol;
  /** How: R_BPF_... */
  readonly type: number;
}

/** An object file. */
export interface ElfObject {
  /** By number. */
  readonly sections: readonly ElfSection[];
  /** All of them. */
  readonly symbols: readonly ElfSymbol[];
  /** By number of the section that they are for. */
  readonly relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
}

/** A file is not what it should be; the message is the second half of a sentence. */
export class ObjectFormatError extends Error {}

const decoder = new TextDecoder();

/** The text at an offset, up to its NUL. */
export function textAt(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return decoder.decode(bytes.subarray(offset, end < 0 ? bytes.length : end));
}

/** A view of bytes that throws a RangeError beyond their end. */
export function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads an object file for eBPF.
 *
 * @throws {ObjectFormatError} if it is none
 */
export function readElf(file: Uint8Array<ArrayBuffer>): ElfObject {
  checkHeader(file);
  try {
    const sections = readSections(file);
    const symbols = readSymbols(sections);
    return { sections, symbols, relocations: readRelocations(sections, symbols) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ObjectFormatError("it ends too early, or is damaged");
  }
}

function checkHeader(file: Uint8Array<ArrayBuffer>): void {
  const isElf = file.length >= HEADER_BYTES && textAt(file.subarray(0, 4), 0) === "\x7fELF";
  if (!isElf) throw new ObjectFormatError("it is no ELF file");
  const view = viewOf(file);
  if (file[4] !== 2) throw new ObjectFormatError("it is for 32-bit machines");
  if (file[5] !== 1) throw new ObjectFormatError("it is for big-endian machines");
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_BPF) {
    throw new ObjectFormatError(`it is for another machine than eBPF (ELF machine ${machine})`);
  }
  if (view.getUint16(16, true) !== RELOCATABLE) {
    throw new ObjectFormatError("it is linked already: the object file itself is needed");
  }
}

function readSections(file: Uint8Array<ArrayBuffer>): ElfSection[] {
  const view = viewOf(file);
  const start = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true), names = view.getUint16(62, true);
  const parts = Array.from({ length: count }, (_, i) => {
    const at = start + SECTION_BYTES * i;
    const type = view.getUint32(at + 4, true);
    const offset = Number(view.getBigUint64(at + 24, true));
    const size = Number(view.getBigUint64(at + 32, true));
    if (type !== Section.NO_BITS && offset + size > file.length) throw new RangeError();
    return {
      name: view.getUint32(at, true),
      type,
      isCode: (view.getUint32(at + 8, true) & EXECUTABLE) !== 0,
      bytes: type === Section.NO_BITS ? new Uint8Array(size) : file.slice(offset, offset + size),
      info: view.getUint32(at + 44, true),
      link: view.getUint32(at + 40, true),
    };
  });
  const table = parts[names]?.bytes ?? new Uint8Array(0);
  return parts.map((part) => ({ ...part, name: textAt(table, part.name) }));
}

function readSymbols(sections: readonly ElfSection[]): ElfSymbol[] {
  const table = sections.find(({ type }) => type === Section.SYMBOLS);
  if (table === undefined) return [];
  const names = sections[table.link]?.bytes;
  if (names === undefined) throw new RangeError();
  const view = viewOf(table.bytes);
  return Array.from({ length: Math.floor(view.byteLength / SYMBOL_BYTES) }, (_, i) => {
    const at = SYMBOL_BYTES * i;
    const kind = view.getUint8(at + 4) & 0xf;
    return {
      name: textAt(names, view.getUint32(at, true)),
      section: view.getUint16(at + 6, true),
      value: Number(view.getBigUint64(at + 8, true)),
      size: Number(view.getBigUint64(at + 16, true)),
      isFunction: kind === FUNCTION,
      isSection: kind === SECTION_SYMBOL,
    };
  });
}

function readRelocations(
  sections: readonly ElfSection[],
  symbols: readonly ElfSymbol[],
): Map<number, ElfRelocation[]> {
  const relocations = new Map<number, ElfRelocation[]>();
  for (const { type, bytes, info, name } of sections) {
    if (type === Section.RELOCATIONS_ADDEND && sections[info]?.isCode) {
      throw new ObjectFormatError(`its relocations "${name}" have addends, which eBPF has not`);
    }
    if (type !== Section.RELOCATIONS) continue;
    const view = viewOf(bytes);
    const list = Array.from({ length: bytes.length / RELOCATION_BYTES }, (_, i) => {
      const at = RELOCATION_BYTES * i;
      const symbol = symbols[view.getUint32(at + 12, true)];
      if (symbol === undefined) throw new RangeError();
      const offset = Number(view.getBigUint64(at, true));
      return { offset, symbol, type: view.getUint32(at + 8, true) };
    });
    relocations.set(info, list);
  }
  return relocations;
}
