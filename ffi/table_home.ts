/**
 * Where the entries of a `LookupTable` live.
 *
 * @module
 */

/** A part of a key: a MAC address (48 bits), an IPv4 address (32), a port number (16), a protocol (8). */
export type KeyBits = 8 | 16 | 32 | 48;

/** What the entries of a table are. */
export type TableKind = "values" | "counters" | "buckets";

/** What a home has to know of its table. */
export interface TableLayout {
  /** What the entries are. */
  readonly kind: TableKind;
  /** 32-bit words of a key: one for each part, two (the low one first) for one of 48 bits. */
  readonly keyWords: number;
  /** Most entries. */
  readonly capacity: number;
  /** Buckets: tokens that come back a second. */
  readonly ratePerSecond: number;
  /** Buckets: most tokens. */
  readonly burst: number;
}

/** The entries. Keys are the words of `TableLayout`; they are read before the call returns. */
export interface TableHome {
  /** "script", "engine" or "kernel". */
  readonly name: string;
  /** The value or the counter; undefined if there is none. */
  get(key: Uint32Array<ArrayBuffer>): number | undefined;
  /** False: there is no room. */
  set(key: Uint32Array<ArrayBuffer>, value: number): boolean;
  /** False: there is no room. */
  count(key: Uint32Array<ArrayBuffer>, amount: number): boolean;
  /** False: there are too few tokens, or there is no room. */
  take(key: Uint32Array<ArrayBuffer>, amount: number): boolean;
  /** False: there was none. */
  delete(key: Uint32Array<ArrayBuffer>): boolean;
  /** Forgets all entries. */
  clear(): void;
  /** How many entries there are. */
  readonly size: number;
  /** The entries; what is yielded is the same array each time. */
  entries(): Generator<readonly [key: Uint32Array, value: number], void, void>;
}

/** Tokens of a bucket are counted in parts of 2^-16. */
const TOKEN = 65536;
/** Ticks of a bucket are 2^20 ns. */
const TICK_MS = 2 ** 20 / 1e6;

interface Entry {
  key: Uint32Array;
  /** Value, counter, or tokens in 2^-16. */
  value: number;
  /** Bucket: tick of the last refill. */
  tick: number;
}

/** Entries in JavaScript: for lookups that run in V8, without the C library. */
export class ScriptTableHome implements TableHome {
  readonly name = "script";
  readonly #layout: TableLayout;
  readonly #entries = new Map<string, Entry>();
  readonly #ratePerTick: number;

  /** See {@linkcode TableLayout}. */
  constructor(layout: TableLayout) {
    this.#layout = layout;
    this.#ratePerTick = Math.round(layout.ratePerSecond * 2 ** 44 / 1e9);
  }

  get(key: Uint32Array<ArrayBuffer>): number | undefined {
    return this.#entries.get(key.join())?.value;
  }

  set(key: Uint32Array<ArrayBuffer>, value: number): boolean {
    const entry = this.#entry(key, value);
    if (entry !== undefined) entry.value = value;
    return entry !== undefined;
  }

  count(key: Uint32Array<ArrayBuffer>, amount: number): boolean {
    const entry = this.#entry(key, 0);
    if (entry === undefined) return false;
    // Modulo 2^53, without leaving what is exact
    const room = Number.MAX_SAFE_INTEGER - amount;
    if (entry.value > room) entry.value -= room + 1;
    else entry.value += amount;
    return true;
  }

  take(key: Uint32Array<ArrayBuffer>, amount: number): boolean {
    const burst = this.#layout.burst * TOKEN;
    const now = Math.floor(performance.now() / TICK_MS);
    const entry = this.#entry(key, burst, now);
    if (entry === undefined) return false;
    const add = Math.floor((now - entry.tick) * this.#ratePerTick / 256);
    if (add > 0) {
      entry.value = Math.min(entry.value + add, burst);
      entry.tick = now;
    }
    if (entry.value < amount * TOKEN) return false;
    entry.value -= amount * TOKEN;
    return true;
  }

  delete(key: Uint32Array<ArrayBuffer>): boolean {
    return this.#entries.delete(key.join());
  }

  clear(): void {
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  *entries(): Generator<readonly [key: Uint32Array, value: number], void, void> {
    const unit = this.#layout.kind === "buckets" ? TOKEN : 1;
    for (const { key, value } of this.#entries.values()) yield [key, value / unit];
  }

  #entry(key: Uint32Array<ArrayBuffer>, value: number, tick = 0): Entry | undefined {
    const text = key.join();
    let entry = this.#entries.get(text);
    if (entry === undefined && this.#entries.size < this.#layout.capacity) {
      entry = { key: key.slice(), value, tick };
      this.#entries.set(text, entry);
    }
    return entry;
  }
}
