/**
 * Buffers that a port has beside those of its rings.
 *
 * @module
 */

import { checkInteger, closedError } from "./errors.ts";
import { INTERFACE } from "./layout.ts";
import type { PortSetup } from "./port_rings.ts";
import type { Region } from "./region.ts";
import type { Ring } from "./ring.ts";

/**
 * Extra buffers of a port, opened with `{ extraBuffers: n }`: netmap's list of them, which begins in
 * `ni_bufs_head` and goes on in the first four bytes of each buffer.
 *
 * With them a received packet can be kept without a copy: its slot gets another buffer. What the list
 * has in it when the port is closed is free again; what was taken and not given back is free again
 * when nobody uses the memory any more.
 *
 * @example
 * ```ts
 * import { Netmap } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "extra example" });
 * using a = netmap.open("vale0:a@conf:slots=64");
 * using b = netmap.open("vale0:b@conf:slots=64", { extraBuffers: 8 });
 * a.send(new Uint8Array(60).fill(7));
 * b.rxSync();
 * const [ring] = b.rxRings;
 * const kept = ring.bufferIndex(ring.head); // the packet stays here
 * ring.setBufferIndex(ring.head, b.extraBuffers.take()!);
 * ring.advance(1);
 * assert.equal(b.extraBuffers.available, 7);
 * assert.equal(b.extraBuffers.bytes(kept)[0], 7);
 * b.extraBuffers.give(kept);
 * ```
 */
export class ExtraBuffers {
  readonly #region: Region;
  readonly #ring: Ring | undefined;
  readonly #head: number;
  readonly #port: string;
  #available: number;
  /** How many there were at first, which may be less than was asked for. */
  readonly count: number;

  /** Comes with its port: `port.extraBuffers`. */
  constructor(setup: PortSetup, ring: Ring | undefined) {
    const { region, interfaceOffset, portName, extraBuffers } = setup;
    this.#region = region;
    this.#head = (interfaceOffset + INTERFACE.bufsHead) / 4;
    this.#ring = ring;
    this.#port = portName.name;
    this.#available = this.count = extraBuffers;
  }

  /** How many are in the list now. */
  get available(): number {
    return this.#available;
  }

  /**
   * Takes a buffer out of the list.
   *
   * @returns its index, for `ring.setBufferIndex()`; undefined if there is none left
   * @throws {RangeError} if somebody else has written into the list
   */
  take(): number | undefined {
    const region = this.#open();
    if (this.#available === 0) return undefined;
    const index = region.u32[this.#head] >>> 0;
    const word = this.#word(index);
    region.u32[this.#head] = region.u32[word];
    this.#available--;
    return index;
  }

  /**
   * Puts a buffer into the list: one that `take()` gave, or one that a ring had for it. Its first four
   * bytes are the list's from then on. Each buffer must be in one place only.
   *
   * @throws {RangeError} if there is no such buffer
   */
  give(index: number): void {
    const region = this.#open();
    const word = this.#word(index);
    const { u32 } = region;
    u32[word] = u32[this.#head];
    u32[this.#head] = index;
    this.#available++;
  }

  /**
   * A buffer of the port's memory, all of it, without a copy; empty once the port is closed.
   *
   * @throws {RangeError} if there is no such buffer
   */
  bytes(index: number): Uint8Array<ArrayBuffer> {
    const offset = this.#word(index) * 4;
    const region = this.#region;
    region.exposed = true;
    return region.closed
      ? new Uint8Array(0)
      : region.u8.subarray(offset, offset + this.#ring!.bufferSize);
  }

  #open(): Region {
    if (this.#region.closed) throw closedError("change", this.#port);
    return this.#region;
  }

  /** The u32 that a buffer begins with. */
  #word(index: number): number {
    const ring = this.#ring;
    if (ring === undefined) {
      throw new RangeError(
        `Cannot reach the extra buffers of "${this.#port}": it has no ring that says where they are`,
      );
    }
    checkInteger("index of a buffer", index, 2, ring.bufferCount - 1);
    const offset = ring.bufferBase + index * ring.bufferSize;
    this.#region.reach(offset + ring.bufferSize);
    return offset / 4;
  }
}
