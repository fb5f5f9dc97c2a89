/**
 * eBPF programs and maps: bpf(2) as far as hooks need it.
 *
 * @module
 */

import { codeOf, NetmapError } from "../ffi/errors.ts";
import { loadLibrary } from "../ffi/library.ts";
import type { NativeFunctions } from "../ffi/symbols.ts";

/** Kinds of maps: BPF_MAP_TYPE_... of linux/bpf.h. */
export const BpfMapType = {
  HASH: 1,
  ARRAY: 2,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
} as const;

/** Those that have a value for each CPU, and are read and written with all of them at once. */
const PER_CPU: readonly number[] = [
  BpfMapType.PERCPU_HASH,
  BpfMapType.PERCPU_ARRAY,
  BpfMapType.LRU_PERCPU_HASH,
];

/** CPUs that the kernel keeps room for: the last number in "0-3", plus one. */
function possibleCpus(): number {
  const text = Deno.readTextFileSync("/sys/devices/system/cpu/possible");
  return Number(/\d+\s*$/.exec(text)) + 1;
}

/** How an entry is written: BPF_ANY, ... of linux/bpf.h. */
export const BpfUpdate = {
  /** Made or replaced. */
  ANY: 0,
  /** Made; EEXIST if it is there. */
  NOEXIST: 1,
  /** Replaced; ENOENT if it is not there. */
  EXIST: 2,
} as const;

/** Room for what the verifier says, at first and at most. */
const LOG_BYTES = 64 * 1024, LOG_BYTES_MAX = 16 * 1024 * 1024 - 1;
/** Longest name that the kernel keeps. */
const NAME_LENGTH = 15;

