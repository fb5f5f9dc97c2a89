/**
 * The process of touched_memory_test.ts: opens ports and prints by how much its memory has grown.
 *
 * Arguments: how many ports, how many slots, whether to send and receive with each.
 *
 * @module
 */

import { Netmap, type Port } from "../../mod.ts";
import { frame } from "./frames.ts";

const [count, slots, use] = Deno.args.map(Number);

using netmap = Netmap.open({ backend: "embedded", instance: "touched memory" });
// What is loaded and compiled at first use is not the ports' memory
for (let i = 0; i < 20; i++) {
  using a = netmap.open("vale0:a", { slots: 8 });
  using b = netmap.open("vale0:b", { slots: 8 });
  a.send(frame());
  b.receiveFrames();
}
const before = Deno.memoryUsage().rss;
const ports: Port[] = [];
for (let i = 0; i < count; i++) ports.push(netmap.open(`vale${i >> 9}:p${i}`, { slots }));
if (use) ports[0].send(frame(), { count: 10 });
const report = { grown: Deno.memoryUsage().rss - before, ports: ports.length };
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
netmap.close();
