/**
 * IPv4 goes to the next port, the rest to all: the lookup of the mSwitch tutorial.
 *
 *     deno run --allow-ffi scripts/hooks/ipv4_next_port.ts
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { BROADCAST, EtherType, type LookupPacket, Netmap, PacketTemplate } from "../../mod.ts";

/** IPv4 of the last port goes nowhere: there is no next one, and the switch drops and counts it. */
export default function ipv4NextPort(packet: LookupPacket): number {
  return packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST;
}

if (import.meta.main) {
  using netmap = Netmap.open({ backend: "embedded" }); // netmap's module calls no TypeScript
  using vi0 = netmap.open("vale0:vi0"), vi1 = netmap.open("vale0:vi1");
  using vi2 = netmap.open("vale0:vi2");
  using bridge = netmap.bridge("vale0");
  bridge.lookup = ipv4NextPort;

  vi0.send(PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2" }));
  vi0.send(PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }));
  vi2.send(PacketTemplate.udp({ src: "10.0.0.3", dst: "10.0.0.2" }));
  for (const port of [vi0, vi1, vi2]) {
    for (const packet of port.receive()) console.log(`${port.name}: ${packet}`);
  }
  console.log(`vi2 had no next port ${vi2.counters().drops.noPort} times`);
}
