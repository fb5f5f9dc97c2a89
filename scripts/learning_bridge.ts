/**
 * A learning bridge from the inside: the lookup that every switch has, written in TypeScript, saying what
 * it learns while it works.
 *
 *     deno run --allow-ffi scripts/learning_bridge.ts
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { BROADCAST, formatMac, Netmap, PacketTemplate, type Port } from "../mod.ts";

using netmap = Netmap.open({ backend: "embedded" }); // netmap's module calls no TypeScript
using vi0 = netmap.open("vale0:vi0"),
  vi1 = netmap.open("vale0:vi1"),
  vi2 = netmap.open("vale0:vi2");
using bridge = netmap.bridge("vale0");
const ports = [vi0, vi1, vi2];

// The whole bridge: who was heard where, and one rule
const table = new Map<number, number>();
bridge.lookup = (packet) => {
  if (table.get(packet.sourceMac) !== packet.port) {
    table.set(packet.sourceMac, packet.port);
    console.log(`    learned: ${formatMac(packet.sourceMac)} is at vi${packet.port}`);
  }
  return table.get(packet.destinationMac) ?? BROADCAST;
};

// Three stations that talk to each other
const MACS = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"];
const talk = (from: number, to: number | "all"): void => {
  const packet = PacketTemplate.udp({
    srcMac: MACS[from],
    dstMac: to === "all" ? "ff:ff:ff:ff:ff:ff" : MACS[to],
    src: `10.0.0.${from + 1}`,
    dst: to === "all" ? "10.0.0.255" : `10.0.0.${to + 1}`,
  });
  console.log(`vi${from} -> ${to === "all" ? "all" : `vi${to}`}`);
  ports[from].send(packet);
  const receivers = ports.filter((port) => count(port) > 0).map((port) => port.portName.interface);
  console.log(`    received by ${receivers.join(" and ") || "nobody"}`);
};

function count(port: Port): number {
  let packets = 0;
  for (const _ of port.receive()) packets++;
  return packets;
}

talk(0, 1); // nobody has heard of vi1's station: flooded
talk(1, 0); // vi0's is known
talk(0, 1); // and now vi1's
talk(2, "all");
talk(0, 2);

console.log(`The table has ${table.size} stations.`);
