/**
 * Packets in TypeScript: headers, templates, captures, statistics. Needs no netmap, no native
 * library and no permission.
 *
 * - read: {@linkcode PacketView}, or the accessors `ethernet`, `vlan`, `arp`, `ipv4`, `ipv6`,
 *   `udp`, `tcp`, `icmp` on a DataView and an offset
 * - build and send in bulk: {@linkcode PacketTemplate} with {@linkcode increment},
 *   {@linkcode random}, {@linkcode list}, {@linkcode range}
 * - look: {@linkcode summary}, {@linkcode hexdump}
 * - files: {@linkcode readCapture}, {@linkcode writeCapture}, pcap and pcapng
 * - measure: {@linkcode Rate}, {@linkcode Histogram}, {@linkcode ProtocolCounter}
 *
 * @example Write a capture, read it back
 * ```ts
 * import { PacketTemplate, range, readCapture, writeCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const template = PacketTemplate.udp({
 *   src: "10.0.0.1:1234",
 *   dst: "10.1.0.1:53",
 *   length: 60,
 *   vary: { dst: range("10.1.0.1", "10.1.0.3") },
 * });
 * const file = writeCapture([...template.packets(4)].map((data, seconds) => ({ data, seconds })));
 * const targets = [...readCapture(file)].map((packet) => `${packet.seconds} ${packet}`);
 * assert.equal(targets[3], "3 IP 10.0.0.1.1234 > 10.1.0.1.53: 0 [0q] (18)");
 * ```
 *
 * @module
 */

export * as arp from "./arp.ts";
export * as ethernet from "./ethernet.ts";
export * as icmp from "./icmp.ts";
export * as ipv4 from "./ipv4.ts";
export * as ipv6 from "./ipv6.ts";
export * as tcp from "./tcp.ts";
export * as udp from "./udp.ts";
export * as vlan from "./vlan.ts";

export {
  BROADCAST_MAC,
  type Endpoint,
  formatEndpoint,
  formatIpv4,
  formatIpv6,
  formatMac,
  parseEndpoint,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "./address.ts";
export { CaptureError } from "./byte_queue.ts";
export { CapturedPacket, type CaptureRecord } from "./captured_packet.ts";
export { CaptureReader, readCapture, readCaptureStream } from "./capture_reader.ts";
export {
  type CaptureEncoderOptions,
  CaptureEncoderStream,
  type CaptureWriterOptions,
  writeCapture,
} from "./capture_writer.ts";
export {
  checksum,
  type ChecksumReport,
  fillChecksums,
  onesComplementSum,
  pseudoHeaderSum,
  updateChecksum,
  updateChecksum32,
  verifyChecksums,
} from "./checksum.ts";
export { formatDuration, formatRate } from "./format.ts";
export { hexdump, type HexdumpOptions } from "./hexdump.ts";
export { Histogram, type HistogramBucket, type HistogramOptions } from "./histogram.ts";
export { PacketHeaders } from "./packet_headers.ts";
export { PacketView } from "./packet_view.ts";
export { PcapWriter, type PcapWriterOptions } from "./pcap_writer.ts";
export { type PcapngInterface, PcapngWriter, type PcapngWriterOptions } from "./pcapng_writer.ts";
export { ProtocolCounter, type ProtocolCounts } from "./protocol_counter.ts";
export { EtherType, IcmpType, LinkType, Protocol, TcpFlag } from "./protocols.ts";
export { Counter, ETHERNET_OVERHEAD, Rate, type RateOptions, type RateSample } from "./rate.ts";
export { summary } from "./summary.ts";
export { PacketTemplate } from "./template.ts";
export type {
  ArpOptions,
  EthernetOptions,
  IcmpEchoOptions,
  IpOptions,
  PayloadVariation,
  RawOptions,
  TcpOptions,
  UdpOptions,
  VaryOptions,
} from "./template_options.ts";
export {
  type FieldValue,
  increment,
  list,
  random,
  type RandomOptions,
  range,
  type Variation,
  type VariationOptions,
} from "./variation.ts";
