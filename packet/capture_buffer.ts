import { viewOf } from "./bytes.ts";
import type { CaptureRecord } from "./captured_packet.ts";

/** A growing buffer that file writers append to. */
export class CaptureBuffer {
  /** The bytes; valid up to `length`. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  /** A view on them. */
  view: DataView = viewOf(this.bytes);
  /** How many bytes are filled. */
  length = 0;

  /** Makes room for `size` bytes, zeroed, counts them as filled and returns where they begin. */
  reserve(size: number): number {
    const start = this.length;
    const needed = start + size;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, start));
      this.bytes = larger;
      this.view = viewOf(larger);
    }
    this.length = needed;
    return start;
  }

  /** Hands the filled bytes over and goes on with a new buffer. */
  take(): Uint8Array<ArrayBuffer> {
    const filled = this.bytes.subarray(0, this.length);
    this.bytes = new Uint8Array(Math.max(4096, this.length));
    this.view = viewOf(this.bytes);
    this.length = 0;
    return filled;
  }
}

/** The part of an array to write as a packet, checked. */
export function checkRange(bytes: Uint8Array, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
    throw new RangeError(
      `Cannot write ${length} bytes from ${offset}: the array has ${bytes.length} bytes`,
    );
  }
}

/** Checks a time of the numeric form. */
export function checkTime(seconds: number, nanoseconds: number, limit: number): void {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds >= limit) {
    throw new RangeError(`Cannot write time ${seconds} s: expected 0 to ${limit - 1}`);
  }
  if (!Number.isInteger(nanoseconds) || nanoseconds < 0 || nanoseconds > 999_999_999) {
    throw new RangeError(`Cannot write ${nanoseconds} ns: expected 0 to 999999999`);
  }
}

/** Checks a number of bytes that the packet had on the wire. */
export function checkOriginalLength(originalLength: number, length: number): void {
  if (originalLength >>> 0 !== originalLength || originalLength < length) {
    throw new RangeError(
      `Cannot write original length ${originalLength}: the packet has ${length} bytes`,
    );
  }
}

/** Time of a record in its numeric form, whichever form it has. */
export function timeOf(record: CaptureRecord): { seconds: number; nanoseconds: number } {
  const { seconds, nanoseconds, timestamp } = record;
  if (seconds !== undefined || nanoseconds !== undefined || timestamp === undefined) {
    return { seconds: seconds ?? 0, nanoseconds: nanoseconds ?? 0 };
  }
  if (timestamp < 0n) throw new RangeError(`Cannot write time ${timestamp} ns: it is negative`);
  return {
    seconds: Number(timestamp / 1_000_000_000n),
    nanoseconds: Number(timestamp % 1_000_000_000n),
  };
}
