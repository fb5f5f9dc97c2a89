/**
 * UDP header (RFC 768), 8 bytes.
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. No function allocates. Setters
 * leave the checksum alone: use {@linkcode updateChecksum} or {@linkcode fillChecksums}.
 *
 * @example
 * ```ts
 * import { PacketTemplate, udp } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:7", dst: "10.1.0.1:9", length: 60 }).next();
 * const view = new DataView(frame.buffer);
 * assert.equal(udp.destinationPort(view, 34), 9);
 * assert.equal(udp.length(view, 34), 26);
 * ```
 *
 * @module
 */

import { getU16, setU16 } from "./bytes.ts";

/** Bytes of the header. */
export const HEADER_LENGTH = 8;

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

/** Bytes of the datagram, this header included. */
export function length(view: DataView, offset: number): number {
  return getU16(view, offset + 4);
}

/** Writes the bytes of the datagram, this header included. */
export function setLength(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 4, value);
}

/** Checksum, 0 for none (IPv4 only). */
export function checksum(view: DataView, offset: number): number {
  return getU16(view, offset + 6);
}

/** Writes the checksum. */
export function setChecksum(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 6, value);
}
