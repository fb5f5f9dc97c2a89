import { formatIpv4, formatIpv6 } from "./address.ts";
import { TWO_32 } from "./bytes.ts";
import { notebookForm } from "./notebook.ts";
import { PacketHeaders } from "./packet_headers.ts";
import { EtherType, Protocol } from "./protocols.ts";
import { summary } from "./summary.ts";

// Module constants: properties of an object would be loads on the hot path
const { TCP, UDP, SCTP } = Protocol;
const { ARP, VLAN, QINQ, QINQ_OLD } = EtherType;

const EMPTY = new DataView(new ArrayBuffer(0));

/**
 * What lies beyond the end of a packet. A call, because V8 leaves calls that were never made out of what it
 * compiles: with a 0 in its place, all reads of a packet checked the view anew (8 of 17 instructions each).
 */
function beyond(): number {
  return 0;
}

/**
 * A reusable window on one Ethernet frame: `attach()` it to a packet, then read its headers.
 * Nothing is copied and only the text getters (`sourceAddress`, `destinationAddress`,
 * `toString()`) and `bytes()` allocate, so one view can walk millions of packets a second.
 *
 * **What is not there reads as nothing, never as an error and never as another packet's bytes:**
 * numbers are 0, texts are empty, positions are -1, `vlan` is undefined, when the field lies (even
 * partly) beyond the end of the packet or the packet does not have the header at all.
 *
 * Only memory that is gone (a transferred ArrayBuffer) makes reads throw a TypeError: whoever
 * owns the memory calls `detach()` before.
 *
 * The headers are located at the first access after `attach()`; attach again after rewriting
 * lengths or protocols.
 *
 * @example
 * ```ts
 * import { EtherType, formatMac, PacketTemplate, PacketView } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1234", dst: "10.1.0.1:53" }).next();
 * const packet = PacketView.of(frame);
 * assert.equal(packet.etherType, EtherType.IPV4);
 * assert.equal(packet.destinationPort, 53);
 * assert.equal(packet.sourceAddress, "10.0.0.1");
 * assert.equal(formatMac(packet.destinationMac), "ff:ff:ff:ff:ff:ff");
 * assert.equal(packet.tcpFlags, 0); // it is not TCP
 * ```
 */
export class PacketView {
  #view: DataView = EMPTY;
  #byteLength = 0;
  #offset = 0;
  #length = 0;
  #located = false;
  #headers = new PacketHeaders();

  /** A view of a frame, which is not copied. */
  static of(frame: Uint8Array): PacketView {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    return new PacketView().attach(view, 0, frame.length);
  }

