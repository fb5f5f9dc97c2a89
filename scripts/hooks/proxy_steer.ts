/**
 * Steers established flows to another back end, as Prism does with a proxy's connections: the table says
 * which flow goes where, packet by packet; the rest is the proxy's.
 *
 *     valet hook load vale0 scripts/hooks/proxy_steer.ts
 *
 * A lookup does not rewrite packets: the back end has to take those for the proxy's address, or a script
 * rewrites them at the port that they are steered to.
 *
 * @module
 */

import { type LookupPacket, LookupTable, Protocol, TcpFlag } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Port of the clients. */
  CLIENTS: 0,
  /** Port of the proxy, which accepts connections. */
  PROXY: 1,
};
/** The same. Key: the client's address and port, those of the service; value: index of the back end's port. */
export const tables = { flows: new LookupTable({ key: [32, 16, 32, 16], capacity: 65_536 }) };
const { CLIENTS, PROXY } = constants;
const { flows } = tables;

/** A client that begins anew is the proxy's again, whatever the table says. */
export default function proxySteer(packet: LookupPacket): number {
  if (packet.port !== CLIENTS) return CLIENTS;
  if (packet.protocol !== Protocol.TCP || packet.isFragment) return PROXY;
  if (!packet.isIpv4 || (packet.tcpFlags & TcpFlag.SYN) !== 0) return PROXY;
  const server = packet.destinationIpv4, service = packet.destinationPort;
  return flows.get([packet.sourceIpv4, packet.sourcePort, server, service]) ?? PROXY;
}
