/**
 * How packets get into transmit rings: one way for each kind of packet, chosen once.
 *
 * The usual ways are those of `mod.ts`, `putCopies()` and `putTemplate()`. What they do not have
 * (fragments of any size, headers in front, other memory) is written slot by slot.
 *
 * @module
 */

import {
  MAX_FRAGMENTS,
  NetmapError,
  PacketTemplate,
  type Port,
  type Ring,
  SlotFlag,
  type TxRing,
} from "../../mod.ts";
import { buildFrame, varyFrame } from "./frame.ts";
import type { Job } from "./job.ts";
import { OptionBit } from "./options.ts";
import { dumpText } from "./format.ts";
import type { Thread } from "./thread.ts";

const MOREFRAG = SlotFlag.MOREFRAG << 16, INDIRECT = SlotFlag.INDIRECT << 16;
/** Words of a slot: buffer, length and flags, and two of `ptr`. */
const SLOT_WORDS = 4;

/** Puts packets into rings. */
export interface Writer {
  /**
   * Puts up to so many packets into the free slots of a ring, and moves its head.
   *
   * @returns how many there was room for
   */
  write(ring: TxRing, count: number): number;
  /** Bytes of the packets that the last call has written. */
  readonly bytesWritten: number;
}

/** How packets are cut into slots. */
export interface Cut {
  /** Slots of a packet. */
  readonly fragments: number;
  /** Bytes of each of them but the last, which has the rest. */
  readonly bytes: number;
}

/** Where the first slot of a ring is, in words of the region. */
export function firstSlotWord(ring: { readonly offset: number }): number {
  return (ring.offset + 256) / 4;
}

/**
 * How packets are cut: into so many fragments, or more if these would be larger than allowed, or than
 * a buffer.
 */
export function cutPacket(
  packetBytes: number,
  { fragments, fragmentBytes }: Job["options"],
  bufferBytes: number,
): Cut {
  const most = Math.min(fragmentBytes ?? Infinity, bufferBytes);
  const bytes = Math.floor(packetBytes / fragments);
  return bytes <= most && packetBytes - bytes * (fragments - 1) <= bufferBytes
    ? { fragments, bytes }
    : { fragments: Math.ceil(packetBytes / most), bytes: most };
}

/** The packet that is sent, and what varies of it. */
export interface Packets {
  /** The first packet. */
  readonly frame: Uint8Array;
  /** The packets from then on; undefined if they are all the same. */
  readonly template: PacketTemplate | undefined;
}

/** The packets of a job. */
export function packetsOf({ options, frame, packet }: Job): Packets {
  if (packet !== undefined) return { frame: packet, template: undefined };
  const first = buildFrame(frame);
  const { bits, leastBytes, run } = options;
  const follows = leastBytes > 0 && (bits & OptionBit.UPDATE_CHECKSUM) !== 0;
  const template = varyFrame(first, frame, {
    randomSource: (bits & OptionBit.RANDOM_SOURCE) !== 0,
    randomDestination: (bits & OptionBit.RANDOM_DESTINATION) !== 0,
    ...(follows ? { leastBytes } : {}),
    sequence: run === "txseq",
    seed: crypto.getRandomValues(new Uint32Array(1))[0] >>> 1,
  });
  return { frame: first, template };
}

/**
 * The writer for a job's packets on a port.
 *
 * @param headerBytes of the virtio-net header in front of each packet
 * @throws {NetmapError} EOPNOTSUPP if the port cannot send such packets
 */
