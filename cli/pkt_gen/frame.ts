/**
 * The packets that pkt-gen sends: UDP with a text in it, byte for byte those of netmap's pkt-gen.
 *
 * Pure.
 *
 * @module
 */

import {
  type FieldValue,
  increment,
  list,
  onesComplementSum,
  PacketTemplate,
  parseIpv4,
  parseIpv6,
  random,
  range,
  type Variation,
} from "../../mod.ts";
import type { AddressRange, MacRange } from "./ranges.ts";

/** Bytes of an Ethernet header. */
export const ETHERNET_BYTES = 14;

const IPV4_BYTES = 20, IPV6_BYTES = 40, UDP_BYTES = 8;
const UDP = 17;
const LOW_DELAY = 0x10, DONT_FRAGMENT = 0x4000, HOPS = 64;

/** The texts that fill packets, over and over. */
const PAYLOADS = {
  direct: "netmap pkt-gen DIRECT payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ",
  indirect: "netmap pkt-gen indirect payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ",
};

/** What a packet is made from. */
export interface FrameOptions {
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** Bytes without checksum, 16 to 65536. Less than the headers take cuts them off. */
  readonly bytes: number;
  /** Source addresses and ports. */
  readonly source: AddressRange;
  /** Destination addresses and ports. */
  readonly destination: AddressRange;
  /** Source MAC addresses. */
  readonly sourceMac: MacRange;
  /** Destination MAC addresses. */
  readonly destinationMac: MacRange;
  /** Which text fills it. */
  readonly payload: keyof typeof PAYLOADS;
}

/** How packets differ from the first one. */
export interface VaryingOptions {
  /** Random source address and port. */
  readonly randomSource: boolean;
  /** Random destination address and port. */
  readonly randomDestination: boolean;
  /** Smallest frame when lengths are random and headers follow them; undefined: they do not. */
  readonly leastBytes?: number | undefined;
  /** Number the packets in the first four bytes of the payload, from 0. */
  readonly sequence: boolean;
  /** Seed of what is random. */
  readonly seed: number;
}

/** Bytes of Ethernet, IP and UDP headers: where the payload begins. */
export function headerBytes(family: 4 | 6): number {
  return ETHERNET_BYTES + (family === 4 ? IPV4_BYTES : IPV6_BYTES) + UDP_BYTES;
}

/** The first packet. */
export function buildFrame(options: FrameOptions): Uint8Array<ArrayBuffer> {
  const { family, bytes, source, destination, payload } = options;
  const ipBytes = family === 4 ? IPV4_BYTES : IPV6_BYTES;
  // netmap counts in 16 bits: below 34 bytes (54 with IPv6) the UDP length wraps around, and so
  // much of the payload is in the UDP checksum, which is then not sent
  const udpLength = (bytes - ETHERNET_BYTES - ipBytes) & 0xffff;
  const udp = ETHERNET_BYTES + ipBytes, body = udp + UDP_BYTES;
  const frame = new Uint8Array(body + 0x10000);
  const view = new DataView(frame.buffer);
  fill(frame.subarray(body, body + udpLength), PAYLOADS[payload]);
  writeMac(view, 0, options.destinationMac.first);
  writeMac(view, 6, options.sourceMac.first);
  const pseudoSum = family === 4
    ? writeIpv4(view, bytes, udpLength, source, destination)
    : writeIpv6(view, udpLength, source, destination);
  view.setUint16(udp, source.firstPort);
  view.setUint16(udp + 2, destination.firstPort);
  view.setUint16(udp + 4, udpLength);
  const payloadBytes = (udpLength - UDP_BYTES) & 0xffff;
  const sum = onesComplementSum(view, udp, UDP_BYTES + payloadBytes, pseudoSum);
  view.setUint16(udp + 6, ~sum & 0xffff || 0xffff); // 0 would say that there is none (RFC 768)
  return frame.slice(0, bytes);
}

/** The text again and again, with a NUL at the end as in C. */
function fill(body: Uint8Array, text: string): void {
  if (body.length === 0) return;
  const once = new TextEncoder().encode(text);
  for (let at = 0; at < body.length; at += once.length) {
    body.set(once.subarray(0, Math.min(once.length, body.length - at)), at);
  }
  body[body.length - 1] = 0;
}

function writeMac(view: DataView, at: number, mac: number): void {
  view.setUint16(at, Math.floor(mac / 2 ** 32));
  view.setUint32(at + 2, mac % 2 ** 32);
}

/** Writes type and header; returns the sum of the pseudo header. */
function writeIpv4(
  view: DataView,
  bytes: number,
  udpLength: number,
  source: AddressRange,
  destination: AddressRange,
): number {
  const at = ETHERNET_BYTES;
  view.setUint16(12, 0x0800);
  view.setUint8(at, 0x45);
  view.setUint8(at + 1, LOW_DELAY);
  view.setUint16(at + 2, bytes - ETHERNET_BYTES);
  view.setUint16(at + 6, DONT_FRAGMENT);
  view.setUint8(at + 8, HOPS);
  view.setUint8(at + 9, UDP);
  view.setUint32(at + 12, parseIpv4(source.first));
  view.setUint32(at + 16, parseIpv4(destination.first));
  view.setUint16(at + 10, ~onesComplementSum(view, at, IPV4_BYTES) & 0xffff);
  return onesComplementSum(view, at + 12, 8, UDP + udpLength);
}

