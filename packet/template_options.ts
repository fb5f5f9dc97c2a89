import type { Variation } from "./variation.ts";

/** A number inside the payload that changes from packet to packet. */
export interface PayloadVariation {
  /** Where it is, in bytes from the beginning of the payload. */
  offset: number;
  /** Its size in bits. It is written in network order. */
  bits: 8 | 16 | 32;
  /** Its values. */
  values: Variation;
}

/** The fields of a template that change from packet to packet. */
export interface VaryOptions {
  /** Source MAC address; in ARP also the sender's. */
  srcMac?: Variation;
  /** Destination MAC address; in an ARP reply also the target's. */
  dstMac?: Variation;
  /** VLAN identifier of the outermost tag. */
  vlan?: Variation;
  /** Source address: IPv4, IPv6 (counting in its lowest 48 bits), ARP's sender. */
  src?: Variation;
  /** Destination address: IPv4, IPv6 (counting in its lowest 48 bits), ARP's target. */
  dst?: Variation;
  /** Source port of UDP or TCP. */
  srcPort?: Variation;
  /** Destination port of UDP or TCP. */
  dstPort?: Variation;
  /** Time to live or hop limit. */
  ttl?: Variation;
  /** Identification of IPv4. */
  id?: Variation;
  /** Flow label of IPv6. */
  flowLabel?: Variation;
  /** Sequence number of TCP (32 bits) or of an ICMP echo (16 bits). */
  sequence?: Variation;
  /** Acknowledgment number of TCP. */
  acknowledgment?: Variation;
  /** Identifier of an ICMP echo. */
  identifier?: Variation;
  /**
   * Bytes of the frame without its checksum. Stands in for the option `length`; the length fields
   * of IP and UDP follow, the payload is cut where the packet ends.
   */
  length?: Variation;
  /** Numbers inside the payload. */
  payload?: PayloadVariation | PayloadVariation[];
}

/** Options of {@linkcode PacketTemplate.raw}. */
export interface RawOptions {
  /** The fields that change; each must exist in the frame. */
  vary?: VaryOptions;
}

/** Options that all Ethernet templates share. */
export interface EthernetOptions {
  /** Source MAC address, text or number; `02:00:00:00:00:01` by default. */
  srcMac?: string | number;
  /** Destination MAC address, text or number; broadcast by default. */
  dstMac?: string | number;
  /** VLAN identifier, 0 to 4095; no tag by default. */
  vlan?: number;
  /** VLAN priority, 0 to 7; 0 by default. */
  vlanPriority?: number;
  /**
   * Bytes of the frame without its checksum (as `pkt-gen -l`), up to 65535; zeros follow the
   * payload up to there. By default what headers and payload need, with Ethernet padding behind
   * the datagram where that is less than 60.
   */
  length?: number;
  /** The fields that change from packet to packet. */
  vary?: VaryOptions;
}

/** Options that all IP templates share. */
export interface IpOptions extends EthernetOptions {
  /** Source address, for UDP and TCP with a port (default 1234): `10.0.0.1:1234`, `[::1]:53`. */
  src: string;
  /** Destination address, as `src`. */
  dst: string;
  /** Time to live or hop limit, 64 by default. */
  ttl?: number;
  /** Differentiated services code point, 0 to 63; 0 by default. */
  dscp?: number;
  /** Identification (IPv4), 0 by default. */
  id?: number;
  /** The "do not fragment" flag (IPv4), false by default. */
  dontFragment?: boolean;
  /** Flow label (IPv6), 0 by default. */
  flowLabel?: number;
  /** What follows the transport header: bytes, or a text that is written as UTF-8. */
  payload?: Uint8Array | string;
}

/** Options of {@linkcode PacketTemplate.udp}. */
export type UdpOptions = IpOptions;

/** Options of {@linkcode PacketTemplate.tcp}. */
export interface TcpOptions extends IpOptions {
  /** Flags: letters out of F, S, R, P, A, U, E, C, or a number of `TcpFlag`s; "A" by default. */
  flags?: string | number;
  /** Sequence number, 0 by default. */
  sequence?: number;
  /** Acknowledgment number, 0 by default. */
  acknowledgment?: number;
  /** Window, 65535 by default. */
  window?: number;
}

/** Options of {@linkcode PacketTemplate.icmpEcho}. */
export interface IcmpEchoOptions extends IpOptions {
  /** Identifier, 1 by default. */
  identifier?: number;
  /** Sequence number, 1 by default. */
  sequence?: number;
  /** True for an echo reply. */
  reply?: boolean;
}

/** Options of {@linkcode PacketTemplate.arp}. */
export interface ArpOptions extends EthernetOptions {
  /** IPv4 address of the sender. */
  src: string;
  /** IPv4 address of the target. */
  dst: string;
  /** "request" by default. */
  operation?: "request" | "reply";
  /** MAC address of the target; by default 0 in a request, `dstMac` in a reply. */
  targetMac?: string | number;
}
