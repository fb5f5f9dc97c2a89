/// <reference lib="deno.worker" />
/**
 * api.workers.*: so many Workers, each of which sends a template on a port of its own and receives it on another, all
 * on one bridge. Argument: how many. The rate is by the clock on the wall, and nothing is bound to a CPU.
 */

import { Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { INSTANCE, native, serveAsync } from "./native.ts";

const BATCH = 256;

/** Sends and receives for so long in this Worker; returns millions of packets a second. */
function exchange(number: number): (seconds: number) => number {
  const netmap = Netmap.open({
    backend: "embedded",
    instance: INSTANCE,
    library: builtFiles().library,
  });
  const from = netmap.open(`vale0:a${number}`), to = netmap.open(`vale0:b${number}`);
  const station = (side: number): string => `02:00:00:00:0${side}:0${number}`;
  const address = station(1).replaceAll(":", "");
  to.send(Uint8Array.fromHex(`${address}${address}0800`)); // makes it known
  const template = PacketTemplate.udp({
    src: "10.0.0.1:1234",
    dst: "10.1.0.1:1234",
    srcMac: station(0),
    dstMac: station(1),
    length: 60,
  });
  return (seconds) => {
    const start = native.bench_script_clock();
    let packets = 0, time = start;
    while (time - start < seconds) {
      from.send(template, { count: BATCH });
      let received = 0;
      for (const packet of to.receive()) received += packet.length > 0 ? 1 : 0;
      if (received !== BATCH) throw new Error("Packets were lost");
      packets += BATCH;
      time = native.bench_script_clock();
    }
    return packets / (time - start) / 1e6;
  };
}

if (self.name !== "") {
  const measure = exchange(Number(self.name));
  self.onmessage = ({ data }: MessageEvent<number>): void => self.postMessage(measure(data));
} else {
  const workers = Array.from(
    { length: Number(Deno.args[0]) },
    (_, number) => new Worker(import.meta.url, { type: "module", name: `${number}` }),
  );
  const ask = (worker: Worker, seconds: number): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(seconds);
    return promise;
  };
  await serveAsync(async (seconds) => {
    const rates = await Promise.all(workers.map((worker) => ask(worker, seconds)));
    return rates.reduce((sum, rate) => sum + rate);
  }, { pin: false });
  for (const worker of workers) worker.terminate();
}
