/**
 * Packets that stay in a file when the process has gone.
 *
 * @module
 */

import { SlotFlag } from "./constants.ts";
import { checkInteger, closedError, NetmapError } from "./errors.ts";
import { RING, SLOT } from "./layout.ts";
import { type ExternalMemory, MemoryFile, PAGE_BYTES } from "./memory_file.ts";
import type { Netmap } from "./netmap.ts";
import type { PortOptions } from "./open_port.ts";
import type { Port } from "./port.ts";
import type { RxRing } from "./ring.ts";
import { Entry, HEADER, readHeader, type StoreShape } from "./store_format.ts";

/** Options of `PacketStore.create()`. */
export interface PacketStoreOptions {
  /** Packets that it can keep. Default: 1024. */
  packets?: number | undefined;
  /** Bytes of a buffer, a multiple of 64 to 65536: the longest packet. Default: 2048. */
  bufferBytes?: number | undefined;
  /** Slots of the port's two rings, 2 to 4096; 16 to 240 on the kernel. Default: 64. */
  slots?: number | undefined;
}

/** A packet that is kept. */
export interface StoredPacket {
  /** Counts up from 1; for `remove()`. 0: it was received, and not kept yet. */
  readonly number: number;
  /** When it was kept: seconds since 1970. */
  readonly seconds: number;
  /** A copy. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * A file that is a port's memory, and keeps packets where they were received: without a copy, and
 * also when the process is killed the next moment. PASTE's idea (Honda et al., NSDI 2018).
 *
 * A packet is kept by writing an entry into a journal, in the same file, and giving its slot another
 * buffer. What was kept is there until it is removed. Against power failures `sync()` helps.
 *
 * One process at a time has it open, and one port is in it.
 *
 * @example
 * ```ts
 * import { Netmap, PacketStore } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "store example" });
 * const path = `${Deno.makeTempDirSync()}/packets`;
 * {
 *   using store = PacketStore.create(path, { packets: 100 });
 *   using port = store.openPort(netmap, "vale0:log");
 *   using sender = netmap.open("vale0:a");
 *   sender.send(new Uint8Array(60).fill(7));
 *   assert.equal(store.keepAll(), 1);
 * }
 * using again = PacketStore.open(path);
 * assert.equal(again.packets()[0].bytes[0], 7);
 * ```
 */
export class PacketStore implements Disposable {
  readonly #file: MemoryFile;
  readonly #shape: StoreShape;
  /** Entry of each packet that is kept. */
  readonly #kept = new Map<number, number>();
  /** By entry: what was checked, or written by us. */
  readonly #buffers: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #seconds: Float64Array;
  readonly #freeEntries: number[] = [];
  #freeBuffers: number[] = [];
  #last = 0;
  #port: Port | undefined;
  /** Its path. */
  readonly path: string;
  /** Entries of the journal that were written in part, or spoilt: their packets are lost. */
  readonly damaged: number;

  private constructor(path: string, file: MemoryFile, shape: StoreShape) {
    this.path = path;
    this.#file = file;
    this.#shape = shape;
    this.#buffers = new Uint32Array(shape.entries);
    this.#lengths = new Uint32Array(shape.entries);
    this.#seconds = new Float64Array(shape.entries);
    this.damaged = this.#readJournal();
  }

  /**
   * Makes a file for packets.
   *
   * Permission: --allow-ffi.
   *
   * @throws {NetmapError} EEXIST if there is a file of that name, ENOSPC if the disk is full
   */
  static create(path: string, options: PacketStoreOptions = {}): PacketStore {
    const packets = checkInteger("packets", options.packets ?? 1024, 1, 500000);
    const slots = checkInteger("slots", options.slots ?? 64, 2, 4096);
    const bufferBytes = checkInteger("bufferBytes", options.bufferBytes ?? 2048, 64, 65536);
    if (bufferBytes % 64 !== 0) {
      throw new RangeError(
        `Cannot use ${bufferBytes} as bufferBytes: expected a multiple of 64`,
      );
    }
    const ringBytes = Math.ceil((RING.size + slots * SLOT.size) / 64) * 64;
    // Two rings, the buffers that are kept, and as many again for packets to be moved to
    const buffers = 2 + 2 * slots + 2 * packets;
    const pages = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    const journalBytes = pages(2 * packets * Entry.BYTES);
    const shape: StoreShape = {
      entries: journalBytes / Entry.BYTES,
      packets,
      slots,
      regionOffset: PAGE_BYTES + journalBytes,
      ringBytes,
      bufferBytes,
      buffers: pages(buffers * bufferBytes) / bufferBytes | 0,
      ringOffset: PAGE_BYTES,
      bufferOffset: PAGE_BYTES + pages(4 * ringBytes),
    };
    const bytes = shape.regionOffset + shape.bufferOffset + pages(buffers * bufferBytes);
    const file = MemoryFile.create(path, bytes, { lock: true });
    HEADER.write(file.region.u32, shape);
    return new PacketStore(path, file, shape);
  }

