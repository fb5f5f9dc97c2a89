/**
 * A generator and a sink, as `pkt-gen -f tx` and `pkt-gen -f rx`: the generator in a Worker, on a CPU of
 * its own. A VALE switch never makes a sender wait; what the sink is too slow for is dropped, and counted.
 *
 *     deno run --allow-ffi --allow-read scripts/generate_and_sink.ts [PACKETS]
 *
 * --allow-read is for the Worker: Deno reads this file once more.
 *
 * @module
 */
// deno-lint-ignore-file no-console
/// <reference lib="deno.worker" />

import { formatRate, Netmap, PacketTemplate, random, Rate } from "../mod.ts";

const COUNT = Number(Deno.args[0] ?? 5_000_000);

if (self.name === "generator") generate();
else await sink();

function generate(): void {
  using netmap = Netmap.open();
  using port = netmap.open("vale0:generator");
  const flows = PacketTemplate.udp({
    dstMac: "02:00:00:00:00:0b",
    src: "10.0.0.1:1234",
    dst: "10.1.0.1:1234",
    length: 60,
    vary: { src: random("10.0.0.1", "10.0.255.254"), srcPort: random(1024, 65535) },
  });
  const start = performance.now();
  const sent = port.send(flows, { count: COUNT });
  postMessage({ sent, pps: sent / (performance.now() - start) * 1000 });
}

async function sink(): Promise<void> {
  using netmap = Netmap.open();
  using port = netmap.open("vale0:sink");
  const worker = new Worker(import.meta.url, { type: "module", name: "generator" });
  const generated = new Promise<{ sent: number; pps: number }>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  });

  await port.wait();
  const rate = new Rate();
  let total = rate.total();
  while (port.poll("read", 500) !== 0) { // until nothing comes for half a second
    for (const packet of port.receive({ sync: false })) rate.add(packet.length);
    total = rate.total();
  }

  const { sent, pps } = await generated;
  worker.terminate();
  console.log(`sent      ${sent} packets, ${formatRate(pps)}`);
  console.log(`received  ${rate}, ${rate.format(total)}`);
  console.log(`lost      ${sent - rate.packets} packets, for which the sink's ring had no room`);
}
