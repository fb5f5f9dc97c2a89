import { formatIpv4, formatIpv6, formatMac } from "./address.ts";
import * as arp from "./arp.ts";
import { getU16, getU8, viewOf } from "./bytes.ts";
import { dnsSummary } from "./dns.ts";
import * as ethernet from "./ethernet.ts";
import { icmpSummary, icmpv6Summary } from "./icmp_summary.ts";
import { PacketHeaders } from "./packet_headers.ts";
import { EtherType, isVlanTag, Protocol } from "./protocols.ts";
import { tcpSummary } from "./tcp_summary.ts";
import * as udp from "./udp.ts";
import * as vlan from "./vlan.ts";

/** IP protocols that have a name but no line of their own here. */
const NAMES: Record<number, string> = {
  [Protocol.IGMP]: "IGMP",
  [Protocol.IPV6]: "IPv6 in IP",
  [Protocol.GRE]: "GRE",
  [Protocol.ESP]: "ESP",
  [Protocol.NO_NEXT_HEADER]: "no next header",
  [Protocol.OSPF]: "OSPF",
  [Protocol.SCTP]: "SCTP",
};

/**
 * One line about an Ethernet frame, as `tcpdump -n -t -S` writes it for ARP, ICMP, UDP, DNS and
 * TCP, with the VLAN identifiers in front. A frame that ends inside a header shows `[|udp]` and
 * the like. Never throws for what a frame may contain.
 *
 * @example
 * ```ts
 * import { PacketTemplate, summary } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const frame = PacketTemplate.udp({ src: "10.0.0.1:7", dst: "10.1.0.1:9", vlan: 5 }).next();
 * assert.equal(summary(frame), "vlan 5, IP 10.0.0.1.7 > 10.1.0.1.9: UDP, length 0");
 * assert.equal(summary(frame.subarray(0, 40)), "vlan 5, IP 10.0.0.1 > 10.1.0.1: [|udp]");
 * ```
 */
export function summary(frame: Uint8Array): string {
  const view = viewOf(frame);
  const headers = new PacketHeaders();
  headers.locate(view, 0, frame.length);
  if (frame.length < ethernet.HEADER_LENGTH) return "[|ether]";
  let tags = "";
  let at = 12;
  while (isVlanTag(getU16(view, at)) && at + vlan.TAG_LENGTH <= frame.length) {
    tags += `vlan ${vlan.id(view, at)}, `;
    at += vlan.TAG_LENGTH;
  }
  if (headers.network < 0) return `${tags}[|vlan]`;
  return tags + networkSummary(frame, view, headers);
}

function networkSummary(frame: Uint8Array, view: DataView, headers: PacketHeaders): string {
  const { etherType, network, payload, version } = headers;
  if (etherType === EtherType.ARP) {
    return payload === network + arp.HEADER_LENGTH ? arpSummary(view, network) : arpOther(headers);
  }
  if (etherType === EtherType.IPV4) {
    if (version === 0) return "IP [|ip]";
    const source = formatIpv4(view.getUint32(network + 12));
    const destination = formatIpv4(view.getUint32(network + 16));
    return `IP ${ipSummary(frame, view, headers, source, destination)}`;
  }
  if (etherType === EtherType.IPV6) {
    if (version === 0) return "IP6 [|ip6]";
    const source = formatIpv6(frame, network + 8), destination = formatIpv6(frame, network + 24);
    return `IP6 ${ipSummary(frame, view, headers, source, destination)}`;
  }
  const source = formatMac(ethernet.source(view, 0));
  const destination = formatMac(ethernet.destination(view, 0));
  const type = etherType < 1536
    ? "802.3"
    : `ethertype 0x${etherType.toString(16).padStart(4, "0")}`;
  return `${source} > ${destination}, ${type}, length ${frame.length}`;
}

function arpOther(headers: PacketHeaders): string {
  if (headers.payload < 0) return "ARP [|arp]";
  return `ARP, not for IPv4 over Ethernet, length ${headers.end - headers.network}`;
}

function arpSummary(view: DataView, at: number): string {
  const operation = arp.operation(view, at);
  const sender = formatIpv4(arp.senderIpv4(view, at));
  const target = formatIpv4(arp.targetIpv4(view, at));
  const length = `length ${view.byteLength - at}`;
  if (operation === arp.REQUEST) {
    const mac = arp.targetMac(view, at);
    const known = mac === 0 ? "" : ` (${formatMac(mac)})`;
    return `ARP, Request who-has ${target}${known} tell ${sender}, ${length}`;
  }
  if (operation === arp.REPLY) {
    return `ARP, Reply ${sender} is-at ${formatMac(arp.senderMac(view, at))}, ${length}`;
  }
  return `ARP, operation ${operation}, ${sender} to ${target}, ${length}`;
}

function ipSummary(
  frame: Uint8Array,
  view: DataView,
  headers: PacketHeaders,
  source: string,
  destination: string,
): string {
  const { version, network, protocol, transport, payload, end } = headers;
  // As tcpdump marks a hop-by-hop header
  const options = version === 6 && getU8(view, network + 6) === 0 ? "HBH " : "";
  const hosts = `${source} > ${destination}: ${options}`;
  const hasPorts = protocol === Protocol.UDP || protocol === Protocol.TCP;
  if (transport < 0) return hosts + withoutTransport(view, headers);
  if (hasPorts) {
    const from = `${source}.${udp.sourcePort(view, transport)}`;
    const to = `${destination}.${udp.destinationPort(view, transport)}`;
    const line = protocol === Protocol.UDP
      ? udpSummary(frame, view, headers)
      : tcpSummary(view, headers);
    return `${from} > ${to}: ${options}${line}`;
  }
  const isIcmp = protocol === (version === 4 ? Protocol.ICMP : Protocol.ICMPV6);
  if (isIcmp) {
    return hosts + (version === 4 ? icmpSummary(view, headers) : icmpv6Summary(frame, headers));
  }
  const length = payload < 0 ? 0 : end - payload;
  return `${hosts}${NAMES[protocol] ?? `protocol ${protocol}`}, length ${length}`;
}

function withoutTransport(view: DataView, headers: PacketHeaders): string {
  const { protocol, fragment, payload, end, version, network } = headers;
  const names: Record<number, string> = {
    [Protocol.UDP]: "udp",
    [Protocol.TCP]: "tcp",
    [Protocol.ICMP]: "icmp",
    [Protocol.ICMPV6]: "icmp6",
    [Protocol.SCTP]: "sctp",
  };
  const name = names[protocol] ?? (version === 6 ? "ip6" : "ip");
  if (!fragment || payload < 0) return `[|${name}]`;
  const units = version === 4
    ? view.getUint16(network + 6) & 0x1fff
    : view.getUint16(payload - 6) >>> 3;
  return `${name} fragment, offset ${units * 8}, length ${Math.max(0, end - payload)}`;
}

function udpSummary(frame: Uint8Array, view: DataView, headers: PacketHeaders): string {
  const { transport, payload, end } = headers;
  const length = udp.length(view, transport);
  const isDns = udp.sourcePort(view, transport) === 53 ||
    udp.destinationPort(view, transport) === 53;
  if (isDns && !headers.fragment) {
    const dns = dnsSummary(frame.subarray(payload, end));
    if (dns !== "") return dns;
  }
  if (length < udp.HEADER_LENGTH) return `UDP, bad length ${length}`;
  return `UDP, length ${length - udp.HEADER_LENGTH}`;
}
