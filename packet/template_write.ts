import { TWO_32 } from "./bytes.ts";
import type { Field } from "./template_fields.ts";

/** Writes a field's next value; returns what it adds to a checksum's sum. */
export function writeField(field: Field, bytes: Uint8Array, at: number): number {
  if (field.size === 16) return writeWords(field, bytes, at);
  const value = field.sequence.next();
  let sum = 0;
  if (field.size === 4) {
    const word = value | field.keep;
    bytes[at] = word >>> 24;
    bytes[at + 1] = word >>> 16;
    bytes[at + 2] = word >>> 8;
    bytes[at + 3] = word;
    sum = (word >>> 16) + (word & 0xffff);
  } else if (field.size === 2) {
    sum = value | field.keep;
    bytes[at] = sum >>> 8;
    bytes[at + 1] = sum;
  } else if (field.size === 1) {
    bytes[at] = value;
    return field.isOdd ? value : value << 8;
  } else {
    const high = Math.floor(value / TWO_32);
    write16(bytes, at, high);
    bytes[at + 2] = value >>> 24;
    bytes[at + 3] = value >>> 16;
    bytes[at + 4] = value >>> 8;
    bytes[at + 5] = value;
    sum = high + (value >>> 16 & 0xffff) + (value & 0xffff);
  }
  return field.isOdd ? swap(fold(sum)) : sum;
}

function writeWords(field: Field, bytes: Uint8Array, at: number): number {
  const row = field.sequence.next() * 4;
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    const word = field.words[row + i], to = at + i * 4;
    bytes[to] = word >>> 24;
    bytes[to + 1] = word >>> 16;
    bytes[to + 2] = word >>> 8;
    bytes[to + 3] = word;
    sum += (word >>> 16) + (word & 0xffff);
  }
  return sum;
}

/** Writes a big-endian number of 16 bits. */
export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** As foldSum(), for sums below 2^31: a few dozen words at most. */
export function fold(sum: number): number {
  sum = (sum >>> 16) + (sum & 0xffff);
  return (sum >>> 16) + (sum & 0xffff);
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
