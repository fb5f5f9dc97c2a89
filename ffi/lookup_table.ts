/**
 * Tables that a lookup and a script share while packets flow.
 *
 * @module
 */

import { checkInteger, show } from "./errors.ts";
import { loadLibrary } from "./library.ts";
import { EngineTableHome } from "./table_engine.ts";
import {
  type KeyBits,
  ScriptTableHome,
  type TableHome,
  type TableKind,
  type TableLayout,
} from "./table_home.ts";

/** A key: a number, or one for each part. */
export type TableKey = number | readonly number[];

/** Options of a `LookupTable`. */
export interface LookupTableOptions {
  /**
   * Bits of each part of a key: `[48]` for MAC addresses, `[32]` for IPv4 addresses,
   * `[32, 32, 16, 16, 8]` for flows. At most 8 words of 32 bits.
   */
  key: readonly KeyBits[];
  /** What the entries are: numbers of 32 bits, counters of 53 bits, or token buckets. Default: "values". */
  kind?: TableKind | undefined;
  /** Most entries, to 2^20. Default: 1024. */
  capacity?: number | undefined;
  /** Buckets: tokens that come back a second, 0 to 2^25. Default: 0. */
  ratePerSecond?: number | undefined;
  /** Buckets: most tokens, 1 to 2^24 - 1. A new bucket is full. */
  burst?: number | undefined;
  /**
   * Where the entries live: "engine" is memory of the C library, which native lookups share; "script" is
   * JavaScript, for lookups that run in V8 only. Compiling a lookup for the kernel moves its tables into BPF
   * maps. Default: "engine".
   */
  home?: "engine" | "script" | undefined;
}

const CAPACITY_MAX = 2 ** 20;
const KEY_WORDS_MAX = 8;
const UINT32_MAX = 0xffff_ffff;
const TWO_32 = 2 ** 32;

function checkKind(kind: unknown): asserts kind is TableKind {
  if (kind === "values" || kind === "counters" || kind === "buckets") return;
  throw new RangeError(
    `Cannot use ${show(kind)} as kind: it is "values", "counters" or "buckets"`,
  );
}

/**
 * A table with exact keys: numbers, counters, or token buckets. The script, and lookups in whatever
 * form, read and write it at the same time; each operation is atomic.
 *
 * Nothing is evicted: where there is no room for another entry, nothing changes.
 *
 * @example
 * ```ts
 * import { BROADCAST, DROP, LookupTable, Netmap } from "@valet/valet";
 *
 * const routes = new LookupTable({ key: [32] }); // IPv4 address to port
 * const seen = new LookupTable({ key: [16], kind: "counters" }); // by EtherType
 * routes.set(0x0a010001, 1);
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "table example" });
 * using a = netmap.open("vale0:a@conf:slots=64");
 * using bridge = netmap.bridge("vale0");
 * bridge.lookup = (packet) => {
 *   seen.count(packet.etherType);
 *   return packet.isIpv4 ? routes.get(packet.destinationIpv4) ?? DROP : BROADCAST;
 * };
 * a.send(new Uint8Array(60));
 * console.log(seen.get(0)); // 1
 * ```
 */
export class LookupTable {
  readonly #layout: TableLayout;
  readonly #words: Uint32Array<ArrayBuffer>;
  #home: TableHome;
  /** Bits of each part of a key. */
  readonly key: readonly KeyBits[];

