/**
 * Receiving many packets at once: what the C library says of the next packets of a ring, to be read by number.
 *
 * @module
 */

import { EtherType } from "../packet/protocols.ts";
import { SlotFlag } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { checkInteger } from "./errors.ts";
import { FragmentCopy } from "./fragments.ts";
import { RING } from "./layout.ts";
import { Packet } from "./packet.ts";
import type { Region } from "./region.ts";
import type { RxRing } from "./ring.ts";

// Constants of this module are numbers in what V8 compiles; imported ones are looked up each time
const { VLAN, QINQ, QINQ_OLD } = EtherType;

/** `struct valet_received` of `c/valet.h`: most packets, and the words before their columns. */
const PACKETS = 256;
const SLOTS = 0,
  BUFFER_BYTES = 1,
  BUFFER_BASE = 2,
  BUFFERS = 3,
  FIRST = 4,
  LIMIT = 5,
  IS_SYNCED = 6;
const HEADER_WORDS = 8, COLUMNS = 4;
const { MOREFRAG } = SlotFlag;

/** What a batch needs of its port. */
export interface PacketSource {
  readonly descriptor: Descriptor;
  readonly region: Region;
  readonly rings: readonly RxRing[];
  /** The port's packet object. */
  readonly packet: Packet;
}

/**
 * Packets that a port has received, to be read by their numbers: the fast way to receive.
 *
 * There is one object for all batches of a port. What it says is valid until the next batch or receive loop
 * of the port begins, which also gives the slots back; `release()` gives them back at once.
 *
 * **What is not there reads as 0, never as an error and never as another packet's bytes**, as in packets.
 *
 * @example
 * ```ts
 * import { EtherType, Netmap } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "packet batch example" });
 * using a = netmap.open("vale0:a@conf:slots=64");
 * using b = netmap.open("vale0:b@conf:slots=64");
 * a.send(new Uint8Array(60).fill(8), { count: 10 });
 * using batch = b.receiveBatch();
 * let bytes = 0;
 * for (let i = 0; i < batch.length; i++) {
 *   if (batch.etherTypeOf(i) === EtherType.IPV4) continue;
 *   bytes += batch.lengthOf(i);
 *   console.log(batch.u32(i, 26), `${batch.packet(i)}`);
 * }
 * console.log(bytes); // 600
 * ```
 */
export class PacketBatch implements Disposable {
  /** Most packets of a batch. */
  static readonly PACKETS: number = PACKETS;

  // Declared, not defined: a field that is set once and never again is a constant to V8 where the object is
  // one, as it is if the port is a constant of the script's module. The readers are 55 instructions less then
  declare private readonly source: PacketSource;
  declare private view: DataView; // but for what follow() does, once at most
  /** `struct valet_received`, and its columns; made when they are first needed. */
  declare private readonly table: Int32Array<ArrayBuffer>;
  declare private readonly places: Int32Array;
  declare private readonly bytes: Int32Array;
  declare private readonly lengths: Int32Array;
  declare private readonly slots: Int32Array;
  declare private readonly headers: readonly Uint8Array<ArrayBuffer>[];
  #hasTable = false;
  /** Where `packet()` has packets of several slots put together. */
  #copy: FragmentCopy | undefined;
  /** What the readers read from what is not plain: another one, so that `packet()`'s stays where it is. */
  #reader: Packet | undefined;
  #readerCopy: FragmentCopy | undefined;
  #length = 0;
  /** Whose slots the packets are in, until they have gone back. */
  #ring: RxRing | undefined;
  #index = 0;
  /** Ring that is looked at first. */
  #firstRing = 0;

  /** Made by a port. */
  constructor(source: PacketSource) {
    this.source = source;
    this.view = source.region.view;
  }

  /** How many packets there are: 0 to 256. */
  get length(): number {
    return this.#length;
  }

  /** Index of the ring that they came from. */
  get ring(): number {
    return this.#index;
  }

  /**
   * Bytes of a packet.
   *
   * @param index of the packet, from 0
   * @throws {RangeError} if there is no such packet
   */
  lengthOf(index: number): number {
    const length = this.bytes[index];
    return length > 0 ? length : this.#far(index, 0, 0);
  }

  /**
   * The byte of a packet at `at`, 0 beyond its end.
   *
   * @throws {RangeError} if there is no such packet
   */
  u8(index: number, at: number): number {
    return at >= 0 && at + 1 <= this.bytes[index]
      ? this.view.getUint8((this.places[index] + at) | 0)
      : this.#far(index, at, 1);
  }

  /**
   * The big-endian 16-bit number of a packet at `at`, 0 beyond its end.
   *
   * @throws {RangeError} if there is no such packet
   */
  u16(index: number, at: number): number {
    return at >= 0 && at + 2 <= this.bytes[index]
      ? this.view.getUint16((this.places[index] + at) | 0)
      : this.#far(index, at, 2);
  }

  /**
   * The big-endian 32-bit number of a packet at `at`, 0 beyond its end.
   *
   * @throws {RangeError} if there is no such packet
   */
  u32(index: number, at: number): number {
    return at >= 0 && at + 4 <= this.bytes[index]
      ? this.view.getUint32((this.places[index] + at) | 0)
      : this.#far(index, at, 4);
  }

  /**
   * EtherType of a packet, behind all VLAN tags.
   *
   * @throws {RangeError} if there is no such packet
   */
  etherTypeOf(index: number): number {
    const type = this.u16(index, 12);
    return type === VLAN || type === QINQ || type === QINQ_OLD ? this.#read(index).etherType : type;
  }

