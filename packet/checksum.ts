/**
 * The internet checksum: computed (RFC 1071), updated (RFC 1624), verified, filled in.
 *
 * @module
 */

import { viewOf } from "./bytes.ts";
import { PacketHeaders } from "./packet_headers.ts";
import { Protocol } from "./protocols.ts";

/** Folds a sum of 16-bit words (below 2^48) to 16 bits with end-around carry. */
export function foldSum(sum: number): number {
  if (sum > 0xffff_ffff) sum = (sum % 0x1_0000_0000) + Math.floor(sum / 0x1_0000_0000);
  if (sum > 0xffff_ffff) sum -= 0xffff_ffff;
  sum = (sum >>> 16) + (sum & 0xffff);
  return (sum >>> 16) + (sum & 0xffff);
}

/**
 * The ones' complement sum of the 16-bit words of a byte range, folded to 16 bits but not
 * complemented. An odd last byte counts as the upper half of a word.
 *
 * @param initial a sum to go on from, for example of a pseudo header.
 * @throws {RangeError} when the range is not inside the view.
 * @example
 * ```ts
 * import { onesComplementSum } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * // The example of RFC 1071, section 3
 * const view = new DataView(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7).buffer);
 * assert.equal(onesComplementSum(view, 0, 8), 0xddf2);
 * ```
 */
export function onesComplementSum(
  view: DataView,
  offset: number,
  length: number,
  initial = 0,
): number {
  // By 32-bit words: 2^16 of them stay below 2^48, and 2^16 ≡ 1 (mod 2^16 - 1)
  let sum = initial;
  const end = offset + length;
  let at = offset;
  for (; at + 4 <= end; at += 4) sum += view.getUint32(at);
  if (at + 2 <= end) {
    sum += view.getUint16(at);
    at += 2;
  }
  if (at < end) sum += view.getUint8(at) << 8;
  return foldSum(sum);
}

/**
 * The internet checksum of a byte range (RFC 1071): the complement of its ones' complement sum.
 *
 * @param initial a sum to go on from, for example {@linkcode pseudoHeaderSum}.
 * @throws {RangeError} when the range is not inside the view.
 * @example
 * ```ts
 * import { checksum } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const header = Uint8Array.fromHex("450000730000400040110000c0a80001c0a800c7");
 * assert.equal(checksum(new DataView(header.buffer), 0, 20), 0xb861);
 * ```
 */
export function checksum(view: DataView, offset: number, length: number, initial = 0): number {
  return ~onesComplementSum(view, offset, length, initial) & 0xffff;
}

/**
 * The sum of the pseudo header that UDP, TCP and ICMPv6 checksums cover (RFC 768, RFC 9293,
 * RFC 8200 8.1), for the IPv4 or IPv6 header at `offset`. An IPv6 routing header is not looked at.
 *
 * @param protocol the upper-layer protocol.
 * @param length bytes of the upper-layer header and its payload.
 * @example
 * ```ts
 * import { checksum, PacketTemplate, Protocol, pseudoHeaderSum } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2", length: 60 }).next();
 * const view = new DataView(frame.buffer);
 * const sum = pseudoHeaderSum(view, 14, Protocol.UDP, 26);
 * assert.equal(checksum(view, 34, 26, sum), 0); // a datagram with its checksum sums up to 0
 * ```
 */
export function pseudoHeaderSum(
  view: DataView,
  offset: number,
  protocol: number,
  length: number,
): number {
  const isIpv6 = view.getUint8(offset) >>> 4 === 6;
  return isIpv6
    ? onesComplementSum(view, offset + 8, 32, protocol + length)
    : onesComplementSum(view, offset + 12, 8, protocol + length);
}

/**
 * The checksum after one aligned 16-bit word changed (RFC 1624, equation 3), without looking at
 * the rest of the packet.
 *
 * @param checksum as it stands in the packet.
 * @example
 * ```ts
 * import { updateChecksum } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * // The example of RFC 1624, section 4: where RFC 1141's formula went wrong
 * assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
 * ```
 */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return ~foldSum((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord) & 0xffff;
}

/**
 * The checksum after one aligned 32-bit number (an IPv4 address, a sequence number) changed.
 *
 * @param checksum as it stands in the packet.
 * @example
 * ```ts
 * import { checksum, ipv4, PacketTemplate, updateChecksum32 } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2" }).next();
 * const view = new DataView(frame.buffer);
 * const old = ipv4.destination(view, 14);
 * const other = 0xc000_0201; // 192.0.2.1
 * ipv4.setDestination(view, 14, other);
 * ipv4.setChecksum(view, 14, updateChecksum32(ipv4.checksum(view, 14), old, other));
 * assert.equal(checksum(view, 14, 20), 0);
 * ```
 */
