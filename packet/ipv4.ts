/**
 * IPv4 header (RFC 791).
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. No function allocates. Setters
 * leave the header checksum alone: use {@linkcode updateChecksum} or {@linkcode fillChecksums}.
 *
 * @example
 * ```ts
 * import { formatIpv4, ipv4, PacketTemplate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2", ttl: 9 }).next();
 * const view = new DataView(frame.buffer);
 * assert.equal(ipv4.ttl(view, 14), 9);
 * assert.equal(formatIpv4(ipv4.destination(view, 14)), "10.1.0.1");
 * ```
 *
 * @module
 */

import { getU16, getU32, getU8, setU16, setU32, setU8, withBits } from "./bytes.ts";

/** Bytes of a header without options. */
export const HEADER_LENGTH = 20;

/** Bit of `flags`: do not fragment. */
export const DONT_FRAGMENT = 2;

/** Bit of `flags`: more fragments follow. */
export const MORE_FRAGMENTS = 1;

/** Version, 4. */
export function version(view: DataView, offset: number): number {
  return getU8(view, offset) >>> 4;
}

/** Writes the version. */
export function setVersion(view: DataView, offset: number, value: number): void {
  setU8(view, offset, withBits(getU8(view, offset), 4, 4, value));
}

/** Bytes of the header with its options, 20 to 60 (below 20: damaged). */
export function headerLength(view: DataView, offset: number): number {
  return (getU8(view, offset) & 0xf) * 4;
}

/** Writes the bytes of the header with its options, a multiple of 4 up to 60. */
export function setHeaderLength(view: DataView, offset: number, value: number): void {
  setU8(view, offset, withBits(getU8(view, offset), 0, 4, value / 4));
}

/** Differentiated services code point (RFC 2474), 0 to 63. */
export function dscp(view: DataView, offset: number): number {
  return getU8(view, offset + 1) >>> 2;
}

/** Writes the differentiated services code point. */
export function setDscp(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 1, withBits(getU8(view, offset + 1), 2, 6, value));
}

/** Explicit congestion notification (RFC 3168), 0 to 3. */
export function ecn(view: DataView, offset: number): number {
  return getU8(view, offset + 1) & 0x3;
}

/** Writes the explicit congestion notification bits. */
export function setEcn(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 1, withBits(getU8(view, offset + 1), 0, 2, value));
}

/** Bytes of the datagram, this header included. */
export function totalLength(view: DataView, offset: number): number {
  return getU16(view, offset + 2);
}

/** Writes the bytes of the datagram, this header included. */
export function setTotalLength(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, value);
}

/** Identification. */
export function identification(view: DataView, offset: number): number {
  return getU16(view, offset + 4);
}

/** Writes the identification. */
export function setIdentification(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 4, value);
}

/** Flags: `DONT_FRAGMENT` and `MORE_FRAGMENTS`. */
export function flags(view: DataView, offset: number): number {
  return getU16(view, offset + 6) >>> 13;
}

/** Writes the flags. */
export function setFlags(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 6, withBits(getU16(view, offset + 6), 13, 3, value));
}

/** Fragment offset in units of 8 bytes. */
export function fragmentOffset(view: DataView, offset: number): number {
  return getU16(view, offset + 6) & 0x1fff;
}

/** Writes the fragment offset in units of 8 bytes. */
export function setFragmentOffset(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 6, withBits(getU16(view, offset + 6), 0, 13, value));
}

/** Time to live. */
export function ttl(view: DataView, offset: number): number {
  return getU8(view, offset + 8);
}

/** Writes the time to live. */
export function setTtl(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 8, value);
}

/** Protocol of the payload, see `Protocol`. */
export function protocol(view: DataView, offset: number): number {
  return getU8(view, offset + 9);
}

/** Writes the protocol of the payload. */
export function setProtocol(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 9, value);
}

/** Header checksum. */
export function checksum(view: DataView, offset: number): number {
  return getU16(view, offset + 10);
}

/** Writes the header checksum. */
export function setChecksum(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 10, value);
}

/** Source address. */
export function source(view: DataView, offset: number): number {
  return getU32(view, offset + 12);
}

/** Writes the source address. */
export function setSource(view: DataView, offset: number, value: number): void {
  setU32(view, offset + 12, value);
}

/** Destination address. */
export function destination(view: DataView, offset: number): number {
  return getU32(view, offset + 16);
}

/** Writes the destination address. */
export function setDestination(view: DataView, offset: number, value: number): void {
  setU32(view, offset + 16, value);
}
