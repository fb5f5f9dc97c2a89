/**
 * Bytes that wait to be sent, or to be acknowledged.
 *
 * @module
 */

/** A queue of bytes that can be read anywhere; it grows as needed. */
export class ByteBuffer {
  #bytes = new Uint8Array(4096);
  #start = 0;
  #length = 0;

  /** Bytes in it. */
  get length(): number {
    return this.#length;
  }

  /** Adds a copy of some bytes at its end. */
  append(bytes: Uint8Array): void {
    const end = this.#start + this.#length + bytes.length;
    if (end > this.#bytes.length) {
      const needed = this.#length + bytes.length;
      const room = needed > this.#bytes.length / 2 ? new Uint8Array(2 * needed) : this.#bytes;
      room.set(this.#bytes.subarray(this.#start, this.#start + this.#length));
      this.#bytes = room;
      this.#start = 0;
    }
    this.#bytes.set(bytes, this.#start + this.#length);
    this.#length += bytes.length;
  }

  /** Some of its bytes, not copied; what is beyond its end is left out. */
  read(from: number, length: number): Uint8Array {
    const start = this.#start + Math.min(from, this.#length);
    return this.#bytes.subarray(start, Math.min(start + length, this.#start + this.#length));
  }

  /** Takes bytes away from its beginning. */
  drop(length: number): void {
    this.#start += length;
    this.#length -= length;
  }
}