  /**
   * Opens a file that `create()` has made, with what was kept in it. Everything in it is checked.
   *
   * @throws {NetmapError} EBADMSG if it is no such file, or spoilt; EBUSY if another process has it
   */
  static open(path: string): PacketStore {
    const file = MemoryFile.open(path, { lock: true });
    const shape = readHeader(file.region.u32, file.length);
    if (typeof shape !== "string") return new PacketStore(path, file, shape);
    file.close();
    throw new NetmapError("open", "EBADMSG", { port: path, hint: shape });
  }

  /** How many packets are kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** How many more can be kept. */
  get room(): number {
    return this.#shape.packets - this.#kept.size;
  }

  /** The port that is in it; undefined when there is none open. */
  get port(): Port | undefined {
    return this.#port?.closed === false ? this.#port : undefined;
  }

  /**
   * Opens a port that has the file as its memory, alone. Packets that were received and not kept before
   * (`unread()`) are gone then.
   *
   * @param options no sizes: they are the file's
   */
  openPort(
    netmap: Netmap,
    name: string,
    options: Omit<PortOptions, "memory" | "extraBuffers"> = {},
  ): Port {
    this.#checkOpen("open a port in");
    if (this.port !== undefined) {
      throw new NetmapError("open", "EBUSY", { port: name, hint: "The file has a port open" });
    }
    const { slots, regionOffset, ringBytes, bufferBytes, buffers } = this.#shape;
    this.#moveFromRings();
    const memory: ExternalMemory = {
      file: this.#file,
      offset: regionOffset,
      ifNum: 4,
      ringNum: 4,
      ringSize: ringBytes,
      bufNum: buffers,
      bufSize: bufferBytes,
    };
    const sizes = { slots, rings: 1, extraBuffers: buffers };
    const port = netmap.open(name, { ...options, ...sizes, memory });
    this.#port = port;
    this.#takeBuffers(port);
    return port;
  }

  /**
   * Keeps the packet in a slot of the port, from `head` to `tail - 1`, and gives the slot another
   * buffer; the ring is not moved. When it returns, the packet stays, whatever happens to the process.
   *
   * @returns the packet's number, or undefined if there is no room
   * @throws {RangeError} if the packet goes on in the next slot
   */
  keep(ring: RxRing, slot: number): number | undefined {
    this.#checkOpen("keep a packet in");
    if (!this.#hasRoom()) return undefined;
    if (ring.slotFlags(slot) & SlotFlag.MOREFRAG) {
      throw new RangeError("Cannot keep a packet of several slots: make the buffers larger");
    }
    return this.#keep(ring, slot, ring.length(slot), Date.now() / 1000);
  }

  #hasRoom(): boolean {
    return this.room > 0 && this.#freeBuffers.length > 0;
  }

  #keep(ring: RxRing, slot: number, length: number, seconds: number): number {
    const number = this.#write(ring.bufferIndex(slot), length, ++this.#last, seconds);
    ring.setBufferIndex(slot, this.#freeBuffers.pop()!);
    return number;
  }

