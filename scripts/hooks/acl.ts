/**
 * A firewall: what is allowed goes where the learning bridge sends it, the rest goes nowhere.
 *
 *     valet hook load vale0 scripts/hooks/acl.ts
 *
 * @module
 */

import { DROP, EtherType, LEARN, type LookupPacket, Protocol, TcpFlag } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Who may be managed: 10.0.0.0/24. */
  SERVERS: { network: 0x0a000000, mask: 0xffffff00 },
  SSH: 22,
  HTTPS: 443,
};
const { SERVERS, SSH, HTTPS } = constants;

/** ARP, pings, answers, the servers' HTTPS, and SSH among the servers. */
export default function acl(packet: LookupPacket): number {
  if (packet.etherType === EtherType.ARP) return LEARN;
  // Of a datagram's later fragments nobody knows the ports
  if (!packet.isIpv4 || packet.isFragment) return DROP;
  const toServer = ((packet.destinationIpv4 & SERVERS.mask) >>> 0) === SERVERS.network;
  const fromServer = ((packet.sourceIpv4 & SERVERS.mask) >>> 0) === SERVERS.network;
  switch (packet.protocol) {
    case Protocol.ICMP:
      return toServer || fromServer ? LEARN : DROP;
    case Protocol.TCP:
      if ((packet.tcpFlags & (TcpFlag.SYN | TcpFlag.ACK)) !== TcpFlag.SYN) return LEARN;
      if (toServer && packet.destinationPort === HTTPS) return LEARN;
      return toServer && fromServer && packet.destinationPort === SSH ? LEARN : DROP;
    default:
      return DROP;
  }
}
