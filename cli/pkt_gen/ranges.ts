/**
 * Ranges of addresses, as `-s`, `-d`, `-S` and `-D` have them.
 *
 * ```text
 * IPv4  10.0.0.1[:1000][-10.0.0.9[:1009]]
 * IPv6  2001:db8::1, [2001:db8::1]:1000, 3@[2001:db8::1]:1000[-[2001:db8:0:9::1]:1009]
 * MAC   02:00:00:00:00:01[-02:00:00:00:00:09]
 * ```
 *
 * "3@" says which of the address's eight groups counts; without it, the last one, group 7.
 *
 * Pure.
 *
 * @module
 */

import { formatIpv4, formatIpv6, parseIpv4, parseIpv6, parseMac } from "../../mod.ts";
import { UsageError } from "../context.ts";

/** Port that a range without one has. */
const DEFAULT_PORT = 1234;

/** Addresses and ports that packets go through, smallest first. */
export interface AddressRange {
  /** As it was written. */
  readonly text: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** First address, in its usual text form. */
  readonly first: string;
  /** Last address. */
  readonly last: string;
  /** Which 16-bit group of an IPv6 address counts, 0 to 7. */
  readonly group: number;
  /** How many addresses there are. */
  readonly addresses: number;
  /** First port. */
  readonly firstPort: number;
  /** Last port. */
  readonly lastPort: number;
}

/** MAC addresses that packets go through. */
export interface MacRange {
  /** As it was written. */
  readonly text: string;
  /** First address. */
  readonly first: number;
  /** Last address. */
  readonly last: number;
}

/** True when there is more than one address or port. */
export function isVarying(range: AddressRange): boolean {
  return range.addresses > 1 || range.firstPort !== range.lastPort;
}

/**
 * Reads a range of addresses and ports.
 *
 * @throws {UsageError} if it is none
 */
export function parseAddressRange(text: string, family: 4 | 6): AddressRange {
  return family === 4 ? parseIpv4Range(text) : parseIpv6Range(text);
}

/** As netmap's pkt-gen shows it. */
export function describeRange(range: AddressRange): string {
  const { family, first, last, group, firstPort, lastPort } = range;
  return family === 4
    ? `range is ${first}:${firstPort} to ${last}:${lastPort}`
    : `range is ${group}@[${first}]:${firstPort} to ${group}@[${last}]:${lastPort}`;
}

/**
 * Reads one MAC address or a range of them.
 *
 * @throws {UsageError} if it is none
 */
export function parseMacRange(text: string): MacRange {
  const [left, right] = halves(text);
  const first = macNumber(left, text), last = right === undefined ? first : macNumber(right, text);
  return { text, first: Math.min(first, last), last: Math.max(first, last) };
}

function macNumber(part: string, text: string): number {
  const groups = part.split(":");
  if (groups.length !== 6 || !groups.every((group) => /^[0-9a-f]{1,2}$/i.test(group))) {
    throw new UsageError(
      `Cannot parse MAC address '${text}'\nHint: It looks like 02:00:00:00:00:01`,
    );
  }
  return parseMac(groups.map((group) => group.padStart(2, "0")).join(":"));
}

function parseIpv4Range(text: string): AddressRange {
  const read = (part: string): { address: number; port: number | undefined } => {
    const colon = part.indexOf(":");
    const address = colon < 0 ? part : part.slice(0, colon);
    const port = colon < 0 ? undefined : portNumber(part.slice(colon + 1), text);
    return { address: inRange(text, () => parseIpv4(address)), port };
  };
  const [left, right] = halves(text);
  const start = read(left), end = right === undefined ? start : read(right);
  const first = Math.min(start.address, end.address);
  const last = Math.max(start.address, end.address);
  return {
    text,
    family: 4,
    first: formatIpv4(first),
    last: formatIpv4(last),
    group: 7,
    addresses: last - first + 1,
    ...ports(start.port, end.port),
  };
}

interface Ipv6Part {
  bytes: Uint8Array;
  port: number | undefined;
  group: number | undefined;
}

function parseIpv6Range(text: string): AddressRange {
  const [left, right] = halves(text);
  const start = readIpv6(left, text), end = right === undefined ? start : readIpv6(right, text);
  const group = end.group ?? start.group ?? 7;
  if (start.group !== undefined && group !== start.group) {
    throw new UsageError(
      `Cannot use range '${text}': both of its ends have to count in the same group`,
    );
  }
  let [low, high] = [start.bytes, end.bytes];
  if (groupOf(low, group) > groupOf(high, group)) [low, high] = [high, low];
  for (let i = 0; i < 16; i++) {
    if (i >> 1 !== group && low[i] !== high[i]) {
      throw new UsageError(
        `Cannot use range '${text}': its ends differ outside group ${group}\n` +
          "Hint: One group counts, 0 to 7; which one stands in front: " +
          "3@[2001:db8:0:1::1]:7-[2001:db8:0:9::1]:7",
      );
    }
  }
  return {
    text,
    family: 6,
    first: formatIpv6(low),
    last: formatIpv6(high),
    group,
    addresses: groupOf(high, group) - groupOf(low, group) + 1,
    ...ports(start.port, end.port),
  };
}

function readIpv6(part: string, text: string): Ipv6Part {
  const match = /^(?:(\d+)@)?(?:\[([^\]]*)\](?::(.*))?|([^[\]]*))$/.exec(part);
  if (match === null) throw malformed(text);
  const [, group, bracketed, port, bare] = match;
  if (group !== undefined && Number(group) > 7) {
    throw new UsageError(`Cannot use range '${text}': group ${group} is not from 0 to 7`);
  }
  return {
    bytes: inRange(text, () => parseIpv6(bracketed ?? bare)),
    port: port === undefined ? undefined : portNumber(port, text),
    group: group === undefined ? undefined : Number(group),
  };
}

/** One 16-bit group of an IPv6 address. */
function groupOf(bytes: Uint8Array, group: number): number {
  return bytes[group * 2] << 8 | bytes[group * 2 + 1];
}

function halves(text: string): [string, string | undefined] {
  const dash = text.indexOf("-");
  return dash < 0 ? [text, undefined] : [text.slice(0, dash), text.slice(dash + 1)];
}

function ports(
  start: number | undefined,
  end: number | undefined,
): Pick<AddressRange, "firstPort" | "lastPort"> {
  const first = start ?? DEFAULT_PORT, last = end ?? first;
  return { firstPort: Math.min(first, last), lastPort: Math.max(first, last) };
}

function portNumber(text: string, range: string): number {
  const port = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) {
    throw new UsageError(`Cannot use range '${range}': port '${text}' is not from 0 to 65535`);
  }
  return port;
}

function inRange<T>(text: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw malformed(text);
  }
}

function malformed(text: string): UsageError {
  return new UsageError(
    `Cannot parse address range '${text}'\n` +
      "Hint: It looks like 10.0.0.1, 10.0.0.1:1000 or 10.0.0.1:1000-10.0.0.9:1009; " +
      "with -6 like 2001:db8::1 or [2001:db8::1]:1000-[2001:db8::9]:1009",
  );
}
