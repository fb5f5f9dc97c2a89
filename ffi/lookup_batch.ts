/**
 * The packets that a lookup is called with: `struct valet_packet` of `c/valet_lookup.h`.
 *
 * @module
 */

import { EtherType } from "../packet/protocols.ts";
import { DROP as DROP_PORT } from "./constants.ts";
import { checkInteger } from "./errors.ts";
import { LookupPacket } from "./packet.ts";
import type { Region } from "./region.ts";

/** A constant of this module is a number in what V8 compiles; what is imported is looked up each time. */
const DROP = DROP_PORT;
const { VLAN, QINQ, QINQ_OLD } = EtherType;
/** Most packets of a batch, `VALET_BATCH_PACKETS`. */
const PACKETS = 256;
/** u32 words of a packet's descriptor, and where its fields are. */
const WORDS = 8;
const ADDRESS = 0;
const LENGTH = 2;
const FIRST_LENGTH_AND_FRAGMENTS = 3;
const DESTINATION = 4;
const RING = 5;
const COPY_TO = 7;

/** 0xffffffff where it is stored. */
const GARBAGE = -1;
const TWO_32 = 0x1_0000_0000;

const NO_TABLE = new Uint32Array(0);
const NO_MEMORY = new DataView(new ArrayBuffer(0));

/**
 * A port number as it is, anything else as garbage, as the integer of 32 bits that is stored. The type comes
 * first: the rest converts. With numbers beyond 2^31 among the results V8 made a floating-point number of each,
 * and an integer again to store it: 5 ns a packet.
 */
function checkedPort(port: unknown): number {
  return typeof port === "number" && port >>> 0 === port ? port | 0 : GARBAGE;
}

/**
 * Packets that one port sent, for a lookup that decides about all of them at once, by their numbers: the fast
 * way to look packets up in TypeScript. Valid until the lookup returns.
 *
 * **What is not there reads as 0, never as an error**, as in packets: of a packet in several slots, what is
 * behind the first one.
 *
 * @example
 * ```ts
 * import { BROADCAST, EtherType, Netmap } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "batch example" });
 * using a = netmap.open("vale0:a@conf:slots=64");
 * using b = netmap.open("vale0:b@conf:slots=64");
 * using bridge = netmap.bridge("vale0");
 * bridge.setLookup((batch) => {
 *   for (let i = 0; i < batch.length; i++) {
 *     const isArp = batch.etherTypeOf(i) === EtherType.ARP;
 *     batch.setDestination(i, isArp ? BROADCAST : 1);
 *   }
 * }, { batch: true });
 * a.send(new Uint8Array(60));
 * console.log(b.receiveFrames().length); // 1
 * ```
 */
export class LookupBatch {
  /** Bytes of the descriptors of a batch. */
  static readonly BYTES: number = PACKETS * WORDS * 4;

  readonly #packet = new LookupPacket();
  #table: Uint32Array = NO_TABLE;
  #view: DataView = NO_MEMORY;
  #addressLow = 0;
  #addressHigh = 0;
  /** Offsets are below 2^31: then they are right if the lower 32 bits of addresses are subtracted as integers. */
  #isNear = false;
  #length = 0;
  #source = 0;

  /** How many packets there are: 1 to 256. */
  get length(): number {
    return this.#length;
  }

  /** Index of the port that sent them. */
  get source(): number {
    return this.#source;
  }

  /**
   * Bytes of a packet, all of its slots.
   *
   * @param index of the packet, from 0
   * @throws {RangeError} if there is no such packet
   */
  lengthOf(index: number): number {
    return this.#table[this.#at(index) + LENGTH];
  }

  /**
   * The byte of a packet at `at`, 0 beyond its first slot's end.
   *
   * @throws {RangeError} if there is no such packet
   */
  u8(index: number, at: number): number {
    const row = this.#at(index);
    return at >= 0 && at + 1 <= this.#readable(row)
      ? this.#view.getUint8(this.#offset(row) + at)
      : 0;
  }

  /**
   * The big-endian 16-bit number of a packet at `at`, 0 where it does not end within the first slot.
   *
   * @throws {RangeError} if there is no such packet
   */
  u16(index: number, at: number): number {
    const row = this.#at(index);
    return at >= 0 && at + 2 <= this.#readable(row)
      ? this.#view.getUint16(this.#offset(row) + at)
      : 0;
  }

  /**
   * The big-endian 32-bit number of a packet at `at`, 0 where it does not end within the first slot.
   *
   * @throws {RangeError} if there is no such packet
   */
  u32(index: number, at: number): number {
    const row = this.#at(index);
    return at >= 0 && at + 4 <= this.#readable(row)
      ? this.#view.getUint32(this.#offset(row) + at)
      : 0;
  }

  /**
   * EtherType of a packet, behind all VLAN tags.
   *
   * @throws {RangeError} if there is no such packet
   */
  etherTypeOf(index: number): number {
    const type = this.u16(index, 12);
    return type === VLAN || type === QINQ || type === QINQ_OLD
      ? this.packet(index).etherType
      : type;
  }

