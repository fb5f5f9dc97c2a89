/** Object files for tests: compiled by clang, or put together byte by byte. */

import { Alu, Assembler, Jump, Label } from "../../hook/ebpf_assembler.ts";

const encoder = new TextEncoder();

/** What sources for eBPF begin with, instead of libbpf's headers. */
export const PRELUDE = `
#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) type *name
static void *(*lookup)(void *map, const void *key) = (void *)1;
`;

/** Why clang cannot make object files here; undefined if it can. */
export const clangProblem: string | undefined = (() => {
  try {
    const args = ["--target=bpf", "-E", "-include", "linux/bpf.h", ...includes(), "-"];
    const { success, stderr } = new Deno.Command("clang", { args, stdin: "null" }).outputSync();
    return success ? undefined : `clang: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}`;
  } catch {
    return "there is no clang";
  }
})();

/** Debian has the kernel's headers for programs in a folder of the machine's kind. */
function includes(): string[] {
  return ["-I", `/usr/include/${Deno.build.arch}-linux-gnu`];
}

/** Compiles C to an object file for eBPF. */
export function clang(source: string, ...options: string[]): Uint8Array {
  const folder = Deno.makeTempDirSync({ prefix: "valet_object_" });
  try {
    Deno.writeTextFileSync(`${folder}/hook.c`, PRELUDE + source);
    const files = [`${folder}/hook.c`, "-o", `${folder}/hook.o`];
    const args = ["-O2", "-g", "--target=bpf", "-Wall", "-c", ...includes(), ...files, ...options];
    const { success, stderr } = new Deno.Command("clang", { args }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return Deno.readFileSync(`${folder}/hook.o`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A section of a file that is put together. */
export interface TestSection {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly bytes: Uint8Array;
  readonly link?: number;
  readonly info?: number;
}

/** A symbol: its name, kind (1 object, 2 function, 3 section), section, and place there. */
export type TestSymbol = readonly [name: string, kind: number, section: number, value: number];

/** Bytes of numbers, each of `size` bytes. */
export function numbers(size: 4 | 8, ...values: number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, i) => {
    if (size === 4) view.setUint32(4 * i, value, true);
    else view.setBigUint64(8 * i, BigInt(value), true);
  });
  return new Uint8Array(view.buffer);
}

/** Bytes one after the other. */
export function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The symbols' table and their names' one, to be the last two sections. */
export function symbolSections(symbols: readonly TestSymbol[], names: number): TestSection[] {
  const texts = ["", ...symbols.map(([name]) => name)];
  const offsets = offsetsOf(texts);
  const rows = [["", 0, 0, 0] as TestSymbol, ...symbols].map(([, kind, section, value], i) => {
    const row = new DataView(new ArrayBuffer(24));
    row.setUint32(0, offsets[i], true);
    row.setUint8(4, 0x10 | kind);
    row.setUint16(6, section, true);
    row.setBigUint64(8, BigInt(value), true);
    return new Uint8Array(row.buffer);
  });
  return [
    { name: ".symtab", type: 2, bytes: joined(...rows), link: names },
    { name: ".strtab", type: 3, bytes: encoder.encode(texts.join("\0") + "\0") },
  ];
}

function offsetsOf(texts: readonly string[]): number[] {
  let at = 0;
  return texts.map((text) => (at += text.length + 1) - text.length - 1);
}

/** An object file of these sections, which are numbered from 1. */
export function elfOf(sections: readonly TestSection[], machine = 247): Uint8Array<ArrayBuffer> {
  const named = [{ name: "", type: 0, bytes: new Uint8Array(0) } as TestSection, ...sections, {
    name: ".shstrtab",
    type: 3,
    bytes: new Uint8Array(0),
  } as TestSection];
  const texts = named.map(({ name }) => name), names = offsetsOf(texts);
  const content = named.map(({ bytes }, i) =>
    i === named.length - 1 ? encoder.encode(texts.join("\0") + "\0") : bytes
  );
  const table = 64 + content.reduce((sum, { length }) => sum + length, 0);
  const header = new DataView(new ArrayBuffer(64));
  new Uint8Array(header.buffer).set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.setUint16(16, 1, true);
  header.setUint16(18, machine, true);
  header.setBigUint64(40, BigInt(table), true);
  header.setUint16(60, named.length, true);
  header.setUint16(62, named.length - 1, true);
  let at = 64;
  const rows = named.map(({ type, flags = 0, link = 0, info = 0 }, i) => {
    const row = numbers(8, 0, flags, 0, at, content[i].length, 0, 0, 0);
    const view = new DataView(row.buffer);
    view.setUint32(0, names[i], true);
    view.setUint32(4, type, true);
    view.setUint32(40, link, true);
    view.setUint32(44, info, true);
    at += content[i].length;
    return row;
  });
  return joined(new Uint8Array(header.buffer), ...content, ...rows);
}

/** A program that looks its ports up in a map of the older form, `maps`; by hand. */
export function handMade(
  { entries = 256, license = "GPL", target = 3 }: {
    entries?: number;
    license?: string;
    target?: number;
  } = {},
): Uint8Array<ArrayBuffer> {
  const asm = new Assembler(), found = new Label();
  // The key, the sender's port, is put on the stack
  asm.load(4, 2, 1, 16);
  asm.store(4, 10, -4, 2);
  asm.move(2, 10);
  asm.aluImmediate(Alu.add, 2, -4);
  asm.map(1, 0);
  asm.call(1);
  asm.jumpIfImmediate(Jump.ne, 0, 0, found);
  asm.set(0, 255);
  asm.exit();
  asm.place(found);
  asm.load(4, 0, 0, 0);
  asm.exit();
  const maps = numbers(4, 2, 4, 4, entries, 0);
  const relocation = joined(numbers(8, asm.maps[0].instruction * 8), numbers(4, 1, 1));
  return elfOf([
    { name: "xdp", type: 1, flags: 4, bytes: asm.encode() },
    { name: ".relxdp", type: 9, bytes: relocation, link: 5, info: 1 },
    { name: "maps", type: 1, bytes: maps },
    { name: "license", type: 1, bytes: encoder.encode(`${license}\0`) },
    ...symbolSections([["ports", 1, target, 0], ["choose", 2, 1, 0]], 6),
  ]);
}