function writeIpv6(
  view: DataView,
  udpLength: number,
  source: AddressRange,
  destination: AddressRange,
): number {
  const at = ETHERNET_BYTES;
  view.setUint16(12, 0x86dd);
  view.setUint8(at, 0x60);
  view.setUint16(at + 4, udpLength);
  view.setUint8(at + 6, UDP);
  view.setUint8(at + 7, HOPS);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(parseIpv6(source.first), at + 8);
  bytes.set(parseIpv6(destination.first), at + 24);
  return onesComplementSum(view, at + 8, 32, UDP + udpLength);
}

/**
 * The packets after the first, where they differ: first through the source ports, then the source
 * addresses, then destination ports and addresses, as netmap's pkt-gen does.
 *
 * @param frame the first packet
 * @returns undefined when all packets are the same
 * @throws {TypeError} if the frame is too short to have what varies
 */
export function varyFrame(
  frame: Uint8Array,
  options: FrameOptions,
  varying: VaryingOptions,
): PacketTemplate | undefined {
  const { source, destination, sourceMac, destinationMac, family } = options;
  const hasPorts = frame.length >= headerBytes(family);
  const vary: Record<string, Variation> = {};
  let every = 1;
  const add = (side: "src" | "dst", range: AddressRange, isRandom: boolean, seed: number): void => {
    const port = `${side}Port`;
    if (isRandom) {
      if (hasPorts) vary[port] = random(0, 65535, { every, seed });
      vary[side] = randomAddress(range, every, seed + 1);
      return; // what comes next changes with each packet, too
    }
    const ports = range.lastPort - range.firstPort + 1;
    if (ports > 1) vary[port] = rangeOf(range.firstPort, range.lastPort, every);
    every = times(every, ports);
    if (range.addresses > 1) vary[side] = addressRange(range, every);
    every = times(every, range.addresses);
  };
  add("src", source, varying.randomSource, varying.seed);
  add("dst", destination, varying.randomDestination, varying.seed + 2);
  for (const [name, mac] of [["srcMac", sourceMac], ["dstMac", destinationMac]] as const) {
    if (mac.first !== mac.last) vary[name] = range(mac.first, mac.last);
  }
  const { leastBytes } = varying;
  const length = leastBytes === undefined
    ? undefined
    : random(leastBytes, Math.max(leastBytes, frame.length - 1), { seed: varying.seed + 4 });
  const payload = { offset: 0, bits: 32 as const, values: increment(0) };
  if (Object.keys(vary).length === 0 && length === undefined && !varying.sequence) return undefined;
  return PacketTemplate.raw(frame, {
    vary: {
      ...vary,
      ...(length === undefined ? {} : { length }),
      ...(varying.sequence ? { payload } : {}),
    },
  });
}

/** A product that "every" can take: beyond 2^53 packets nobody sees the difference. */
function times(a: number, b: number): number {
  return Math.min(a * b, Number.MAX_SAFE_INTEGER);
}

function rangeOf(first: FieldValue, last: FieldValue, every: number): Variation {
  return range(first, last, { every });
}

/** All addresses of a range. */
function addressRange(addresses: AddressRange, every: number): Variation {
  const { family, first, last, group, addresses: count } = addresses;
  if (family === 4) return rangeOf(first, last, every);
  // The counter of an IPv6 field is its lowest 48 bits, which are three groups
  if (group >= 5) return increment(first, 2 ** (16 * (7 - group)), count, { every });
  return list(Array.from({ length: count }, (_, i) => withGroup(first, group, i)), { every });
}

/** Random addresses: of IPv6 only the group that counts is random. */
function randomAddress(range: AddressRange, every: number, seed: number): Variation {
  if (range.family === 4) return random("0.0.0.0", "255.255.255.255", { every, seed });
  const start = withGroup(range.first, range.group, undefined);
  if (range.group === 7) {
    return random(start, withGroup(start, 7, 0xffff), { every, seed });
  }
  const all = Array.from({ length: 0x10000 }, (_, i) => withGroup(start, range.group, i));
  return list(shuffled(all, seed), { every });
}

/** The address with its group set to 0, or increased. */
function withGroup(address: string, group: number, add: number | undefined): string {
  const bytes = parseIpv6(address);
  const view = new DataView(bytes.buffer);
  view.setUint16(group * 2, add === undefined ? 0 : view.getUint16(group * 2) + add);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2).toString(16)).join(":");
}

function shuffled<T>(values: T[], seed: number): T[] {
  let state = seed | 0;
  for (let i = values.length - 1; i > 0; i--) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9 | 0;
    const j = (state >>> 0) % (i + 1);
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}
