/**
 * A patch panel: whatever enters at a port leaves at the port that the table says. The table can be
 * changed while packets flow.
 *
 *     deno run --allow-ffi scripts/hooks/static_routes.ts
 *
 * @module
 */
// deno-lint-ignore-file no-console

import {
  BROADCAST,
  DROP,
  type LookupPacket,
  LookupTable,
  Netmap,
  PacketTemplate,
} from "../../mod.ts";

/** By port: where its packets leave, `BROADCAST`, or `DROP`. */
export const tables = { routes: new LookupTable({ key: [32] }) };
const { routes } = tables;

/** What enters at a port that is not in the table goes nowhere. */
export default function staticRoutes(packet: LookupPacket): number {
  return routes.get(packet.port) ?? DROP;
}

if (import.meta.main) {
  using netmap = Netmap.open({ backend: "embedded" });
  using a = netmap.open("vale0:a"), b = netmap.open("vale0:b"), c = netmap.open("vale0:c");
  netmap.bridge("vale0").lookup = staticRoutes;
  routes.set(1, BROADCAST);
  for (const to of [2, 1]) {
    routes.set(0, to);
    for (const port of [a, b, c]) port.send(PacketTemplate.raw(new Uint8Array(60)));
    console.log(`0 to ${to}: ${[a, b, c].map((port) => port.receiveFrames().length).join(" ")}`);
  }
}
