/**
 * The packet that `receive()` and lookups hand out: a window that moves from packet to packet.
 *
 * @module
 */

import { updateChecksum, updateChecksum32 } from "../packet/checksum.ts";
import { PacketView } from "../packet/packet_view.ts";
import { Protocol } from "../packet/protocols.ts";
import { DROP } from "./constants.ts";

const { TCP, UDP } = Protocol;
const TWO_32 = 0x1_0000_0000;
/** Where the checksum is in headers of IPv4, TCP and UDP. */
const IPV4_CHECKSUM = 10, TCP_CHECKSUM = 16, UDP_CHECKSUM = 6;

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
 * Of a packet in several slots, the first slot's bytes can be read and written.
 *
 * What is written is what the receivers get. It is written into the sender's buffer, which shows it
 * afterwards.
 */
export class LookupPacket extends Packet {
  #frameLength = 0;

  /** Index of the port that sent it. */
  port = 0;
  /** Place in its batch, from 0. */
  index = 0;
  /**
   * Index of a port that gets the packet as well, wherever else it goes; DROP, as it is at first: none. A
   * port that gets the packet anyway gets it once.
   */
  copyTo: number = DROP;

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

  /** As `show()`, in the same view, unchecked: for the engine's own packets, which lie within it. */
  showNext(offset: number, length: number, frameLength: number): void {
    this.moveTo(offset, length);
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

  /** Writes the low 8 bits of a number at `at`; nothing beyond the end. */
  setU8(at: number, value: number): void {
    if (at >= 0 && at < super.length) this.view.setUint8(this.offset + at, value);
    this.moveTo(this.offset, super.length);
  }

  /** Writes the low 16 bits of a number at `at`, big-endian; nothing where they do not all fit. */
  setU16(at: number, value: number): void {
    if (at >= 0 && at + 2 <= super.length) this.view.setUint16(this.offset + at, value);
    this.moveTo(this.offset, super.length);
  }

  /** Writes the low 32 bits of a number at `at`, big-endian; nothing where they do not all fit. */
  setU32(at: number, value: number): void {
    if (at >= 0 && at + 4 <= super.length) this.view.setUint32(this.offset + at, value);
    this.moveTo(this.offset, super.length);
  }

  /** Replaces the source MAC address, a number below 2^48. */
  setSourceMac(mac: number): void {
    this.#setMac(6, mac);
  }

  /** Replaces the destination MAC address, a number below 2^48. */
  setDestinationMac(mac: number): void {
    this.#setMac(0, mac);
  }

  /** Replaces the IPv4 source address, and corrects the checksums of IPv4, TCP and UDP; else nothing. */
  setSourceIpv4(address: number): void {
    this.#setIpv4(12, address >>> 0);
  }

  /** Replaces the IPv4 destination address, and corrects the checksums of IPv4, TCP and UDP; else nothing. */
  setDestinationIpv4(address: number): void {
    this.#setIpv4(16, address >>> 0);
  }

  /** Replaces the source port of TCP or UDP, and corrects the checksum; in other packets nothing. */
  setSourcePort(port: number): void {
    this.#setPort(0, port & 0xffff);
  }

  /** Replaces the destination port of TCP or UDP, and corrects the checksum; in other packets nothing. */
  setDestinationPort(port: number): void {
    this.#setPort(2, port & 0xffff);
  }

  #setMac(at: number, mac: number): void {
    if (at + 6 > super.length) return;
    this.view.setUint16(this.offset + at, Math.floor(mac / TWO_32));
    this.view.setUint32(this.offset + at + 2, mac);
  }

  #setIpv4(at: number, address: number): void {
    const { version, network } = this.headers, { view } = this;
    if (version !== 4) return;
    const old = view.getUint32(network + at);
    view.setUint32(network + at, address);
    const checksum = view.getUint16(network + IPV4_CHECKSUM);
    view.setUint16(network + IPV4_CHECKSUM, updateChecksum32(checksum, old, address));
    const place = this.#checksumAt();
    if (place < 0) return;
    this.#setChecksum(place, updateChecksum32(view.getUint16(place), old, address));
  }

  #setPort(at: number, port: number): void {
    const place = this.#checksumAt(), { view } = this;
    if (place < 0) return;
    const { transport } = this.headers;
    const old = view.getUint16(transport + at);
    view.setUint16(transport + at, port);
    this.#setChecksum(place, updateChecksum(view.getUint16(place), old, port));
  }

  /** Where the checksum of TCP or UDP is, -1 without such a header. */
  #checksumAt(): number {
    const { protocol, transport } = this.headers;
    if (transport < 0) return -1;
    return protocol === TCP
      ? transport + TCP_CHECKSUM
      : protocol === UDP
      ? transport + UDP_CHECKSUM
      : -1;
  }

  /** Of UDP, 0 means that there is none: it stays so, and is written as its other form. */
  #setChecksum(place: number, checksum: number): void {
    const { view } = this;
    if (this.headers.protocol === UDP) {
      if (view.getUint16(place) === 0) return;
      if (checksum === 0) checksum = 0xffff;
    }
    view.setUint16(place, checksum);
  }
}
