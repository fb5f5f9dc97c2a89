/**
 * Receiving: the loop over what lies in the receive rings.
 *
 * @module
 */

import { SlotFlag } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { NetmapError } from "./errors.ts";
import { FragmentCopy } from "./fragments.ts";
import { RING } from "./layout.ts";
import { Packet } from "./packet.ts";
import { PacketBatch } from "./packet_batch.ts";
import type { Region } from "./region.ts";
import { asInteger, type RxRing, SLOT_WORDS } from "./ring.ts";

const MOREFRAG = SlotFlag.MOREFRAG << 16;
/** Constants of this module are numbers in what V8 compiles; imported ones are looked up each time. */
const WORDS = SLOT_WORDS;

/** More packets than can be in the rings of a port; a small integer, which is faster to count. */
const MOST = 0x3fffffff;

/** Options of `port.receive()`. */
export interface ReceiveOptions {
  /** Most packets. Default: all that are there. */
  limit?: number | undefined;
  /** Look for new packets first, and give slots back at the end of the loop. Default: true. */
  sync?: boolean | undefined;
}

/** Receives for one port: one packet object, one loop at a time. */
export class Receiver {
  /** The packet object. */
  readonly packet: Packet = new Packet();
  /** The loop that is running, the only one that may move the rings. */
  current: ReceiveLoop | undefined;
  /** Ring that the next loop begins with: after a limit another than before. */
  firstRing = 0;
  /** Where packets of several slots are put together. */
  readonly fragments: FragmentCopy = new FragmentCopy();
  readonly #port: string;
  readonly #region: Region;
  readonly #rings: readonly RxRing[];

  /** Packets by number, instead of a loop. */
  declare readonly batch: PacketBatch;

  /** Made by the port. */
  constructor(descriptor: Descriptor, region: Region, rings: readonly RxRing[]) {
    this.#port = descriptor.name;
    this.#region = region;
    this.#rings = rings;
    this.batch = new PacketBatch({ descriptor, region, rings, packet: this.packet });
  }

  /** Ends the loop or batch that has packets of the port: two of them would hand out the same ones. */
  replace(): void {
    this.current?.end("replaced");
    this.batch.giveBack();
  }

