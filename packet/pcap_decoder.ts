import { type ByteQueue, CaptureError } from "./byte_queue.ts";
import { CapturedPacket } from "./captured_packet.ts";

/** Magic numbers as they read in the byte order of the file. */
const MICROSECONDS = 0xa1b2_c3d4, NANOSECONDS = 0xa1b2_3c4d;
const HEADER_LENGTH = 24, RECORD_LENGTH = 16;
/** What libpcap takes for the longest packet of any file. */
const LONGEST_PACKET = 262_144;

/** True when a file that begins with this big-endian number is pcap. */
export function isPcap(magic: number): boolean {
  return [MICROSECONDS, NANOSECONDS, 0xd4c3_b2a1, 0x4d3c_b2a1].includes(magic);
}

/** Takes a pcap file apart (draft-ietf-opsawg-pcap), both byte orders, micro- and nanoseconds. */
export class PcapDecoder {
  #queue: ByteQueue;
  #isLittle = false;
  #unit = 0;
  #linkType = 0;
  #longest = LONGEST_PACKET;
  #count = 0;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /** The next packet; null when more bytes are needed or the file is over. */
  next(): CapturedPacket | null {
    const queue = this.#queue;
    if (this.#unit === 0 && !this.#header()) return null;
    if (queue.available === 0 && queue.isEnded) return null;
    const what = `packet ${this.#count + 1}`;
    if (!queue.has(RECORD_LENGTH, `the header of ${what}`)) return null;
    const { view, at } = queue, little = this.#isLittle;
    const length = view.getUint32(at + 8, little);
    if (length > this.#longest) {
      throw new CaptureError(
        `${what} claims ${length} bytes, more than the ${this.#longest} that are possible`,
        queue.position,
      );
    }
    if (!queue.has(RECORD_LENGTH + length, what)) return null;
    const fraction = view.getUint32(at + 4, little) * this.#unit;
    const carry = Math.floor(fraction / 1e9);
    const packet = new CapturedPacket(
      queue.bytes.subarray(at + RECORD_LENGTH, at + RECORD_LENGTH + length),
      view.getUint32(at, little) + carry,
      fraction - carry * 1e9,
      Math.max(length, view.getUint32(at + 12, little)),
      this.#linkType,
    );
    queue.at = at + RECORD_LENGTH + length;
    this.#count++;
    return packet;
  }

  #header(): boolean {
    const queue = this.#queue;
    if (!queue.has(HEADER_LENGTH, "the file header")) return false;
    const { view, at } = queue;
    const big = view.getUint32(at);
    const little = this.#isLittle = big !== MICROSECONDS && big !== NANOSECONDS;
    const [major, minor] = [view.getUint16(at + 4, little), view.getUint16(at + 6, little)];
    if (major !== 2 || minor !== 4) {
      throw new CaptureError(`pcap version ${major}.${minor} is not 2.4`, queue.position + 4);
    }
    this.#unit = view.getUint32(at, little) === NANOSECONDS ? 1 : 1000;
    this.#longest = Math.max(this.#longest, view.getUint32(at + 16, little));
    // The upper bits tell about frame check sequences
    this.#linkType = view.getUint32(at + 20, little) & 0xffff;
    queue.at = at + HEADER_LENGTH;
    return true;
  }
}
