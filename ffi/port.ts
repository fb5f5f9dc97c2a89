/**
 * Ports: what packets go through.
 *
 * @module
 */

import { type BatchesOptions, receiveBatches } from "./batches.ts";
import { type BackendName, type Descriptor, POLLIN, POLLOUT } from "./descriptor.ts";
import { checkInteger, closedError, show } from "./errors.ts";
import { type PortCounters, readPortCounters } from "./info.ts";
import { ExtraBuffers } from "./extra_buffers.ts";
import { forgetLookupRegions } from "./lookup.ts";
import { checkOutsideLookup } from "./lookup_state.ts";
import { PORT, ValetRequest } from "./message.ts";
import { PacketBatch } from "./packet_batch.ts";
import { checkIterable, checkLimit, countOf, isSendable } from "./port_arguments.ts";
import { isMonitor, type PortName } from "./port_parts.ts";
import { type ReceiveLoop, type ReceiveOptions, Receiver } from "./receive.ts";
import type { Region } from "./region.ts";
import { readHeaderLength, setHeaderLength } from "./requests.ts";
import { type PortSetup, type RingCounts, ringPlaces, ringsText } from "./port_rings.ts";
import { RxRing } from "./ring.ts";
import { type Sendable, type SendAllOptions, Sender, type SendOptions } from "./send.ts";
import { startSyncLoop, type SyncLoop, type SyncLoopOptions } from "./sync_loop.ts";
import { readableFrames, writableFrames } from "./streams.ts";
import { TxRing } from "./tx_ring.ts";
import { waitFor, type WaitOptions } from "./wait.ts";

/**
 * An open port: a VALE port, a pipe end, a NIC, or a monitor of one.
 *
 * Packets that are received are looked at where netmap has put them, without a copy; packets that are
 * sent are copied once, into the ring's buffers. Close a port, or declare it with `using`.
 *
 * @example
 * ```ts
 * import { Netmap, PacketTemplate } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "port example" });
 * using tx = netmap.open("vale0:tx");
 * using rx = netmap.open("vale0:rx");
 * tx.send(PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" }), { count: 100 });
 * let bytes = 0;
 * for (const packet of rx.receive()) bytes += packet.length;
 * console.log(bytes);
 * ```
 */
export class Port implements Disposable {
  readonly #descriptor: Descriptor;
  readonly #region: Region;
  /** Declared, not defined, for the sake of `PacketBatch`. */
  declare private readonly receiver: Receiver;
  readonly #onClose: (port: Port) => void;
  readonly #interfaceOffset: number;
  readonly #rxSync = (): void => this.#descriptor.rxSync();
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** The name that netmap knows: "vale0:a", "eth0", "vale0:a{1". */
  readonly name: string;
  /** The name it was opened with, taken apart. */
  readonly portName: PortName;
  /** Number of its memory region: ports with the same can exchange buffers, see `ring.swap()`. */
  readonly memoryId: number;
  /** The transmit rings that are bound, those of the host last. */
  readonly txRings: readonly TxRing[];
  /** The receive rings that are bound, those of the host last. */
  readonly rxRings: readonly RxRing[];
  /** Whether it watches the port of its name, instead of using it. */
  readonly isMonitor: boolean;
  /** How many rings the port has, bound or not: one thread can open "vale0:a-0", the next "vale0:a-1". */
  readonly ringCounts: RingCounts;
  /** Buffers beside those of the rings, see the option `extraBuffers`. */
  readonly extraBuffers: ExtraBuffers;

  /** Made by `netmap.open()`. */
  constructor(setup: PortSetup, ringCounts: RingCounts, onClose: (port: Port) => void) {
    const { descriptor, portName, region, memoryId } = setup;
    this.#descriptor = descriptor;
    this.#region = region;
    this.#onClose = onClose;
    this.#interfaceOffset = setup.interfaceOffset;
    this.name = portName.name;
    this.portName = portName;
    this.memoryId = memoryId;
    this.ringCounts = ringCounts;
    this.isMonitor = isMonitor(portName);
    const isPipe = portName.pipe !== undefined;
    const places = ringPlaces(setup);
    this.txRings = places.tx.map((place) => new TxRing(place, isPipe));
    this.rxRings = places.rx.map((place) => new RxRing(place));
    this.extraBuffers = new ExtraBuffers(setup, this.rxRings[0] ?? this.txRings[0]);
    this.receiver = new Receiver(descriptor, region, this.rxRings);
  }

  /** Where its netmap lives: "kernel", "daemon", "embedded". */
  get backend(): BackendName {
    return this.#descriptor.backend;
  }

