import { TWO_32 } from "./bytes.ts";
import {
  CaptureBuffer,
  checkOriginalLength,
  checkRange,
  checkTime,
  timeOf,
} from "./capture_buffer.ts";
import type { CaptureRecord } from "./captured_packet.ts";
import { LinkType } from "./protocols.ts";

/** An interface of a pcapng file. */
export interface PcapngInterface {
  /** Its name, for example `vale0:a`. */
  name?: string;
  /** What it is. */
  description?: string;
  /** Kind of link, `LinkType.ETHERNET` by default. */
  linkType?: number;
  /** Most bytes of a packet that are kept; 0, the default, for all. */
  snapLength?: number;
}

/** Options of {@linkcode PcapngWriter}. */
export interface PcapngWriterOptions {
  /** The interfaces, numbered from 0; one of Ethernet by default. More can follow later. */
  interfaces?: readonly PcapngInterface[];
  /** The program that writes the file, "valet" by default. */
  application?: string;
  /** A remark on the whole file. */
  comment?: string;
}

/** The largest time in seconds that 64 bits of nanoseconds hold. */
const SECONDS_LIMIT = 18_446_744_073;

/**
 * Writes pcapng, little-endian, with nanoseconds (draft-ietf-opsawg-pcapng): several interfaces,
 * comments. Works like {@linkcode PcapWriter}.
 *
 * @example
 * ```ts
 * import { PcapngWriter, readCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const writer = new PcapngWriter({ interfaces: [{ name: "vale0:a" }, { name: "vale0:b" }] });
 * writer.write({ data: new Uint8Array(60), timestamp: 1n, interfaceId: 1, comment: "first" });
 * const [packet] = readCapture(writer.take());
 * assert.equal(packet.interfaceId, 1);
 * assert.equal(packet.comment, "first");
 * ```
 */
export class PcapngWriter {
  #buffer = new CaptureBuffer();
  #snapLengths: number[] = [];

  /**
   * A writer for one file.
   *
   * @throws {RangeError} when an option is out of range.
   */
  constructor(options: PcapngWriterOptions = {}) {
    const { interfaces = [{}], application = "valet", comment } = options;
    const extra = [...(comment === undefined ? [] : [text(1, comment)]), text(4, application)];
    this.#block(0x0a0d_0d0a, 16, extra, (view, at) => {
      view.setUint32(at, 0x1a2b_3c4d, true);
      view.setUint16(at + 4, 1, true);
      // Length of the section: unknown
      view.setBigInt64(at + 8, -1n, true);
    });
    for (const one of interfaces) this.addInterface(one);
  }

  /** Describes one more interface; returns its number. */
  addInterface(options: PcapngInterface = {}): number {
    const { name, description, linkType = LinkType.ETHERNET, snapLength = 0 } = options;
    if ((linkType & 0xffff) !== linkType) {
      throw new RangeError(`Cannot use link type ${linkType}: expected 0 to 65535`);
    }
    if (snapLength >>> 0 !== snapLength) {
      throw new RangeError(`Cannot use snapLength ${snapLength}: expected 0 to 2^32 - 1`);
    }
    const extra: Option[] = [{ code: 9, value: Uint8Array.of(9) }];
    if (description !== undefined) extra.unshift(text(3, description));
    if (name !== undefined) extra.unshift(text(2, name));
    this.#block(1, 8, extra, (view, at) => {
      view.setUint16(at, linkType, true);
      view.setUint32(at + 4, snapLength, true);
    });
    this.#snapLengths.push(snapLength === 0 ? Infinity : snapLength);
    return this.#snapLengths.length - 1;
  }

  /** Bytes that `take()` would return. */
  get pendingBytes(): number {
    return this.#buffer.length;
  }

  /**
   * Adds a packet.
   *
   * @throws {RangeError} when its time, its original length or its interface is out of range.
   */
  write(record: CaptureRecord): void {
    const { data, originalLength = data.length, interfaceId = 0, comment } = record;
    const { seconds, nanoseconds } = timeOf(record);
    const options = comment === undefined ? [] : [text(1, comment)];
    this.#packet(data, 0, data.length, seconds, nanoseconds, originalLength, interfaceId, options);
  }

  /**
   * Adds a packet out of a larger buffer, see `PcapWriter.writeBytes()`.
   *
   * @throws {RangeError} when a number is out of range; nothing is written then.
   */
  writeBytes(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength: number = length,
    interfaceId = 0,
  ): void {
    this.#packet(bytes, offset, length, seconds, nanoseconds, originalLength, interfaceId, NONE);
  }

  #packet(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength: number,
    interfaceId: number,
    options: Option[],
  ): void {
    checkRange(bytes, offset, length);
    checkTime(seconds, nanoseconds, SECONDS_LIMIT);
    checkOriginalLength(originalLength, length);
    const snapLength = this.#snapLengths[interfaceId];
    if (snapLength === undefined) {
      throw new RangeError(
        `Cannot write to interface ${interfaceId}: the file has ${this.#snapLengths.length}`,
      );
    }
    const kept = Math.min(length, snapLength);
    const at = this.#begin(6, 20 + pad(kept), options);
    const { view, bytes: target } = this.#buffer;
    const [high, low] = splitNanoseconds(seconds, nanoseconds);
    view.setUint32(at, interfaceId, true);
    view.setUint32(at + 4, high, true);
    view.setUint32(at + 8, low, true);
    view.setUint32(at + 12, kept, true);
    view.setUint32(at + 16, originalLength, true);
    target.set(bytes.subarray(offset, offset + kept), at + 20);
  }

  /** What was written since the last call, the section header first; the caller owns the array. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#buffer.take();
  }

  #block(
    type: number,
    bodyLength: number,
    options: Option[],
    write: (view: DataView, at: number) => void,
  ): void {
    const at = this.#begin(type, bodyLength, options);
    write(this.#buffer.view, at);
  }

  /** Adds a block with its options and both lengths; returns where its body begins. */
  #begin(type: number, bodyLength: number, options: Option[]): number {
    let optionsLength = options.length === 0 ? 0 : 4;
    for (const { value } of options) optionsLength += 4 + pad(value.length);
    const length = 12 + bodyLength + optionsLength;
    const at = this.#buffer.reserve(length);
    const { view, bytes } = this.#buffer;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, length, true);
    view.setUint32(at + length - 4, length, true);
    let option = at + 8 + bodyLength;
    for (const { code, value } of options) {
      view.setUint16(option, code, true);
      view.setUint16(option + 2, value.length, true);
      bytes.set(value, option + 4);
      option += 4 + pad(value.length);
    }
    return at + 8;
  }
}

interface Option {
  code: number;
  value: Uint8Array;
}

const NONE: Option[] = [];

function text(code: number, value: string): Option {
  const bytes = new TextEncoder().encode(value);
  if (bytes.length > 65535) {
    throw new RangeError(`Cannot write a text of ${bytes.length} bytes: the most is 65535`);
  }
  return { code, value: bytes };
}

function pad(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/** Upper and lower half of a time as a 64-bit number of nanoseconds, without bigints. */
function splitNanoseconds(seconds: number, nanoseconds: number): [number, number] {
  const upper = Math.floor(seconds / 65536) * 1e9;
  const lower = (seconds % 65536) * 1e9 + nanoseconds + (upper % 65536) * 65536;
  return [Math.floor(upper / 65536) + Math.floor(lower / TWO_32), lower % TWO_32];
}
