import { type ByteQueue, CaptureError } from "./byte_queue.ts";
import { CapturedPacket } from "./captured_packet.ts";

/** Block types (draft-ietf-opsawg-pcapng, 11.1). */
const SECTION = 0x0a0d_0d0a, INTERFACE = 1, OLD_PACKET = 2, SIMPLE_PACKET = 3, ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b_3c4d, BYTE_ORDER_SWAPPED = 0x4d3c_2b1a;
/** Longer blocks are taken for damage; Wireshark's limit is 16 MiB. */
const LONGEST_BLOCK = 64 * 1024 * 1024;
/** Option codes. */
const COMMENT = 1, TIME_RESOLUTION = 9, TIME_OFFSET = 14;

/** What an interface description block says. */
interface Interface {
  linkType: number;
  snapLength: number;
  /** Units of its timestamps in a second. */
  unitsPerSecond: bigint;
  /** Nanoseconds of a unit when that is a whole number, else 0. */
  unit: number;
  offsetSeconds: number;
}

/** True when a file that begins with this big-endian number is pcapng. */
export function isPcapng(magic: number): boolean {
  return magic === SECTION;
}

/** Takes a pcapng file apart: all packet blocks, several sections, both byte orders. */
export class PcapngDecoder {
  #queue: ByteQueue;
  #isLittle = false;
  #interfaces: Interface[] = [];
  #seconds = 0;
  #nanoseconds = 0;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /** The next packet; null when more bytes are needed or the file is over. */
  next(): CapturedPacket | null {
    const queue = this.#queue;
    for (;;) {
      if (queue.available === 0 && queue.isEnded) return null;
      if (!queue.has(12, "the header of a block")) return null;
      const { view, at } = queue;
      const isSection = view.getUint32(at) === SECTION;
      if (isSection) this.#byteOrder(view, at + 8);
      const type = view.getUint32(at, this.#isLittle);
      const length = view.getUint32(at + 4, this.#isLittle);
      const least = leastLength(type);
      if (length < least || length % 4 !== 0 || length > LONGEST_BLOCK) {
        this.#damage(`a block of type ${type} claims a length of ${length} bytes`);
      }
      if (!queue.has(length, `a block of type ${type}`)) return null;
      const trailer = view.getUint32(at + length - 4, this.#isLittle);
      if (trailer !== length) {
        this.#damage(`a block of type ${type} has the lengths ${length} and ${trailer}`);
      }
      // Errors about the contents still tell where the block began
      const packet = this.#block(type, at, at + length - 4);
      queue.at = at + length;
      if (packet !== null) return packet;
    }
  }

  #damage(problem: string): never {
    throw new CaptureError(problem, this.#queue.position);
  }

  #byteOrder(view: DataView, at: number): void {
    const mark = view.getUint32(at);
    if (mark !== BYTE_ORDER && mark !== BYTE_ORDER_SWAPPED) {
      this.#damage(`a section has the unknown byte-order mark 0x${mark.toString(16)}`);
    }
    this.#isLittle = mark === BYTE_ORDER_SWAPPED;
  }

  #block(type: number, at: number, end: number): CapturedPacket | null {
    const { view } = this.#queue, little = this.#isLittle;
    switch (type) {
      case SECTION: {
        const major = view.getUint16(at + 12, little);
        if (major !== 1) this.#damage(`a section has version ${major}, not 1`);
        this.#interfaces = [];
        return null;
      }
      case INTERFACE:
        this.#interfaces.push(this.#interface(at, end));
        return null;
      case ENHANCED_PACKET:
        return this.#packet(view.getUint32(at + 8, little), at + 12, end);
      case OLD_PACKET:
        return this.#packet(view.getUint16(at + 8, little), at + 12, end);
      case SIMPLE_PACKET:
        return this.#simplePacket(at, end);
    }
    return null;
  }

  #interface(at: number, end: number): Interface {
    const { view } = this.#queue, little = this.#isLittle;
    let unitsPerSecond = 1_000_000n, offsetSeconds = 0;
    this.#options(at + 16, end, (code, value, length) => {
      if (code === TIME_RESOLUTION && length >= 1) {
        const resolution = view.getUint8(value);
        unitsPerSecond = (resolution & 0x80 ? 2n : 10n) ** BigInt(resolution & 0x7f);
      } else if (code === TIME_OFFSET && length >= 8) {
        offsetSeconds = Number(view.getBigInt64(value, little));
      }
    });
    return {
      linkType: view.getUint16(at + 8, little),
      snapLength: view.getUint32(at + 12, little),
      unitsPerSecond,
      unit: [1_000_000_000n, 1_000_000n, 1_000n].includes(unitsPerSecond)
        ? 1e9 / Number(unitsPerSecond)
        : 0,
      offsetSeconds,
    };
  }

  /** An enhanced or an old packet block; `at` is where its timestamp begins. */
  #packet(interfaceId: number, at: number, end: number): CapturedPacket {
    const { view, bytes } = this.#queue, little = this.#isLittle;
    const { linkType, ...time } = this.#interfaceOf(interfaceId);
    const length = view.getUint32(at + 8, little);
    const data = at + 16, dataEnd = data + length;
    if (dataEnd > end) {
      this.#damage(`a packet claims ${length} bytes, its block has room for ${end - data}`);
    }
    this.#time(view.getUint32(at, little), view.getUint32(at + 4, little), time);
    let comment: string | undefined;
    const options = data + Math.ceil(length / 4) * 4;
    if (options < end) {
      this.#options(options, end, (code, value, size) => {
        if (code === COMMENT && comment === undefined) {
          comment = new TextDecoder().decode(bytes.subarray(value, value + size));
        }
      });
    }
    return new CapturedPacket(
      bytes.subarray(data, dataEnd),
      this.#seconds,
      this.#nanoseconds,
      Math.max(length, view.getUint32(at + 12, little)),
      linkType,
      interfaceId,
      comment,
    );
  }

  /** A simple packet block: first interface, no time, cut at that interface's snap length. */
  #simplePacket(at: number, end: number): CapturedPacket {
    const { view, bytes } = this.#queue;
    const { linkType, snapLength } = this.#interfaceOf(0);
    const originalLength = view.getUint32(at + 8, this.#isLittle);
    const data = at + 12;
    const length = Math.min(originalLength, snapLength === 0 ? originalLength : snapLength);
    if (data + length > end) {
      this.#damage(`a packet claims ${length} bytes, its block has room for ${end - data}`);
    }
    return new CapturedPacket(bytes.subarray(data, data + length), 0, 0, originalLength, linkType);
  }

  #interfaceOf(id: number): Interface {
    const found = this.#interfaces[id];
    if (found !== undefined) return found;
    return this.#damage(
      `a packet names interface ${id}, the section has described ${this.#interfaces.length}`,
    );
  }

  /** Splits a 64-bit timestamp; exact, and without bigints for milli-, micro-, nanoseconds. */
  #time(high: number, low: number, time: Omit<Interface, "linkType">): void {
    if (time.unit === 0) {
      const units = (BigInt(high) << 32n) | BigInt(low);
      const seconds = units / time.unitsPerSecond;
      const rest = units - seconds * time.unitsPerSecond;
      this.#seconds = Number(seconds) + time.offsetSeconds;
      this.#nanoseconds = Number(rest * 1_000_000_000n / time.unitsPerSecond);
      return;
    }
    // Long division in two digits of 16 and more bits, every step below 2^53
    const perSecond = 1e9 / time.unit;
    const upper = high * 65536 + (low >>> 16);
    const quotient = Math.floor(upper / perSecond);
    const lower = (upper - quotient * perSecond) * 65536 + (low & 0xffff);
    const seconds = Math.floor(lower / perSecond);
    this.#seconds = quotient * 65536 + seconds + time.offsetSeconds;
    this.#nanoseconds = (lower - seconds * perSecond) * time.unit;
  }

  #options(
    at: number,
    end: number,
    visit: (code: number, at: number, length: number) => void,
  ): void {
    const { view } = this.#queue, little = this.#isLittle;
    while (at + 4 <= end) {
      const code = view.getUint16(at, little), length = view.getUint16(at + 2, little);
      if (code === 0) return;
      if (at + 4 + length > end) this.#damage(`option ${code} of a block runs over its end`);
      visit(code, at + 4, length);
      at += 4 + Math.ceil(length / 4) * 4;
    }
  }
}

/** The shortest block of a type: its fixed fields and both lengths. */
function leastLength(type: number): number {
  if (type === SECTION) return 28;
  if (type === INTERFACE) return 20;
  if (type === SIMPLE_PACKET) return 16;
  return type === ENHANCED_PACKET || type === OLD_PACKET ? 32 : 12;
}
