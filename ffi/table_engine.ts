/**
 * Tables in memory that native lookups use as well: `c/valet_table.h`.
 *
 * @module
 */

import { check } from "./errors.ts";
import type { NativeFunctions } from "./symbols.ts";
import type { TableHome, TableKind, TableLayout } from "./table_home.ts";

const KINDS: readonly TableKind[] = ["values", "counters", "buckets"];

interface Held {
  functions: NativeFunctions;
  pointer: Deno.PointerObject;
}

/** Frees the memory of tables that nothing refers to any more, lookups included. */
const dropped = new FinalizationRegistry<Held>(({ functions, pointer }) =>
  functions.valet_table_free(pointer)
);

/** Entries in the C library's memory. */
export class EngineTableHome implements TableHome {
  readonly name = "engine";
  readonly #functions: NativeFunctions;
  readonly #pointer: Deno.PointerObject;
  readonly #key: Uint32Array<ArrayBuffer>;
  readonly #value = new Float64Array(1);
  /** Where the table is, for native lookups and for other Workers. */
  readonly address: bigint;

  private constructor(functions: NativeFunctions, address: bigint, keyWords: number) {
    const pointer = Deno.UnsafePointer.create(address);
    if (pointer === null) throw new RangeError("Cannot use a table: its address is 0");
    this.#functions = functions;
    this.#pointer = pointer;
    this.#key = new Uint32Array(keyWords);
    this.address = address;
  }

  /** Makes a table, which lives as long as something refers to this object. */
  static make(functions: NativeFunctions, layout: TableLayout): EngineTableHome {
    const out = new BigUint64Array(1);
    const { kind, keyWords, capacity, ratePerSecond, burst } = layout;
    const result = functions.valet_table_make(
      KINDS.indexOf(kind),
      keyWords,
      capacity,
      ratePerSecond,
      burst,
      out,
    );
    check(result, "make", { port: "a table" });
    const home = new EngineTableHome(functions, out[0], keyWords);
    dropped.register(home, { functions, pointer: home.#pointer });
    return home;
  }

  /** The table of another Worker, which keeps it. */
  static at(functions: NativeFunctions, address: bigint, layout: TableLayout): EngineTableHome {
    return new EngineTableHome(functions, address, layout.keyWords);
  }

  get(key: Uint32Array<ArrayBuffer>): number | undefined {
    const value = this.#functions.valet_table_get_entry(this.#pointer, key);
    return value < 0 ? undefined : value;
  }

  set(key: Uint32Array<ArrayBuffer>, value: number): boolean {
    return this.#functions.valet_table_set_entry(this.#pointer, key, value) !== 0;
  }

  count(key: Uint32Array<ArrayBuffer>, amount: number): boolean {
    return this.#functions.valet_table_count_entry(this.#pointer, key, amount) !== 0;
  }

  take(key: Uint32Array<ArrayBuffer>, amount: number): boolean {
    return this.#functions.valet_table_take_entry(this.#pointer, key, amount) !== 0;
  }

  delete(key: Uint32Array<ArrayBuffer>): boolean {
    return this.#functions.valet_table_delete_entry(this.#pointer, key) !== 0;
  }

  clear(): void {
    this.#functions.valet_table_clear(this.#pointer);
  }

  get size(): number {
    return this.#functions.valet_table_used(this.#pointer);
  }

  *entries(): Generator<readonly [key: Uint32Array, value: number], void, void> {
    let cursor = 0;
    while (true) {
      cursor = this.#functions.valet_table_next(this.#pointer, cursor, this.#key, this.#value);
      if (cursor <= 0) return;
      yield [this.#key, this.#value[0]];
    }
  }
}