  /**
   * Points this view at the `length` bytes at `offset` of `view`; returns this view.
   *
   * @throws {RangeError} when the packet does not lie inside the view.
   */
  attach(view: DataView, offset: number, length: number): this {
    // Asking a DataView for its length each time would cost as much as reading a field
    if (view !== this.#view) this.#byteLength = view.byteLength;
    if (!(offset >= 0 && length >= 0 && offset + length <= this.#byteLength)) {
      throw new RangeError(
        `Cannot attach to ${length} bytes at ${offset}: the view has ${view.byteLength} bytes`,
      );
    }
    this.#view = view;
    this.#offset = offset;
    this.#length = length;
    this.#located = false;
    return this;
  }

  /**
   * As `attach()`, within the same view and without its check: for loops that know where their
   * packets are. A packet that does not lie inside the view makes later reads throw a RangeError.
   */
  moveTo(offset: number, length: number): this {
    this.#offset = offset;
    this.#length = length;
    this.#located = false;
    return this;
  }

  /** Lets go of the packet: the view then reads as a packet of 0 bytes. Returns this view. */
  detach(): this {
    return this.attach(EMPTY, 0, 0);
  }

  /** The memory that the packet lies in. */
  get view(): DataView {
    return this.#view;
  }

  /** Where the packet begins in `view`. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes of the packet. */
  get length(): number {
    return this.#length;
  }

  /** The packet's bytes without a copy; they change when the buffer is used again. */
  bytes(): Uint8Array {
    const { buffer, byteOffset } = this.#view;
    return new Uint8Array(buffer as ArrayBuffer, byteOffset + this.#offset, this.#length);
  }

  /** A copy of the packet's bytes. */
  copy(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes());
  }

  /** The byte at `at`, counted from the beginning of the packet. */
  getUint8(at: number): number {
    return at >= 0 && at < this.#length ? this.#view.getUint8(this.#offset + at) : beyond();
  }

  /** The big-endian 16-bit number at `at`, counted from the beginning of the packet. */
  getUint16(at: number): number {
    return at >= 0 && at + 2 <= this.#length ? this.#view.getUint16(this.#offset + at) : beyond();
  }

  /** The big-endian 32-bit number at `at`, counted from the beginning of the packet. */
  getUint32(at: number): number {
    return at >= 0 && at + 4 <= this.#length ? this.#view.getUint32(this.#offset + at) : beyond();
  }

  /** Where all the headers are, in one object that the next `attach()` reuses. */
  get headers(): PacketHeaders {
    if (!this.#located) {
      this.#headers.locate(this.#view, this.#offset, this.#length);
      this.#located = true;
    }
    return this.#headers;
  }

  /** Destination MAC address, a number below 2^48. */
  get destinationMac(): number {
    return this.#mac(0);
  }

  /** Source MAC address, a number below 2^48. */
  get sourceMac(): number {
    return this.#mac(6);
  }

  #mac(at: number): number {
    if (at + 6 > this.#length) return beyond();
    const position = this.#offset + at;
    return this.#view.getUint16(position) * TWO_32 + this.#view.getUint32(position + 2);
  }

  /** True when the destination is `ff:ff:ff:ff:ff:ff`. */
  get isBroadcast(): boolean {
    return this.destinationMac === 0xffff_ffff_ffff;
  }

  /** True when the destination is a group address (broadcast included). */
  get isMulticast(): boolean {
    return this.#length >= 6 && (this.#view.getUint8(this.#offset) & 1) !== 0;
  }

  /** EtherType behind all VLAN tags; below 1536 it is the length of an IEEE 802.3 frame. */
  get etherType(): number {
    if (this.#length < 14) return beyond();
    const type = this.#view.getUint16(this.#offset + 12);
    return type === VLAN || type === QINQ || type === QINQ_OLD ? this.headers.etherType : type;
  }

  /** VLAN identifier of the outermost tag, undefined without a tag. */
  get vlan(): number | undefined {
    const vlan = this.headers.vlan;
    return vlan < 0 ? undefined : vlan;
  }

  /** True for ARP for IPv4 over Ethernet with all of its 28 bytes. */
  get isArp(): boolean {
    const { etherType, network, payload } = this.headers;
    return etherType === ARP && network >= 0 && payload === network + 28;
  }

  /** True when there is a complete IPv4 header. */
  get isIpv4(): boolean {
    return this.headers.version === 4;
  }

  /** True when there is a complete IPv6 header. */
  get isIpv6(): boolean {
    return this.headers.version === 6;
  }

  /** True for each fragment of an IP datagram, the first one included. */
  get isFragment(): boolean {
    return this.headers.fragment;
  }

  /** IP protocol (IPv6: behind the extension headers), see `Protocol`. */
  get protocol(): number {
    return this.headers.protocol;
  }

  /** Time to live of IPv4, hop limit of IPv6. */
  get ttl(): number {
    const { version, network } = this.headers;
    if (version === 0) return 0;
    return this.#view.getUint8(network + (version === 4 ? 8 : 7));
  }

  /** IPv4 source address as a number; for ARP the address of the sender. */
  get sourceIpv4(): number {
    const { version, network } = this.headers;
    if (version === 4) return this.#view.getUint32(network + 12);
    return this.isArp ? this.#view.getUint32(network + 14) : 0;
  }

  /** IPv4 destination address as a number; for ARP the address of the target. */
  get destinationIpv4(): number {
    const { version, network } = this.headers;
    if (version === 4) return this.#view.getUint32(network + 16);
    return this.isArp ? this.#view.getUint32(network + 24) : 0;
  }

  /** Source address as text, IPv4, IPv6 or ARP; empty for other packets. Allocates. */
  get sourceAddress(): string {
    const { version, network } = this.headers;
    if (version === 6) return formatIpv6(this.bytes(), network + 8 - this.#offset);
    return version === 4 || this.isArp ? formatIpv4(this.sourceIpv4) : "";
  }

  /** Destination address as text, IPv4, IPv6 or ARP; empty for other packets. Allocates. */
  get destinationAddress(): string {
    const { version, network } = this.headers;
    if (version === 6) return formatIpv6(this.bytes(), network + 24 - this.#offset);
    return version === 4 || this.isArp ? formatIpv4(this.destinationIpv4) : "";
  }

  /** Source port of UDP, TCP and SCTP. */
  get sourcePort(): number {
    return this.#port(0);
  }

  /** Destination port of UDP, TCP and SCTP. */
  get destinationPort(): number {
    return this.#port(2);
  }

  #port(at: number): number {
    const { protocol, transport } = this.headers;
    if (transport < 0) return 0;
    return protocol === UDP || protocol === TCP || protocol === SCTP
      ? this.#view.getUint16(transport + at)
      : 0;
  }

  /** TCP flags, see `TcpFlag`. */
  get tcpFlags(): number {
    const { protocol, transport } = this.headers;
    return protocol === TCP && transport >= 0 ? this.#view.getUint8(transport + 13) : 0;
  }

  /** ARP operation: 1 request, 2 reply. */
  get arpOperation(): number {
    return this.isArp ? this.#view.getUint16(this.headers.network + 6) : 0;
  }

  /** Position in `view` of what follows Ethernet and VLAN tags; -1 when cut off. */
  get networkOffset(): number {
    return this.headers.network;
  }

  /** Position in `view` of the UDP, TCP, ICMP ... header; -1 when absent or cut off. */
  get transportOffset(): number {
    return this.headers.transport;
  }

  /** Position in `view` of what follows the innermost known header; -1 when cut off. */
  get payloadOffset(): number {
    return this.headers.payload;
  }

  /** Bytes of that payload, without Ethernet padding. */
  get payloadLength(): number {
    const { payload, end } = this.headers;
    return payload < 0 ? 0 : Math.max(0, end - payload);
  }

  /** One line as tcpdump would write it, see `summary()`. */
  toString(): string {
    return summary(this.bytes());
  }

  /** What `console.log(packet)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `${this.constructor.name} { ${this.toString()} }`;
  }

  /** What a Jupyter notebook shows: the line, below which the bytes open. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return notebookForm(this.toString(), this.bytes());
  }
}
