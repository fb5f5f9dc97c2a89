/** Hooks that between them use all that hooks have. */

import { BROADCAST, DROP, EtherType, type Lookup, Protocol } from "../../mod.ts";
import type { CompileOptions } from "../../hook/mod.ts";
import { LEARN } from "../../hook/mod.ts";

const OUI = 0x020000;
const LIMITS = { short: 64, long: 1000 };

/** Each field of a packet, so that one wrong field is seen. */
const FIELDS: Readonly<Record<string, Lookup>> = {
  port: (packet) => packet.port,
  length: (packet) => packet.length,
  readableLength: (packet) => packet.readableLength,
  fragments: (packet) => packet.fragments,
  destinationMac: (packet) => packet.destinationMac % 0xffff_fffb,
  sourceMac: (packet) => Math.floor(packet.sourceMac / 0x10000),
  isBroadcast: (packet) => packet.isBroadcast ? 1 : 0,
  isMulticast: (packet) => packet.isMulticast ? 1 : 0,
  etherType: (packet) => packet.etherType,
  vlan: (packet) => packet.vlan ?? 0xffff,
  isArp: (packet) => packet.isArp ? 1 : 0,
  isIpv4: (packet) => packet.isIpv4 ? 1 : 0,
  isIpv6: (packet) => packet.isIpv6 ? 1 : 0,
  isFragment: (packet) => packet.isFragment ? 1 : 0,
  protocol: (packet) => packet.protocol,
  ttl: (packet) => packet.ttl,
  sourceIpv4: (packet) => packet.sourceIpv4,
  destinationIpv4: (packet) => packet.destinationIpv4,
  sourcePort: (packet) => packet.sourcePort,
  destinationPort: (packet) => packet.destinationPort,
  tcpFlags: (packet) => packet.tcpFlags,
  arpOperation: (packet) => packet.arpOperation,
  payloadLength: (packet) => packet.payloadLength,
  u8: (packet) => packet.u8(packet.u8(12)),
  u16: (packet) => packet.getUint16(packet.u8(13) - 3),
  u32: (packet) => packet.u32(packet.u16(12)),
};

const HOOKS: Readonly<Record<string, Lookup>> = {
  ipv4NextPort: (packet) => packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST,

  mac: (packet) => {
    const vendor = Math.floor(packet.sourceMac / 0x100_0000);
    if (vendor === OUI || packet.isMulticast) return LEARN;
    return (packet.destinationMac & 0xff) < 128 ? DROP : vendor & 7;
  },

  acl(packet): number {
    if (packet.length < LIMITS.short || packet.length > LIMITS.long) return DROP;
    switch (packet.protocol) {
      case Protocol.ICMP:
      case Protocol.ICMPV6:
        if (packet.ttl < 2) break;
        return packet.isFragment ? DROP : LEARN;
      case Protocol.TCP: {
        const isNew = (packet.tcpFlags & 0x12) === 2;
        if (isNew && packet.destinationPort !== 80) return DROP;
        packet.ring = packet.sourcePort % 4;
        return 1;
      }
      case Protocol.UDP:
        return packet.destinationPort < 1024 || packet.sourcePort === 53 ? 2 : 3;
      default:
        if (packet.isArp) return packet.arpOperation === 1 ? BROADCAST : 4;
    }
    return packet.port ^ 1;
  },

  hash(packet): number {
    let hash = 0x811c9dc5;
    const a = packet.sourceIpv4, b = packet.destinationIpv4;
    hash = Math.imul(hash ^ Math.min(a, b), 0x01000193) >>> 0;
    hash = Math.imul(hash ^ Math.max(a, b), 0x01000193) >>> 0;
    hash = Math.imul(hash ^ packet.sourcePort ^ packet.destinationPort, 0x01000193) >>> 0;
    hash ^= hash >>> 15;
    return (hash >>> 0) % 7;
  },

  sum(packet): number {
    let sum = 0;
    for (let i = 0; i < 20; i += 2) {
      if (i === 10) continue;
      sum += packet.u16(14 + i);
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return ~sum & 0xffff;
  },

  vlan(packet): number {
    const vlan = packet.vlan;
    if (vlan === undefined) return packet.isIpv6 ? BROADCAST : DROP;
    if (vlan === 0 || vlan === 0xfff) return DROP;
    packet.ring = (packet.ring ^ 1) >>> 0;
    packet.ring >>>= 1;
    return vlan >> 8 === 1 ? packet.port : vlan & 3;
  },

  search(packet): number {
    let found = -1;
    for (let at = 0; at < 64; at++) {
      for (let i = 0; i < 2; i++) {
        if (packet.u8(at + i) !== packet.u8(i)) break;
        if (i === 1 && at > 1) found = at;
      }
      if (found > 0) break;
    }
    return found;
  },

  signed(packet): number {
    const a = packet.u32(0) | 0, b = packet.u32(4) << packet.u8(0);
    const c = a - b, d = -a >> 3;
    let answer = c < 0 ? ~c & 0x7fff : d;
    answer += (packet.u8(1) / packet.u8(2)) >>> 0;
    answer -= (packet.u32(6) % packet.u8(3)) | 0;
    return answer;
  },

  payload(packet): number {
    if (packet.payloadLength === 0) return DROP;
    const isDns = packet.sourcePort === 53 || packet.destinationPort === 53;
    return isDns && !packet.isFragment ? packet.payloadLength : packet.readableLength;
  },
};

/** All of them, by name. */
export const LOOKUPS: Readonly<Record<string, Lookup>> = {
  ...Object.fromEntries(Object.entries(FIELDS).map(([name, hook]) => [`field ${name}`, hook])),
  ...HOOKS,
};

/** What they name. */
export const OPTIONS: CompileOptions = { constants: { OUI, LIMITS } };
