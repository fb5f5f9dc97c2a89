/**
 * Packets with virtio-net headers (struct virtio_net_hdr), and what a wire would have of them.
 *
 * @module
 */

import type { Port } from "../../mod.ts";
import { fill, macBytes, type SlotOptions } from "./frames.ts";

/** Types of segmentation, `gso_type`. */
export const Segment = { NONE: 0, TCP4: 1, UDP: 3, TCP6: 4, ECN: 0x80 } as const;

/** Flags. */
export const NEEDS_CHECKSUM = 1;
/** Flag of a slot that another one follows. */
export const MORE = 0x20;

/** Fields of the header; 0 each if not given. */
export interface VnetHeader {
  /** `NEEDS_CHECKSUM` and others. */
  flags?: number;
  /** `Segment`. */
  type?: number;
  /** Where the checksum begins, in the frame. */
  start?: number;
  /** Where it goes, from there. */
  offset?: number;
}

/** A header of 10 or 12 bytes; the last two say 0x5aa5, which nobody looks at. */
export function vnetHeader(length: number, header: VnetHeader = {}): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.flags ?? 0);
  view.setUint8(1, header.type ?? Segment.NONE);
  view.setUint16(2, 54, true);
  view.setUint16(4, 1000, true);
  view.setUint16(6, header.start ?? 0, true);
  view.setUint16(8, header.offset ?? 0, true);
  view.setUint16(10, 0x5aa5, true);
  return bytes.slice(0, length);
}

/** What an IP packet of a test looks like. */
export interface PacketOptions {
  /** 4 or 6. */
  family: 4 | 6;
  /** "tcp" or "udp". */
  protocol: "tcp" | "udp";
  /** Bytes behind the headers. */
  payload: number;
  /** VLAN tags. */
  tags?: number;
  /** Bytes of TCP options, a multiple of 4. */
  tcpOptions?: number;
  /** Decides about the payload. */
  seed?: number;
}

/** Bytes of the headers of such a packet: Ethernet's, IP's, TCP's or UDP's. */
export function headerBytes(
  { family, protocol, tags = 0, tcpOptions = 0 }: PacketOptions,
): [link: number, network: number, transport: number] {
  return [14 + 4 * tags, family === 4 ? 20 : 40, protocol === "udp" ? 8 : 20 + tcpOptions];
}

/** The packet, with zeros for checksums. */
export function ipPacket(options: PacketOptions): Uint8Array<ArrayBuffer> {
  const { family, protocol, payload, tags = 0, seed = 1 } = options;
  const [link, network, transport] = headerBytes(options);
  const bytes = new Uint8Array(link + network + transport + payload);
  const view = new DataView(bytes.buffer);
  bytes.set([...macBytes("ff:ff:ff:ff:ff:ff"), ...macBytes("02:00:00:00:00:01")]);
  for (let tag = 0; tag < tags; tag++) view.setUint32(12 + 4 * tag, 0x81000000 + tag + 7);
  view.setUint16(link - 2, family === 4 ? 0x0800 : 0x86dd);
  const inner = transport + payload, number = protocol === "tcp" ? 6 : 17;
  if (family === 4) {
    view.setUint8(link, 0x45);
    view.setUint16(link + 2, Math.min(network + inner, 0xffff));
    view.setUint16(link + 4, 0xfffe);
    view.setUint16(link + 8, 0x4000 + number);
    bytes.set([10, 0, 0, 1, 10, 0, 0, 2], link + 12);
  } else {
    view.setUint8(link, 0x60);
    view.setUint16(link + 4, Math.min(inner, 0xffff));
    view.setUint16(link + 6, number * 256 + 64);
    bytes.set([0xfd, 0, 0, 1], link + 8);
    bytes.set([0xfd, 0, 0, 2], link + 24);
  }
  const at = link + network;
  view.setUint16(at, 1234);
  view.setUint16(at + 2, 80);
  if (protocol === "tcp") {
    view.setUint32(at + 4, 0xffffff00);
    view.setUint8(at + 12, transport * 4);
    view.setUint8(at + 13, 0x19); // ACK, PSH, FIN
    bytes.fill(1, at + 20, at + transport); // NOP
  } else {
    view.setUint16(at + 4, Math.min(inner, 0xffff));
  }
  for (let i = at + transport; i < bytes.length; i++) bytes[i] = i * seed + (i >> 8);
  return bytes;
}

/** The Internet checksum of bytes that hold theirs is 0xffff. */
export function sum16(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** The sum of the pseudo header of a packet, which senders leave in the checksum's place. */
export function pseudoSum(frame: Uint8Array, link: number): number {
  const isIpv4 = frame[link] >> 4 === 4;
  const at = link + (isIpv4 ? 20 : 40);
  const addresses = isIpv4 ? frame.subarray(link + 12, at) : frame.subarray(link + 8, at);
  return sum16(addresses, frame[link + (isIpv4 ? 9 : 6)] + frame.length - at);
}

/** Slots for bytes that are cut at these places. */
export function cut(bytes: Uint8Array, ...places: readonly number[]): SlotOptions[] {
  const ends = [...places, bytes.length];
  return ends.map((end, i) => ({
    bytes: bytes.subarray(i === 0 ? 0 : ends[i - 1], end),
    flags: i + 1 < ends.length ? MORE : 0,
  }));
}

/** Bytes one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A slot as a receiver finds it. */
export interface Received {
  /** What is in it. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Its flags. */
  flags: number;
}

/** Takes what waits at a port, slot by slot. */
export function take(port: Port): Received[] {
  const found: Received[] = [];
  port.rxSync();
  const [ring] = port.rxRings;
  for (let slot = ring.head; slot !== ring.tail; slot = ring.next(slot)) {
    found.push({
      bytes: ring.bytes(slot).slice(0, ring.length(slot)),
      flags: ring.slotFlags(slot),
    });
  }
  ring.advance(ring.space);
  port.rxSync();
  return found;
}

/** Sends slots as they are. */
export function pass(from: Port, to: Port, slots: readonly SlotOptions[]): Received[] {
  fill(from.txRings[0], slots);
  from.txSync();
  return take(to);
}
