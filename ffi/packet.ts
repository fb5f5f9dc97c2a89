/**
 * The packet that `receive()` and lookups hand out: a window that moves from packet to packet.
 *
 * @module
 */

import { PacketView } from "../packet/packet_view.ts";

/**
 * A received packet.
 *
 * There is one object for all packets of a port: it is valid until the next packet is asked for, and
 * reads as empty after the loop. `copy()` keeps the bytes; the numbers that its getters return are
 * kept anyway.
 *
 * @example
 * ```ts
 * import { Netmap } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "packet example" });
 * using sender = netmap.open("vale0:a@conf:slots=64");
 * using receiver = netmap.open("vale0:b@conf:slots=64");
 * sender.send(new Uint8Array(60).fill(255));
 * for (const packet of receiver.receive()) {
 *   console.log(packet.length, packet.u8(0), packet.isBroadcast, `${packet}`);
 * }
 * ```
 */
export class Packet extends PacketView {
  /** Index of the ring that it came from. */
  ring = 0;
  /** Slots that it took. A packet of several slots was copied together. */
  fragments = 1;

  /** The byte at `at`, 0 beyond the end. */
  u8(at: number): number {
    return this.getUint8(at);
  }

  /** The big-endian 16-bit number at `at`, 0 beyond the end. */
  u16(at: number): number {
    return this.getUint16(at);
  }

  /** The big-endian 32-bit number at `at`, 0 beyond the end. */
  u32(at: number): number {
    return this.getUint32(at);
  }
}

/**
 * A packet that a lookup decides about. Valid until the lookup returns.
 *
 * Of a packet in several slots, the first slot's bytes can be read.
 */
export class LookupPacket extends Packet {
  #frameLength = 0;

  /** Index of the port that sent it. */
  port = 0;
  /** Place in its batch, from 0. */
  index = 0;

  /**
   * Points at a packet.
   *
   * @param length bytes that can be read
   * @param frameLength bytes of the whole packet
   */
  show(view: DataView, offset: number, length: number, frameLength: number): void {
    this.attach(view, offset, length);
    this.#frameLength = frameLength;
  }

  /** Points at nothing. */
  hide(): void {
    this.detach();
    this.#frameLength = 0;
  }

  /** Bytes of the whole packet, all of its slots. */
  override get length(): number {
    return this.#frameLength;
  }

  /** Bytes that can be read: those in the first slot. */
  get readableLength(): number {
    return super.length;
  }
}
