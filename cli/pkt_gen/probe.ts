/**
 * Where ping's numbers and times are in a packet, as netmap's pkt-gen has them: behind the UDP header
 * the number of the packet (32 bits), seconds and nanoseconds of its sending (32 bits each), in the byte order
 * of the machine, which here is always little endian.
 *
 * Pure.
 *
 * @module
 */

import { ETHERNET_BYTES, headerBytes } from "./frame.ts";

const IPV4 = 0x0800, IPV6 = 0x86dd, UDP = 17;

/** Bytes behind the headers that a probe takes. */
export const PROBE_BYTES = 12;

/** Writes a probe into a packet that has been written before. */
export function writeProbe(
  view: DataView,
  at: number,
  sequence: number,
  seconds: number,
  nanoseconds: number,
): void {
  view.setUint32(at, sequence, true);
  view.setUint32(at + 4, seconds, true);
  view.setUint32(at + 8, nanoseconds, true);
}

/**
 * Where the payload of a UDP packet begins, -1 if it is none, or has no room for a probe.
 *
 * @param offset of the Ethernet header
 * @param length bytes from there on
 */
export function probeOffset(view: DataView, offset: number, length: number): number {
  if (length < ETHERNET_BYTES) return -1;
  const type = view.getUint16(offset + 12);
  const family = type === IPV4 ? 4 : type === IPV6 ? 6 : 0;
  if (family === 0) return -1;
  const headers = headerBytes(family);
  if (length < headers + PROBE_BYTES) return -1;
  const protocol = view.getUint8(offset + ETHERNET_BYTES + (family === 4 ? 9 : 6));
  return protocol === UDP ? offset + headers : -1;
}

/** What has become of a probe. */
export type Verdict = "reply" | "late" | "duplicate" | "stray";

/** Replies are looked for among so many probes. A power of two. */
const WINDOW = 1 << 16;

const NONE = 0, SENT = 1, ANSWERED = 2;

/** Which probes were answered, and how often. */
export class Probes {
  readonly #states = new Uint8Array(WINDOW);
  readonly #stamps = new Uint32Array(WINDOW);
  #newest = -1;
  /** Probes sent. */
  sent = 0;
  /** Probes answered, each counted once. */
  answered = 0;
  /** Further answers to answered probes. */
  duplicates = 0;
  /** Answers that came after that of a later probe. */
  reordered = 0;
  /** Packets that are no answer to a probe of ours. */
  strays = 0;

  /** Takes note of a probe; its number is `sent` before the call. */
  send(nanoseconds: number): void {
    const place = this.sent & (WINDOW - 1);
    this.#states[place] = SENT;
    this.#stamps[place] = nanoseconds;
    this.sent++;
  }

  /** Takes an answer: with the number and the nanoseconds in it. */
  receive(sequence: number, nanoseconds: number): Verdict {
    // The packet has 32 bits of the number
    const age = (this.sent - sequence) >>> 0;
    const place = sequence & (WINDOW - 1);
    const isOurs = age >= 1 && age <= Math.min(WINDOW, this.sent) &&
      this.#states[place] !== NONE && this.#stamps[place] === nanoseconds;
    if (!isOurs) {
      this.strays++;
      return "stray";
    }
    if (this.#states[place] === ANSWERED) {
      this.duplicates++;
      return "duplicate";
    }
    this.#states[place] = ANSWERED;
    this.answered++;
    const number = this.sent - age;
    if (number < this.#newest) {
      this.reordered++;
      return "late";
    }
    this.#newest = number;
    return "reply";
  }

  /** Probes without an answer. */
  get lost(): number {
    return this.sent - this.answered;
  }
}
