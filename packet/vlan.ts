/**
 * VLAN tag (IEEE 802.1Q, 9.6). `offset` is where the tag begins, 12 bytes into the frame: tag
 * protocol identifier, then priority, drop eligible indicator, VLAN identifier, then the next
 * EtherType.
 *
 * Reading outside the view gives 0; writing outside it, or a value that does not fit the field,
 * throws a RangeError.
 *
 * @example
 * ```ts
 * import { vlan } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const view = new DataView(new ArrayBuffer(64));
 * vlan.setId(view, 12, 100);
 * vlan.setPriority(view, 12, 5);
 * assert.equal(vlan.id(view, 12), 100);
 * assert.equal(vlan.priority(view, 12), 5);
 * assert.throws(() => vlan.setId(view, 12, 4096), RangeError);
 * ```
 *
 * @module
 */

import { getU16, setU16, withBits } from "./bytes.ts";

/** Bytes of one tag. */
export const TAG_LENGTH = 4;

/** Tag protocol identifier: 0x8100, or 0x88a8 for a service tag. */
export function protocol(view: DataView, offset: number): number {
  return getU16(view, offset);
}

/** Writes the tag protocol identifier. */
export function setProtocol(view: DataView, offset: number, value: number): void {
  setU16(view, offset, value);
}

/** VLAN identifier, 0 (priority tag only) to 4095. */
export function id(view: DataView, offset: number): number {
  return getU16(view, offset + 2) & 0xfff;
}

/** Writes the VLAN identifier. */
export function setId(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, withBits(getU16(view, offset + 2), 0, 12, value));
}

/** Priority code point, 0 to 7. */
export function priority(view: DataView, offset: number): number {
  return getU16(view, offset + 2) >>> 13;
}

/** Writes the priority code point. */
export function setPriority(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, withBits(getU16(view, offset + 2), 13, 3, value));
}

/** Drop eligible indicator, 0 or 1. */
export function dropEligible(view: DataView, offset: number): number {
  return (getU16(view, offset + 2) >>> 12) & 1;
}

/** Writes the drop eligible indicator. */
export function setDropEligible(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, withBits(getU16(view, offset + 2), 12, 1, value));
}

/** EtherType of what follows the tag. */
export function etherType(view: DataView, offset: number): number {
  return getU16(view, offset + 4);
}

/** Writes the EtherType of what follows the tag. */
export function setEtherType(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 4, value);
}
