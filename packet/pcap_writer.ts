import {
  CaptureBuffer,
  checkOriginalLength,
  checkRange,
  checkTime,
  timeOf,
} from "./capture_buffer.ts";
import type { CaptureRecord } from "./captured_packet.ts";
import { LinkType } from "./protocols.ts";

/** Options of {@linkcode PcapWriter}. */
export interface PcapWriterOptions {
  /** Kind of link, `LinkType.ETHERNET` by default. */
  linkType?: number;
  /** Most bytes of a packet that are kept, 1 to 262144 (the default). */
  snapLength?: number;
  /** Resolution of the time, "nanoseconds" by default; readers of before 2012 want the other. */
  resolution?: "nanoseconds" | "microseconds";
}

/**
 * Writes the classic capture format, little-endian (draft-ietf-opsawg-pcap). Packets collect in
 * memory until `take()` hands them over: write a packet, take now and then, write those bytes to
 * a file. {@linkcode CaptureEncoderStream} does this for streams.
 *
 * @example
 * ```ts
 * import { PcapWriter, readCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const writer = new PcapWriter({ snapLength: 64 });
 * writer.write({ data: new Uint8Array(1500), seconds: 1, nanoseconds: 5 });
 * const [packet] = readCapture(writer.take());
 * assert.equal(packet.data.length, 64);
 * assert.equal(packet.originalLength, 1500);
 * ```
 */
export class PcapWriter {
  #buffer = new CaptureBuffer();
  #snapLength: number;
  #divisor: number;

  /**
   * A writer for one file.
   *
   * @throws {RangeError} when an option is out of range.
   */
  constructor(options: PcapWriterOptions = {}) {
    const { linkType = LinkType.ETHERNET, snapLength = 262_144 } = options;
    const { resolution = "nanoseconds" } = options;
    if (!Number.isInteger(snapLength) || snapLength < 1 || snapLength > 262_144) {
      throw new RangeError(`Cannot use snapLength ${snapLength}: expected 1 to 262144`);
    }
    if ((linkType & 0xffff) !== linkType) {
      throw new RangeError(`Cannot use link type ${linkType}: expected 0 to 65535`);
    }
    this.#snapLength = snapLength;
    this.#divisor = resolution === "nanoseconds" ? 1 : 1000;
    const at = this.#buffer.reserve(24), view = this.#buffer.view;
    view.setUint32(at, resolution === "nanoseconds" ? 0xa1b2_3c4d : 0xa1b2_c3d4, true);
    view.setUint16(at + 4, 2, true);
    view.setUint16(at + 6, 4, true);
    view.setUint32(at + 16, snapLength, true);
    view.setUint32(at + 20, linkType, true);
  }

  /** Bytes that `take()` would return. */
  get pendingBytes(): number {
    return this.#buffer.length;
  }

  /**
   * Adds a packet.
   *
   * @throws {RangeError} when its time or its original length is out of range.
   */
  write(record: CaptureRecord): void {
    const { data, originalLength = data.length } = record;
    const { seconds, nanoseconds } = timeOf(record);
    this.writeBytes(data, 0, data.length, seconds, nanoseconds, originalLength);
  }

  /**
   * Adds a packet out of a larger buffer, without allocating but for the growth of this one's.
   *
   * @param seconds whole seconds since 1970-01-01 UTC, below 2^32.
   * @param originalLength bytes on the wire, `length` by default.
   * @throws {RangeError} when a number is out of range; nothing is written then.
   */
  writeBytes(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength: number = length,
  ): void {
    checkRange(bytes, offset, length);
    checkTime(seconds, nanoseconds, 2 ** 32);
    checkOriginalLength(originalLength, length);
    const kept = Math.min(length, this.#snapLength);
    const buffer = this.#buffer;
    const at = buffer.reserve(16 + kept), view = buffer.view;
    view.setUint32(at, seconds, true);
    view.setUint32(at + 4, Math.floor(nanoseconds / this.#divisor), true);
    view.setUint32(at + 8, kept, true);
    view.setUint32(at + 12, originalLength, true);
    buffer.bytes.set(bytes.subarray(offset, offset + kept), at + 16);
  }

  /** What was written since the last call, the file header first; the caller owns the array. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#buffer.take();
  }
}
