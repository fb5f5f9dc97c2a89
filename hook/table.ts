/**
 * Tables that hooks look things up in, as a hook sees them.
 *
 * @module
 */

import type { KeyBits, TableKind } from "../ffi/table_home.ts";

/** What the compiler has to know about a table; a `LookupTable` has it. */
export interface TableShape {
  /** Bits of each part of a key: `[48]` for MAC addresses, `[32, 32, 16, 16, 8]` for flows. */
  readonly key: readonly KeyBits[];
  /** What the entries are. Default: "values". */
  readonly kind?: TableKind | undefined;
}

/** A table's kind. */
export function kindOf({ kind = "values" }: TableShape): TableKind {
  return kind;
}

/** What a hook can do with a table; keys of one part are numbers, keys of several parts arrays. */
export interface HookTable extends TableShape {
  /** The value or counter, undefined if there is none. */
  get(key: number | readonly number[]): number | undefined;
  /** Puts a value there, 0 to 2^32 - 1. */
  set(key: number | readonly number[], value: number): void;
  /** Adds to the counter there. */
  count(key: number | readonly number[], amount: number): void;
  /** Takes tokens out of the bucket there; false, and none taken, if there are too few. */
  take(key: number | readonly number[], amount: number): boolean;
}
