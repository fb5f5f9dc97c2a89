/**
 * `-f pong`: sends back what comes, with source and destination exchanged.
 *
 * @module
 */

import { type Port, type RxRing, SlotFlag, type TxRing } from "../../mod.ts";
import { freeSlots } from "./rx.ts";
import type { Thread } from "./thread.ts";
import { askForReport, reportsNeeded } from "./tx.ts";

const IPV4 = 0x0800, IPV6 = 0x86dd;

/** Answers until the count is reached, or the command stopped. */
export function pong(thread: Thread, port: Port, header: number): void {
  const count = thread.job.count === 0 ? Infinity : thread.job.count;
  const ring = port.txRings[0];
  const asksForReport = reportsNeeded(port);
  while (thread.packets < count && !thread.isStopped) {
    if (!thread.wait(port, "read", 1000)) {
      if (!thread.isStopped) {
        thread.log("pong_body [1612]", `poll error on queue ${thread.job.thread}: timeout`);
      }
      continue;
    }
    let space = 0;
    const before = thread.packets;
    for (const from of port.rxRings) {
      space += freeSlots(from);
      reply(thread, from, ring, header, count - thread.packets);
    }
    if (thread.packets !== before) {
      thread.events++;
      if (asksForReport) askForReport(ring);
    }
    port.txSync();
    thread.noteSpace(space);
    thread.publish();
    // Without room nothing is taken, and waiting for packets would not wait
    if (thread.packets === before) thread.sleep(1);
  }
}

/** Answers what lies in a ring, as far as there is room. What is in several slots stays together. */
function reply(
  thread: Thread,
  from: RxRing,
  to: TxRing,
  header: number,
  limit: number,
): void {
  const { u8, view } = from.region;
  let source = from.head, target = to.head;
  let room = to.space, packets = 0;
  for (const { tail } = from; source !== tail && packets < limit;) {
    const slots = slotsOfPacket(from, source, tail);
    if (slots > room) break;
    for (let i = 0; i < slots; i++) {
      const length = from.length(source);
      const at = to.bufferOffset(target), start = from.bufferOffset(source);
      u8.copyWithin(at, start, start + length);
      if (i === 0) exchange(u8, view, at + header, length - header);
      to.setLength(target, length);
      to.setSlotFlags(target, i + 1 < slots ? SlotFlag.MOREFRAG : 0);
      thread.bytes += length;
      source = from.next(source);
      target = to.next(target);
    }
    room -= slots;
    packets++;
  }
  from.publish(source);
  to.publish(target);
  thread.packets += packets;
}

function slotsOfPacket(ring: RxRing, slot: number, tail: number): number {
  let slots = 1;
  for (; (ring.slotFlags(slot) & SlotFlag.MOREFRAG) !== 0; slots++) {
    slot = ring.next(slot);
    if (slot === tail) break;
  }
  return slots;
}

/** Exchanges MAC and IP addresses. Checksums stay right: the sum does not know an order. */
function exchange(u8: Uint8Array, view: DataView, at: number, length: number): void {
  if (length < 14) return;
  swap(u8, at, at + 6, 6);
  const type = view.getUint16(at + 12);
  if (type === IPV4 && length >= 34) swap(u8, at + 26, at + 30, 4);
  else if (type === IPV6 && length >= 54) swap(u8, at + 22, at + 38, 16);
}

function swap(u8: Uint8Array, a: number, b: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) {
    const byte = u8[a + i];
    u8[a + i] = u8[b + i];
    u8[b + i] = byte;
  }
}
