/**
 * `-f txseq` and `-f rxseq`: numbered packets, and who misses some.
 *
 * The number is in the first four bytes of the UDP payload, in network order. With fragments (`-F`) each slot
 * has a whole packet with headers and number, as in netmap's pkt-gen.
 *
 * @module
 */

import { type PacketTemplate, type Port, type RxRing, SlotFlag, type TxRing } from "../../mod.ts";
import { headerBytes } from "./frame.ts";
import { OptionBit } from "./options.ts";
import { freeSlots, waitForFirst } from "./rx.ts";
import { Pace, type Thread } from "./thread.ts";
import { askForReport, finish, reportsNeeded } from "./tx.ts";
import { dumpSlots, firstSlotWord, packetsOf } from "./writers.ts";

const MOREFRAG = SlotFlag.MOREFRAG << 16;
const SLOT_WORDS = 4;
const IPV4 = 0x0800;

/** Sends numbered packets until the command is stopped. */
export function transmitSequence(thread: Thread, port: Port, header: number): void {
  const { options } = thread.job;
  if (options.count > 0) thread.log("txseq_body [2068]", "Ignoring -n argument");
  thread.log("txseq_body [2074]", `start, thread ${thread.job.thread}`);
  const { template } = packetsOf(thread.job);
  if (template === undefined) throw new TypeError("A sequence always varies");
  const ring = port.txRings[0];
  ring.checkLength(header + template.maxLength);
  if (header + template.maxLength > ring.slotBytes) {
    throw new Error(
      `Cannot send numbered packets of ${template.maxLength} bytes: a buffer has ${ring.slotBytes}` +
        "\nHint: A smaller -l",
    );
  }
  const { fragments } = options;
  const dump = (options.bits & OptionBit.DUMP) !== 0;
  const asksForReport = reportsNeeded(port);
  const bytes = header + template.maxLength;
  const pace = new Pace(thread);
  let owed = 0;
  while (!thread.isStopped) {
    // What is left over of a burst that is no multiple of the fragments is sent with the next
    if (owed < fragments) owed = Math.max(pace.next(), fragments);
    const slots = Math.min(owed, ring.space);
    const packets = Math.floor(slots / fragments);
    if (packets === 0) {
      if (!thread.wait(port, "write", 2000) && !thread.isStopped) {
        thread.log("txseq_body [2118]", `poll error on queue ${thread.job.thread}: timeout`);
      }
      port.txSync();
      continue;
    }
    const { head } = ring;
    if (fragments === 1 && header === 0) ring.putTemplate(template, packets);
    else putMany(ring, template, packets, fragments, header);
    if (asksForReport) askForReport(ring);
    if (dump) dumpSlots(thread, ring, head, ring.head);
    const sent = packets * fragments;
    owed -= sent;
    pace.spend(sent);
    thread.packets += sent;
    thread.bytes += sent * bytes;
    thread.events++;
    port.txSync();
    thread.publish();
  }
  finish(thread, port, "txseq_body [2205]");
}

/** Packets of several slots, or with a header in front. */
function putMany(
  ring: TxRing,
  template: PacketTemplate,
  packets: number,
  fragments: number,
  header: number,
): void {
  const { u32, u8 } = ring.region;
  const { bufferBase, bufferSize, slots } = ring;
  const first = firstSlotWord(ring);
  let slot = ring.head;
  for (let i = 0; i < packets * fragments; i++) {
    const word = first + slot * SLOT_WORDS;
    const offset = bufferBase + u32[word] * bufferSize;
    u8.fill(0, offset, offset + header);
    const length = header + template.writeTo(u8, offset + header);
    u32[word + 1] = (i + 1) % fragments === 0 ? length : length | MOREFRAG;
    if (++slot === slots) slot = 0;
  }
  ring.publish(slot);
}

