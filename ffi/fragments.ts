/**
 * Packets of several slots, put together.
 *
 * @module
 */

import type { Region } from "./region.ts";
import type { RxRing } from "./ring.ts";

const NONE = new DataView(new ArrayBuffer(0));

/** Memory for one packet of several slots: the last one that was copied together. */
export class FragmentCopy {
  #view = NONE;

  /**
   * Copies the bytes of some slots one behind the other. Nothing else is in what it returns up to `bytes`,
   * even if another process has meanwhile written other lengths into the slots.
   */
  of(
    region: Region,
    ring: RxRing,
    first: number,
    fragments: number,
    bytes: number,
  ): DataView<ArrayBuffer> {
    if (this.#view.byteLength < bytes) this.#view = new DataView(new ArrayBuffer(bytes));
    const to = new Uint8Array(this.#view.buffer, 0, bytes);
    let at = 0;
    for (let i = 0, slot = first; i < fragments; i++, slot = ring.next(slot)) {
      const from = ring.bufferOffset(slot), length = Math.min(ring.length(slot), bytes - at);
      to.set(region.u8.subarray(from, from + length), at);
      at += length;
    }
    to.fill(0, at);
    return this.#view;
  }
}
