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

/** Where each frame goes: port and ring in turns. */
export type Decisions = Uint32Array;

/** Frames in memory as the engine shows them to lookups: descriptors in `struct valet_packet`. */
export class FrameSet {
  readonly frames: readonly Frame[];
  readonly #memory: Uint8Array<ArrayBuffer>;
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
    const address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#memory)));
    this.#region = new Region(address, this.#memory.length);
  }

  /** Calls with the descriptors of some frames of one port, and collects the answers. */
  #decide(run: (table: Uint32Array<ArrayBuffer>, count: number, port: number) => void): Decisions {
    const decisions = new Uint32Array(2 * this.frames.length);
    const table = new Uint32Array(BATCH * WORDS);
    for (let first = 0; first < this.frames.length;) {
      const { port } = this.frames[first];
      let count = 0;
      for (; count < BATCH && this.frames[first + count]?.port === port; count++) {
        this.#describe(table, count, first + count);
      }
      run(table, count, port);
      for (let i = 0; i < count; i++) {
        decisions[2 * (first + i)] = table[i * WORDS + 4];
        decisions[2 * (first + i) + 1] = table[i * WORDS + 5];
      }
      first += count;
    }
    return decisions;
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
    table[at + 6] = table[at + 7] = 0;
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
    const decisions = new Uint32Array(2 * this.frames.length);
    this.frames.forEach((frame, i) => {
      const { port, ring } = interpret(program, { ...frame, readable: frame.bytes.length }, tables);
      decisions[2 * i] = port;
      decisions[2 * i + 1] = ring;
    });
    return decisions;
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
    for (let i = 0; i < expected.length; i++) {
      if (actual[i] === expected[i]) continue;
      const frame = this.frames[i >> 1];
      assert.fail(
        `${what}: ${i & 1 ? "ring" : "port"} ${actual[i]} instead of ${expected[i]} for frame ${
          i >> 1
        } ${JSON.stringify({ ...frame, bytes: frame.bytes.toHex() })}`,
      );
    }
  }
}

const LOOKUP_FUNCTION = { parameters: ["buffer", "pointer"], result: "i32" } as const;
