/**
 * Checked big-endian access to packet bytes, shared by the header accessors.
 *
 * One rule for all of them: **reading outside the view gives 0, writing outside it or writing a
 * value that the field cannot hold throws a RangeError.**
 *
 * @module
 */

/** 2^32, to split numbers that are wider than the bit operators. */
export const TWO_32: number = 0x1_0000_0000;

/** A DataView over the bytes of an array (no copy). */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The byte at `at`, 0 outside the view. */
export function getU8(view: DataView, at: number): number {
  return at >= 0 && at + 1 <= view.byteLength ? view.getUint8(at) : 0;
}

/** The 16-bit number at `at`, 0 unless it lies in the view as a whole. */
export function getU16(view: DataView, at: number): number {
  return at >= 0 && at + 2 <= view.byteLength ? view.getUint16(at) : 0;
}

/** The 32-bit number at `at`, 0 unless it lies in the view as a whole. */
export function getU32(view: DataView, at: number): number {
  return at >= 0 && at + 4 <= view.byteLength ? view.getUint32(at) : 0;
}

/** The 48-bit number (a MAC address) at `at`, 0 unless it lies in the view as a whole. */
export function getU48(view: DataView, at: number): number {
  return at >= 0 && at + 6 <= view.byteLength
    ? view.getUint16(at) * TWO_32 + view.getUint32(at + 2)
    : 0;
}

/** Writes a byte. */
export function setU8(view: DataView, at: number, value: number): void {
  if ((value & 0xff) !== value) throw outOfRange(value, 8);
  view.setUint8(at, value);
}

/** Writes a 16-bit number. */
export function setU16(view: DataView, at: number, value: number): void {
  if ((value & 0xffff) !== value) throw outOfRange(value, 16);
  view.setUint16(at, value);
}

/** Writes a 32-bit number. */
export function setU32(view: DataView, at: number, value: number): void {
  if (value >>> 0 !== value) throw outOfRange(value, 32);
  view.setUint32(at, value);
}

/** Writes a 48-bit number. */
export function setU48(view: DataView, at: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 0x1_0000_0000_0000) {
    throw outOfRange(value, 48);
  }
  // Both halves are checked before the first one is written
  if (at < 0 || at + 6 > view.byteLength) {
    throw new RangeError(`Cannot write 6 bytes at ${at}: the view has ${view.byteLength} bytes`);
  }
  view.setUint16(at, Math.floor(value / TWO_32));
  view.setUint32(at + 2, value % TWO_32);
}

/** Replaces `bits` bits of a number, counted from bit `shift`, after checking the value. */
export function withBits(word: number, shift: number, bits: number, value: number): number {
  const mask = 2 ** bits - 1;
  if (!(Number.isInteger(value) && value >= 0 && value <= mask)) throw outOfRange(value, bits);
  return ((word & ~(mask << shift)) | (value << shift)) >>> 0;
}

function outOfRange(value: number, bits: number): RangeError {
  return new RangeError(
    `Cannot write ${value}: a field of ${bits} bits holds 0 to ${2 ** bits - 1}`,
  );
}