  /**
   * A packet, for all that can be asked of one: the port's packet object, the same each time.
   *
   * @throws {RangeError} if there is no such packet
   */
  packet(index: number): Packet {
    const { packet } = this.source, length = this.bytes[index];
    if (length > 0) {
      packet.attach(this.view, this.places[index], length);
      packet.fragments = 1;
    } else this.#show(packet, this.#copy ??= new FragmentCopy(), index);
    return packet;
  }

  /** The packets, as from `packet()`. */
  *[Symbol.iterator](): Generator<Packet, void, void> {
    for (let i = 0; i < this.#length; i++) yield this.packet(i);
  }

  /** Gives the slots back now; the batch is empty then. Further calls do nothing. */
  release(): void {
    const { descriptor } = this.source;
    if (this.giveBack() && !descriptor.closed) descriptor.rxSync();
  }

  /** The same as `release()`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Gives back what the batch has, and takes the next packets. Called by the port. */
  begin(limit: number): void {
    if (!this.#hasTable) this.#makeTable();
    const { descriptor, region, rings, packet } = this.source, table = this.table;
    packet.detach();
    this.#length = 0;
    if (this.view !== region.view) this.#follow();
    table[LIMIT] = limit < PACKETS ? limit : PACKETS;
    if (rings.length === 1 && descriptor.exchange === undefined) {
      // What comes before it goes back in the same call
      if (this.#ring === undefined) this.#goTo(0);
      table[IS_SYNCED] = 1;
      this.#length = descriptor.receive(this.headers[0], table);
      return;
    }
    this.giveBack();
    descriptor.rxSync();
    table[IS_SYNCED] = 0;
    for (let i = 0; i < rings.length && this.#length === 0; i++) {
      this.giveBack(); // slots of empty packets
      this.#goTo((this.#firstRing + i) % rings.length);
      this.#length = descriptor.receive(this.headers[this.#index], table);
    }
    // So that a ring that is always full does not keep the others from being read
    if (this.#length > 0) this.#firstRing = (this.#index + 1) % rings.length;
  }

  /** Gives the slots back at the next sync; the batch is empty then. Returns whether it had some. */
  giveBack(): boolean {
    const ring = this.#ring;
    if (ring === undefined) return false;
    this.#ring = undefined;
    this.#length = 0;
    this.bytes.fill(0);
    this.lengths.fill(0);
    if (!this.source.region.closed) ring.publish(this.table[FIRST]);
    this.source.packet.detach();
    return true;
  }

  #goTo(index: number): void {
    const { rings, packet } = this.source, table = this.table, ring = rings[index];
    this.#ring = ring;
    this.#index = packet.ring = index;
    table[SLOTS] = ring.slots;
    table[BUFFER_BYTES] = ring.bufferSize;
    table[BUFFER_BASE] = ring.bufferBase;
    table[BUFFERS] = this.#readable(ring);
    table[FIRST] = ring.head;
  }

  /**
   * Buffers that are read directly, those with lower indices. Not where offsets go beyond 2^31, or a slot
   * says where its packet begins.
   */
  #readable(ring: RxRing): number {
    const { region } = this.source;
    return region.length <= 0x7fffffff && !ring.hasOffsets ? ring.reachedBuffers : 0;
  }

  /** The region's views reach further now. */
  #follow(): void {
    this.view = this.source.region.view;
    if (this.#ring !== undefined) this.table[BUFFERS] = this.#readable(this.#ring);
  }

  /** Not with the port: that would take each port that is opened its time. */
  #makeTable(): void {
    const { rings, region } = this.source;
    const table = new Int32Array(HEADER_WORDS + COLUMNS * PACKETS);
    const [places, bytes, lengths, slots] = [0, 1, 2, 3].map((column) => {
      const start = HEADER_WORDS + column * PACKETS;
      return table.subarray(start, start + PACKETS);
    });
    const headers = rings.map(({ offset }) => region.u8.subarray(offset, offset + RING.size));
    Object.assign(this, { table, places, bytes, lengths, slots, headers });
    this.#hasTable = true;
  }

  /** What a reader does with a packet that is not one in one slot, or that has no such bytes. */
  #far(index: number, at: number, bytes: 0 | 1 | 2 | 4): number {
    const packet = this.#read(index);
    if (bytes === 0) return packet.length;
    return bytes === 1
      ? packet.getUint8(at)
      : bytes === 2
      ? packet.getUint16(at)
      : packet.getUint32(at);
  }

  #read(index: number): Packet {
    const copy = this.#readerCopy ??= new FragmentCopy();
    return this.#show(this.#reader ??= new Packet(), copy, index);
  }

  /** Points a packet object at any kind of packet. */
  #show(packet: Packet, copy: FragmentCopy, index: number): Packet {
    checkInteger("index of a packet", index, 0, this.#length - 1);
    const { region } = this.source, ring = this.#ring!, bytes = this.bytes[index];
    packet.ring = this.#index;
    packet.fragments = 1;
    if (bytes > 0) return packet.attach(this.view, this.places[index], bytes);
    const first = this.slots[index], length = this.lengths[index], end = this.table[FIRST];
    let fragments = 1;
    for (let slot = first; (ring.slotFlags(slot) & MOREFRAG) !== 0; fragments++) {
      slot = ring.next(slot);
      if (slot === end) break; // unfinished
    }
    if (fragments === 1) {
      const offset = ring.bufferOffset(first); // which may bring about another view
      packet.attach(region.view, offset, length);
    } else packet.attach(copy.of(region, ring, first, fragments, length), 0, length);
    packet.fragments = fragments;
    return packet;
  }

  /** What `console.log(batch)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `PacketBatch (${this.#length} packets of ring ${this.#index})`;
  }
}
