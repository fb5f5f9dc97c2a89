/** Runs hooks in all their forms on the same frames. */

import assert from "node:assert/strict";

import { Region } from "../../ffi/region.ts";
import { LookupBatch } from "../../ffi/lookup_batch.ts";
import { interpret } from "../../hook/interpret.ts";
import type { HookProgram } from "../../hook/ir.ts";
import type { HookTable } from "../../hook/table.ts";
import type { Lookup } from "../../mod.ts";
import type { Frame } from "./frames.ts";

const BATCH = 256;
const WORDS = 8;

/** What a hook has made of frames: where each goes, and all bytes as it left them. */
export interface Decisions {
  readonly ports: Uint32Array;
  readonly rings: Uint32Array;
  readonly copies: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Room for decisions about so many frames. */
export function noDecisions(count: number, bytes: Uint8Array = new Uint8Array(0)): Decisions {
  const column = (): Uint32Array => new Uint32Array(count);
  return { ports: column(), rings: column(), copies: column(), bytes };
}

/** Frames in memory as the engine shows them to lookups: descriptors in `struct valet_packet`. */
export class FrameSet {
  readonly frames: readonly Frame[];
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #original: Uint8Array<ArrayBuffer>;
  readonly #region: Region;
  readonly #offsets: Uint32Array;

  constructor(frames: readonly Frame[]) {
    // A batch comes from one port
    this.frames = frames.toSorted((a, b) => a.port - b.port);
    this.#offsets = new Uint32Array(frames.length);
    let at = 0;
    this.frames.forEach(({ bytes }, i) => {
      this.#offsets[i] = at;
      at += bytes.length + 1; // an odd place for the next one, and a byte that must not be read
    });
    this.#memory = new Uint8Array(at + 1).fill(0xa5);
    this.frames.forEach(({ bytes }, i) => this.#memory.set(bytes, this.#offsets[i]));
    this.#original = this.#memory.slice();
    const address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#memory)));
    this.#region = new Region(address, this.#memory.length);
  }

  /** Calls with the descriptors of some frames of one port, and collects the answers. */
  #decide(run: (table: Uint32Array<ArrayBuffer>, count: number, port: number) => void): Decisions {
    const decisions = noDecisions(this.frames.length);
    const table = new Uint32Array(BATCH * WORDS);
    for (let first = 0; first < this.frames.length;) {
      const { port } = this.frames[first];
      let count = 0;
      for (; count < BATCH && this.frames[first + count]?.port === port; count++) {
        this.#describe(table, count, first + count);
      }
      run(table, count, port);
      for (let i = 0; i < count; i++) {
        decisions.ports[first + i] = table[i * WORDS + 4];
        decisions.rings[first + i] = table[i * WORDS + 5];
        decisions.copies[first + i] = table[i * WORDS + 7];
      }
      first += count;
    }
    return this.#taken(decisions);
  }

  /** With the bytes as they are now, which are put back. */
  #taken(decisions: Decisions): Decisions {
    const bytes = this.#memory.slice();
    this.#memory.set(this.#original);
    return { ...decisions, bytes };
  }

  /** The bytes of frames that were copied, in the order of `frames`, as they would stand in memory. */
  gathered(frames: readonly Uint8Array[]): Uint8Array {
    const bytes = this.#original.slice();
    frames.forEach((frame, i) => bytes.set(frame, this.#offsets[i]));
    return bytes;
  }

  #describe(table: Uint32Array, place: number, index: number): void {
    const { bytes, length, fragments, ring } = this.frames[index];
    const address = this.#region.address + BigInt(this.#offsets[index]);
    const at = place * WORDS;
    table[at] = Number(address & 0xffffffffn);
    table[at + 1] = Number(address >> 32n);
    table[at + 2] = length;
    table[at + 3] = bytes.length | fragments << 16;
    table[at + 4] = 255;
    table[at + 5] = ring;
    table[at + 6] = 0;
    table[at + 7] = 255;
  }

  /** The function itself, as bridges call it. */
  v8(lookup: Lookup): Decisions {
    const batch = new LookupBatch();
    return this.#decide((table, count, port) => {
      batch.begin(table, this.#region, count, port);
      batch.decideEach(lookup);
      batch.end();
    });
  }

  /** Its intermediate form. */
  interpreted(program: HookProgram, tables: readonly HookTable[] = []): Decisions {
    const decisions = noDecisions(this.frames.length);
    this.frames.forEach((frame, i) => {
      const at = this.#offsets[i], readable = frame.bytes.length;
      const bytes = this.#memory.subarray(at, at + readable);
      const { port, ring, copyTo } = interpret(program, { ...frame, bytes, readable }, tables);
      decisions.ports[i] = port;
      decisions.rings[i] = ring;
      decisions.copies[i] = copyTo;
    });
    return this.#taken(decisions);
  }

  /** Machine code: a `valet_lookup_function`; `more` stands in the descriptors. */
  native(
    address: bigint,
    { context = 0n, more = 0 }: { context?: bigint; more?: number } = {},
  ): Decisions {
    const lookup = new Deno.UnsafeFnPointer(
      Deno.UnsafePointer.create(address) as Deno.PointerObject<typeof LOOKUP_FUNCTION>,
      LOOKUP_FUNCTION,
    );
    return this.#decide((table, count, port) => {
      for (let i = 0; i < count; i++) table[i * WORDS + 6] = more;
      const batch = new BigUint64Array(2);
      batch[0] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(table)));
      new Uint32Array(batch.buffer).set([count, port], 2);
      assert.equal(lookup.call(batch, Deno.UnsafePointer.create(context)), 0);
    });
  }

  /** Fails where two forms do not agree, with the frame. */
  assertSame(actual: Decisions, expected: Decisions, what: string): void {
    for (const column of ["ports", "rings", "copies"] as const) {
      for (let i = 0; i < this.frames.length; i++) {
        const is = actual[column][i], should = expected[column][i];
        if (is !== should) this.#fail(i, `${what}: ${column} ${is} instead of ${should}`);
      }
    }
    const at = actual.bytes.findIndex((byte, i) => byte !== expected.bytes[i]);
    if (at < 0) return;
    const frame = this.#offsets.findLastIndex((offset) => offset <= at);
    const change = `${actual.bytes[at]} instead of ${expected.bytes[at]}`;
    this.#fail(frame, `${what}: byte ${at - this.#offsets[frame]} is ${change}`);
  }

  #fail(index: number, problem: string): never {
    const frame = this.frames[index];
    const text = JSON.stringify({ ...frame, bytes: frame.bytes.toHex() });
    assert.fail(`${problem} for frame ${index} ${text}`);
  }
}

const LOOKUP_FUNCTION = { parameters: ["buffer", "pointer"], result: "i32" } as const;
