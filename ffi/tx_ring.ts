/**
 * Transmit rings, and how packets get into them fast.
 *
 * @module
 */

import { PacketTemplate } from "../packet/template.ts";
import { MAX_FRAGMENTS, SlotFlag } from "./constants.ts";
import { RING, SLOT } from "./layout.ts";
import { addressOf, type Region } from "./region.ts";
import { asInteger, Ring, type RingPlace, SLOT_WORDS } from "./ring.ts";

// Constants of this module are numbers and memory in what V8 compiles; imported ones are looked up each time
const MOREFRAG = SlotFlag.MOREFRAG << 16;
const WORDS = SLOT_WORDS;
const NO_PLACES = new Int32Array(0);

/** A number for each template, to remember where its bytes are. */
const templateNumbers = new WeakMap<PacketTemplate, number>();
let lastNumber = 0;

function numberOf(template: PacketTemplate): number {
  let number = templateNumbers.get(template);
  if (number === undefined) templateNumbers.set(template, number = nextNumber());
  return number;
}

function nextNumber(): number {
  return lastNumber = (lastNumber + 1) % 0x7fffffff || 1;
}

/**
 * A transmit ring: the slots from `head` to `tail - 1` are free.
 *
 * A buffer is written whole once and only patched from then on, as long as nobody else writes to it.
 * `#stamps` says what each slot's buffer holds. Others who could write are: this program through
 * `bytes()` and `swap()`, which tell us, and through `region`, whose `exposed` tells us; other descriptors bound to the same ring, which leave
 * their number in the room for locks at the end of the ring's header; the other end of a pipe, so
 * rings of pipes have no stamps. Nor has a ring that has sent no template: that memory would make V8
 * collect garbage between the first port and the first packet.
 */
export class TxRing extends Ring {
  /** "tx". */
  readonly kind = "tx";
  readonly #region: Region;
  readonly #firstSlot: number;
  readonly #ownerWord: number;
  /**
   * Not from `crypto`: that takes a millisecond to load, and nobody gains by guessing it. Below 2^31, as
   * it is read without a sign.
   */
  readonly #owner = Math.random() * 2 ** 31 | 1;
  #stamps: Uint32Array | undefined;
  readonly #isPipe: boolean;
  /** What all slots hold, if that is known: else 0. */
  #holding = 0;
  /** Where their buffers are then. */
  #places: Int32Array = NO_PLACES;
  /** Offsets go beyond 2^31. */
  readonly #isLarge: boolean;
  /** What slots point at: kept until they point at something else. */
  readonly #indirect = new Map<number, Uint8Array>();
  /** What `stampOf()` was asked for last. */
  #lastFrame = new Uint8Array(0);
  #lastStamp = 0;
  /** Where `put()` left head, and a tail that was seen: a bound that needs no atomic load. */
  #lastHead = -1;
  #knownTail = 0;

  /** Rings come with their port. */
  constructor(place: RingPlace, isPipe: boolean) {
    super(place);
    this.#region = place.region;
    this.#firstSlot = asInteger((place.offset + RING.slots) / 4);
    this.#ownerWord = asInteger((place.offset + RING.size) / 4 - 1);
    this.#isPipe = isPipe;
    this.#isLarge = place.region.length > 0x7fffffff;
  }

  /** The stamps, if they can be relied upon. */
  #usableStamps(): Uint32Array | null {
    if (this.#isPipe || this.#region.exposed) return null;
    return this.#stamps ??= new Uint32Array(this.slots);
  }

  /** Bytes of the longest packet that one slot can hold. */
  get slotBytes(): number {
    return Math.min(this.bufferSize - this.maxOffset, 0xffff);
  }

  /** Slots that a packet of so many bytes takes. */
  slotsFor(length: number): number {
    return Math.ceil(length / this.slotBytes);
  }

  /**
   * Checks that a packet can ever be sent with this ring.
   *
   * @throws {RangeError} if it is empty or too long
   */
  checkLength(length: number): void {
    const limit = Math.min(MAX_FRAGMENTS, this.slots - 1) * this.slotBytes;
    if (length >= 1 && length <= limit) return;
    throw new RangeError(
      length < 1
        ? "Cannot send a packet of 0 bytes"
        : limit === 0
        ? "Cannot send with a ring of 1 slot: open the port with more slots"
        : `Cannot send a packet of ${length} bytes: at most ${limit} fit in ${
          Math.min(MAX_FRAGMENTS, this.slots - 1)
        } slots of ${this.slotBytes} bytes`,
    );
  }

