/** Frames for hooks: random ones, as odd as a sender can make them, and those of the capture. */

import { readCapture } from "../../mod.ts";

/** One frame as a lookup gets it. */
export interface Frame {
  /** What can be read of it, and no more. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole frame. */
  readonly length: number;
  readonly fragments: number;
  readonly port: number;
  readonly ring: number;
}

/** Random numbers that are the same each time (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  }

  /** A number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.next() / 0x1_0000_0000 * limit);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of some values. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** Collects a frame's bytes. */
class Bytes {
  readonly bytes: number[] = [];

  u8(value: number): void {
    this.bytes.push(value & 0xff);
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  random(random: Random, count: number): void {
    for (let i = 0; i < count; i++) this.u8(random.next());
  }
}

const TAGS = [0x8100, 0x88a8, 0x9100];
const PROTOCOLS = [6, 17, 1, 58, 132, 0, 43, 44, 51, 60, 47, 255];
/** What tables of the bundled hooks have: 10.0.0.1, 10.0.0.2, and ports. */
const ADDRESSES = [0x0a000001, 0x0a000002], PORTS = [5, 53, 80];
const EXTENSIONS = [0, 43, 44, 51, 60];

/** So many frames; the same ones for the same seed. */
export function randomFrames(count: number, seed: number): Frame[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => randomFrame(random));
}

function randomFrame(random: Random): Frame {
  const bytes = new Bytes();
  if (random.once(20)) bytes.random(random, random.below(80));
  else ethernet(bytes, random);
  // Cut anywhere, also in the middle of a number
  if (random.once(4)) bytes.bytes.length = random.below(bytes.bytes.length + 1);
  if (random.once(8)) bytes.bytes[random.below(bytes.bytes.length)] = random.below(256);
  const rest = random.once(6) ? random.below(3000) : 0;
  return {
    bytes: Uint8Array.from(bytes.bytes),
    length: bytes.bytes.length + rest,
    fragments: rest === 0 ? 1 : 1 + random.below(63),
    port: random.once(10) ? random.next() : random.below(8),
    ring: random.once(10) ? random.next() : random.below(4),
  };
}

function ethernet(bytes: Bytes, random: Random): void {
  if (random.once(4)) bytes.bytes.push(255, 255, 255, 255, 255, 255);
  else bytes.random(random, 6);
  bytes.random(random, 6);
  const tags = random.once(3) ? random.below(random.once(3) ? 11 : 3) : 0;
  for (let i = 0; i < tags; i++) {
    bytes.u16(random.pick(TAGS));
    bytes.u16(random.next());
  }
  switch (random.below(8)) {
    case 0:
      return arp(bytes, random);
    case 1:
      bytes.u16(random.next());
      return bytes.random(random, random.below(100));
    case 2:
    case 3:
      return ipv6(bytes, random);
    default:
      return ipv4(bytes, random);
  }
}

function arp(bytes: Bytes, random: Random): void {
  bytes.u16(0x0806);
  bytes.u32(random.once(5) ? random.next() : 0x0001_0800);
  bytes.u16(random.once(5) ? random.next() : 0x0604);
  bytes.u16(random.below(4));
  bytes.random(random, random.once(4) ? random.below(20) : 20 + random.below(20));
}

function ipv4(bytes: Bytes, random: Random): void {
  bytes.u16(0x0800);
  const words = random.once(4) ? random.below(16) : 5;
  bytes.u8((random.once(10) ? random.below(16) : 4) << 4 | words);
  bytes.u8(random.next());
  const payload = random.below(60);
  bytes.u16(random.once(4) ? random.below(200) : random.once(9) ? 0 : words * 4 + payload);
  bytes.u16(random.next());
  bytes.u16(random.once(4) ? random.next() : random.pick([0, 0x4000, 0x2000, 1]));
  bytes.u8(random.next());
  const protocol = random.pick(PROTOCOLS);
  bytes.u8(protocol);
  bytes.u16(random.next());
  for (let i = 0; i < 2; i++) bytes.u32(random.once(2) ? random.next() : random.pick(ADDRESSES));
  bytes.random(random, Math.max(0, words - 5) * 4);
  transport(bytes, random, protocol, payload);
}

function ipv6(bytes: Bytes, random: Random): void {
  bytes.u16(0x86dd);
  bytes.u8((random.once(10) ? random.below(16) : 6) << 4);
  bytes.random(random, 3);
  const chain = random.once(2) ? random.below(random.once(4) ? 11 : 3) : 0;
  const protocol = random.pick(PROTOCOLS);
  const types = Array.from({ length: chain }, () => random.pick(EXTENSIONS));
  bytes.u16(random.once(3) ? random.below(200) : random.once(4) ? 0 : 100 + random.below(60));
  bytes.u8(types[0] ?? protocol);
  bytes.random(random, 33);
  types.forEach((type, i) => {
    bytes.u8(types[i + 1] ?? protocol);
    const units = random.once(6) ? random.below(256) : random.below(2);
    bytes.u8(units);
    if (type === 44) {
      bytes.u16(random.once(3) ? random.next() : random.pick([0, 1, 6]));
      bytes.u32(random.next());
    } else bytes.random(random, Math.min(90, type === 51 ? units * 4 + 6 : units * 8 + 6));
  });
  transport(bytes, random, protocol, random.below(60));
}

function transport(bytes: Bytes, random: Random, protocol: number, payload: number): void {
  const start = bytes.bytes.length;
  bytes.random(random, payload);
  for (const place of [start, start + 2]) {
    if (random.once(2) || place + 2 > bytes.bytes.length) continue;
    bytes.bytes[place] = 0;
    bytes.bytes[place + 1] = random.pick(PORTS);
  }
  const offset = start + 12;
  if (protocol === 6 && offset < bytes.bytes.length) {
    bytes.bytes[offset] = (random.once(4) ? random.below(16) : 5) << 4;
  }
}

/** The frames of tests/data/tutorial.pcap. */
export function captureFrames(): Frame[] {
  const file = Deno.readFileSync(new URL("../data/tutorial.pcap", import.meta.url));
  return [...readCapture(file)].map((packet, i) => {
    const bytes = packet.data.slice();
    return { bytes, length: bytes.length, fragments: 1, port: i % 4, ring: i % 2 };
  });
}
