/**
 * TCP header (RFC 9293).
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. No function allocates. Setters
 * leave the checksum alone: use {@linkcode updateChecksum} or {@linkcode fillChecksums}.
 *
 * @example
 * ```ts
 * import { PacketTemplate, tcp, TcpFlag } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.tcp({ src: "10.0.0.1:7", dst: "10.1.0.1:80", flags: "S" }).next();
 * const view = new DataView(frame.buffer);
 * assert.equal(tcp.flags(view, 34), TcpFlag.SYN);
 * assert.equal(tcp.headerLength(view, 34), 20);
 * ```
 *
 * @module
 */

import { getU16, getU32, getU8, setU16, setU32, setU8, withBits } from "./bytes.ts";

/** Bytes of a header without options. */
export const HEADER_LENGTH = 20;

/** Source port. */
export function sourcePort(view: DataView, offset: number): number {
  return getU16(view, offset);
}

/** Writes the source port. */
export function setSourcePort(view: DataView, offset: number, value: number): void {
  setU16(view, offset, value);
}

/** Destination port. */
export function destinationPort(view: DataView, offset: number): number {
  return getU16(view, offset + 2);
}

/** Writes the destination port. */
export function setDestinationPort(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, value);
}

/** Sequence number. */
export function sequence(view: DataView, offset: number): number {
  return getU32(view, offset + 4);
}

/** Writes the sequence number. */
export function setSequence(view: DataView, offset: number, value: number): void {
  setU32(view, offset + 4, value);
}

/** Acknowledgment number. */
export function acknowledgment(view: DataView, offset: number): number {
  return getU32(view, offset + 8);
}

/** Writes the acknowledgment number. */
export function setAcknowledgment(view: DataView, offset: number, value: number): void {
  setU32(view, offset + 8, value);
}

/** Bytes of the header with its options, 20 to 60 (below 20: damaged). */
export function headerLength(view: DataView, offset: number): number {
  return (getU8(view, offset + 12) >>> 4) * 4;
}

/** Writes the bytes of the header with its options, a multiple of 4 up to 60. */
export function setHeaderLength(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 12, withBits(getU8(view, offset + 12), 4, 4, value / 4));
}

/** Flags, see `TcpFlag`. */
export function flags(view: DataView, offset: number): number {
  return getU8(view, offset + 13);
}

/** Writes the flags. */
export function setFlags(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 13, value);
}

/** Window, before scaling. */
export function window(view: DataView, offset: number): number {
  return getU16(view, offset + 14);
}

/** Writes the window. */
export function setWindow(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 14, value);
}

/** Checksum. */
export function checksum(view: DataView, offset: number): number {
  return getU16(view, offset + 16);
}

/** Writes the checksum. */
export function setChecksum(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 16, value);
}

/** Urgent pointer. */
export function urgentPointer(view: DataView, offset: number): number {
  return getU16(view, offset + 18);
}

/** Writes the urgent pointer. */
export function setUrgentPointer(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 18, value);
}
