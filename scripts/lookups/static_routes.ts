/**
 * A patch panel: whatever enters at a port leaves at the port that the table says. The table can be
 * changed while packets flow.
 *
 *     deno run --allow-ffi scripts/lookups/static_routes.ts
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { BROADCAST, DROP, type Lookup, Netmap, PacketTemplate } from "../../mod.ts";

/**
 * A lookup that follows a table.
 *
 * @param routes for each port the port where its packets leave, `BROADCAST`, or `DROP`; those that are
 * not in it are dropped
 */
export function staticRoutes(routes: readonly number[]): Lookup {
  return (packet) => routes[packet.port] ?? DROP;
}

if (import.meta.main) {
  using netmap = Netmap.open({ backend: "embedded" }); // netmap's module calls no TypeScript
  using closing = new DisposableStack();
  const ports = [0, 1, 2].map((i) => closing.use(netmap.open(`vale0:vi${i}`)));
  using bridge = netmap.bridge("vale0");

  const routes = [2, BROADCAST, DROP]; // vi0 to vi2, vi1 to all, vi2 to nobody
  bridge.lookup = staticRoutes(routes);

  const everybodySends = (): void => {
    ports.forEach((port, i) => {
      port.send(PacketTemplate.udp({ src: `10.0.0.${i}`, dst: "10.0.0.255" }));
    });
    for (const port of ports) {
      const senders = Array.from(port.receive(), (packet) => packet.sourceAddress);
      console.log(`${port.name} hears ${senders.join(" and ") || "nobody"}`);
    }
  };
  everybodySends();
  routes[0] = 1;
  console.log("vi0 now to vi1");
  everybodySends();
}
