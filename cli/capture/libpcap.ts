/**
 * libpcap's compiler of filters, where the system has it.
 *
 * @module
 */

import type { BpfInstruction } from "./bpf.ts";

/** Names that the library goes by. */
const LIBRARIES = ["libpcap.so.0.8", "libpcap.so.1", "libpcap.so"];

const LINKTYPE_ETHERNET = 1;

/** "The network's mask is not known": `PCAP_NETMASK_UNKNOWN`. */
const NETMASK_UNKNOWN = 0xffffffff;

/** Bytes of a `struct bpf_program` and of a `struct bpf_insn`. */
const PROGRAM_BYTES = 16, INSTRUCTION_BYTES = 8;

const SYMBOLS = {
  pcap_open_dead: { parameters: ["i32", /* linktype */ "i32" /* snaplen */], result: "pointer" },
  pcap_compile: {
    parameters: ["pointer", "buffer", /* program */ "buffer", /* text */ "i32", "u32"],
    result: "i32",
  },
  pcap_geterr: { parameters: ["pointer"], result: "pointer" },
  pcap_freecode: { parameters: ["buffer" /* program */], result: "void" },
  pcap_close: { parameters: ["pointer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libpcap, loaded. */
export class Libpcap implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#library = library;
  }

  /**
   * Loads it; undefined if the system does not have it.
   *
   * @param path a file to load instead of the system's
   */
  static load(path?: string): Libpcap | undefined {
    for (const name of path === undefined ? LIBRARIES : [path]) {
      try {
        return new Libpcap(Deno.dlopen(name, SYMBOLS));
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
      }
    }
    return undefined;
  }

  /**
   * Compiles a filter for Ethernet frames. See pcap-filter(7).
   *
   * @param snapLength bytes of a packet that are kept
   * @throws {SyntaxError} with libpcap's words, if it is none
   */
  compile(text: string, snapLength: number): BpfInstruction[] {
    const { symbols } = this.#library;
    const handle = symbols.pcap_open_dead(LINKTYPE_ETHERNET, snapLength);
    if (handle === null) throw new Error("Cannot use libpcap: it has no memory");
    try {
      const program = new Uint8Array(PROGRAM_BYTES);
      const source = new TextEncoder().encode(`${text}\0`);
      if (symbols.pcap_compile(handle, program, source, 1, NETMASK_UNKNOWN) !== 0) {
        const words = symbols.pcap_geterr(handle);
        const why = words === null ? "syntax error" : Deno.UnsafePointerView.getCString(words);
        throw new SyntaxError(`Cannot use the filter "${text}": ${why}`);
      }
      try {
        return readProgram(program);
      } finally {
        symbols.pcap_freecode(program);
      }
    } finally {
      symbols.pcap_close(handle);
    }
  }

  /** Unloads it. */
  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/** Copies what a `struct bpf_program` points to. */
function readProgram(program: Uint8Array<ArrayBuffer>): BpfInstruction[] {
  const view = new DataView(program.buffer);
  const count = view.getUint32(0, true);
  const pointer = Deno.UnsafePointer.create(view.getBigUint64(8, true));
  if (pointer === null) return [];
  const bytes = new DataView(
    Deno.UnsafePointerView.getArrayBuffer(pointer, count * INSTRUCTION_BYTES),
  );
  return Array.from({ length: count }, (_, i) => {
    const at = i * INSTRUCTION_BYTES;
    return {
      code: bytes.getUint16(at, true),
      jumpTrue: bytes.getUint8(at + 2),
      jumpFalse: bytes.getUint8(at + 3),
      k: bytes.getUint32(at + 4, true),
    };
  });
}
