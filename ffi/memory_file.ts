/**
 * Files that are the memory of ports.
 *
 * @module
 */

import { cString } from "./descriptor.ts";
import { check, checkInteger, closedError, show } from "./errors.ts";
import { loadLibrary } from "./library.ts";
import { OPTION_EXTMEM, POOLS_INFO } from "./layout.ts";
import { OptionType } from "./constants.ts";
import type { Message } from "./message.ts";
import { Region } from "./region.ts";
import type { NativeFunctions } from "./symbols.ts";

/** Pages of memory are of so many bytes. */
export const PAGE_BYTES = 4096;

const CREATE = 1, LOCK = 2;

/** Options of `MemoryFile.open()` and `MemoryFile.create()`. */
export interface MemoryFileOptions {
  /** Fail with EBUSY if somebody else has the file open so (flock(2)). Default: false. */
  lock?: boolean | undefined;
  /** File of the C library, instead of looking for it. */
  library?: string | undefined;
}

/**
 * Memory for a port: netmap's option EXTMEM. The rest of it, beyond what is asked for, are buffers.
 * Sizes are in bytes and multiples of 64; 0 and what is left out are netmap's defaults.
 */
export interface ExternalMemory {
  /** The file. */
  readonly file: MemoryFile;
  /** Where in the file it begins, in bytes: at a page. Default: 0. */
  readonly offset?: number | undefined;
  /** Interfaces: one for each open of a port. Default: 2. */
  readonly ifNum?: number | undefined;
  /** Bytes of an interface. Default: 1024. */
  readonly ifSize?: number | undefined;
  /** Rings. Default: 4. */
  readonly ringNum?: number | undefined;
  /** Bytes of a ring: 256 and 16 a slot. Default: 20480. */
  readonly ringSize?: number | undefined;
  /** Buffers, at least. Default: 4098. */
  readonly bufNum?: number | undefined;
  /** Bytes of a buffer. Default: 2112; of the kernel's module: 2048. */
  readonly bufSize?: number | undefined;
}

/** What a port can have as its memory, beside netmap's own. */
export interface MemorySource {
  /** The memory. */
  readonly externalMemory: ExternalMemory;
}

/**
 * A file that is mapped, to be the memory of ports: `netmap.open(name, { memory: file })`. What is in
 * it stays when the process has gone; `PacketStore` keeps packets that way.
 *
 * @example
 * ```ts
 * import { MemoryFile, Netmap } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "file example" });
 * using file = MemoryFile.create(undefined, 16 * 2 ** 20); // no name: only memory
 * using port = netmap.open("vale0:a", { slots: 64, memory: { file, ringSize: 2048, ringNum: 4 } });
 * console.log(port.memoryId, port.rxRings[0].bufferCount);
 * ```
 */
export class MemoryFile implements Disposable, MemorySource {
  readonly #functions: NativeFunctions;
  #id: number;
  /** Its path; undefined for memory without a name. */
  readonly path: string | undefined;
  /** All of it. */
  readonly region: Region;

  private constructor(path: string | undefined, flags: number, bytes: number, library?: string) {
    if (path !== undefined && typeof path !== "string") {
      throw new TypeError(`Cannot use ${show(path)} as path: expected a string`);
    }
    const { functions } = loadLibrary({ path: library });
    const range = new BigUint64Array([0n, BigInt(bytes)]);
    this.#functions = functions;
    this.path = path;
    this.#id = check(
      functions.valet_memory_open(cString(path ?? ""), flags, range),
      "map",
      { port: path ?? "memory" },
    );
    this.region = new Region(range[0], Number(range[1]));
  }

  /**
   * Maps a file that is there, all of its whole pages.
   *
   * Permission: --allow-ffi.
   *
   * @throws {NetmapError} ENOENT, EACCES ...; ENODATA if there is less than a page in it; EINVAL if it is
   * no plain file; EBUSY, see the option `lock`
   */
  static open(path: string, { lock = false, library }: MemoryFileOptions = {}): MemoryFile {
    if (path === "") throw new RangeError('Cannot map "": the path is empty');
    return new MemoryFile(path, lock ? LOCK : 0, 0, library);
  }

  /**
   * Makes a file and maps it.
   *
   * @param path undefined: memory without a name, which goes with the last who has it
   * @param bytes a multiple of 4096
   * @throws {NetmapError} EEXIST if there is a file of that name, ENOSPC if the disk is full
   */
  static create(
    path: string | undefined,
    bytes: number,
    { lock = false, library }: MemoryFileOptions = {},
  ): MemoryFile {
    checkInteger("bytes", bytes, PAGE_BYTES, Number.MAX_SAFE_INTEGER);
    if (bytes % PAGE_BYTES !== 0) {
      throw new RangeError(`Cannot use ${bytes} as bytes: expected a multiple of ${PAGE_BYTES}`);
    }
    return new MemoryFile(path, CREATE | (lock ? LOCK : 0), bytes, library);
  }

  /** Bytes that are mapped. */
  get length(): number {
    return this.region.length;
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#id === 0;
  }

  /** All of it, for a port. */
  get externalMemory(): ExternalMemory {
    return { file: this };
  }

  /**
   * Waits until what was written is on the disk (msync(2)): until then only the process may go, not the
   * machine.
   *
   * @param offset where to begin, in bytes
   * @throws {NetmapError} EIO if the file was cut short or the disk fails
   */
  sync(offset = 0, length: number = this.length - offset): void {
    if (this.closed) throw closedError("sync", this.path ?? "memory", "file");
    checkInteger("offset", offset, 0, this.length);
    checkInteger("length", length, 0, this.length - offset);
    const start = offset - offset % PAGE_BYTES;
    const range = new BigUint64Array([BigInt(start), BigInt(length + offset - start)]);
    check(this.#functions.valet_memory_sync(this.#id, range), "sync", {
      port: this.path ?? "memory",
    });
  }

  /** Unmaps it. Ports that have it as their memory keep it until they are closed. */
  close(): void {
    if (this.#id === 0) return;
    const id = this.#id;
    this.#id = 0;
    this.region.close();
    this.#functions.valet_memory_close(id);
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Adds the option EXTMEM to a REGISTER. Returns where it is in the message. */
export function addExternalMemory(message: Message, memory: ExternalMemory): number {
  const { file, offset = 0 } = memory;
  if (file.closed) throw closedError("use", file.path ?? "memory", "file");
  checkInteger("offset", offset, 0, file.length);
  if (offset % PAGE_BYTES !== 0) {
    throw new RangeError(`Cannot use ${offset} as offset: expected a multiple of ${PAGE_BYTES}`);
  }
  const at = message.addOption(OptionType.EXTMEM, OPTION_EXTMEM.size), { view } = message;
  const info = at + OPTION_EXTMEM.info;
  const set = (field: number, name: keyof ExternalMemory): void => {
    view.setUint32(info + field, checkInteger(name, memory[name] ?? 0, 0, 0xffffffff), true);
  };
  view.setBigUint64(at + OPTION_EXTMEM.address, file.region.address + BigInt(offset), true);
  view.setBigUint64(info + POOLS_INFO.memsize, BigInt(file.length - offset), true);
  set(POOLS_INFO.ifCount, "ifNum");
  set(POOLS_INFO.ifSize, "ifSize");
  set(POOLS_INFO.ringCount, "ringNum");
  set(POOLS_INFO.ringSize, "ringSize");
  set(POOLS_INFO.bufCount, "bufNum");
  set(POOLS_INFO.bufSize, "bufSize");
  return at;
}
