/**
 * Finds the headers of an Ethernet frame: the one walk that views, summaries, checksums and
 * templates share.
 *
 * @module
 */

import { EtherType, Protocol } from "./protocols.ts";

// Module constants: properties of an object would be loads on the hot path
const { IPV4, IPV6, ARP, VLAN, QINQ, QINQ_OLD } = EtherType;
const { HOP_BY_HOP, ROUTING, FRAGMENT, AH, DESTINATION_OPTIONS } = Protocol;
const { TCP, UDP, ICMP, ICMPV6, SCTP } = Protocol;

/** Most VLAN tags that are followed; a frame with more reads as one that is cut off behind them. */
export const MAX_VLAN_TAGS = 8;
/** Most IPv6 extension headers that are followed; behind more of them nothing is known. */
export const MAX_EXTENSION_HEADERS = 8;

/**
 * Where the headers of one frame are. All positions count from the beginning of the DataView, -1
 * when a header is absent or not complete; they never lie outside the frame.
 *
 * @example
 * ```ts
 * import { PacketHeaders, PacketTemplate } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2", vlan: 7 }).next();
 * const headers = new PacketHeaders();
 * headers.locate(new DataView(frame.buffer), 0, frame.length);
 * assert.equal(headers.vlan, 7);
 * assert.equal(headers.network, 18);
 * assert.equal(headers.transport, 38);
 * ```
 */
export class PacketHeaders {
  /** EtherType behind all VLAN tags; below 1536 it is an IEEE 802.3 length; 0 when cut off. */
  etherType = 0;
  /** VLAN identifier of the outermost tag, -1 without one. */
  vlan: number = -1;
  /** What follows Ethernet and the VLAN tags: IP, ARP, or an unknown protocol. */
  network: number = -1;
  /** 4 or 6 when a complete IP header of that version is there, else 0. */
  version = 0;
  /** IP protocol behind all IPv6 extension headers, 0 when unknown. */
  protocol = 0;
  /** True for each fragment of an IP datagram, the first one included. */
  fragment = false;
  /** The transport header; -1 also in fragments other than the first. */
  transport: number = -1;
  /** What follows the innermost header known here. */
  payload: number = -1;
  /** Where the datagram ends (before Ethernet padding), at most the end of the frame. */
  end = 0;

  /**
   * Locates the headers of the frame of `length` bytes at `offset`. Looks at no byte outside it.
   * The frame has to lie within the view.
   */
  locate(view: DataView, offset: number, length: number): void {
    const end = offset + length;
    this.etherType = 0;
    this.vlan =
      this.network =
      this.transport =
      this.payload =
        -1;
    this.version = this.protocol = 0;
    this.fragment = false;
    this.end = end;
    let at = offset + 14;
    if (at > end) return;
    let type = view.getUint16(at - 2);
    for (let tags = 0; type === VLAN || type === QINQ || type === QINQ_OLD; tags++) {
      if (tags === MAX_VLAN_TAGS) return;
      if (at + 2 <= end && this.vlan < 0) this.vlan = view.getUint16(at) & 0xfff;
      at += 4;
      if (at > end) return;
      type = view.getUint16(at - 2);
    }
    this.etherType = type;
    this.network = this.payload = at;
    if (type === IPV4) this.#ipv4(view, at, end);
    else if (type === IPV6) this.#ipv6(view, at, end);
    else if (type === ARP) this.#arp(view, at, end);
  }

  #arp(view: DataView, at: number, end: number): void {
    this.payload = -1;
    if (at + 28 > end) return;
    const forEthernetAndIpv4 = view.getUint32(at) === 0x0001_0800 &&
      view.getUint16(at + 4) === 0x0604;
    this.payload = forEthernetAndIpv4 ? at + 28 : at;
  }

  #ipv4(view: DataView, at: number, end: number): void {
    this.payload = -1;
    if (at + 20 > end) return;
    // Two words hold all that is needed; each read of a view has its price
    const start = view.getUint32(at), middle = view.getUint32(at + 6);
    const headerLength = (start >>> 22) & 0x3c;
    if (start >>> 28 !== 4 || headerLength < 20 || at + headerLength > end) return;
    this.version = 4;
    this.protocol = middle & 0xff;
    this.fragment = (middle & 0x3fff_0000) !== 0;
    // A total length of 0 is how segmentation offload leaves it in captures: all of the frame
    const stop = at + Math.max(start & 0xffff, headerLength);
    if (stop < end && (start & 0xffff) !== 0) this.end = stop;
    if ((middle & 0x1fff_0000) !== 0) this.payload = at + headerLength;
    else this.#transport(view, at + headerLength);
  }

  #ipv6(view: DataView, at: number, end: number): void {
    this.payload = -1;
    if (at + 40 > end || view.getUint8(at) >>> 4 !== 6) return;
    this.version = 6;
    const payloadLength = view.getUint16(at + 4);
    if (payloadLength !== 0) this.end = Math.min(end, at + 40 + payloadLength);
    const stop = this.end;
    let next = view.getUint8(at + 6);
    let header = at + 40;
    for (let headers = 0; isExtension(next); headers++) {
      if (headers === MAX_EXTENSION_HEADERS || header + 8 > stop) return;
      const following = view.getUint8(header);
      let units = view.getUint8(header + 1) + 1;
      if (next === FRAGMENT) {
        units = 1;
        const word = view.getUint16(header + 2);
        this.fragment ||= (word & 0xfff9) !== 0;
        if ((word & 0xfff8) !== 0) {
          this.protocol = following;
          this.payload = header + 8;
          return;
        }
      } else if (next === AH) {
        header += (units + 1) * 4;
        units = 0;
      }
      header += units * 8;
      if (header > stop) return;
      next = following;
    }
    this.protocol = next;
    this.#transport(view, header);
  }

  #transport(view: DataView, at: number): void {
    let length = 0;
    if (this.protocol === TCP) length = 20;
    else if (this.protocol === UDP) length = 8;
    else if (this.protocol === ICMP || this.protocol === ICMPV6) length = 8;
    else if (this.protocol === SCTP) length = 12;
    if (at + length > this.end) return;
    this.transport = at;
    if (length === 20) {
      length = (view.getUint8(at + 12) >>> 4) * 4;
      if (length < 20 || at + length > this.end) return;
    }
    this.payload = at + length;
  }
}

function isExtension(protocol: number): boolean {
  return protocol === HOP_BY_HOP || protocol === ROUTING ||
    protocol === FRAGMENT || protocol === AH ||
    protocol === DESTINATION_OPTIONS;
}