  /** The bridge that its name says: "vale0"; undefined for others. */
  get bridge(): string | undefined {
    return this.portName.bridge;
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** Slots with packets that have been received and not been looked at. */
  get waiting(): number {
    return this.closed ? 0 : this.receiver.waiting;
  }

  /**
   * Sends one packet; a frame longer than a buffer takes several slots, at most 64.
   *
   * A VALE bridge takes everything at once, and counts what it cannot deliver. A pipe or a NIC takes
   * what it has room for.
   *
   * @returns false if there is no room
   * @throws {RangeError} if the packet is empty, or longer than 64 slots or the ring
   * @throws {NetmapError} ECANCELED if the bridge's lookup threw: `cause` is what it threw
   */
  send(packet: Sendable): boolean;
  /**
   * Sends one packet several times, or as many packets of a template.
   *
   * @returns how many there was room for; on a VALE bridge all of them
   */
  send(packet: Sendable, options: SendOptions): number;
  send(packet: Sendable, options?: SendOptions): boolean | number {
    if (options === undefined && packet instanceof Uint8Array && this.txRings.length > 0) {
      return this.#sendFrame(packet);
    }
    const sent = this.#sender("send", options).send(packet, countOf(options));
    return options === undefined ? sent === 1 : sent;
  }

  /** The short way for the simplest case. */
  #sendFrame(frame: Uint8Array): boolean {
    this.#checkOpen("send");
    const ring = this.txRings[0];
    if (!ring.put(frame)) {
      this.#descriptor.txSync();
      if (!ring.put(frame)) return false;
    }
    this.#descriptor.txSync();
    return true;
  }

  /**
   * Sends packets one after the other, until there is no room. Packets that another port receives can
   * be passed on directly: `b.sendMany(a.receive())`.
   *
   * @returns how many there was room for
   */
  sendMany(packets: Iterable<Sendable>, options: Omit<SendOptions, "count"> = {}): number {
    checkIterable(packets);
    return this.#sender("send", options).sendMany(packets);
  }

  /**
   * Sends everything, waiting whenever there is no room.
   *
   * @param packets one packet or template, sent `count` times, or several packets, each once
   * @returns how many were sent: all
   * @throws {NetmapError} EBADF if the port is closed meanwhile
   */
  async sendAll(
    packets: Sendable | Iterable<Sendable>,
    options: SendAllOptions = {},
  ): Promise<number> {
    const sender = this.#sender("send", options);
    const { signal } = options;
    if (isSendable(packets)) return await sender.sendAll(packets, countOf(options), signal);
    checkIterable(packets);
    return await sender.sendAllOf(packets, signal);
  }

  /**
   * The packets that are there now, without waiting and without copying: one object that goes from
   * packet to packet. Slots go back when all have been seen, or when the loop is left: until then a
   * full ring takes no more packets.
   *
   * @throws {NetmapError} EBUSY in an older loop, when a newer one has begun on the port
   */
  receive({ limit = Infinity, sync = true }: ReceiveOptions = {}): ReceiveLoop {
    this.#checkOpen("receive");
    checkLimit(limit);
    if (!sync) return this.receiver.begin(limit);
    this.receiver.replace();
    this.#descriptor.rxSync();
    return this.receiver.begin(limit, this.#rxSync);
  }

  /**
   * The next packets that are there now, at most 256, without waiting and without copying, to be read by
   * their numbers: about twice as fast as the loop over `receive()`. Their slots go back when the port's next
   * batch or receive loop begins, or by `release()`: until then a full ring takes no more packets.
   *
   * @param limit most packets
   * @returns the same object each time; of length 0 when there is nothing
   */
  receiveBatch(limit: number = PacketBatch.PACKETS): PacketBatch {
    this.#beginBatch(limit);
    return this.receiver.batch; // with nothing else here V8 knows that it is always the same one
  }

  #beginBatch(limit: number): void {
    this.#checkOpen("receive");
    checkLimit(limit);
    this.receiver.current?.end("replaced");
    this.receiver.batch.begin(limit);
  }