export function writerFor(
  port: Port,
  { options, packet }: Job,
  { frame, template }: Packets,
  cut: Cut,
  headerBytes: number,
): Writer {
  const { bits, leastBytes } = options;
  if ((bits & OptionBit.RUBBISH) !== 0) return new RubbishWriter(frame.length);
  if ((bits & OptionBit.INDIRECT) !== 0) {
    checkIndirect(port);
    return new IndirectWriter({ frame, template });
  }
  const mostSlots = Math.min(MAX_FRAGMENTS, port.txRings[0].slots - 1);
  if (cut.fragments > mostSlots) {
    throw new NetmapError("send", "EMSGSIZE", {
      port: port.name,
      hint: `A packet would take ${cut.fragments} slots; it may take ${mostSlots}`,
    });
  }
  const random = packet === undefined && (bits & OptionBit.UPDATE_CHECKSUM) === 0 ? leastBytes : 0;
  const header = packet === undefined ? headerBytes : 0;
  if (cut.fragments > 1 || header > 0 || random > 0 && template !== undefined) {
    return new SlotWriter({ frame, template }, cut, header, random);
  }
  if (random > 0) return new LengthWriter(frame, random);
  if (template !== undefined) return new TemplateWriter(template);
  return new CopyWriter(frame, (bits & (OptionBit.COPY | OptionBit.MEMCPY)) !== 0);
}

function checkIndirect({ backend, name, bridge, portName: { pipe } }: Port): void {
  if (bridge !== undefined && pipe === undefined) return;
  throw new NetmapError("send", "EOPNOTSUPP", {
    port: name,
    backend,
    hint: "Indirect buffers (-I) are for ports of a VALE bridge",
  });
}

/** The same packet in each slot. */
class CopyWriter implements Writer {
  readonly #frame: Uint8Array;
  readonly #always: boolean;
  #stamp = 0;
  bytesWritten = 0;

  /** @param always copies it each time, instead of once into each buffer */
  constructor(frame: Uint8Array, always: boolean) {
    this.#frame = frame;
    this.#always = always;
  }

  write(ring: TxRing, count: number): number {
    if (this.#stamp === 0 || this.#always) {
      ring.checkLength(this.#frame.length);
      this.#stamp = ring.newStamp();
    }
    const packets = Math.min(count, ring.space);
    ring.putCopies(this.#frame, packets, this.#stamp);
    this.bytesWritten = packets * this.#frame.length;
    return packets;
  }
}

/** The beginning of a packet, of another length with each batch. */
class LengthWriter implements Writer {
  readonly #frame: Uint8Array;
  readonly #least: number;
  bytesWritten = 0;

  constructor(frame: Uint8Array, least: number) {
    this.#frame = frame;
    this.#least = least;
  }

  write(ring: TxRing, count: number): number {
    const frame = this.#frame.subarray(0, randomLength(this.#least, this.#frame.length));
    const packets = Math.min(count, ring.space);
    ring.putCopies(frame, packets, ring.newStamp());
    this.bytesWritten = packets * frame.length;
    return packets;
  }
}

/** From `least` to below `most`. */
function randomLength(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least));
}

/** Packets that differ in fields, and perhaps in length. */
class TemplateWriter implements Writer {
  readonly #template: PacketTemplate;
  bytesWritten = 0;

  constructor(template: PacketTemplate) {
    this.#template = template;
  }

  write(ring: TxRing, count: number): number {
    const template = this.#template;
    const packets = Math.min(count, ring.space);
    const { head } = ring;
    ring.putTemplate(template, packets);
    this.bytesWritten = template.minLength === template.maxLength
      ? packets * template.maxLength
      : bytesIn(ring, head, packets);
    return packets;
  }
}

/** Bytes of packets in so many slots. */
function bytesIn(ring: TxRing, first: number, slots: number): number {
  let bytes = 0;
  for (let i = 0, slot = first; i < slots; i++, slot = ring.next(slot)) bytes += ring.length(slot);
  return bytes;
}

/** Slots with whatever their buffers contain. */
class RubbishWriter implements Writer {
  readonly #bytes: number;
  bytesWritten = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  write(ring: TxRing, count: number): number {
    if (this.#bytes > ring.slotBytes) {
      throw new Error(
        `Cannot send ${this.#bytes} bytes of rubbish: a buffer has ${ring.slotBytes}`,
      );
    }
    const { u32 } = ring.region;
    const first = firstSlotWord(ring);
    const packets = Math.min(count, ring.space);
    let slot = ring.head;
    for (let i = 0; i < packets; i++) {
      u32[first + slot * SLOT_WORDS + 1] = this.#bytes;
      if (++slot === ring.slots) slot = 0;
    }
    ring.publish(slot);
    this.bytesWritten = packets * this.#bytes;
    return packets;
  }
}

