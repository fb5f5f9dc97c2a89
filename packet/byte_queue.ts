import { viewOf } from "./bytes.ts";

/**
 * A capture file is damaged or of an unknown kind. All packets before the damage have been
 * delivered when it is thrown.
 *
 * @example
 * ```ts
 * import { CaptureError, readCapture, writeCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const file = writeCapture([{ data: new Uint8Array(60) }, { data: new Uint8Array(60) }]);
 * const seen: number[] = [];
 * assert.throws(() => {
 *   for (const packet of readCapture(file.subarray(0, 150))) seen.push(packet.data.length);
 * }, (error) => error instanceof CaptureError && error.position === 100);
 * assert.deepEqual(seen, [60]);
 * ```
 */
export class CaptureError extends SyntaxError {
  /** The class's name. */
  override name = "CaptureError";
  /** Where in the file the damaged part begins, in bytes. */
  readonly position: number;

  /** Made by the readers. */
  constructor(problem: string, position: number) {
    super(`Cannot read capture: ${problem} at byte ${position}`);
    this.position = position;
  }
}

/** The bytes of a file that have arrived and were not consumed yet. */
export class ByteQueue {
  /** The bytes, consumed ones included. Never written to: packets are parts of it. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view on them. */
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the unread bytes begin. */
  at = 0;
  /** True when no more bytes will come. */
  isEnded = false;
  #base = 0;

  /** Adds bytes at the end; copies only if a part of the earlier ones is still unread. */
  push(chunk: Uint8Array): void {
    const rest = this.bytes.length - this.at;
    this.#base += this.at;
    if (rest > 0) {
      const joined = new Uint8Array(rest + chunk.length);
      joined.set(this.bytes.subarray(this.at));
      joined.set(chunk, rest);
      chunk = joined;
    }
    this.bytes = chunk;
    this.view = viewOf(chunk);
    this.at = 0;
  }

  /** Position in the file of the first unread byte. */
  get position(): number {
    return this.#base + this.at;
  }

  /** How many bytes are unread. */
  get available(): number {
    return this.bytes.length - this.at;
  }

  /**
   * True when `length` bytes are there, false when they may still come.
   *
   * @throws {CaptureError} when the file ends before.
   */
  has(length: number, what: string): boolean {
    if (this.available >= length) return true;
    if (!this.isEnded) return false;
    throw new CaptureError(
      `the file ends inside ${what} (${length} bytes expected, ${this.available} found)`,
      this.position,
    );
  }
}
