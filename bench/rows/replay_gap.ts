/**
 * How exactly `valet replay` sends: packets recorded at equal distances are replayed to a port that is looked
 * at all the time. Arguments: microseconds between two packets, how many packets. Prints JSON: percentiles of
 * how far the received distances are from the recorded ones, in microseconds.
 */

import type { ReplayJob, ReplayNews } from "../../cli/replay/worker.ts";
import { Histogram, Netmap, writeCapture } from "../../mod.ts";
import { Shared } from "../../cli/pkt_gen/job.ts";

/** Packets before those that count: code is compiled meanwhile. */
const WARM_UP = 50;

const [gapUs, measured] = Deno.args.map(Number);
const count = measured + WARM_UP;
const INSTANCE = "replay gap", PATIENCE_MS = 30_000;

/** A capture whose packets are so far apart. */
function writeRecords(file: string): void {
  const data = new Uint8Array(60).fill(0xff, 0, 6);
  data[6] = 2;
  const records = Array.from({ length: count }, (_, i) => {
    const ns = i * gapUs * 1000;
    return { data, seconds: 1 + Math.floor(ns / 1e9), nanoseconds: ns % 1e9 };
  });
  Deno.writeFileSync(file, writeCapture(records));
}

/** Starts the thread of `valet replay`; returns when it has been told what to do. */
async function startReplay(file: string): Promise<Worker> {
  const job: ReplayJob = {
    file,
    port: "vale0:tx",
    backend: "embedded",
    instance: INSTANCE,
    schedule: {
      pace: { kind: "recorded", speed: 1 },
      delay: undefined,
      loss: undefined,
      loops: 1,
      seed: 1,
    },
    batch: 128,
    waitSeconds: 0,
    cpu: undefined,
    shared: Shared.create(1).buffer,
  };
  const worker = new Worker(new URL("../../cli/replay/worker.ts", import.meta.url), {
    type: "module",
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  worker.onmessage = ({ data }: MessageEvent<ReplayNews>) =>
    data.is === "failed" ? reject(new Error(data.message)) : resolve();
  await promise;
  worker.postMessage(job);
  return worker;
}

const folder = Deno.makeTempDirSync({ prefix: "valet-bench-" });
try {
  using netmap = Netmap.open({ backend: "embedded", instance: INSTANCE });
  using port = netmap.open("vale0:rx");
  writeRecords(`${folder}/gaps.pcap`);
  const worker = await startReplay(`${folder}/gaps.pcap`);
  const [ring] = port.rxRings;
  for (let slot = 0; slot < ring.slots; slot++) ring.bytes(slot).fill(0); // what is new is slow
  const errors = new Histogram();
  const end = performance.now() + PATIENCE_MS + count * gapUs / 1000;
  let received = 0, lastMs = 0;
  while (received < count) {
    port.rxSync();
    const nowMs = performance.now();
    for (let { space } = ring; space > 0; space--) {
      if (received++ > WARM_UP) errors.record(Math.abs((nowMs - lastMs) * 1e6 - gapUs * 1000));
      lastMs = nowMs;
      ring.advance(1);
    }
    if (nowMs > end) throw new Error(`Cannot measure: ${received} of ${count} packets have come`);
  }
  worker.terminate();
  const us = [50, 90, 99, 99.9, 100].map((percent) => errors.percentile(percent) / 1000);
  const text = `${JSON.stringify(us)}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(text));
} finally {
  Deno.removeSync(folder, { recursive: true });
}