/** Packets cut into fragments, with a header in front, or of random length. */
class SlotWriter implements Writer {
  /** Header and packet, as they stand in the slots. */
  readonly #bytes: Uint8Array;
  readonly #pieces: readonly Uint8Array[];
  readonly #template: PacketTemplate | undefined;
  readonly #header: number;
  readonly #least: number;
  bytesWritten = 0;

  constructor({ frame, template }: Packets, cut: Cut, header: number, least: number) {
    const bytes = this.#bytes = new Uint8Array(header + frame.length);
    bytes.set(frame, header);
    this.#pieces = Array.from({ length: cut.fragments }, (_, i) => {
      const isLast = i === cut.fragments - 1;
      return bytes.subarray(i * cut.bytes, isLast ? bytes.length : (i + 1) * cut.bytes);
    });
    this.#template = template;
    this.#header = header;
    this.#least = least;
  }

  write(ring: TxRing, count: number): number {
    const { u32, u8 } = ring.region;
    const { bufferBase, bufferSize, slots } = ring;
    const first = firstSlotWord(ring);
    const pieces = this.#pieces, last = pieces.length - 1;
    const frameBytes = this.#bytes.length - this.#header;
    const cutOff = this.#least === 0 ? 0 : frameBytes - randomLength(this.#least, frameBytes);
    const packets = Math.min(count, Math.floor(ring.space / pieces.length));
    let slot = ring.head;
    for (let i = 0; i < packets; i++) {
      if (this.#template !== undefined) this.#template.writeTo(this.#bytes, this.#header);
      for (let part = 0; part <= last; part++) {
        const piece = pieces[part];
        const word = first + slot * SLOT_WORDS;
        u8.set(piece, bufferBase + u32[word] * bufferSize);
        u32[word + 1] = part === last ? piece.length - cutOff : piece.length | MOREFRAG;
        if (++slot === slots) slot = 0;
      }
    }
    ring.publish(slot);
    this.bytesWritten = packets * (this.#bytes.length - cutOff);
    return packets;
  }
}

/** Packets that netmap fetches from where a slot's pointer says: here, the slot's own buffer. */
class IndirectWriter implements Writer {
  readonly #template: PacketTemplate;
  bytesWritten = 0;

  constructor({ frame, template }: Packets) {
    this.#template = template ?? PacketTemplate.raw(frame);
  }

  write(ring: TxRing, count: number): number {
    const { u32, u8, address } = ring.region;
    const { bufferBase, bufferSize, slots } = ring;
    ring.checkLength(this.#template.maxLength);
    const first = firstSlotWord(ring), base = Number(address);
    const packets = Math.min(count, ring.space);
    let slot = ring.head;
    this.bytesWritten = 0;
    for (let i = 0; i < packets; i++) {
      const word = first + slot * SLOT_WORDS;
      const offset = bufferBase + u32[word] * bufferSize;
      const length = this.#template.writeTo(u8, offset);
      u32[word + 1] = length | INDIRECT;
      u32[word + 2] = (base + offset) % 2 ** 32;
      u32[word + 3] = Math.floor((base + offset) / 2 ** 32);
      this.bytesWritten += length;
      if (++slot === slots) slot = 0;
    }
    ring.publish(slot);
    return packets;
  }
}

/** Shows slots as `-X` does, from one to before another. */
export function dumpSlots(
  thread: Thread,
  ring: Ring,
  from: number,
  to: number,
): void {
  const { region } = ring;
  let text = "";
  for (let slot = from; slot !== to; slot = ring.next(slot)) {
    text += dumpText({
      ring: region.address + BigInt(ring.offset),
      slot,
      buffer: ring.bufferIndex(slot),
      flags: ring.slotFlags(slot),
      bytes: ring.bytes(slot).subarray(0, ring.length(slot)),
    });
  }
  if (text !== "") thread.print(text);
}