  /**
   * Puts one packet into the next slots, several if it is longer than a buffer. It is sent by the next
   * sync.
   *
   * @returns false if there are not enough free slots
   * @throws {RangeError} if the packet is empty or too long
   */
  put(frame: Uint8Array): boolean {
    const { length } = frame;
    this.checkLength(length);
    const limit = this.slotBytes;
    if (length > limit) return this.#putFragments(frame);
    this.#claim();
    const slot = this.head;
    if (!this.#hasRoom(slot, 1)) return false;
    this.#write(slot, frame, length);
    this.store(this.#lastHead = this.next(slot));
    return true;
  }

  #putFragments(frame: Uint8Array): boolean {
    const { length } = frame;
    const limit = this.slotBytes;
    this.#claim();
    let slot = this.head;
    if (!this.#hasRoom(slot, this.slotsFor(length))) return false;
    for (let at = 0; at < length; at += limit) {
      const end = Math.min(at + limit, length);
      this.#write(slot, frame.subarray(at, end), (end - at) | (end < length ? MOREFRAG : 0));
      slot = this.next(slot);
    }
    this.store(this.#lastHead = slot);
    return true;
  }

  /** See `Ring`. */
  override publish(slot: number): void {
    this.#lastHead = -1;
    this.store(slot);
  }

  #hasRoom(head: number, slots: number): boolean {
    // tail only moves on; but if head was moved by others, it may have gone past the tail we know
    const isKnown = head === this.#lastHead && !this.#region.exposed;
    if (isKnown && this.distance(head, this.#knownTail) >= slots) return true;
    this.#lastHead = head;
    this.#knownTail = this.tail;
    return this.distance(head, this.#knownTail) >= slots;
  }

  #write(slot: number, bytes: Uint8Array, lengthAndFlags: number): void {
    const region = this.#region, { u32 } = region;
    const word = this.#firstSlot + slot * WORDS;
    const offset = this.bufferBase + u32[word] * this.bufferSize;
    region.reach(offset + this.bufferSize);
    region.u8.set(bytes, this.hasOffsets ? offset + this.packetOffset(slot) : offset);
    u32[word + 1] = lengthAndFlags;
    if (this.#stamps !== undefined) this.#stamps[slot] = this.#holding = 0;
  }

  /**
   * Puts the same packet into the next slots again and again.
   *
   * @param frame fits in one slot
   * @param count packets; not more than there is `space`
   * @param stamp from {@linkcode newStamp} or {@linkcode stampOf}: the same while the frame's bytes stay the same
   */
  putCopies(frame: Uint8Array, count: number, stamp: number): void {
    if (this.hasOffsets) {
      for (let i = 0; i < count; i++) this.put(frame);
      return;
    }
    this.#claim();
    if (!this.#holds(stamp)) this.#writeCopies(frame, count, stamp);
    this.#setLengths(frame.length, count);
  }

  /** Has the region's views reach the buffers of the next slots: those of a new port they do. */
  #reachNext(count: number): void {
    const region = this.#region, { u32 } = region, limit = this.reachedBuffers;
    let slot = this.head;
    for (let i = 0; i < count && region.reached < region.length; i++) {
      if (u32[this.#firstSlot + slot * WORDS] >= limit) region.reach(region.length);
      if (++slot === this.slots) slot = 0;
    }
  }

  #writeCopies(frame: Uint8Array, count: number, stamp: number): void {
    this.#reachNext(count);
    const { u32, u8 } = this.#region;
    const stamps = this.#usableStamps();
    let slot = this.head;
    for (let i = 0; i < count; i++) {
      if (stamps === null || stamps[slot] !== stamp) {
        u8.set(frame, this.bufferBase + u32[this.#firstSlot + slot * WORDS] * this.bufferSize);
        if (stamps !== null) stamps[slot] = stamp;
      }
      if (++slot === this.slots) slot = 0;
    }
    this.#holding = 0;
  }

  /** Gives the next slots a length, and publishes them. */
  #setLengths(length: number, count: number): void {
    const { u32 } = this.#region, { head, slots } = this;
    const here = Math.min(count, slots - head);
    for (let slot = head; slot < head + here; slot++) {
      u32[this.#firstSlot + slot * WORDS + 1] = length;
    }
    for (let slot = 0; slot < count - here; slot++) {
      u32[this.#firstSlot + slot * WORDS + 1] = length;
    }
    this.publish(here < slots - head ? head + here : count - here);
  }

  /**
   * Puts packets of a template into the next slots.
   *
   * @param template whose longest packet fits in one slot
   * @param count packets; not more than there is `space`
   */
  putTemplate(template: PacketTemplate, count: number): void {
    if (this.hasOffsets) {
      for (let i = 0; i < count; i++) this.put(template.next());
      return;
    }
    this.#claim();
    const stamp = numberOf(template);
    if (this.#holds(stamp)) {
      if (template.isVarying) this.#patchAll(template, count);
      else this.#setLengths(template.maxLength, count);
    } else this.#writeEach(template, count, stamp);
  }

  #writeEach(template: PacketTemplate, count: number, stamp: number): void {
    this.#reachNext(count);
    const { u32, u8 } = this.#region;
    const stamps = this.#usableStamps();
    let slot = this.head;
    for (let i = 0; i < count; i++) {
      const word = this.#firstSlot + slot * WORDS;
      const offset = this.bufferBase + u32[word] * this.bufferSize;
      if (stamps !== null && stamps[slot] === stamp) {
        u32[word + 1] = template.patch(u8, offset);
      } else {
        u32[word + 1] = template.writeTo(u8, offset);
        if (stamps !== null) stamps[slot] = stamp;
      }
      if (++slot === this.slots) slot = 0;
    }
    this.#holding = 0;
    this.publish(slot);
  }

  /** Turns what is in the next slots into the template's next packets, some at a time. */
  #patchAll(template: PacketTemplate, count: number): void {
    const { u32, u8 } = this.#region, { slots } = this, places = this.#places;
    const length = template.maxLength;
    let slot = this.head;
    for (let done = 0; done < count;) {
      const some = Math.min(count - done, PacketTemplate.BATCH, slots - slot);
      const first = this.#firstSlot + slot * WORDS + 1;
      if (template.patchPlaces(u8, places, slot, some)) {
        for (let i = 0; i < some; i++) u32[first + i * WORDS] = length;
      } else {
        for (let i = 0; i < some; i++) {
          u32[first + i * WORDS] = template.patch(u8, places[slot + i]);
        }
      }
      done += some;
      slot = slot + some === slots ? 0 : slot + some;
    }
    this.publish(slot);
  }

  /** Whether all buffers of the ring hold what the stamp stands for. */
  #holds(stamp: number): boolean {
    const stamps = this.#usableStamps();
    if (stamps === null || this.#isLarge) return false;
    if (this.#holding === stamp) return true;
    for (let slot = 0; slot < stamps.length; slot++) {
      if (stamps[slot] !== stamp) return false;
    }
    this.#holding = stamp;
    this.#findPlaces();
    return true;
  }

  /** Where the slots' buffers are: as long as the ring holds something, nobody gives it others. */
  #findPlaces(): void {
    this.#reachNext(this.slots);
    const { u32 } = this.#region, { slots, bufferBase, bufferSize } = this;
    if (this.#places.length === 0) this.#places = new Int32Array(slots);
    for (let slot = 0; slot < slots; slot++) {
      const place = bufferBase + Math.imul(u32[this.#firstSlot + slot * WORDS], bufferSize);
      this.#places[slot] = place;
    }
  }

  /**
   * Has a slot send bytes from where they are, instead of what is in its buffer (`NS_INDIRECT`): for
   * ports of a VALE bridge. They must stay as they are until the sync that sends them. The kernel
   * copies them to the receiver; valet's engine first into the slot's own buffer.
   *
   * @param slot whose length and flags are set; what was in them is forgotten
   * @param bytes the packet, or with `SlotFlag.MOREFRAG` set afterwards a part of it
   * @throws {RangeError} if it is longer than a buffer
   *
   * @example
   * ```ts
   * import { Netmap } from "@valet/valet";
   *
   * using netmap = Netmap.open({ backend: "embedded", instance: "indirect example" });
   * using a = netmap.open("vale0:a@conf:slots=64");
   * using b = netmap.open("vale0:b@conf:slots=64");
   * const [ring] = a.txRings;
   * ring.setIndirect(ring.head, new Uint8Array(60).fill(255));
   * ring.advance(1);
   * a.txSync();
   * console.log(b.receiveFrames().length); // 1
   * ```
   */
  setIndirect(slot: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.setLength(slot, bytes.length);
    this.setSlotFlags(slot, SlotFlag.INDIRECT);
    this.touched(slot);
    if (this.#region.closed) return;
    this.#indirect.set(slot, bytes);
    const at = this.#firstSlot * 4 + slot * SLOT.size + SLOT.ptr;
    this.#region.view.setBigUint64(at, addressOf(bytes), true);
  }

  /** A number that stands for bytes no slot holds yet. */
  newStamp(): number {
    return nextNumber();
  }

  /** A number that stands for these bytes: the same as the last time if they are the same. */
  stampOf(frame: Uint8Array): number {
    const last = this.#lastFrame;
    let isSame = frame.length === last.length;
    for (let i = 0; isSame && i < last.length; i++) isSame = frame[i] === last[i];
    if (!isSame) {
      this.#lastFrame = frame.slice();
      this.#lastStamp = nextNumber();
    }
    return this.#lastStamp;
  }

  /** The slot's buffer has to be written whole next time. */
  protected override touched(slot: number): void {
    if (this.#region.closed) return;
    this.#claim();
    if (this.#stamps !== undefined) this.#stamps[slot] = this.#holding = 0;
  }

  /** Makes us the one who wrote last; if it was another, its buffers are not as we left them. */
  #claim(): void {
    const { u32 } = this.#region;
    if (u32[this.#ownerWord] === this.#owner) return;
    u32[this.#ownerWord] = this.#owner;
    this.#lastHead = -1;
    this.#stamps?.fill(0);
    this.#holding = 0;
  }
}