  /**
   * Makes an empty table.
   *
   * @throws {RangeError} if an option is out of range
   */
  constructor(options: LookupTableOptions) {
    const { key, kind = "values", capacity = 1024, home = "engine" } = options;
    const { ratePerSecond = 0, burst = 0 } = options;
    if (!Array.isArray(key) || key.length === 0) {
      throw new TypeError(
        `Cannot use ${show(key)} as key: expected the bits of its parts, as [32]`,
      );
    }
    for (const bits of key) {
      if (![8, 16, 32, 48].includes(bits)) {
        throw new RangeError(`Cannot use ${show(bits)} bits for a part of a key: 8, 16, 32 or 48`);
      }
    }
    checkKind(kind);
    const keyWords = key.reduce((words: number, bits: KeyBits) => words + (bits > 32 ? 2 : 1), 0);
    if (keyWords > KEY_WORDS_MAX) {
      throw new RangeError(
        `Cannot use a key of ${keyWords} words of 32 bits: at most ${KEY_WORDS_MAX} fit`,
      );
    }
    checkInteger("capacity", capacity, 1, CAPACITY_MAX);
    if (typeof ratePerSecond !== "number" || !(ratePerSecond >= 0 && ratePerSecond <= 2 ** 25)) {
      throw new RangeError(
        `Cannot use ${show(ratePerSecond)} as ratePerSecond: expected 0 to 2^25`,
      );
    }
    if (kind === "buckets") checkInteger("burst", burst, 1, 2 ** 24 - 1);
    this.key = [...key];
    this.#layout = { kind, keyWords, capacity, ratePerSecond, burst };
    this.#words = new Uint32Array(keyWords);
    if (home !== "engine" && home !== "script") {
      throw new RangeError(`Cannot use ${show(home)} as home: it is "engine" or "script"`);
    }
    this.#home = home === "script"
      ? new ScriptTableHome(this.#layout)
      : EngineTableHome.make(loadLibrary().functions, this.#layout);
  }

  /** What the entries are. */
  get kind(): TableKind {
    return this.#layout.kind;
  }

  /** Most entries. */
  get capacity(): number {
    return this.#layout.capacity;
  }

  /** Buckets: tokens that come back a second. */
  get ratePerSecond(): number {
    return this.#layout.ratePerSecond;
  }

  /** Buckets: most tokens. */
  get burst(): number {
    return this.#layout.burst;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#home.size;
  }

  /** Where the entries live now: "engine", "script" or "kernel". */
  get home(): string {
    return this.#home.name;
  }

  /** What a home has to know: for those who make one. */
  get layout(): TableLayout {
    return this.#layout;
  }

  /** The home itself: for those who share it with a lookup. */
  get unsafeHome(): TableHome {
    return this.#home;
  }

  /**
   * The value or the counter; undefined if there is none.
   *
   * @throws {TypeError} if the table is one of buckets
   */
  get(key: TableKey): number | undefined {
    if (this.#layout.kind === "buckets") this.#refuse("get", "take");
    return this.#home.get(this.#key(key));
  }

  /**
   * Puts a value there.
   *
   * @param value 0 to 2^32 - 1
   * @returns false if there was no room
   * @throws {TypeError} if the table is not one of values
   */
  set(key: TableKey, value: number): boolean {
    if (this.#layout.kind !== "values") this.#refuse("set", this.#right);
    if (value >>> 0 !== value) checkInteger("value", value, 0, UINT32_MAX);
    return this.#home.set(this.#key(key), value);
  }

  /**
   * Adds to the counter there, which starts at 0.
   *
   * @param amount 0 to 2^32 - 1
   * @returns false if there was no room
   * @throws {TypeError} if the table is not one of counters
   */
  count(key: TableKey, amount: number = 1): boolean {
    if (this.#layout.kind !== "counters") this.#refuse("count", this.#right);
    if (amount >>> 0 !== amount) checkInteger("amount", amount, 0, UINT32_MAX);
    return this.#home.count(this.#key(key), amount);
  }

  /**
   * Takes tokens out of the bucket there, which is full at first.
   *
   * @param amount 0 to 2^32 - 1
   * @returns false, with none taken, if there were too few, or no room for another bucket
   * @throws {TypeError} if the table is not one of buckets
   */
  take(key: TableKey, amount: number = 1): boolean {
    if (this.#layout.kind !== "buckets") this.#refuse("take", this.#right);
    if (amount >>> 0 !== amount) checkInteger("amount", amount, 0, UINT32_MAX);
    return this.#home.take(this.#key(key), amount);
  }

  /** Removes an entry. Returns false if there was none. */
  delete(key: TableKey): boolean {
    return this.#home.delete(this.#key(key));
  }

  /** Removes all entries. */
  clear(): void {
    this.#home.clear();
  }

  /** The entries in no particular order: keys as they are given, values, counters or tokens. */
  *entries(): Generator<[key: TableKey, value: number], void, void> {
    for (const [words, value] of this.#home.entries()) {
      let at = 0;
      const parts = this.key.map((bits) => {
        const low = words[at++];
        return bits > 32 ? words[at++] * TWO_32 + low : low;
      });
      yield [parts.length === 1 ? parts[0] : parts, value];
    }
  }

  /** The same as `entries()`. */
  [Symbol.iterator](): Generator<[key: TableKey, value: number], void, void> {
    return this.entries();
  }

  /**
   * Moves the entries to another home: for those who compile lookups. What lookups put into the old one
   * meanwhile may be lost; buckets are full in the new one.
   */
  moveTo(home: TableHome): void {
    for (const [words, value] of this.#home.entries()) {
      this.#words.set(words);
      if (this.#layout.kind === "values") home.set(this.#words, value);
      else if (this.#layout.kind === "counters") addTo(home, this.#words, value);
    }
    this.#home = home;
  }

  /** What `console.log(table)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    const { kind, capacity } = this.#layout;
    return `LookupTable (${kind}, key ${this.key.join("+")} bits, ${this.size} of ${capacity}, ` +
      `${this.home})`;
  }

  get #right(): string {
    return { values: "set", counters: "count", buckets: "take" }[this.#layout.kind];
  }

  #refuse(method: string, right: string): never {
    throw new TypeError(`Cannot ${method}(): the table has ${this.#layout.kind}: use ${right}()`);
  }

  /** The key's words: the same array each time, so that nothing is made for each packet. */
  #key(key: TableKey): Uint32Array<ArrayBuffer> {
    const words = this.#words, { key: bits } = this;
    if (typeof key === "number") {
      if (bits.length !== 1) this.#refuseKey(key);
      this.#put(0, key, bits[0]);
      return words;
    }
    if (!Array.isArray(key) || key.length !== bits.length) this.#refuseKey(key);
    for (let i = 0, at = 0; i < bits.length; i++) at = this.#put(at, key[i], bits[i]);
    return words;
  }

  #put(at: number, value: number, bits: KeyBits): number {
    const words = this.#words;
    if (bits <= 32) {
      if (value >>> 0 !== value || value >= 2 ** bits) {
        checkInteger("part of a key", value, 0, 2 ** bits - 1);
      }
      words[at] = value;
      return at + 1;
    }
    checkInteger("part of a key", value, 0, 2 ** 48 - 1);
    words[at] = value % TWO_32;
    words[at + 1] = Math.floor(value / TWO_32);
    return at + 2;
  }

  #refuseKey(key: unknown): never {
    const parts = this.key.length;
    throw new TypeError(
      `Cannot use ${show(key)} as a key: expected ${
        parts === 1 ? "a number" : `an array of ${parts} numbers`
      }`,
    );
  }
}

/** Counters are put together of amounts of 32 bits. */
function addTo(home: TableHome, key: Uint32Array<ArrayBuffer>, value: number): void {
  do {
    const amount = Math.min(value, UINT32_MAX);
    home.count(key, amount);
    value -= amount;
  } while (value > 0);
}
