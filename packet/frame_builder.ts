import {
  BROADCAST_MAC,
  type Endpoint,
  parseEndpoint,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "./address.ts";
import * as arp from "./arp.ts";
import { viewOf } from "./bytes.ts";
import { fillChecksums } from "./checksum.ts";
import * as ethernet from "./ethernet.ts";
import * as icmp from "./icmp.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import { EtherType, IcmpType, Protocol, TcpFlag } from "./protocols.ts";
import * as tcp from "./tcp.ts";
import type {
  ArpOptions,
  EthernetOptions,
  IcmpEchoOptions,
  IpOptions,
  TcpOptions,
  UdpOptions,
} from "./template_options.ts";
import * as udp from "./udp.ts";
import * as vlan from "./vlan.ts";

/** Default source MAC address: a locally administered one. */
const DEFAULT_SOURCE_MAC = 0x0200_0000_0001;
/** The port that pkt-gen uses too. */
const DEFAULT_PORT = 1234;
/** Least and most bytes of a frame without its checksum (IEEE 802.3; netmap's slot length). */
const LEAST_LENGTH = 60, MOST_LENGTH = 65535;

/** Writes a transport header at an offset; the payload is there already. */
type TransportWriter = (view: DataView, offset: number, length: number) => void;

/** A UDP datagram in IPv4 or IPv6. */
export function udpFrame(options: UdpOptions, length: number | undefined): Uint8Array {
  const { src, dst } = endpoints(options);
  return ipFrame(options, length, Protocol.UDP, udp.HEADER_LENGTH, (view, at, total) => {
    udp.setSourcePort(view, at, src.port ?? DEFAULT_PORT);
    udp.setDestinationPort(view, at, dst.port ?? DEFAULT_PORT);
    udp.setLength(view, at, total);
  });
}

/** A TCP segment without options in IPv4 or IPv6. */
export function tcpFrame(options: TcpOptions, length: number | undefined): Uint8Array {
  const { src, dst } = endpoints(options);
  return ipFrame(options, length, Protocol.TCP, tcp.HEADER_LENGTH, (view, at) => {
    tcp.setSourcePort(view, at, src.port ?? DEFAULT_PORT);
    tcp.setDestinationPort(view, at, dst.port ?? DEFAULT_PORT);
    tcp.setSequence(view, at, options.sequence ?? 0);
    tcp.setAcknowledgment(view, at, options.acknowledgment ?? 0);
    tcp.setHeaderLength(view, at, tcp.HEADER_LENGTH);
    tcp.setFlags(view, at, tcpFlags(options.flags ?? "A"));
    tcp.setWindow(view, at, options.window ?? 65535);
  });
}

/** An ICMP or ICMPv6 echo message. */
export function icmpEchoFrame(options: IcmpEchoOptions, length: number | undefined): Uint8Array {
  const { src, dst } = endpoints(options);
  if (src.port !== undefined || dst.port !== undefined) {
    throw new TypeError("Cannot build an ICMP packet with a port: ICMP has none");
  }
  const isIpv6 = src.family === 6;
  const request = isIpv6 ? IcmpType.V6_ECHO_REQUEST : IcmpType.ECHO_REQUEST;
  const reply = isIpv6 ? IcmpType.V6_ECHO_REPLY : IcmpType.ECHO_REPLY;
  const protocol = isIpv6 ? Protocol.ICMPV6 : Protocol.ICMP;
  return ipFrame(options, length, protocol, icmp.HEADER_LENGTH, (view, at) => {
    icmp.setType(view, at, options.reply ? reply : request);
    icmp.setIdentifier(view, at, options.identifier ?? 1);
    icmp.setSequence(view, at, options.sequence ?? 1);
  });
}

/** An ARP request or reply. */
export function arpFrame(options: ArpOptions, length: number | undefined): Uint8Array {
  const isReply = options.operation === "reply";
  const dstMac = options.dstMac ?? BROADCAST_MAC;
  const target = options.targetMac ?? (isReply ? dstMac : 0);
  const frame = ethernetFrame(options, EtherType.ARP, arp.HEADER_LENGTH, length);
  const view = viewOf(frame.bytes), at = frame.network;
  arp.setHardwareType(view, at, 1);
  arp.setProtocolType(view, at, EtherType.IPV4);
  arp.setLengths(view, at, 0x0604);
  arp.setOperation(view, at, isReply ? arp.REPLY : arp.REQUEST);
  arp.setSenderMac(view, at, macNumber(options.srcMac ?? DEFAULT_SOURCE_MAC));
  arp.setSenderIpv4(view, at, parseIpv4(options.src));
  arp.setTargetMac(view, at, macNumber(target));
  arp.setTargetIpv4(view, at, parseIpv4(options.dst));
  return frame.bytes;
}

function endpoints(options: IpOptions): { src: Endpoint; dst: Endpoint } {
  const src = parseEndpoint(options.src), dst = parseEndpoint(options.dst);
  if (src.family !== dst.family) {
    throw new TypeError(`Cannot send from "${options.src}" to "${options.dst}": one is IPv6`);
  }
  return { src, dst };
}

function ipFrame(
  options: IpOptions,
  length: number | undefined,
  protocol: number,
  transportLength: number,
  writeTransport: TransportWriter,
): Uint8Array {
  const { src, dst } = endpoints(options);
  const isIpv6 = src.family === 6;
  const ipLength = isIpv6 ? ipv6.HEADER_LENGTH : ipv4.HEADER_LENGTH;
  const payload = payloadBytes(options.payload);
  const headerLength = ipLength + transportLength;
  const etherType = isIpv6 ? EtherType.IPV6 : EtherType.IPV4;
  const frame = ethernetFrame(options, etherType, headerLength + payload.length, length);
  // With a length the datagram fills the frame; without one Ethernet padding follows it
  const total = length === undefined
    ? headerLength + payload.length
    : frame.bytes.length - frame.network;
  const view = viewOf(frame.bytes), at = frame.network;
  if (isIpv6) {
    writeIpv6(view, at, total - ipLength, protocol, src.address, dst.address, options);
  } else {
    writeIpv4(view, at, total, protocol, src.address, dst.address, options);
  }
  frame.bytes.set(payload, at + headerLength);
  writeTransport(view, at + ipLength, total - ipLength);
  fillChecksums(frame.bytes);
  return frame.bytes;
}

function writeIpv4(
  view: DataView,
  at: number,
  totalLength: number,
  protocol: number,
  src: string,
  dst: string,
  options: IpOptions,
): void {
  ipv4.setVersion(view, at, 4);
  ipv4.setHeaderLength(view, at, ipv4.HEADER_LENGTH);
  ipv4.setDscp(view, at, options.dscp ?? 0);
  ipv4.setTotalLength(view, at, totalLength);
  ipv4.setIdentification(view, at, options.id ?? 0);
  ipv4.setFlags(view, at, options.dontFragment ? ipv4.DONT_FRAGMENT : 0);
  ipv4.setTtl(view, at, options.ttl ?? 64);
  ipv4.setProtocol(view, at, protocol);
  ipv4.setSource(view, at, parseIpv4(src));
  ipv4.setDestination(view, at, parseIpv4(dst));
}

function writeIpv6(
  view: DataView,
  at: number,
  payloadLength: number,
  protocol: number,
  src: string,
  dst: string,
  options: IpOptions,
): void {
  ipv6.setVersion(view, at, 6);
  ipv6.setTrafficClass(view, at, (options.dscp ?? 0) * 4);
  ipv6.setFlowLabel(view, at, options.flowLabel ?? 0);
  ipv6.setPayloadLength(view, at, payloadLength);
  ipv6.setNextHeader(view, at, protocol);
  ipv6.setHopLimit(view, at, options.ttl ?? 64);
  ipv6.setSource(view, at, parseIpv6(src));
  ipv6.setDestination(view, at, parseIpv6(dst));
}

/** A frame with its Ethernet header, its VLAN tag and room for `contentLength` bytes behind. */
function ethernetFrame(
  options: EthernetOptions,
  etherType: number,
  contentLength: number,
  length: number | undefined,
): { bytes: Uint8Array; network: number } {
  const tagged = options.vlan !== undefined;
  if (options.vlanPriority !== undefined && !tagged) {
    throw new TypeError("Cannot set vlanPriority without vlan: 0 makes a priority tag");
  }
  const network = ethernet.HEADER_LENGTH + (tagged ? vlan.TAG_LENGTH : 0);
  const needed = network + contentLength;
  const size = length ?? Math.max(needed, LEAST_LENGTH);
  if (!Number.isInteger(size) || size < needed || size > MOST_LENGTH) {
    throw new RangeError(
      `Cannot build a packet of ${size} bytes: headers and payload need ${needed}, ` +
        `the most is ${MOST_LENGTH}`,
    );
  }
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  ethernet.setDestination(view, 0, macNumber(options.dstMac ?? BROADCAST_MAC));
  ethernet.setSource(view, 0, macNumber(options.srcMac ?? DEFAULT_SOURCE_MAC));
  if (tagged) {
    vlan.setProtocol(view, 12, EtherType.VLAN);
    vlan.setId(view, 12, options.vlan ?? 0);
    vlan.setPriority(view, 12, options.vlanPriority ?? 0);
  }
  view.setUint16(network - 2, etherType);
  return { bytes, network };
}

function macNumber(mac: string | number): number {
  return typeof mac === "string" ? parseMac(mac) : mac;
}

function payloadBytes(payload: Uint8Array | string | undefined): Uint8Array {
  if (payload === undefined) return new Uint8Array(0);
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}

/** TCP flags as a number, from a number or from tcpdump's and Scapy's letters. */
function tcpFlags(flags: string | number): number {
  if (typeof flags === "number") return flags;
  const letters: Record<string, number> = {
    F: TcpFlag.FIN,
    S: TcpFlag.SYN,
    R: TcpFlag.RST,
    P: TcpFlag.PSH,
    A: TcpFlag.ACK,
    U: TcpFlag.URG,
    E: TcpFlag.ECE,
    C: TcpFlag.CWR,
  };
  let bits = 0;
  for (const letter of flags) {
    if (!(letter in letters)) {
      throw new SyntaxError(
        `Cannot parse TCP flags "${flags}": expected letters out of F, S, R, P, A, U, E, C`,
      );
    }
    bits |= letters[letter];
  }
  return bits;
}