/** Reasons of `valet_bpf_probe`. */
const Why = { CAP_BPF: 1, CAP_PERFMON: 2, CAP_NET_ADMIN: 4, UNPRIVILEGED: 8, MEMLOCK: 16 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function functions(): NativeFunctions {
  return loadLibrary().functions;
}

/** A name as the kernel takes it: at most 15 letters, digits, `_` and `.`. */
function nameOf(name: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${name.replaceAll(/[^\w.]/g, "_").slice(0, NAME_LENGTH)}\0`);
}

/** What an error of bpf(2) comes from, and what helps. */
function hintFor(code: string): string | undefined {
  if (code === "ENOSYS") return "This kernel was built without bpf(2)";
  if (code !== "EPERM") return undefined;
  const why = new Uint32Array(1);
  functions().valet_bpf_probe(why);
  const missing = (["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] as const)
    .filter((name) => why[0] & Why[name]);
  if (missing.length > 0) {
    return `This process lacks ${missing.join(", ")}: run as root, or with ` +
      `"setpriv --ambient-caps", in a container with "--cap-add"` +
      (why[0] & Why.UNPRIVILEGED ? " (kernel.unprivileged_bpf_disabled is set)" : "");
  }
  return why[0] & Why.MEMLOCK
    ? 'Kernels before 5.11 count it as locked memory: raise "ulimit -l"'
    : "The machine forbids it: a container's seccomp filter, or kernel lockdown";
}

function check(result: number, operation: string): number {
  if (result >= 0) return result;
  const code = codeOf(result);
  throw new NetmapError(operation, code, { hint: hintFor(code) });
}

/**
 * Why eBPF cannot be used here, in words; undefined if it can.
 *
 * @example
 * ```ts
 * import { bpfProblem } from "@valet/valet/hook";
 *
 * console.log(bpfProblem() ?? "eBPF works");
 * ```
 */
export function bpfProblem(): string | undefined {
  const result = functions().valet_bpf_probe(new Uint32Array(1));
  if (result >= 0) return undefined;
  const code = codeOf(result);
  return `${new NetmapError("use eBPF", code, { hint: hintFor(code) }).message}`;
}

/** The kernel refused a program. */
export class BpfLoadError extends NetmapError {
  /** What the verifier wrote while it followed the program; empty if it did not come to that. */
  readonly log: string;
  /** What it found, in its words; undefined if it did not say. */
  readonly words: string | undefined;

  /** Made when loading fails. */
  constructor(code: string, log: string) {
    const words = lastLine(log);
    super("load the eBPF program", code, {
      hint: words === undefined ? hintFor(code) : `The verifier says: ${words}`,
    });
    this.log = log;
    this.words = words;
  }
}

/** What it is about: the last line that is no statistics and no instruction. */
function lastLine(log: string): string | undefined {
  const lines = log.split("\n").filter((line) =>
    line !== "" && !/^(processed|verification time|stack depth|peak_states) /.test(line) &&
    !/^(\d+: |from \d+ to \d+|;|func#|arg#|mark_precise|Func#)/.test(line)
  );
  return lines.at(-1);
}

/** How a program is loaded. */
export interface BpfLoadOptions {
  /** Name that the kernel shows; 15 characters of it. Default: "valet". */
  name?: string | undefined;
  /** License, as the kernel's modules have it. Default: "Dual BSD/GPL". */
  license?: string | undefined;
}

/** The packet's context when a program is tried. */
export interface BpfRunOptions {
  /** How often it is run. Default: 1. */
  repeat?: number | undefined;
  /** Interface that the packet seems to come from. Default: 0, the loopback. */
  interfaceIndex?: number | undefined;
  /** Its receive queue, which the program takes for the source port. Default: 0. */
  queue?: number | undefined;
}

/** What came out of trying a program. */
export interface BpfRun {
  /** What it returned. */
  readonly result: number;
  /** Nanoseconds a run, on average, rounded by the kernel. */
  readonly nanoseconds: number;
}

/** What the kernel knows about a program. */
export interface BpfProgramInfo {
  /** Its number, as `bpftool prog` shows it. */
  readonly id: number;
  /** Bytes of machine code; 0 if it is interpreted. */
  readonly machineCodeBytes: number;
  /** Instructions that the verifier followed; 0 where the kernel does not say. */
  readonly verifiedInstructions: number;
}

/** Closes what was dropped without being closed. */
const dropped = new FinalizationRegistry<number>((fd) => void functions().valet_bpf_close(fd));

/** A program of type XDP in the kernel. It stays there while it is open, or used by the kernel. */
export class BpfProgram implements Disposable {
  readonly #out = new Uint32Array(2);
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
    dropped.register(this, fd, this);
  }

  /**
   * Loads instructions, 8 bytes each.
   *
   * @throws {BpfLoadError} if the kernel refuses them
   */
  static load(
    instructions: Uint8Array<ArrayBuffer>,
    { name = "valet", license = "Dual BSD/GPL" }: BpfLoadOptions = {},
  ): BpfProgram {
    const count = instructions.length / 8;
    const names = nameOf(name), licenses = encoder.encode(`${license}\0`);
    for (let bytes = LOG_BYTES;; bytes = Math.min(16 * bytes, LOG_BYTES_MAX)) {
      const log = new Uint8Array(bytes);
      const fd = functions().valet_bpf_load(instructions, count, names, licenses, log, bytes);
      if (fd >= 0) return new BpfProgram(fd);
      const length = log.indexOf(0);
      // A full log has no end
      if (length < bytes - 1 || bytes === LOG_BYTES_MAX) {
        throw new BpfLoadError(codeOf(fd), decoder.decode(log.subarray(0, length)));
      }
    }
  }

  /**
   * File descriptor.
   *
   * @throws {NetmapError} EBADF if it was closed
   */
  get fd(): number {
    if (this.#fd < 0) {
      throw new NetmapError("use the eBPF program", "EBADF", { hint: "It was closed" });
    }
    return this.#fd;
  }

  /**
   * Runs it on a packet, which afterwards is what the program made of it.
   *
   * @param data the packet, 14 to about 3,500 bytes
   * @throws {NetmapError} EINVAL if its length is out of range or there is no such queue, ENODEV
   */
  run(
    data: Uint8Array<ArrayBuffer>,
    { repeat = 1, interfaceIndex = 0, queue = 0 }: BpfRunOptions = {},
  ): BpfRun {
    const out = this.#out;
    check(
      functions().valet_bpf_run(this.fd, data, data.length, repeat, interfaceIndex, queue, out),
      "run the eBPF program",
    );
    return { result: out[0], nanoseconds: out[1] };
  }

  /** What the kernel knows about it. */
  info(): BpfProgramInfo {
    const out = new Uint32Array(3);
    check(functions().valet_bpf_info(this.fd, out), "describe the eBPF program");
    return { id: out[0], machineCodeBytes: out[1], verifiedInstructions: out[2] };
  }

  /** Closes it. */
  close(): void {
    if (this.#fd < 0) return;
    dropped.unregister(this);
    functions().valet_bpf_close(this.#fd);
    this.#fd = -1;
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a map is like. */
export interface BpfMapOptions {
  /** One of {@linkcode BpfMapType}. Default: HASH. */
  type?: number | undefined;
  /** Bytes of a key. */
  keyBytes: number;
  /** Bytes of a value: in maps per CPU, that of one CPU. */
  valueBytes: number;
  /** Most entries. */
  entries: number;
  /** BPF_F_... of linux/bpf.h. Default: 0. */
  flags?: number | undefined;
  /** Name that the kernel shows; 15 characters of it. Default: "valet". */
  name?: string | undefined;
}

/** A map in the kernel, which programs share with this process. */
export class BpfMap implements Disposable {
  #fd: number;
  /** One of {@linkcode BpfMapType}, or another number of linux/bpf.h. */
  readonly type: number;
  /** Bytes of a key. */
  readonly keyBytes: number;
  /** Bytes of what `get()` and `set()` take for a value: in maps per CPU, 8-byte steps for all of them. */
  readonly valueBytes: number;

  /**
   * Makes a map.
   *
   * Permissions: ffi; for maps per CPU also read (/sys/devices/system/cpu/possible).
   *
   * @throws {NetmapError} EPERM, ENOMEM, EINVAL for sizes that the kernel does not take
   */
  constructor(
    { type = BpfMapType.HASH, keyBytes, valueBytes, entries, flags = 0, name }: BpfMapOptions,
  ) {
    this.type = type;
    this.keyBytes = keyBytes;
    this.valueBytes = PER_CPU.includes(type)
      ? Math.ceil(valueBytes / 8) * 8 * possibleCpus()
      : valueBytes;
    this.#fd = check(
      functions().valet_bpf_map_create(
        type,
        keyBytes,
        valueBytes,
        entries,
        flags,
        nameOf(name ?? "valet"),
      ),
      "make the eBPF map",
    );
    dropped.register(this, this.#fd, this);
  }

  /**
   * File descriptor.
   *
   * @throws {NetmapError} EBADF if it was closed
   */
  get fd(): number {
    if (this.#fd < 0) {
      throw new NetmapError("use the eBPF map", "EBADF", { hint: "It was closed" });
    }
    return this.#fd;
  }

  /** Reads an entry into `value`; false if there is none. */
  get(key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    this.#checkSizes(key, value);
    return this.#found(functions().valet_bpf_map_lookup(this.fd, key, value), "read");
  }

  /**
   * Writes an entry.
   *
   * @param how one of {@linkcode BpfUpdate}
   * @throws {NetmapError} E2BIG if it is full, EEXIST and ENOENT as `how` says
   */
  set(
    key: Uint8Array<ArrayBuffer>,
    value: Uint8Array<ArrayBuffer>,
    how: number = BpfUpdate.ANY,
  ): void {
    this.#checkSizes(key, value);
    check(functions().valet_bpf_map_update(this.fd, key, value, how), "write the eBPF map");
  }

  /** Removes an entry; false if there was none. */
  delete(key: Uint8Array<ArrayBuffer>): boolean {
    this.#checkSizes(key);
    return this.#found(functions().valet_bpf_map_delete(this.fd, key), "change");
  }

  /**
   * Writes the key behind another one into `next`; false if there is none. From one that has been removed
   * meanwhile it begins again.
   *
   * @param key undefined for the first
   */
  next(key: Uint8Array<ArrayBuffer> | undefined, next: Uint8Array<ArrayBuffer>): boolean {
    this.#checkSizes(next);
    return this.#found(functions().valet_bpf_map_next(this.fd, key ?? null, next), "read");
  }

  /** Closes it. Programs that use it keep it. */
  close(): void {
    if (this.#fd < 0) return;
    dropped.unregister(this);
    functions().valet_bpf_close(this.#fd);
    this.#fd = -1;
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  // The kernel reads and writes as many bytes as it knows the map to have
  #checkSizes(key: Uint8Array, value?: Uint8Array): void {
    if (key.length !== this.keyBytes) {
      throw new RangeError(
        `Cannot use a key of ${key.length} bytes: the map has ${this.keyBytes}`,
      );
    }
    if (value !== undefined && value.length !== this.valueBytes) {
      throw new RangeError(
        `Cannot use a value of ${value.length} bytes: the map has ${this.valueBytes}`,
      );
    }
  }

  #found(result: number, verb: string): boolean {
    if (result === 0) return true;
    if (codeOf(result) === "ENOENT") return false;
    check(result, `${verb} the eBPF map`);
    return false;
  }
}
