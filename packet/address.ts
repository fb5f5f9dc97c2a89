/**
 * Text and binary forms of addresses.
 *
 * A MAC address is a number below 2^48, an IPv4 address a number below 2^32, an IPv6 address 16
 * bytes: the forms that the header accessors read and write without allocating (IPv6: one array).
 *
 * @module
 */

/** An address with an optional port, as {@linkcode parseEndpoint} returns it. */
export interface Endpoint {
  /** 4 or 6. */
  family: 4 | 6;
  /** The address in its usual text form. */
  address: string;
  /** The port, undefined when the text has none. */
  port: number | undefined;
}

/** The largest MAC address and the broadcast address, `ff:ff:ff:ff:ff:ff`. */
export const BROADCAST_MAC: number = 0xffff_ffff_ffff;

/**
 * Reads a MAC address: six groups of two hexadecimal digits, separated by `:` or by `-`.
 *
 * @throws {SyntaxError} when the text is anything else.
 * @example
 * ```ts
 * import { parseMac } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseMac("02:00:00:00:01:ff"), 0x0200_0000_01ff);
 * ```
 */
export function parseMac(text: string): number {
  if (!/^[0-9a-f]{2}(?:(:[0-9a-f]{2}){5}|(-[0-9a-f]{2}){5})$/i.test(text)) {
    throw new SyntaxError(
      `Cannot parse MAC address "${text}": expected six pairs of hexadecimal digits, ` +
        `as in "02:00:00:00:00:01"`,
    );
  }
  return parseInt(text.replace(/[:-]/g, ""), 16);
}

/**
 * Writes a MAC address in lower case with colons.
 *
 * @throws {RangeError} when the number is not a whole one from 0 to 2^48 - 1.
 * @example
 * ```ts
 * import { formatMac } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatMac(0x0200_0000_01ff), "02:00:00:00:01:ff");
 * ```
 */
export function formatMac(mac: number): string {
  if (!Number.isInteger(mac) || mac < 0 || mac > BROADCAST_MAC) {
    throw new RangeError(`Cannot format ${mac} as a MAC address: expected 0 to 2^48 - 1`);
  }
  const digits = mac.toString(16).padStart(12, "0");
  let text = digits.slice(0, 2);
  for (let i = 2; i < 12; i += 2) text += ":" + digits.slice(i, i + 2);
  return text;
}

/**
 * Reads an IPv4 address in dotted decimal form: four numbers from 0 to 255 without leading zeros
 * (RFC 6943, 3.1.1, tells why other forms are a danger).
 *
 * @throws {SyntaxError} when the text is anything else.
 * @example
 * ```ts
 * import { parseIpv4 } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseIpv4("10.0.0.1"), 0x0a00_0001);
 * ```
 */
export function parseIpv4(text: string): number {
  const address = ipv4OrNaN(text);
  if (Number.isNaN(address)) {
    throw new SyntaxError(
      `Cannot parse IPv4 address "${text}": expected four numbers from 0 to 255, as in "10.0.0.1"`,
    );
  }
  return address;
}

function ipv4OrNaN(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return NaN;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = Number(match[i]);
    if (part > 255 || String(part) !== match[i]) return NaN;
    address = address * 256 + part;
  }
  return address;
}

/**
 * Writes an IPv4 address in dotted decimal form.
 *
 * @throws {RangeError} when the number is not a whole one from 0 to 2^32 - 1.
 * @example
 * ```ts
 * import { formatIpv4 } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatIpv4(0x0a00_0001), "10.0.0.1");
 * ```
 */
