/** Compiled hooks and Workers. */

import assert from "node:assert/strict";

import { compile } from "../../hook/mod.ts";
import { frame, mac, tags } from "../contract/frames.ts";
import type { SendJob, SendReport } from "../contract/send_worker.ts";
import { Netmap } from "../../mod.ts";

const toFirst = await compile(() => 0);

function message<T = unknown>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}

Deno.test("several Workers send through a compiled hook at once", async () => {
  const count = 20_000;
  using netmap = Netmap.open({ backend: "embedded", instance: "hook workers" });
  using receiver = netmap.open("vale0:receiver", { slots: 1024 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = toFirst;
  const senders = await Promise.all([1, 2, 3].map(async (station) => {
    const url = new URL("../contract/send_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    await message(worker);
    const job: SendJob = {
      backend: "embedded",
      instance: "hook workers",
      port: `vale0:s${station}`,
      from: mac(station),
      first: station * count,
      count,
      batch: 64,
    };
    worker.postMessage(job);
    return { worker, report: message<SendReport>(worker) };
  }));
  let received = 0;
  let isDone = false;
  const reports = Promise.all(senders.map(({ report }) => report)).finally(() => isDone = true);
  while (!isDone) {
    received += receiver.receiveFrames().length;
    await new Promise((resolve) => setTimeout(resolve));
  }
  received += receiver.receiveFrames().length;
  const sent = (await reports).reduce((sum, report) => sum + report.sent, 0);
  for (const { worker } of senders) worker.terminate();
  assert.equal(sent, 3 * count);
  assert(received > 0);
  assert.equal(received + receiver.counters().drops.ringFull, sent);
});

Deno.test("a compiled hook outlives the Worker that has set it", async () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "hook of a Worker" });
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  const worker = new Worker(new URL("./hook_worker.ts", import.meta.url), { type: "module" });
  await message(worker);
  worker.postMessage({ instance: "hook of a Worker", bridge: "vale0" });
  assert.equal(await message(worker), "set");
  worker.terminate();
  for (let i = 0; i < 50; i++) {
    a.send(frame({ tag: i }));
    b.send(frame({ tag: 77777 }));
    assert.deepEqual([tags(a), tags(b)], [[77777], [i]]);
    await new Promise((resolve) => setTimeout(resolve, 2)); // the Worker ends some time
  }
  using bridge = netmap.bridge("vale0");
  assert.equal(bridge.lookup, "native");
});
