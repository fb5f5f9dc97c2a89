/**
 * Ethernet II header (IEEE 802.3): destination, source, EtherType.
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. No function allocates. Behind a
 * VLAN tag use {@linkcode PacketView} or the `vlan` accessors.
 *
 * @example
 * ```ts
 * import { ethernet, parseMac } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const view = new DataView(new ArrayBuffer(64));
 * ethernet.setSource(view, 0, parseMac("02:00:00:00:00:01"));
 * ethernet.setEtherType(view, 0, 0x0800);
 * assert.equal(ethernet.source(view, 0), 0x0200_0000_0001);
 * assert.equal(ethernet.etherType(view, 0), 0x0800);
 * ```
 *
 * @module
 */

import { getU16, getU48, setU16, setU48 } from "./bytes.ts";

/** Bytes of an untagged Ethernet header. */
export const HEADER_LENGTH = 14;

/** Destination MAC address, a number below 2^48. */
export function destination(view: DataView, offset: number): number {
  return getU48(view, offset);
}

/** Writes the destination MAC address. */
export function setDestination(view: DataView, offset: number, value: number): void {
  setU48(view, offset, value);
}

/** Source MAC address, a number below 2^48. */
export function source(view: DataView, offset: number): number {
  return getU48(view, offset + 6);
}

/** Writes the source MAC address. */
export function setSource(view: DataView, offset: number, value: number): void {
  setU48(view, offset + 6, value);
}

/** EtherType, or the length of an IEEE 802.3 frame when below 1536. */
export function etherType(view: DataView, offset: number): number {
  return getU16(view, offset + 12);
}

/** Writes the EtherType. */
export function setEtherType(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 12, value);
}