  /** Copies of the packets that are there now. */
  receiveFrames(limit: number = Infinity): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    for (const packet of this.receive({ limit })) {
      frames.push(packet.copy() as Uint8Array<ArrayBuffer>);
    }
    return frames;
  }

  /**
   * Packets as they come, batch by batch, waiting in between. A batch's slots go back when the next
   * one is asked for; packets that a loop over the batch has not come to are in the next one.
   * A batch that was not looked at at all is dropped. Ends when the port is closed.
   *
   * @example
   * ```ts
   * import { Netmap } from "@valet/valet";
   *
   * using netmap = Netmap.open({ backend: "embedded", instance: "batches example" });
   * using a = netmap.open("vale0:a@conf:slots=64");
   * using b = netmap.open("vale0:b@conf:slots=64");
   * a.send(new Uint8Array(60), { count: 10 });
   * for await (const batch of b.batches({ timeoutMs: 10 })) {
   *   for (const packet of batch) console.log(packet.length);
   * }
   * ```
   */
  batches(options: BatchesOptions = {}): AsyncGenerator<ReceiveLoop, void, void> {
    this.#checkOpen("receive");
    checkLimit(options.limit ?? Infinity);
    return receiveBatches(this.#descriptor, this.receiver, options);
  }

  /** Received frames, one copy a chunk; ends when the port is closed. The same stream each time. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= readableFrames(this);
  }

  /** Sends each chunk as a frame, and waits when there is no room. The same stream each time. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableFrames(this);
  }

  /** Sends what has been put into the transmit rings (NIOCTXSYNC). */
  txSync(): void {
    this.#checkOpen("send");
    this.#descriptor.txSync();
  }

  /** Gives back slots of the receive rings, and shows what has come (NIOCRXSYNC). */
  rxSync(): void {
    this.#checkOpen("receive");
    this.#descriptor.rxSync();
  }

  /**
   * poll(2): syncs and waits, and blocks this thread meanwhile. See `wait()` for the other way.
   *
   * @param events "read", "write", or bits: 1 = POLLIN, 4 = POLLOUT
   * @param timeoutMs milliseconds, 0: only look, -1: for ever
   * @returns the bits that are there, also 8 = POLLERR when a ring was in an illegal state; 0: none
   */
  poll(events: "read" | "write" | number, timeoutMs = 0): number {
    this.#checkOpen("poll");
    const mask = events === "read" ? POLLIN : events === "write" ? POLLOUT : events;
    checkInteger("events", mask, 0, 0xffff);
    return this.#descriptor.poll(mask, checkInteger("timeoutMs", timeoutMs, -1, 0x7fffffff));
  }

  /**
   * Waits until there are packets to read, or free slots to write. The event loop goes on meanwhile.
   *
   * @returns true when there are; false when the time is up or the port was closed meanwhile
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    this.#checkOpen("wait");
    return await waitFor(this.#descriptor, options);
  }

  /**
   * Puts the port into CSB mode, for good, and has a thread do its syncs: see `SyncLoop`. The port must
   * have been opened with `exclusive`, or "/x".
   *
   * @throws {NetmapError} EINVAL if it is not exclusive; EBUSY if it has a loop
   */
  startSyncLoop(options: SyncLoopOptions = {}): SyncLoop {
    this.#checkOpen("start a sync loop on");
    const rings = { tx: this.txRings, rx: this.rxRings };
    return startSyncLoop(this.#descriptor, this.#region, rings, this.#interfaceOffset, options);
  }

  /**
   * What was counted at the port since it was made.
   *
   * @throws {NetmapError} EOPNOTSUPP on the kernel, which counts nothing
   */
  counters(): PortCounters {
    this.#checkOpen("counters");
    // A monitor has no name to ask by
    this.#descriptor.request(ValetRequest.PORT_GET, this.isMonitor ? "" : this.name, PORT.size);
    return readPortCounters(this.#descriptor.control("counters", this.name));
  }

  /**
   * Bytes of the virtio-net header in front of each packet, sent and received: 0, 10 or 12
   * (PORT_HDR_GET).
   *
   * @throws {NetmapError} EINVAL, ENXIO if it is no port of a VALE bridge
   */
  get headerLength(): number {
    this.#checkOpen("describe");
    return readHeaderLength(this.#descriptor, this.name);
  }

  /**
   * Says that a virtio-net header of 0, 10 or 12 bytes is in front of each packet (PORT_HDR_SET). It
   * holds for the port, whoever has it open. The bridge adds or removes headers between ports whose
   * lengths differ.
   *
   * A packet is sent with its header in front, all of it in the first slot, which may hold nothing
   * else; lookups see what comes after it. Between ports of the same length packets are copied as
   * they are. To a port without headers the bridge does what the header asks for: it finishes
   * checksums, and cuts long TCP and UDP packets into frames of 1514 bytes. To a port with headers it
   * puts zeros in front, or the 10 bytes that both have.
   *
   * Format: struct virtio_net_hdr, Virtual I/O Device (VIRTIO) 1.2, 5.1.6.
   *
   * @throws {RangeError} if it is no such length
   * @throws {NetmapError} ENXIO if it is no port of a VALE bridge
   */
  set headerLength(bytes: number) {
    this.#checkOpen("change");
    setHeaderLength(this.#descriptor, this.name, bytes);
  }

  /**
   * Closes the port. All views of its memory read as empty from then on; waiting ends. Further calls do
   * nothing.
   *
   * @throws {NetmapError} EDEADLK inside a lookup
   */
  close(): void {
    if (this.closed) return;
    checkOutsideLookup("close", this.name);
    this.receiver.end();
    this.#region.close();
    forgetLookupRegions();
    this.#descriptor.close();
    this.#onClose(this);
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #sender(operation: string, options: SendOptions = {}): Sender {
    this.#checkOpen(operation);
    const { ring = 0, batch } = options;
    if (this.txRings[ring] === undefined) {
      const { length } = this.txRings;
      throw new RangeError(
        `Cannot send on ring ${show(ring)} of "${this.name}": ` +
          (length === 0 ? "it has no transmit rings open" : `it has 0 to ${length - 1}`),
      );
    }
    return new Sender(this.#descriptor, this.txRings[ring], batch);
  }

  #checkOpen(operation: string): void {
    if (this.#descriptor.closed) throw closedError(operation, this.name);
  }

  /** What `console.log(port)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    if (this.closed) return `Port ${this.name} (closed)`;
    return `Port ${this.name} (${this.backend}, ${ringsText(this.txRings, this.rxRings)}, ` +
      `mem ${this.memoryId}, ${this.waiting} waiting)`;
  }
}
