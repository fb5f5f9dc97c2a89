/**
 * Numbers with names: EtherTypes, IP protocols, TCP flags, ICMP types, link types (IANA's
 * registries).
 *
 * @module
 */

/**
 * EtherTypes (IANA "IEEE 802 Numbers").
 *
 * @example
 * ```ts
 * import { EtherType } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(EtherType.IPV4, 0x0800);
 * ```
 */
export const EtherType = {
  /** Internet Protocol version 4. */
  IPV4: 0x0800,
  /** Address Resolution Protocol. */
  ARP: 0x0806,
  /** IEEE 802.1Q customer VLAN tag. */
  VLAN: 0x8100,
  /** Internet Protocol version 6. */
  IPV6: 0x86dd,
  /** MPLS, unicast. */
  MPLS: 0x8847,
  /** PPPoE session stage. */
  PPPOE: 0x8864,
  /** IEEE 802.1ad service VLAN tag (QinQ). */
  QINQ: 0x88a8,
  /** IEEE 802.1 local experimental 1: free for experiments. */
  EXPERIMENTAL: 0x88b5,
  /** Link Layer Discovery Protocol. */
  LLDP: 0x88cc,
  /** IEEE 1588 Precision Time Protocol over Ethernet. */
  PTP: 0x88f7,
  /** The older tag of stacked VLANs. */
  QINQ_OLD: 0x9100,
} as const;

/**
 * IP protocol numbers, also IPv6 next headers (IANA "Protocol Numbers").
 *
 * @example
 * ```ts
 * import { Protocol } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(Protocol.UDP, 17);
 * ```
 */
export const Protocol = {
  /** IPv6 hop-by-hop options. */
  HOP_BY_HOP: 0,
  /** ICMP for IPv4. */
  ICMP: 1,
  /** Internet Group Management Protocol. */
  IGMP: 2,
  /** Transmission Control Protocol. */
  TCP: 6,
  /** User Datagram Protocol. */
  UDP: 17,
  /** IPv6 in IP. */
  IPV6: 41,
  /** IPv6 routing header. */
  ROUTING: 43,
  /** IPv6 fragment header. */
  FRAGMENT: 44,
  /** Generic Routing Encapsulation. */
  GRE: 47,
  /** IPsec Encapsulating Security Payload. */
  ESP: 50,
  /** IPsec Authentication Header. */
  AH: 51,
  /** ICMP for IPv6. */
  ICMPV6: 58,
  /** IPv6: nothing follows. */
  NO_NEXT_HEADER: 59,
  /** IPv6 destination options. */
  DESTINATION_OPTIONS: 60,
  /** Open Shortest Path First. */
  OSPF: 89,
  /** Stream Control Transmission Protocol. */
  SCTP: 132,
} as const;

/**
 * TCP flags (RFC 9293, 3.1).
 *
 * @example
 * ```ts
 * import { TcpFlag } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(TcpFlag.SYN | TcpFlag.ACK, 0x12);
 * ```
 */
export const TcpFlag = {
  /** No more data from the sender. */
  FIN: 0x01,
  /** Synchronise sequence numbers. */
  SYN: 0x02,
  /** Reset the connection. */
  RST: 0x04,
  /** Push. */
  PSH: 0x08,
  /** The acknowledgment number counts. */
  ACK: 0x10,
  /** The urgent pointer counts. */
  URG: 0x20,
  /** ECN echo (RFC 3168). */
  ECE: 0x40,
  /** Congestion window reduced (RFC 3168). */
  CWR: 0x80,
} as const;

/**
 * Types of ICMP (RFC 792) and, with the prefix `V6_`, of ICMPv6 (RFC 4443, RFC 4861).
 *
 * @example
 * ```ts
 * import { IcmpType } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(IcmpType.V6_ECHO_REQUEST, 128);
 * ```
 */
export const IcmpType = {
  /** Echo reply. */
  ECHO_REPLY: 0,
  /** Destination unreachable. */
  UNREACHABLE: 3,
  /** Redirect. */
  REDIRECT: 5,
  /** Echo request. */
  ECHO_REQUEST: 8,
  /** Time exceeded. */
  TIME_EXCEEDED: 11,
  /** ICMPv6 destination unreachable. */
  V6_UNREACHABLE: 1,
  /** ICMPv6 packet too big. */
  V6_TOO_BIG: 2,
  /** ICMPv6 time exceeded. */
  V6_TIME_EXCEEDED: 3,
  /** ICMPv6 echo request. */
  V6_ECHO_REQUEST: 128,
  /** ICMPv6 echo reply. */
  V6_ECHO_REPLY: 129,
  /** Router solicitation. */
  V6_ROUTER_SOLICITATION: 133,
  /** Router advertisement. */
  V6_ROUTER_ADVERTISEMENT: 134,
  /** Neighbour solicitation. */
  V6_NEIGHBOR_SOLICITATION: 135,
  /** Neighbour advertisement. */
  V6_NEIGHBOR_ADVERTISEMENT: 136,
  /** Multicast listener report, version 2 (RFC 3810). */
  V6_MULTICAST_LISTENER_REPORT: 143,
} as const;

/**
 * Link types of capture files (tcpdump.org/linktypes.html); all of `packet/` works on `ETHERNET`.
 *
 * @example
 * ```ts
 * import { LinkType } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(LinkType.ETHERNET, 1);
 * ```
 */
export const LinkType = {
  /** BSD loopback. */
  NULL: 0,
  /** Ethernet. */
  ETHERNET: 1,
  /** Bare IPv4 or IPv6. */
  RAW: 101,
  /** Linux cooked capture ("any" interface), version 1. */
  LINUX_SLL: 113,
  /** Linux cooked capture, version 2. */
  LINUX_SLL2: 276,
} as const;

/** True for the EtherTypes of VLAN tags (802.1Q, 802.1ad, the older 0x9100). */
export function isVlanTag(etherType: number): boolean {
  return etherType === EtherType.VLAN || etherType === EtherType.QINQ ||
    etherType === EtherType.QINQ_OLD;
}