  /** Bytes of a packet that can be read. */
  #readable(row: number): number {
    return this.#table[row + FIRST_LENGTH_AND_FRAGMENTS] & 0xffff;
  }

  /**
   * A packet: the same object each time, pointed at another packet.
   *
   * @param index from 0
   * @throws {RangeError} if there is no such packet
   */
  packet(index: number): LookupPacket {
    const packet = this.#packet;
    const table = this.#table;
    const at = this.#at(index);
    const lengthAndFragments = table[at + FIRST_LENGTH_AND_FRAGMENTS];
    packet.show(this.#view, this.#offset(at), lengthAndFragments & 0xffff, table[at + LENGTH]);
    packet.fragments = lengthAndFragments >>> 16;
    packet.port = this.#source;
    packet.ring = table[at + RING];
    packet.index = index;
    return packet;
  }

  /** Where in its region the packet is. */
  #offset(at: number): number {
    if (this.#isNear) return ((this.#table[at + ADDRESS] | 0) - this.#addressLow) | 0;
    const low = this.#table[at + ADDRESS] - (this.#addressLow >>> 0);
    return (this.#table[at + ADDRESS + 1] - this.#addressHigh) * TWO_32 + low;
  }

  /**
   * Says where a packet goes.
   *
   * @param index of the packet
   * @param port index of a port, `BROADCAST` or `DROP`; what is no such number is counted as garbage
   */
  setDestination(index: number, port: number): void {
    this.#table[this.#at(index) + DESTINATION] = checkedPort(port);
  }

  /**
   * Says which of the destination's rings a packet goes to; without, that of the source.
   *
   * @param index of the packet
   * @param ring taken modulo the rings that the destination has
   */
  setRing(index: number, ring: number): void {
    this.#table[this.#at(index) + RING] = checkInteger("ring", ring, 0, 0xffffffff);
  }

  /**
   * Says which port gets a packet as well, wherever else it goes.
   *
   * @param index of the packet
   * @param port index of a port, or DROP for none; what is no such number is counted as garbage
   */
  setCopy(index: number, port: number): void {
    this.#table[this.#at(index) + COPY_TO] = checkedPort(port);
  }

  /** The packets, as from `packet()`. */
  *[Symbol.iterator](): Generator<LookupPacket, void, void> {
    for (let i = 0; i < this.#length; i++) yield this.packet(i);
  }

  /**
   * Asks a function about each packet.
   *
   * @param caught called with what the function throws: where the packet goes then; without it, the
   * exception is the caller's
   */
  decideEach(
    lookup: (packet: LookupPacket) => number,
    caught?: (error: unknown) => number,
  ): void {
    for (let from = 0; from < this.#length;) {
      try {
        this.#decideFrom(lookup, from);
        return;
      } catch (error) {
        if (caught === undefined) throw error;
        const { index } = this.#packet;
        this.#packet.copyTo = DROP;
        this.setDestination(index, caught(error));
        from = index + 1;
      }
    }
  }

  #decideFrom(lookup: (packet: LookupPacket) => number, from: number): void {
    // Not read again for each packet, which V8 would do: for all that it knows, the lookup changes them
    const table = this.#table, packet = this.#packet, length = this.#length;
    const isNear = this.#isNear, low = this.#addressLow | 0;
    packet.port = this.#source;
    packet.show(this.#view, 0, 0, 0);
    for (let i = from, at = from * WORDS; i < length; i++, at = (at + WORDS) | 0) {
      const lengthAndFragments = table[(at + FIRST_LENGTH_AND_FRAGMENTS) | 0] | 0;
      const bytes = lengthAndFragments & 0xffff, fragments = lengthAndFragments >>> 16;
      const offset = isNear ? ((table[at] | 0) - low) | 0 : this.#offset(at);
      packet.showNext(offset, bytes, table[(at + LENGTH) | 0]);
      packet.fragments = fragments;
      const ring = packet.ring = table[(at + RING) | 0];
      packet.index = i;
      const port = lookup(packet);
      table[(at + DESTINATION) | 0] = checkedPort(port);
      if (packet.ring !== ring) this.setRing(i, packet.ring);
      if (packet.copyTo !== DROP) {
        table[at + COPY_TO] = checkedPort(packet.copyTo);
        packet.copyTo = DROP;
      }
    }
  }

  /** Sends all packets that have no destination yet the same way. */
  decideRest(port: number): void {
    for (let i = 0; i < this.#length; i++) {
      if (this.#table[i * WORDS + DESTINATION] === DROP) this.setDestination(i, port);
    }
  }

  /** Points at a batch: called by the engine's callback. */
  begin(table: Uint32Array, region: Region, length: number, source: number): void {
    this.#table = table;
    this.#view = region.view;
    this.#addressLow = Number(BigInt.asIntN(32, region.address));
    this.#addressHigh = Number(region.address >> 32n);
    this.#isNear = region.length <= 0x7fffffff;
    this.#length = length;
    this.#source = source;
  }

  /** Points at nothing. */
  end(): void {
    this.#packet.hide();
    this.#packet.copyTo = DROP;
    this.#table = NO_TABLE;
    this.#view = NO_MEMORY;
    this.#length = 0;
  }

  /** One line about the packet that was looked at last, for errors. */
  current(): string {
    try {
      const packet = this.#packet;
      return `${packet.index + 1} of ${this.#length}: ${packet}`;
    } catch {
      return `of a batch of ${this.#length}`;
    }
  }

  #at(index: number): number {
    if (!(index >= 0 && index < this.#length && index === Math.floor(index))) {
      checkInteger("index of a packet", index, 0, this.#length - 1);
    }
    return index * WORDS;
  }

  /** What `console.log(batch)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `LookupBatch (${this.#length} packets from port ${this.#source})`;
  }
}
