/**
 * What a `PacketStore` has in its file: a page with its shape, the journal, and a port's memory. All of
 * it may be anything when it is read.
 *
 * @module
 */

import { PAGE_BYTES } from "./memory_file.ts";

/** How a file is laid out. Offsets of rings and buffers are from the memory's begin. */
export interface StoreShape {
  /** Entries of the journal. */
  entries: number;
  /** Packets that can be kept. */
  packets: number;
  /** Slots of each ring. */
  slots: number;
  /** Where the port's memory begins in the file. */
  regionOffset: number;
  /** Bytes of a ring. */
  ringBytes: number;
  /** Bytes of a buffer. */
  bufferBytes: number;
  /** Buffers. */
  buffers: number;
  /** Where the rings are. */
  ringOffset: number;
  /** Where the buffers are. */
  bufferOffset: number;
}

/** "VALETPKT" */
const MAGIC = [0x454c4156, 0x544b5054];
const VERSION = 1;
const FIELDS = [
  "entries",
  "packets",
  "slots",
  "regionOffset",
  "ringBytes",
  "bufferBytes",
  "buffers",
  "ringOffset",
  "bufferOffset",
] as const;

/** FNV-1a over words; never 0. */
export function checksumOf(u32: Uint32Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) {
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ (u32[i] >>> shift & 0xff), 0x01000193);
    }
  }
  return hash >>> 0 || 1;
}

/** The first page. */
export const HEADER = {
  /** Words of it that are used: two of the magic number, version, checksum, the shape. */
  words: 4 + FIELDS.length,

  /** Writes it: the checksum last. */
  write(u32: Uint32Array, shape: StoreShape): void {
    u32.set(MAGIC);
    u32[2] = VERSION;
    FIELDS.forEach((field, i) => u32[4 + i] = shape[field]);
    u32[3] = checksumOf(u32, 4, HEADER.words);
  },
};

/** Reads the first page of a file of so many bytes. Returns what is wrong, in words. */
export function readHeader(u32: Uint32Array, length: number): StoreShape | string {
  if (u32[0] !== MAGIC[0] || u32[1] !== MAGIC[1]) return "It is no file of PacketStore.create()";
  if (u32[2] !== VERSION) return `It is of version ${u32[2]}, this valet reads ${VERSION}`;
  if (u32[3] !== checksumOf(u32, 4, HEADER.words)) return "Its first page is spoilt";
  const shape = {} as StoreShape;
  FIELDS.forEach((field, i) => shape[field] = u32[4 + i]);
  const { entries, packets, slots, regionOffset, ringBytes, bufferBytes, buffers } = shape;
  const end = regionOffset + shape.bufferOffset + buffers * bufferBytes;
  const isPossible = regionOffset % PAGE_BYTES === 0 && shape.ringOffset === PAGE_BYTES &&
    PAGE_BYTES + entries * Entry.BYTES <= regionOffset && entries >= 2 * packets &&
    ringBytes >= 256 + 16 * slots && slots >= 2 && bufferBytes % 64 === 0 && bufferBytes >= 64 &&
    shape.bufferOffset % PAGE_BYTES === 0 && buffers >= 2 + 2 * slots + 2 * packets &&
    shape.bufferOffset >= PAGE_BYTES + 4 * ringBytes;
  if (!isPossible) return "Its first page has sizes that do not fit together";
  return end <= length ? shape : `It was cut short: ${length} bytes, it had ${end}`;
}

/** What an entry says. */
export interface EntryFields {
  /** The packet's. */
  number: number;
  /** Where it is. */
  buffer: number;
  /** Its bytes. */
  length: number;
  /** When it was kept. */
  seconds: number;
  /** Its first four bytes, which a list of free buffers may overwrite. */
  firstWord: number;
}

/** Entries of the journal: eight words, the first of which is the checksum of the others; 0: free. */
export const Entry = {
  /** Bytes of one. */
  BYTES: 32,

  /** Writes one. The checksum is stored last, so that all of it counts, or nothing. */
  write(u32: Uint32Array, at: number, fields: EntryFields): void {
    const { number, buffer, length, seconds, firstWord } = fields;
    Atomics.store(u32, at, 0);
    u32[at + 1] = number;
    u32[at + 2] = Math.floor(number / 2 ** 32);
    u32[at + 3] = buffer;
    u32[at + 4] = length;
    u32[at + 5] = firstWord;
    u32[at + 6] = Math.floor(seconds);
    u32[at + 7] = Math.floor(seconds % 1 * 1e6);
    Atomics.store(u32, at, checksumOf(u32, at + 1, at + 8));
  },

  /** Reads one; undefined if it is free or damaged. */
  read(u32: Uint32Array, at: number): EntryFields | undefined {
    if (u32[at] === 0 || u32[at] !== checksumOf(u32, at + 1, at + 8)) return undefined;
    return {
      number: u32[at + 2] * 2 ** 32 + u32[at + 1],
      buffer: u32[at + 3],
      length: u32[at + 4],
      firstWord: u32[at + 5],
      seconds: u32[at + 6] + u32[at + 7] / 1e6,
    };
  },

  /** Whether nothing was ever in it, or it was cleared. */
  isFree(u32: Uint32Array, at: number): boolean {
    return u32[at] === 0;
  },

  /** The packet's first four bytes, as they were. */
  firstWord(u32: Uint32Array, at: number): number {
    return u32[at + 5];
  },

  /** Frees it. */
  clear(u32: Uint32Array, at: number): void {
    Atomics.store(u32, at, 0);
  },
};
