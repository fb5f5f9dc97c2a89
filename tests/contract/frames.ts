/**
 * Frames that tests send and recognise.
 *
 * @module
 */

import type { Port, Ring, RxRing, TxRing } from "../../mod.ts";

/** To everybody. */
export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";
/** To a group. */
export const MULTICAST_MAC = "01:00:5e:00:00:01";

const TAG = 14;

/** The address of a station: unicast, locally administered. */
export function mac(station: number): string {
  const hex = station.toString(16).padStart(8, "0");
  return `02:00:${hex.match(/../g)!.join(":")}`;
}

/** Bytes of an address. */
export function macBytes(text: string): number[] {
  return text.split(":").map((byte) => parseInt(byte, 16));
}

/** What a test frame looks like. */
export interface FrameOptions {
  /** Destination. Default: everybody. */
  to?: string;
  /** Source. Default: station 1. */
  from?: string;
  /** A number to know it by. */
  tag?: number;
  /** Bytes. Default: 60. */
  length?: number;
}

/** An Ethernet frame with a tag behind its header; the rest is a pattern that depends on the tag. */
export function frame(options: FrameOptions = {}): Uint8Array<ArrayBuffer> {
  const { to = BROADCAST_MAC, from = mac(1), tag = 0, length = 60 } = options;
  const bytes = new Uint8Array(Math.max(length, TAG + 4));
  for (let i = TAG + 4; i < length; i++) bytes[i] = tag + i;
  bytes.set(macBytes(to));
  bytes.set(macBytes(from), 6);
  new DataView(bytes.buffer).setUint32(TAG, tag);
  return bytes.slice(0, length);
}

/** The tag of a frame. */
export function tagOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(TAG);
}

/** Tags of all frames that wait at a port, which are consumed. */
export function tags(port: Port): number[] {
  return port.receiveFrames().map(tagOf);
}

/** Slots of a receive ring that hold something: length and flags. */
export function slotsOf(ring: RxRing): [length: number, flags: number][] {
  const slots: [number, number][] = [];
  for (let slot = ring.head; slot !== ring.tail; slot = ring.next(slot)) {
    slots.push([ring.length(slot), ring.slotFlags(slot)]);
  }
  return slots;
}

/** What one slot is to hold. */
export interface SlotOptions {
  /** Written into its buffer. */
  bytes?: Uint8Array;
  /** Its length, as written: nothing is checked. Default: that of `bytes`. */
  length?: number;
  /** Its flags. Default: 0. */
  flags?: number;
  /** Its buffer, as written: nothing is checked. */
  buffer?: number;
}

/** Fills slots by hand from `head` on and publishes them, with no sync: for what `send()` refuses. */
export function fill(ring: TxRing, slots: readonly SlotOptions[]): void {
  let slot = ring.head;
  for (const { bytes, length = bytes?.length ?? 0, flags = 0, buffer } of slots) {
    if (bytes !== undefined) ring.bytes(slot).set(bytes);
    setSlot(ring, slot, { length, flags, ...(buffer === undefined ? {} : { buffer }) });
    slot = ring.next(slot);
  }
  ring.publish(slot);
}

/** Writes into a slot, with no check. */
export function setSlot(
  ring: Ring,
  slot: number,
  { buffer, length, flags }: { buffer?: number; length?: number; flags?: number },
): void {
  const { view } = ring.region;
  const at = ring.offset + 256 + 16 * slot;
  if (buffer !== undefined) view.setUint32(at, buffer, true);
  if (length !== undefined) view.setUint16(at + 4, length, true);
  if (flags !== undefined) view.setUint16(at + 6, flags, true);
}

/** Writes into a ring's header, with no check. */
export function setRing(
  ring: Ring,
  { head, cur, tail, slots }: { head?: number; cur?: number; tail?: number; slots?: number },
): void {
  const { view } = ring.region;
  if (slots !== undefined) view.setUint32(ring.offset + 8, slots, true);
  if (head !== undefined) view.setUint32(ring.offset + 20, head, true);
  if (cur !== undefined) view.setUint32(ring.offset + 24, cur, true);
  if (tail !== undefined) view.setUint32(ring.offset + 28, tail, true);
}

/** head, cur and tail of a ring. */
export function ringState(ring: Ring): [head: number, cur: number, tail: number] {
  return [ring.head, ring.cur, ring.tail];
}

/** Bucket of the learning table that an address belongs to (Jenkins' mix, as in if_bridge(4)). */
export function bucketOf(address: string): number {
  const bytes = macBytes(address);
  let a = 0x9e3779b9, b = 0x9e3779b9, c = 0;
  b = (b + (bytes[5] << 8) + bytes[4]) | 0;
  a = (a + (bytes[3] << 24) + (bytes[2] << 16) + (bytes[1] << 8) + bytes[0]) | 0;
  for (const [right, left, last] of [[13, 8, 13], [12, 16, 5], [3, 10, 15]]) {
    a = (a - b - c) ^ (c >>> right);
    b = (b - c - a) ^ (a << left);
    c = (c - a - b) ^ (b >>> last);
  }
  return c & 1023;
}

/** Another address in the bucket of this one. */
export function sameBucket(address: string): string {
  for (let station = 0x10000;; station++) {
    const other = mac(station);
    if (other !== address && bucketOf(other) === bucketOf(address)) return other;
  }
}