  /**
   * Starts a loop over what is in the rings now; `sync` is called when slots were given back at its end.
   * A loop that is still running loses its packet and cannot go on.
   */
  begin(limit: number, sync: () => void = () => {}): ReceiveLoop {
    this.replace();
    return this.current = new ReceiveLoop(this, this.#port, this.#region, this.#rings, limit, sync);
  }

  /** Slots with packets, in all rings. */
  get waiting(): number {
    let count = 0;
    for (const ring of this.#rings) count += ring.space;
    return count;
  }

  /** Ends the loop that is running, if one is. */
  end(): void {
    this.current?.end();
    this.batch.giveBack();
    this.packet.detach();
  }
}

/**
 * What `port.receive()` returns: gives the same packet object again and again. Slots that were seen go
 * back when the loop has seen them all, and when it is left early.
 */
export class ReceiveLoop implements IterableIterator<Packet> {
  readonly #receiver: Receiver;
  readonly #packet: Packet;
  readonly #port: string;
  readonly #sync: () => void;
  readonly #region: Region;
  readonly #u32: Uint32Array;
  readonly #isLarge: boolean;
  /** Each packet of the ring has to be looked at with care. */
  #isSpecial = false;
  readonly #rings: readonly RxRing[];
  #state: "running" | "ended" | "replaced" = "running";
  #hasReleased = false;
  #ringsLeft: number;
  /** Packets that may still come, apart from those of the ring that is walked. */
  #left: number;
  /**
   * The ring that is walked, from the slot that begins at the word `at` to before the slot `stop`; its
   * packets are before `tail`. Up to the word `end` the short way can be tried: to the ring's end at most,
   * and not where offsets go beyond 2^31, packets have offsets, or the last one was in several slots.
   */
  #ring: RxRing | undefined;
  #slots = 0;
  #firstSlot = 0;
  #bufferBase = 0;
  #bufferSize = 0;
  #bufferCount = 0;
  #at = 0;
  #end = 0;
  #stop = 0;
  #tail = 0;

  /** Made by a {@linkcode Receiver}. */
  constructor(
    receiver: Receiver,
    port: string,
    region: Region,
    rings: readonly RxRing[],
    limit: number,
    sync: () => void,
  ) {
    this.#receiver = receiver;
    this.#sync = sync;
    this.#packet = receiver.packet;
    this.#port = port;
    this.#region = region;
    this.#u32 = region.u32;
    this.#isLarge = region.length > 0x7fffffff;
    this.#rings = rings;
    this.#ringsLeft = rings.length;
    this.#left = asInteger(Math.min(limit, MOST));
  }

  /** The next packet. Once `done`, `value` is the same object, which reads as empty. */
  next(): IteratorResult<Packet, Packet> {
    // V8 compiles this into the loop, and into loops of no more than some 900 bytes of bytecode in all:
    // so it is short, one slot, one packet, integers only. The result is made in one place, always with
    // the packet: then it is never made, and nothing is known of the packet twice. With a result that was
    // kept, and attach() with its checks, a packet took 51 ns, so it is 22 (docs/performance.md)
    const packet = this.#packet, u32 = this.#u32, at = this.#at;
    const lengthAndFlags = at === this.#end ? 0 : u32[at + 1], length = lengthAndFlags & 0xffff;
    const buffer = u32[at];
    let done = false;
    if ((lengthAndFlags & MOREFRAG) !== 0 || length === 0 || buffer >= this.#bufferCount) {
      done = this.#special();
    } else {
      this.#at = at + WORDS;
      packet.moveTo((this.#bufferBase + buffer * this.#bufferSize) | 0, length);
    }
    return { done, value: packet };
  }

  /**
   * Whatever is not one packet in one slot; the end of a ring too. Returns true at the end of all.
   *
   * In one piece, so that it is too long (460 bytes of bytecode) to be compiled into loops as well: it would
   * take the room of getters that the loops use for each packet, which then were calls of 3 ns.
   */
  #special(): boolean {
    while (true) {
      if (this.#slot === this.#stop) {
        if (this.#state !== "running") return this.#checkReplaced();
        const rings = this.#rings, receiver = this.#receiver;
        const isLimited = this.#left === 0;
        if (isLimited || this.#ringsLeft === 0) {
          // So that a ring that is always full does not keep the others from being read
          const seen = rings.length - this.#ringsLeft;
          const next = receiver.firstRing + seen;
          receiver.firstRing = isLimited && rings.length > 0 ? next % rings.length : 0;
          this.end();
          return true;
        }
        this.#release();
        const ring = rings[(receiver.firstRing + rings.length - this.#ringsLeft) % rings.length];
        this.#ringsLeft--;
        const { head, tail } = ring;
        if (head === tail) continue;
        this.#ring = ring;
        this.#slots = ring.slots;
        this.#firstSlot = asInteger((ring.offset + RING.slots) / 4);
        this.#bufferBase = ring.bufferBase;
        this.#bufferSize = ring.bufferSize;
        this.#bufferCount = ring.reachedBuffers;
        this.#isSpecial = this.#isLarge || ring.hasOffsets;
        this.#goTo(head);
        this.#tail = tail;
        this.#packet.ring = ring.index;
        const packets = this.#left;
        this.#left = 0;
        this.#allow(packets);
      }
      const slot = this.#slot, allowed = this.#distance(slot, this.#stop);
      const found = this.#gather(slot);
      this.#allow(found ? allowed - 1 : allowed);
      if (found) return false;
    }
  }

  /** The slot that comes next. */
  get #slot(): number {
    const slot = asInteger((this.#at - this.#firstSlot) / WORDS);
    return slot === this.#slots ? 0 : slot;
  }

  #goTo(slot: number): void {
    this.#at = this.#firstSlot + slot * WORDS;
  }

  /** Lets so many packets come from here on, each in a slot; what is too much for this ring stays. */
  #allow(packets: number): void {
    const slot = this.#slot, slots = this.#slots;
    const here = Math.min(packets, this.#distance(slot, this.#tail));
    this.#goTo(slot);
    this.#stop = (slot + here) % slots;
    const isCareful = this.#isSpecial || this.#packet.fragments !== 1;
    this.#end = isCareful ? this.#at : this.#at + Math.min(here, slots - slot) * WORDS;
    this.#left += packets - here;
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to + this.#slots - from;
  }

  /** Called when a `for` loop is left early: gives back the slots that were seen. */
  return(): IteratorResult<Packet, Packet> {
    this.end();
    return { done: true, value: this.#packet };
  }

  /** Gives back all slots of the loop, seen or not. */
  drain(): void {
    if (this.#state === "running") { while (!this.next().done); }
  }

  /** Itself. */
  [Symbol.iterator](): this {
    return this;
  }

  /** Gives back the slots that were seen and lets go of the packet. */
  end(state: "ended" | "replaced" = "ended"): void {
    if (this.#state !== "running") return;
    this.#state = state;
    this.#release();
    this.#packet.detach();
    this.#receiver.current = undefined;
    if (this.#hasReleased && state === "ended" && !this.#region.closed) this.#sync();
  }

  #release(): void {
    if (this.#ring !== undefined && !this.#region.closed) {
      this.#ring.publish(this.#slot);
      this.#hasReleased = true;
    }
    this.#ring = undefined;
    // Nothing of it is left: the next slot is where it stops
    this.#at =
      this.#end =
      this.#firstSlot =
      this.#slots =
      this.#stop =
      this.#tail =
        0;
  }

  #checkReplaced(): true {
    if (this.#state === "ended") return true;
    throw new NetmapError("receive", "EBUSY", {
      port: this.#port,
      hint: "Another receive loop has begun on the port; end one before the next begins",
    });
  }

  /**
   * Takes the packet that begins in a slot, put together if it is in several. An unfinished one ends
   * where the ring does.
   *
   * @returns false if it is empty: room that a sender took and did not need
   */
  #gather(first: number): boolean {
    const u32 = this.#u32;
    let slot = first, bytes = 0, fragments = 0, more = true;
    while (more) {
      const lengthAndFlags = u32[this.#firstSlot + slot * WORDS + 1];
      bytes += lengthAndFlags & 0xffff;
      fragments++;
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
      more = (lengthAndFlags & MOREFRAG) !== 0 && slot !== this.#tail;
    }
    this.#goTo(slot);
    if (bytes === 0) return false;
    if (fragments === 1) {
      const offset = this.#offset(first); // which may bring about another view
      this.#packet.attach(this.#region.view, offset, bytes);
    } else {
      const copy = this.#receiver.fragments;
      this.#packet.attach(copy.of(this.#region, this.#ring!, first, fragments, bytes), 0, bytes);
    }
    this.#packet.fragments = fragments;
    return true;
  }

  #offset(slot: number): number {
    const buffer = this.#u32[this.#firstSlot + slot * WORDS];
    const offset = this.#bufferBase + buffer * this.#bufferSize;
    this.#region.reach(offset + this.#bufferSize);
    return asInteger(this.#isSpecial ? offset + this.#ring!.packetOffset(slot) : offset);
  }
}