  /**
   * Receives what has come at the port, and keeps all of it while there is room; the rest stays in the
   * ring. Empty slots and packets in several slots are dropped.
   *
   * @returns how many were kept
   */
  keepAll(): number {
    const port = this.port;
    if (port === undefined) throw closedError("receive", this.path, "port of the file");
    const before = this.#last, seconds = Date.now() / 1000;
    port.rxSync();
    for (const ring of port.rxRings) {
      const { head, space } = ring;
      let slot = head, seen = 0;
      for (; seen < space; seen++, slot = ring.next(slot)) {
        const length = ring.length(slot);
        if (length === 0 || ring.slotFlags(slot) & SlotFlag.MOREFRAG) continue;
        if (!this.#hasRoom()) break;
        this.#keep(ring, slot, length, seconds);
      }
      ring.advance(seen);
    }
    port.rxSync();
    return this.#last - before;
  }

  /** What is kept, in the order in which it was; copies. */
  packets(): StoredPacket[] {
    this.#checkOpen("read");
    const { u8 } = this.#file.region;
    return [...this.#kept].sort(([a], [b]) => a - b).map(([number, entry]) => {
      const at = this.#bufferAt(this.#buffers[entry]);
      return {
        number,
        seconds: this.#seconds[entry],
        bytes: u8.slice(at, at + this.#lengths[entry]),
      };
    });
  }

  /**
   * What was received and not kept when the process that had the port open ended: the packets between
   * head and tail of its ring, as far as they make sense. To be asked before `openPort()`.
   */
  unread(): StoredPacket[] {
    this.#checkOpen("read");
    const { u32, u16, u8 } = this.#file.region, { slots } = this.#shape;
    const ring = (this.#shape.regionOffset + this.#shape.ringOffset) / 4;
    const [head, tail] = [u32[ring + RING.head / 4], u32[ring + RING.head / 4 + 2]];
    const found: StoredPacket[] = [];
    if (u32[ring + RING.slotCount / 4] !== slots || head >= slots || tail >= slots) return found;
    for (let slot = head; slot !== tail; slot = (slot + 1) % slots) {
      const word = ring + RING.size / 4 + slot * SLOT.size / 4;
      const buffer = u32[word], length = u16[word * 2 + 2];
      if (!this.#isBuffer(buffer) || length > this.#shape.bufferBytes || length === 0) continue;
      const at = this.#bufferAt(buffer);
      found.push({ number: 0, seconds: 0, bytes: u8.slice(at, at + length) });
    }
    return found;
  }

  /** Forgets a packet; its buffer can be used again. Returns false if there is none of that number. */
  remove(number: number): boolean {
    this.#checkOpen("change");
    const entry = this.#kept.get(number);
    if (entry === undefined) return false;
    Entry.clear(this.#file.region.u32, this.#entryAt(entry));
    this.#kept.delete(number);
    this.#freeEntries.push(entry);
    if (this.port !== undefined) this.#freeBuffers.push(this.#buffers[entry]);
    return true;
  }

  /** Waits until all is on the disk, so that it stays also when the machine fails. */
  sync(): void {
    this.#checkOpen("sync");
    this.#file.sync();
  }

  /** Closes the port and the file. What is kept stays in it. */
  close(): void {
    this.port?.close();
    this.#file.close();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes in what is kept. Returns how many entries are damaged. */
  #readJournal(): number {
    const { u32 } = this.#file.region, { entries, bufferBytes } = this.#shape;
    const buffers = new Set<number>();
    let damaged = 0;
    for (let entry = entries - 1; entry >= 0; entry--) {
      const found = Entry.read(u32, this.#entryAt(entry));
      const { buffer = 0, length = 0, number = 0 } = found ?? {};
      const isGood = found !== undefined && this.#isBuffer(buffer) && length <= bufferBytes &&
        number > 0 && !buffers.has(buffer);
      // Of a packet that was being moved there are two entries, equally good
      if (!isGood || this.#kept.has(number)) {
        if (!isGood && !Entry.isFree(u32, this.#entryAt(entry))) damaged++;
        Entry.clear(u32, this.#entryAt(entry));
        this.#freeEntries.push(entry);
        continue;
      }
      buffers.add(buffer);
      this.#note(entry, number, buffer, length, found.seconds);
      this.#last = Math.max(this.#last, number);
      // A list of free buffers may have gone through it
      u32[this.#bufferAt(buffer) / 4] = found.firstWord;
    }
    return damaged;
  }

  /** Rings that are opened get the first buffers: packets there are copied to others. */
  #moveFromRings(): void {
    const { slots, buffers } = this.#shape, first = 2 + 2 * slots;
    const taken = new Set([...this.#kept.values()].map((entry) => this.#buffers[entry]));
    const { u8 } = this.#file.region;
    let to = buffers - 1;
    for (const [number, entry] of this.#kept) {
      const buffer = this.#buffers[entry];
      if (buffer >= first) continue;
      while (taken.has(to)) to--;
      taken.add(to);
      const at = this.#bufferAt(buffer);
      u8.copyWithin(this.#bufferAt(to), at, at + this.#shape.bufferBytes);
      this.#write(to, this.#lengths[entry], number, this.#seconds[entry]);
      Entry.clear(this.#file.region.u32, this.#entryAt(entry));
      this.#freeEntries.push(entry);
    }
  }

  /** What the port has beside its rings' buffers, less those with packets. */
  #takeBuffers(port: Port): void {
    const { u32 } = this.#file.region;
    const kept = new Map([...this.#kept.values()].map((entry) => [this.#buffers[entry], entry]));
    this.#freeBuffers = [];
    for (let i = port.extraBuffers.take(); i !== undefined; i = port.extraBuffers.take()) {
      if (!kept.has(i)) this.#freeBuffers.push(i);
    }
    for (const [buffer, entry] of kept) {
      u32[this.#bufferAt(buffer) / 4] = Entry.firstWord(u32, this.#entryAt(entry));
    }
  }

  /** Writes an entry: it counts from its last store on. */
  #write(buffer: number, length: number, number: number, seconds: number): number {
    const { u32 } = this.#file.region, entry = this.#freeEntries.pop()!;
    const firstWord = u32[this.#bufferAt(buffer) / 4];
    Entry.write(u32, this.#entryAt(entry), { buffer, length, number, seconds, firstWord });
    this.#note(entry, number, buffer, length, seconds);
    return number;
  }

  #note(entry: number, number: number, buffer: number, length: number, seconds: number): void {
    this.#buffers[entry] = buffer;
    this.#lengths[entry] = length;
    this.#seconds[entry] = seconds;
    this.#kept.set(number, entry);
  }

  #entryAt(entry: number): number {
    return (PAGE_BYTES + entry * Entry.BYTES) / 4;
  }

  #bufferAt(buffer: number): number {
    const { regionOffset, bufferOffset, bufferBytes } = this.#shape;
    return regionOffset + bufferOffset + buffer * bufferBytes;
  }

  #isBuffer(buffer: number): boolean {
    return buffer >= 2 && buffer < this.#shape.buffers;
  }

  #checkOpen(operation: string): void {
    if (this.#file.closed) throw closedError(operation, this.path, "file");
  }
}
