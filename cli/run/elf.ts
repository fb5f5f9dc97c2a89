/**
 * The little of an ELF file that tells whether the dynamic loader starts it: elf(5).
 *
 * @module
 */

/** What is known about a program. */
export interface ElfProgram {
  /** 32 or 64. */
  readonly bits: 32 | 64;
  /** It names an interpreter, the dynamic loader. */
  readonly isDynamic: boolean;
}

/** The program header of an interpreter. */
const PT_INTERP = 3;

/** Where the fields are that are looked at, by the width of addresses. */
const LAYOUTS = {
  32: { headerBytes: 52, phoff: 28, phentsize: 42, phnum: 44 },
  64: { headerBytes: 64, phoff: 32, phentsize: 54, phnum: 56 },
} as const;

/** Reads a file's headers; undefined if it is no ELF file or cannot be read. */
export function readElf(path: string): ElfProgram | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch {
    return undefined;
  }
  using _file = file;
  const ident = readAt(file, 0, 64);
  if (ident.byteLength < 52 || ident.getUint32(0) !== 0x7f454c46) return undefined;
  const bits = ident.getUint8(4) === 1 ? 32 : 64;
  const isLittle = ident.getUint8(5) !== 2;
  const { headerBytes, phoff, phentsize, phnum } = LAYOUTS[bits];
  if (ident.byteLength < headerBytes) return undefined;
  const offset = bits === 32
    ? ident.getUint32(phoff, isLittle)
    : Number(ident.getBigUint64(phoff, isLittle));
  const size = ident.getUint16(phentsize, isLittle), count = ident.getUint16(phnum, isLittle);
  if (offset > file.statSync().size) return undefined;
  const headers = readAt(file, offset, size * count);
  let isDynamic = false;
  for (let at = 0; size >= 4 && at + size <= headers.byteLength; at += size) {
    if (headers.getUint32(at, isLittle) === PT_INTERP) isDynamic = true;
  }
  return { bits, isDynamic };
}

function readAt(file: Deno.FsFile, offset: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < length) {
    const count = file.readSync(bytes.subarray(done));
    if (count === null || count === 0) break;
    done += count;
  }
  return new DataView(bytes.buffer, 0, done);
}
