/**
 * Tables in the kernel: BPF maps, which programs on bridges of the kernel use as well.
 *
 * @module
 */

import type { TableHome, TableLayout } from "../ffi/table_home.ts";
import { BpfMap, type BpfProgram, BpfUpdate } from "./bpf.ts";
import { NetmapError } from "../ffi/errors.ts";
import { constant, load } from "./build_ir.ts";
import { toEbpf } from "./ebpf.ts";
import { loadEbpf } from "./ebpf_load.ts";
import type { HookProgram, Statement, TableCall } from "./ir.ts";

const VALUE_BYTES = 8;
/** Parts of a token that are counted, and where a bucket's time begins. */
const TOKEN = 65536, TOKENS_MASK = (1n << 40n) - 1n;
const COUNTER_MASK = (1n << 53n) - 1n;
/** Programs are run with no fewer bytes. */
const PACKET_BYTES = 14;

const NOWHERE = { line: 1, column: 1 };

/**
 * A hook that does an operation with the key and the argument that are in its packet: what scripts do
 * then is as indivisible as what programs do, and computed alike.
 */
function operation(method: "count" | "take", layout: TableLayout): HookProgram {
  const word = (place: number) => load(4, constant(4 * place), NOWHERE);
  const call: TableCall = {
    op: "table",
    method,
    table: 0,
    key: Array.from({ length: layout.keyWords }, (_, i) => word(i)),
    argument: word(layout.keyWords),
    position: NOWHERE,
    lo: 0,
    hi: 1,
  };
  const taken: Statement = { op: "return", value: call, position: NOWHERE };
  const counted: Statement[] = [
    { op: "effect", value: call, position: NOWHERE },
    { op: "return", value: constant(1), position: NOWHERE },
  ];
  return {
    name: method,
    source: "",
    locals: [],
    tables: [{ name: "table", key: Array(layout.keyWords).fill(32) }],
    body: method === "take" ? [taken] : counted,
  };
}

/**
 * Entries in a BPF map.
 *
 * The map lives as long as this object or a program that uses it.
 */
export class KernelTable implements TableHome, Disposable {
  readonly name = "kernel";
  readonly #layout: TableLayout;
  readonly #value = new Uint8Array(VALUE_BYTES);
  readonly #view = new DataView(this.#value.buffer);
  #operation: BpfProgram | undefined;
  /** The map. */
  readonly map: BpfMap;

  /**
   * Makes an empty table.
   *
   * @throws {NetmapError} EPERM, ENOMEM
   */
  constructor(layout: TableLayout, name?: string) {
    this.#layout = layout;
    this.map = new BpfMap({
      keyBytes: 4 * layout.keyWords,
      valueBytes: VALUE_BYTES,
      entries: layout.capacity,
      name,
    });
  }

  /** The value or the counter; undefined if there is none. */
  get(key: Uint32Array<ArrayBuffer>): number | undefined {
    return this.map.get(bytesOf(key), this.#value) ? this.#number() : undefined;
  }

  /** False: there is no room. */
  set(key: Uint32Array<ArrayBuffer>, value: number): boolean {
    this.#view.setBigUint64(0, BigInt(value), true);
    try {
      this.map.set(bytesOf(key), this.#value, BpfUpdate.ANY);
      return true;
    } catch (error) {
      if (error instanceof NetmapError && error.code === "E2BIG") return false;
      throw error;
    }
  }

  /** False: there is no room. */
  count(key: Uint32Array<ArrayBuffer>, amount: number): boolean {
    this.#run("count", key, amount);
    return this.map.get(bytesOf(key), this.#value);
  }

  /** False: there are too few tokens, or there is no room. */
  take(key: Uint32Array<ArrayBuffer>, amount: number): boolean {
    return this.#run("take", key, amount) === 1;
  }

  /** False: there was none. */
  delete(key: Uint32Array<ArrayBuffer>): boolean {
    return this.map.delete(bytesOf(key));
  }

  /** Forgets all entries. */
  clear(): void {
    for (const key of this.#keys()) this.map.delete(bytesOf(key));
  }

  /** How many entries there are. They are counted one by one. */
  get size(): number {
    return this.#keys().length;
  }

  /** The entries; what is yielded is the same array each time. */
  *entries(): Generator<readonly [key: Uint32Array, value: number], void, void> {
    for (const key of this.#keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Closes the map; what uses it keeps it. */
  close(): void {
    this.#operation?.close();
    this.map.close();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** All keys. While programs add and remove entries, some may be missing. */
  #keys(): Uint32Array<ArrayBuffer>[] {
    const keys = new Map<string, Uint32Array<ArrayBuffer>>();
    let last: Uint32Array<ArrayBuffer> | undefined;
    // From a key that was removed meanwhile the kernel begins again
    for (let i = 0; i < 2 * this.#layout.capacity; i++) {
      const next = new Uint32Array(this.#layout.keyWords);
      if (!this.map.next(last && bytesOf(last), bytesOf(next))) break;
      keys.set(next.join(), next);
      last = next;
    }
    return [...keys.values()];
  }

  #number(): number {
    const word = this.#view.getBigUint64(0, true);
    return this.#layout.kind === "buckets"
      ? Number(word & TOKENS_MASK) / TOKEN
      : Number(word & COUNTER_MASK);
  }

  #run(method: "count" | "take", key: Uint32Array<ArrayBuffer>, amount: number): number {
    this.#operation ??= loadEbpf(toEbpf(operation(method, this.#layout), [this.#layout]), [
      this.map,
    ]);
    const packet = new Uint8Array(Math.max(PACKET_BYTES, 4 * key.length + 4));
    const view = new DataView(packet.buffer);
    key.forEach((word, i) => view.setUint32(4 * i, word));
    view.setUint32(4 * key.length, amount);
    return this.#operation.run(packet).result;
  }
}

function bytesOf(key: Uint32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(key.buffer, key.byteOffset, key.byteLength);
}