export function formatIpv4(address: number): string {
  if (address >>> 0 !== address) {
    throw new RangeError(`Cannot format ${address} as an IPv4 address: expected 0 to 2^32 - 1`);
  }
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/**
 * Reads an IPv6 address (RFC 4291, 2.2): eight groups, `::` for one run of zero groups, the last
 * four bytes also as an IPv4 address. A zone (`%eth0`) is refused, as no packet carries one.
 *
 * @returns the 16 bytes in network order.
 * @throws {SyntaxError} when the text is anything else.
 * @example
 * ```ts
 * import { formatIpv6, parseIpv6 } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatIpv6(parseIpv6("2001:0DB8:0:0:0::1")), "2001:db8::1");
 * ```
 */
export function parseIpv6(text: string): Uint8Array {
  const halves = text.split("::");
  const left = halves.length <= 2 ? ipv6Groups(halves[0], halves.length === 1) : null;
  const right = halves.length === 2 ? ipv6Groups(halves[1], true) : [];
  const missing = left !== null && right !== null ? 8 - left.length - right.length : -1;
  // "::" stands for at least one group; without it all eight are there
  if (left === null || right === null || (halves.length === 2 ? missing < 1 : missing !== 0)) {
    throw new SyntaxError(
      `Cannot parse IPv6 address "${text}": expected up to eight groups of hexadecimal digits, ` +
        `as in "2001:db8::1"`,
    );
  }
  const bytes = new Uint8Array(16);
  left.forEach((group, i) => setGroup(bytes, i, group));
  right.forEach((group, i) => setGroup(bytes, 8 - right.length + i, group));
  return bytes;
}

function setGroup(bytes: Uint8Array, index: number, group: number): void {
  bytes[index * 2] = group >>> 8;
  bytes[index * 2 + 1] = group & 255;
}

/** The groups of one side of `::`, null when one is malformed. IPv4 may only end the address. */
function ipv6Groups(text: string, isEnd: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (let i = 0; i < parts.length; i++) {
    if (/^[0-9a-f]{1,4}$/i.test(parts[i])) {
      groups.push(parseInt(parts[i], 16));
      continue;
    }
    const tail = isEnd && i === parts.length - 1 ? ipv4OrNaN(parts[i]) : NaN;
    if (Number.isNaN(tail)) return null;
    groups.push(Math.floor(tail / 65536), tail % 65536);
  }
  return groups;
}

/**
 * Writes an IPv6 address as RFC 5952 wants it: lower case, no leading zeros, the longest run of two
 * or more zero groups (the first of equals) as `::`, IPv4-mapped addresses with a dotted tail.
 *
 * @param bytes holds the address in network order.
 * @param offset where it begins, 0 by default.
 * @throws {RangeError} when there are not 16 bytes at the offset.
 * @example
 * ```ts
 * import { formatIpv6 } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const loopback = new Uint8Array(16);
 * loopback[15] = 1;
 * assert.equal(formatIpv6(loopback), "::1");
 * ```
 */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  if (!(offset >= 0 && offset + 16 <= bytes.length)) {
    throw new RangeError(
      `Cannot format an IPv6 address at ${offset}: the array has ${bytes.length} bytes`,
    );
  }
  const groups: number[] = [];
  for (let i = offset; i < offset + 16; i += 2) groups.push(bytes[i] * 256 + bytes[i + 1]);
  const run = longestZeroRun(groups);
  if (run.start === 0 && run.length === 5 && groups[5] === 0xffff) {
    return "::ffff:" + formatIpv4(groups[6] * 65536 + groups[7]);
  }
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(":");
  return hex.slice(0, run.start).join(":") + "::" + hex.slice(run.start + run.length).join(":");
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/**
 * Reads an address with an optional port: `10.0.0.1`, `10.0.0.1:53`, `2001:db8::1`,
 * `[2001:db8::1]:53`.
 *
 * @throws {SyntaxError} when the address or the port (0 to 65535) is malformed.
 * @example
 * ```ts
 * import { parseEndpoint } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseEndpoint("10.0.0.1:53"), { family: 4, address: "10.0.0.1", port: 53 });
 * assert.deepEqual(parseEndpoint("[::1]:53"), { family: 6, address: "::1", port: 53 });
 * ```
 */
export function parseEndpoint(text: string): Endpoint {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed !== null) {
    return {
      family: 6,
      address: formatIpv6(parseIpv6(bracketed[1])),
      port: parsePort(bracketed[2], text),
    };
  }
  const colon = text.indexOf(":");
  if (colon !== text.lastIndexOf(":")) {
    return { family: 6, address: formatIpv6(parseIpv6(text)), port: undefined };
  }
  const address = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? undefined : parsePort(text.slice(colon + 1), text);
  return { family: 4, address: formatIpv4(parseIpv4(address)), port };
}

function parsePort(digits: string | undefined, text: string): number | undefined {
  if (digits === undefined) return undefined;
  if (!/^\d{1,5}$/.test(digits) || Number(digits) > 65535) {
    throw new SyntaxError(
      `Cannot parse port "${digits}" of "${text}": expected a number from 0 to 65535`,
    );
  }
  return Number(digits);
}

/**
 * Writes an address and a port, an IPv6 address in brackets (RFC 5952, 6).
 *
 * @example
 * ```ts
 * import { formatEndpoint } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatEndpoint({ family: 6, address: "::1", port: 53 }), "[::1]:53");
 * assert.equal(formatEndpoint({ family: 4, address: "10.0.0.1", port: undefined }), "10.0.0.1");
 * ```
 */
export function formatEndpoint(endpoint: Endpoint): string {
  const { family, address, port } = endpoint;
  if (port === undefined) return address;
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