/** Receives numbered packets until the command is stopped, and tells what is missing. */
export function receiveSequence(thread: Thread, port: Port, header: number): void {
  const { options } = thread.job;
  const dump = (options.bits & OptionBit.DUMP) !== 0;
  const rings = port.rxRings.map((ring) => new SequenceChecker(thread, ring, header));
  thread.log("rxseq_body [2281]", `reading from ${options.name}`);
  if (!waitForFirst(thread, port, "rxseq_body")) return;
  while (!thread.isStopped) {
    if (!thread.wait(port, "read", 1000) && options.leaveWhenSilent) {
      if (!thread.isStopped) thread.endMs = thread.nowMs - 1000; // when the silence began
      break;
    }
    let space = 0;
    for (const checker of rings) {
      const { ring } = checker;
      space += freeSlots(ring);
      const slots = Math.min(options.burst, ring.space);
      if (slots === 0) continue;
      if (dump) dumpSlots(thread, ring, ring.head, (ring.head + slots) % ring.slots);
      checker.take(slots);
      thread.packets += slots;
      thread.bytes += checker.bytes;
      thread.events++;
    }
    thread.noteSpace(space);
    thread.publish();
  }
  const missing = rings.reduce((sum, { missing }) => sum + missing, 0);
  const gaps = rings.reduce((sum, { gaps }) => sum + gaps, 0);
  const disordered = rings.reduce((sum, { disordered }) => sum + disordered, 0);
  thread.log(
    "rxseq_body [2400]",
    `Sequence: ${missing} missing in ${gaps} gaps ${disordered} out of order`,
  );
}

/** Looks at the numbers in one ring. */
class SequenceChecker {
  readonly ring: RxRing;
  readonly #thread: Thread;
  readonly #header: number;
  #expected = -1;
  #fragments = 0;
  #expectedFragments = 0;
  /** Bytes of what the last `take()` has looked at. */
  bytes = 0;
  /** Times that a number was larger than the one expected. */
  gaps = 0;
  /** By how much, in all. */
  missing = 0;
  /** Times that a number was smaller. */
  disordered = 0;

  constructor(thread: Thread, ring: RxRing, header: number) {
    this.#thread = thread;
    this.ring = ring;
    this.#header = header;
  }

  /** Looks at so many slots and gives them back. */
  take(slots: number): void {
    const { ring } = this;
    const { view, u32 } = ring.region;
    const { bufferBase, bufferSize } = ring;
    const firstWord = firstSlotWord(ring), header = this.#header;
    let slot = ring.head, bytes = 0;
    for (let i = 0; i < slots; i++) {
      const word = firstWord + slot * SLOT_WORDS;
      const lengthAndFlags = u32[word + 1];
      const length = lengthAndFlags & 0xffff;
      bytes += length;
      this.#fragments++;
      if ((lengthAndFlags & MOREFRAG) === 0) this.#endPacket(slot);
      const offset = bufferBase + u32[word] * bufferSize + header;
      const isIpv4 = length >= header + 14 && view.getUint16(offset + 12) === IPV4;
      const at = headerBytes(isIpv4 ? 4 : 6);
      if (length < header + at + 4) {
        this.#thread.log("rxseq_body [2384]", `rxseq_body: packet too small (len=${length})`, 1);
      } else {
        const number = view.getUint32(offset + at);
        if (number !== this.#expected) this.#jump(number);
        this.#expected = (number + 1) >>> 0;
      }
      if (++slot === ring.slots) slot = 0;
    }
    this.bytes = bytes;
    ring.publish(slot);
  }

  #jump(found: number): void {
    const expected = this.#expected;
    if (expected < 0) return; // the first one, whatever it is
    const distance = (found - expected) >>> 0;
    if (distance < 0x7fffffff) {
      this.gaps++;
      this.missing += distance;
      this.#log(2400, `Sequence GAP: exp ${expected} found ${found}`);
    } else {
      this.disordered++;
      this.#log(2403, `Sequence OUT OF ORDER: exp ${expected} found ${found}`);
    }
  }

  #log(line: number, text: string): void {
    this.#thread.log(`rxseq_body [${line}]`, text, 2);
  }

  #endPacket(last: number): void {
    const fragments = this.#fragments;
    if (this.#expectedFragments !== 0 && fragments !== this.#expectedFragments) {
      this.#thread.log(
        "rxseq_body [2363]",
        `Received packets with ${fragments} frags, expected ${this.#expectedFragments}, ` +
          `'${this.#slotsText(last, fragments)}'`,
        1,
      );
    }
    this.#expectedFragments = fragments;
    this.#fragments = 0;
  }

  #slotsText(last: number, fragments: number): string {
    const { ring } = this;
    return Array.from({ length: Math.min(fragments, 64) }, (_, i) => {
      const slot = (last - fragments + 1 + i + ring.slots) % ring.slots;
      return `|${ring.length(slot)},${ring.slotFlags(slot).toString(16)}|`;
    }).join("");
  }
}
