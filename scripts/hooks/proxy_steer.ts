/**
 * Steers established flows to back ends by rewriting, as Prism does; their answers pass the proxy by.
 *
 *     valet hook load vale0 scripts/hooks/proxy_steer.ts
 *
 * @module
 */

import { type LookupPacket, LookupTable, Protocol, TcpFlag } from "../../mod.ts";

/** What the function names: ports; the service, 10.0.0.2:80; back end n is 02:00:00:00:01:00 + n. */
export const constants = {
  CLIENTS: 0,
  PROXY: 1,
  SERVICE: { mac: 0x0200_0000_0002, address: 0x0a00_0002, port: 80, backends: 0x0200_0000_0100 },
};
/** Addresses of back ends by port; and by a client's address and port, the port of its back end. */
export const tables = {
  backends: new LookupTable({ key: [32] }),
  flows: new LookupTable({ key: [32, 16], capacity: 65_536 }),
};
const { CLIENTS, PROXY, SERVICE } = constants, { backends, flows } = tables;

/** A client that begins anew is the proxy's again, whatever the table says. */
export default function proxySteer(packet: LookupPacket): number {
  if (packet.port !== CLIENTS) {
    if (packet.port === PROXY || packet.sourcePort !== SERVICE.port) return CLIENTS;
    packet.setSourceMac(SERVICE.mac);
    packet.setSourceIpv4(SERVICE.address);
    return CLIENTS;
  }
  if (packet.protocol !== Protocol.TCP || (packet.tcpFlags & TcpFlag.SYN) !== 0) return PROXY;
  if (packet.destinationIpv4 !== SERVICE.address) return PROXY;
  const port = flows.get([packet.sourceIpv4, packet.sourcePort]);
  if (port === undefined || packet.destinationPort !== SERVICE.port) return PROXY;
  packet.setDestinationMac(SERVICE.backends + (port & 0xff));
  packet.setDestinationIpv4(backends.get(port) ?? SERVICE.address);
  return port;
}
