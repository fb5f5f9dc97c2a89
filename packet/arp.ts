/**
 * ARP for IPv4 over Ethernet (RFC 826), 28 bytes.
 *
 * `offset` is where the header begins in `view`. Reading outside the view gives 0; writing outside
 * it, or a value that does not fit the field, throws a RangeError. No function allocates.
 *
 * @example
 * ```ts
 * import { arp, PacketTemplate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next();
 * const view = new DataView(frame.buffer);
 * assert.equal(arp.operation(view, 14), arp.REQUEST);
 * assert.equal(arp.targetIpv4(view, 14), 0x0a00_0002);
 * ```
 *
 * @module
 */

import { getU16, getU32, getU48, setU16, setU32, setU48 } from "./bytes.ts";

/** Bytes of an ARP packet for IPv4 over Ethernet. */
export const HEADER_LENGTH = 28;

/** Operation: request. */
export const REQUEST = 1;

/** Operation: reply. */
export const REPLY = 2;

/** Hardware type, 1 for Ethernet. */
export function hardwareType(view: DataView, offset: number): number {
  return getU16(view, offset);
}

/** Writes the hardware type. */
export function setHardwareType(view: DataView, offset: number, value: number): void {
  setU16(view, offset, value);
}

/** Protocol type, 0x0800 for IPv4. */
export function protocolType(view: DataView, offset: number): number {
  return getU16(view, offset + 2);
}

/** Writes the protocol type. */
export function setProtocolType(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 2, value);
}

/** Both address lengths in one number, 0x0604 for Ethernet and IPv4. */
export function lengths(view: DataView, offset: number): number {
  return getU16(view, offset + 4);
}

/** Writes both address lengths. */
export function setLengths(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 4, value);
}

/** Operation: 1 request, 2 reply. */
export function operation(view: DataView, offset: number): number {
  return getU16(view, offset + 6);
}

/** Writes the operation. */
export function setOperation(view: DataView, offset: number, value: number): void {
  setU16(view, offset + 6, value);
}

/** MAC address of the sender. */
export function senderMac(view: DataView, offset: number): number {
  return getU48(view, offset + 8);
}

/** Writes the MAC address of the sender. */
export function setSenderMac(view: DataView, offset: number, value: number): void {
  setU48(view, offset + 8, value);
}

/** IPv4 address of the sender. */
export function senderIpv4(view: DataView, offset: number): number {
  return getU32(view, offset + 14);
}

/** Writes the IPv4 address of the sender. */
export function setSenderIpv4(view: DataView, offset: number, value: number): void {
  setU32(view, offset + 14, value);
}

/** MAC address of the target (0 in a request). */
export function targetMac(view: DataView, offset: number): number {
  return getU48(view, offset + 18);
}

/** Writes the MAC address of the target. */
export function setTargetMac(view: DataView, offset: number, value: number): void {
  setU48(view, offset + 18, value);
}

/** IPv4 address of the target. */
export function targetIpv4(view: DataView, offset: number): number {
  return getU32(view, offset + 24);
}

/** Writes the IPv4 address of the target. */
export function setTargetIpv4(view: DataView, offset: number, value: number): void {
  setU32(view, offset + 24, value);
}
