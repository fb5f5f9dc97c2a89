/**
 * Writes what goes over a switch to a pcapng file, or shows it, as tcpdump would.
 *
 *     deno run --allow-ffi scripts/capture.ts                     one line a packet
 *     deno run --allow-ffi scripts/capture.ts > vale0.pcapng      or | wireshark -k -i -
 *
 * A switch shows a port only what is meant for it. So the lookup floods everything while we listen: the
 * switch is a hub. It listens to some traffic that it makes itself, until that has ended.
 *
 * @module
 */

import { BROADCAST, increment, Netmap, PacketTemplate, PcapngWriter } from "../mod.ts";

using netmap = Netmap.open();
using alice = netmap.open("vale0:alice"), bob = netmap.open("vale0:bob");
using tap = netmap.open("vale0:tap");
using bridge = netmap.bridge("vale0");
// netmap's module calls no TypeScript: there we see what is flooded, the first packets
if (netmap.backend !== "kernel") bridge.lookup = () => BROADCAST;

const isFile = !Deno.stdout.isTerminal();
const writer = new PcapngWriter({ interfaces: [{ name: tap.name }], application: "capture.ts" });
const write = (bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
};

// Ten pings and their answers, one every 20 ms
const timer = setInterval(talk, 20);
let pings = 0;
function talk(): void {
  const to = { src: "10.0.0.1", dst: "10.0.0.2", srcMac: "02:00:00:00:00:0a" };
  const back = { src: "10.0.0.2", dst: "10.0.0.1", srcMac: "02:00:00:00:00:0b", reply: true };
  const vary = { sequence: increment(++pings) };
  alice.send(PacketTemplate.icmpEcho({ ...to, dstMac: back.srcMac, payload: "hello", vary }));
  bob.send(PacketTemplate.icmpEcho({ ...back, dstMac: to.srcMac, payload: "hello", vary }));
  if (pings === 10) clearInterval(timer);
}

// Ends when nothing comes for a while; { signal } ends it on demand
for await (const batch of tap.batches({ timeoutMs: 500 })) {
  const timestamp = performance.timeOrigin + performance.now(); // milliseconds since 1970
  const seconds = Math.floor(timestamp / 1000);
  const nanoseconds = Math.floor((timestamp % 1000) * 1e6);
  for (const packet of batch) {
    if (isFile) writer.write({ data: packet.bytes(), seconds, nanoseconds });
    else write(new TextEncoder().encode(`${packet}\n`));
  }
  if (isFile) write(writer.take());
}