export function updateChecksum32(checksum: number, oldValue: number, newValue: number): number {
  const removed = (~oldValue >>> 16) + (~oldValue & 0xffff);
  const added = (newValue >>> 16) + (newValue & 0xffff);
  return ~foldSum((~checksum & 0xffff) + removed + added) & 0xffff;
}

/** What {@linkcode verifyChecksums} found; undefined where nothing can be said. */
export interface ChecksumReport {
  /** Of the IPv4 header; undefined when the packet is not IPv4. */
  ipv4: boolean | undefined;
  /**
   * Of UDP, TCP, ICMP or ICMPv6. A UDP checksum of 0 over IPv4 means "none" and is valid.
   * Undefined for other protocols, fragments and packets that were cut off.
   */
  transport: boolean | undefined;
}

/**
 * Checks the checksums of an Ethernet frame. Packets that a machine captured from itself are
 * often wrong here, because the network card fills the checksum in later (offload).
 *
 * @example
 * ```ts
 * import { PacketTemplate, verifyChecksums } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2" }).next();
 * assert.deepEqual(verifyChecksums(frame), { ipv4: true, transport: true });
 * frame[22]--; // the time to live
 * assert.deepEqual(verifyChecksums(frame), { ipv4: false, transport: true });
 * ```
 */
export function verifyChecksums(frame: Uint8Array): ChecksumReport {
  const view = viewOf(frame);
  const headers = new PacketHeaders();
  headers.locate(view, 0, frame.length);
  const { network, version } = headers;
  const ipv4 = version === 4
    ? checksum(view, network, (view.getUint8(network) & 0xf) * 4) === 0
    : undefined;
  const at = transportChecksumAt(view, headers);
  if (at < 0) return { ipv4, transport: undefined };
  const isNone = version === 4 && headers.protocol === Protocol.UDP && view.getUint16(at) === 0;
  return { ipv4, transport: isNone || transportChecksum(view, headers) === 0 };
}

/**
 * Computes and writes the checksums of an Ethernet frame: IPv4 header, UDP, TCP, ICMP, ICMPv6.
 * Fragments and packets that were cut off keep their transport checksum.
 *
 * @example
 * ```ts
 * import { fillChecksums, PacketTemplate, verifyChecksums } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2" }).next();
 * frame[30] = 192; // another destination network
 * fillChecksums(frame);
 * assert.deepEqual(verifyChecksums(frame), { ipv4: true, transport: true });
 * ```
 */
export function fillChecksums(frame: Uint8Array): void {
  const view = viewOf(frame);
  const headers = new PacketHeaders();
  headers.locate(view, 0, frame.length);
  const { network, version, protocol } = headers;
  if (version === 4) {
    view.setUint16(network + 10, 0);
    view.setUint16(network + 10, checksum(view, network, (view.getUint8(network) & 0xf) * 4));
  }
  const at = transportChecksumAt(view, headers);
  if (at < 0) return;
  view.setUint16(at, 0);
  const sum = transportChecksum(view, headers);
  view.setUint16(at, sum === 0 && protocol === Protocol.UDP ? 0xffff : sum);
}

/**
 * Where the transport checksum is, -1 when there is none that this frame alone determines:
 * fragments, datagrams that were cut off, other protocols.
 */
export function transportChecksumAt(view: DataView, headers: PacketHeaders): number {
  const { version, protocol, transport, network, fragment, end } = headers;
  if (transport < 0 || fragment) return -1;
  const stop = version === 4
    ? network + view.getUint16(network + 2)
    : network + 40 + view.getUint16(network + 4);
  if (stop !== end) return -1;
  if (protocol === Protocol.TCP) return transport + 16;
  if (protocol === Protocol.UDP) {
    return view.getUint16(transport + 4) === end - transport ? transport + 6 : -1;
  }
  if (protocol === (version === 4 ? Protocol.ICMP : Protocol.ICMPV6)) return transport + 2;
  return -1;
}

function transportChecksum(view: DataView, headers: PacketHeaders): number {
  const { network, transport, protocol, end } = headers;
  const length = end - transport;
  const initial = protocol === Protocol.ICMP ? 0 : pseudoHeaderSum(view, network, protocol, length);
  return checksum(view, transport, length, initial);
}
