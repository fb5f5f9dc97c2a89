/**
 * Sends frames from the first of some ports of the daemon's, and takes them at the others but the last, until it
 * is told to end: view_traffic.ts SLOTS PORT PORT [PORT ...]
 */

import { Netmap, PacketTemplate } from "../../mod.ts";
import { sleep } from "../../cli/sleep.ts";

const [slots, ...names] = Deno.args;
const ended = new AbortController();
Deno.addSignalListener("SIGTERM", () => ended.abort());
using netmap = Netmap.open({ backend: "daemon" });
const ports = names.map((name) => netmap.open(name, { slots: Number(slots) }));
const template = PacketTemplate.udp({
  srcMac: "02:00:00:00:00:01",
  src: "10.0.0.1:1",
  dst: "10.0.0.2:2",
  length: 60,
});
while (!ended.signal.aborted) {
  ports[0].send(template, { count: 10 });
  for (const port of ports.slice(1, -1)) port.receiveFrames();
  await sleep(20, ended.signal);
}
