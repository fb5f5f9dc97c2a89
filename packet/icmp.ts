/**
 * ICMP header (RFC 792) and ICMPv6 header (RFC 4443); `identifier` and `sequence` are those of echo
 * messages.
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. No function allocates. Setters
 * leave the checksum alone: use {@linkcode updateChecksum} or {@linkcode fillChecksums}.
 *
 * @example
 * ```ts
 * import { icmp, IcmpType, PacketTemplate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.icmpEcho({ src: "10.0.0.1", dst: "10.1.0.1", sequence: 3 }).next();
 * const view = new DataView(frame.buffer);
 * assert.equal(icmp.type(view, 34), IcmpType.ECHO_REQUEST);
 * assert.equal(icmp.sequence(view, 34), 3);
 * ```
 *
 * @module
 */

import { getU16, getU8, setU16, setU8 } from "./bytes.ts";

/** Bytes of the header of an echo message. */
export const HEADER_LENGTH = 8;

/** Type, see `IcmpType`. */
export function type(view: DataView, offset: number): number {
  return getU8(view, offset);
}

/** Writes the type. */
export function setType(view: DataView, offset: number, value: number): void {
  setU8(view, offset, value);
}

/** Code. */
export function code(view: DataView, offset: number): number {
  return getU8(view, offset + 1);
}

/** Writes the code. */
export function setCode(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 1, value);
}

/** Checksum. */
export function checksum(view: DataView, offset: number): number {
  return getU16(view, offset + 2);
}

/** Writes the checksum. */
export function setChecksum(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, value);
}

/** Identifier of an echo message. */
export function identifier(view: DataView, offset: number): number {
  return getU16(view, offset + 4);
}

/** Writes the identifier of an echo message. */
export function setIdentifier(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 4, value);
}

/** Sequence number of an echo message. */
export function sequence(view: DataView, offset: number): number {
  return getU16(view, offset + 6);
}

/** Writes the sequence number of an echo message. */
export function setSequence(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 6, value);
}
