/**
 * IPv6 header (RFC 8200), 40 bytes.
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. Only `source` and `destination`
 * allocate, 16 bytes each.
 *
 * @example
 * ```ts
 * import { formatIpv6, ipv6, PacketTemplate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "[2001:db8::1]:1", dst: "[2001:db8::2]:2" }).next();
 * const view = new DataView(frame.buffer);
 * assert.equal(ipv6.hopLimit(view, 14), 64);
 * assert.equal(formatIpv6(ipv6.destination(view, 14)), "2001:db8::2");
 * ```
 *
 * @module
 */

import { getU16, getU32, getU8, setU16, setU32, setU8, withBits } from "./bytes.ts";

/** Bytes of the header. */
export const HEADER_LENGTH = 40;

/** Version, 6. */
export function version(view: DataView, offset: number): number {
  return getU8(view, offset) >>> 4;
}

/** Writes the version. */
export function setVersion(view: DataView, offset: number, value: number): void {
  setU8(view, offset, withBits(getU8(view, offset), 4, 4, value));
}

/** Traffic class, 0 to 255. */
export function trafficClass(view: DataView, offset: number): number {
  return (getU16(view, offset) >>> 4) & 0xff;
}

/** Writes the traffic class. */
export function setTrafficClass(view: DataView, offset: number, value: number): void {
  setU16(view, offset, withBits(getU16(view, offset), 4, 8, value));
}

/** Flow label, 0 to 0xfffff. */
export function flowLabel(view: DataView, offset: number): number {
  return getU32(view, offset) & 0xfffff;
}

/** Writes the flow label. */
export function setFlowLabel(view: DataView, offset: number, value: number): void {
  setU32(view, offset, withBits(getU32(view, offset), 0, 20, value));
}

/** Bytes after this header. */
export function payloadLength(view: DataView, offset: number): number {
  return getU16(view, offset + 4);
}

/** Writes the number of bytes after this header. */
export function setPayloadLength(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 4, value);
}

/** Protocol of what follows, see `Protocol`. */
export function nextHeader(view: DataView, offset: number): number {
  return getU8(view, offset + 6);
}

/** Writes the protocol of what follows. */
export function setNextHeader(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 6, value);
}

/** Hop limit. */
export function hopLimit(view: DataView, offset: number): number {
  return getU8(view, offset + 7);
}

/** Writes the hop limit. */
export function setHopLimit(view: DataView, offset: number, value: number): void {
  setU8(view, offset + 7, value);
}

/** The 16 bytes of the source address (a copy; zeros outside the view). */
export function source(view: DataView, offset: number): Uint8Array {
  return address(view, offset + 8);
}

/** Writes the source address. */
export function setSource(view: DataView, offset: number, value: Uint8Array): void {
  setAddress(view, offset + 8, value);
}

/** The 16 bytes of the destination address (a copy; zeros outside the view). */
export function destination(view: DataView, offset: number): Uint8Array {
  return address(view, offset + 24);
}

/** Writes the destination address. */
export function setDestination(view: DataView, offset: number, value: Uint8Array): void {
  setAddress(view, offset + 24, value);
}

function address(view: DataView, at: number): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = getU8(view, at + i);
  return bytes;
}

function setAddress(view: DataView, at: number, value: Uint8Array): void {
  if (value.length !== 16) {
    throw new RangeError(`Cannot write an IPv6 address of ${value.length} bytes: it has 16`);
  }
  for (let i = 0; i < 16; i++) setU8(view, at + i, value[i]);
}
