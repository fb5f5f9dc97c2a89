/**
 * Sending: the loops that fill a transmit ring and sync it.
 *
 * @module
 */

import { PacketView } from "../packet/packet_view.ts";
import { PacketTemplate } from "../packet/template.ts";
import type { Descriptor } from "./descriptor.ts";
import { checkInteger, closedError, show } from "./errors.ts";
import type { TxRing } from "./tx_ring.ts";
import { turn, waitFor } from "./wait.ts";

/** What can be sent: bytes, a packet that was received (its bytes are copied), or a template. */
export type Sendable = Uint8Array | PacketView | PacketTemplate;

/** Options of `port.send()` and `port.sendMany()`. */
export interface SendOptions {
  /** How many times to send the packet; of a template, how many packets. Default: 1. */
  count?: number | undefined;
  /** Packets between two syncs. Default: as many as there is room for, at most 256. */
  batch?: number | undefined;
  /** Index in `port.txRings` of the ring to send with. Default: 0. */
  ring?: number | undefined;
}

/** Options of `port.sendAll()`. */
export interface SendAllOptions extends SendOptions {
  /** Ends the sending: the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Packets between two syncs: what a bridge looks up at once, and fits in a CPU's second cache. */
const BATCH = 256;

/** Of fewer packets, looking whether they are the same as before takes longer than writing them. */
const FEW = 8;

/** Syncs that may follow each other without a turn of the event loop. */
const SYNCS_A_TURN = 16;

/** Sends on one ring of one port. */
export class Sender {
  readonly #descriptor: Descriptor;
  readonly #ring: TxRing;
  readonly #batch: number;

  /** Made for each call. */
  constructor(descriptor: Descriptor, ring: TxRing, batch: number | undefined) {
    this.#descriptor = descriptor;
    this.#ring = ring;
    this.#batch = batch === undefined ? BATCH : checkInteger("batch", batch, 1, 0xffffffff);
  }

  /** Sends a packet several times. Returns how often there was room. */
  send(packet: Sendable, count: number): number {
    const round = this.#rounds(packet);
    let sent = 0;
    while (sent < count) {
      const done = round(Math.min(count - sent, this.#batch));
      sent += done;
      this.#descriptor.txSync();
      if (done === 0 && this.#room(packet) === 0) break;
    }
    return sent;
  }

  /** Sends packets while there is room. Returns how many. */
  sendMany(packets: Iterable<Sendable>): number {
    let sent = 0, pending = 0;
    for (const packet of packets) {
      if (!this.#put(packet)) {
        this.#descriptor.txSync();
        pending = 0;
        if (!this.#put(packet)) return sent;
      }
      sent++;
      if (++pending === this.#batch) {
        this.#descriptor.txSync();
        pending = 0;
      }
    }
    if (pending > 0) this.#descriptor.txSync();
    return sent;
  }

  /** Sends a packet several times, waiting for room. */
  async sendAll(packet: Sendable, count: number, signal?: AbortSignal): Promise<number> {
    const round = this.#rounds(packet);
    for (let sent = 0, syncs = 1; sent < count; syncs++) {
      signal?.throwIfAborted();
      this.#checkOpen();
      const done = round(Math.min(count - sent, this.#batch));
      sent += done;
      this.#descriptor.txSync();
      if (done === 0 && this.#room(packet) === 0) await this.#wait(packet, signal);
      else if (syncs % SYNCS_A_TURN === 0) await turn();
    }
    return count;
  }

  /** Sends packets, waiting for room. */
  async sendAllOf(packets: Iterable<Sendable>, signal?: AbortSignal): Promise<number> {
    let sent = 0, pending = 0, syncs = 1;
    for (const packet of packets) {
      while (!this.#put(packet)) {
        signal?.throwIfAborted();
        this.#descriptor.txSync();
        pending = 0;
        if (this.#room(packet) === 0) await this.#wait(packet, signal);
        this.#checkOpen();
      }
      sent++;
      if (++pending < this.#batch) continue;
      this.#descriptor.txSync();
      pending = 0;
      if (syncs++ % SYNCS_A_TURN === 0) await turn();
      signal?.throwIfAborted();
      this.#checkOpen();
    }
    if (pending > 0) this.#descriptor.txSync();
    return sent;
  }

  /** Puts one packet into the ring, without a sync. */
  #put(packet: Sendable): boolean {
    if (!(packet instanceof PacketTemplate)) return this.#ring.put(bytesOf(packet));
    this.#ring.checkLength(packet.maxLength);
    if (this.#room(packet) === 0) return false;
    if (packet.maxLength > this.#ring.slotBytes) return this.#ring.put(packet.next());
    this.#ring.putTemplate(packet, 1);
    return true;
  }

  /** What puts up to so many of the packet into the ring, and says how many there was room for. */
  #rounds(packet: Sendable): (count: number) => number {
    const ring = this.#ring;
    if (packet instanceof PacketTemplate) {
      ring.checkLength(packet.maxLength);
      if (packet.maxLength <= ring.slotBytes) {
        return (count) => {
          const fitting = Math.min(count, ring.space);
          if (fitting > 0) ring.putTemplate(packet, fitting);
          return fitting;
        };
      }
    } else {
      const bytes = bytesOf(packet);
      ring.checkLength(bytes.length);
      if (bytes.length <= ring.slotBytes) {
        return (count) => {
          const fitting = Math.min(count, ring.space);
          // Each time: between two rounds of sendAll() the bytes may become others
          const stamp = fitting < FEW ? ring.newStamp() : ring.stampOf(bytes);
          if (fitting > 0) ring.putCopies(bytes, fitting, stamp);
          return fitting;
        };
      }
    }
    return (count) => {
      let done = 0;
      while (done < count && this.#put(packet)) done++;
      return done;
    };
  }

  /** How many packets of that length there is room for. */
  #room(packet: Sendable): number {
    const length = packet instanceof PacketTemplate ? packet.maxLength : packet.length;
    return Math.floor(this.#ring.space / this.#ring.slotsFor(length));
  }

  async #wait(packet: Sendable, signal: AbortSignal | undefined): Promise<void> {
    const ring = this.#ring;
    while (this.#room(packet) === 0) {
      // With some room, but not enough, waiting is for more than there is
      ring.cur = ring.tail;
      try {
        await waitFor(this.#descriptor, { signal, events: "write" });
      } finally {
        if (!this.#descriptor.closed) ring.publish(ring.head);
      }
      this.#checkOpen();
    }
  }

  #checkOpen(): void {
    if (this.#descriptor.closed) throw closedError("send", this.#descriptor.name);
  }
}

function bytesOf(packet: Uint8Array | PacketView): Uint8Array {
  if (packet instanceof Uint8Array) return packet;
  if (packet instanceof PacketView) return packet.bytes();
  throw new TypeError(
    `Cannot send ${show(packet)}: expected a Uint8Array, a packet or a PacketTemplate`,
  );
}
