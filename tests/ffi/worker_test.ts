// Shows Workers that share an engine with the main thread.

import assert from "node:assert/strict";
import { DROP, type NetmapError, type Port } from "../../mod.ts";
import { frame, runScript, testNetmap } from "./scene.ts";

interface Answer {
  ports?: string[];
  counters?: ReturnType<Port["counters"]>;
  error?: string;
  message?: string;
}

/** The Worker, as something that is asked and answers. */
class Sender implements Disposable {
  readonly #worker = new Worker(new URL("worker_sender.ts", import.meta.url), { type: "module" });

  ask(message: Record<string, unknown>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => resolve(data);
      this.#worker.onerror = (event) => reject(new Error(event.message));
      this.#worker.postMessage(message);
    });
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

Deno.test("a Worker shares the engine of its name", async () => {
  using netmap = testNetmap();
  using b = netmap.open("vale0:b", { slots: 256 });
  using sender = new Sender();
  const { ports } = await sender.ask({ open: "vale0:w", instance: netmap.instance });
  assert.deepEqual(ports, ["vale0:b", "vale0:w"]);
  const { counters } = await sender.ask({ send: frame(), count: 100 });
  assert.equal(counters!.txPackets, 100);
  assert.deepEqual(b.receiveFrames().length, 100);
  await sender.ask({ close: true });
  assert.deepEqual(netmap.ports().map((entry) => entry.name), ["vale0:b"]);
});

Deno.test("two Workers and the main thread send at once: each frame arrives or is counted, in order", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 256 });
  using b = netmap.open("vale0:b", { slots: 4096 });
  using one = new Sender();
  using two = new Sender();
  await one.ask({ open: "vale0:one", instance: netmap.instance });
  await two.ask({ open: "vale0:two", instance: netmap.instance });
  const from = (source: number): Uint8Array => {
    const bytes = frame();
    bytes[11] = source;
    return bytes;
  };
  let done = false;
  const sending = Promise.all([
    one.ask({ send: from(1), count: 3000 }),
    two.ask({ send: from(2), count: 3000 }),
  ]).then(() => done = true);
  const last = [-1, -1, -1, -1];
  let received = 0, own = 0;
  const read = (): void => {
    for (const packet of b.receive()) {
      const source = packet.u8(11), tag = packet.u32(14);
      assert.ok(tag > last[source], `${tag} of ${source} comes after ${last[source]}`);
      last[source] = tag;
      received++;
    }
  };
  const bytes = from(3);
  while (!done) {
    new DataView(bytes.buffer).setUint32(14, own++);
    a.send(bytes);
    read();
    await new Promise((resolve) => setTimeout(resolve));
  }
  await sending;
  read();
  assert.equal(received + b.counters().drops.ringFull, 6000 + own);
  await one.ask({ close: true });
  await two.ask({ close: true });
});

Deno.test("wait() ends when a Worker sends", async () => {
  using netmap = testNetmap();
  using b = netmap.open("vale0:b", { slots: 256 });
  using sender = new Sender();
  await sender.ask({ open: "vale0:w", instance: netmap.instance });
  const waiting = b.wait();
  const sent = sender.ask({ send: frame(), count: 1 });
  assert.equal(await waiting, true);
  await sent;
  await sender.ask({ close: true });
});

Deno.test("a lookup of the main thread decides about what a Worker sends", async () => {
  using netmap = testNetmap();
  using b = netmap.open("vale0:b", { slots: 256 });
  using bridge = netmap.bridge("vale0");
  let calls = 0;
  bridge.lookup = (packet) => {
    calls++;
    return packet.u32(14) % 2 === 0 ? 0 : DROP;
  };
  using sender = new Sender();
  await sender.ask({ open: "vale0:w", instance: netmap.instance });
  const { counters } = await sender.ask({ send: frame(), count: 10 });
  assert.equal(calls, 10);
  assert.equal(counters!.drops.lookup, 5);
  assert.equal(b.receiveFrames().length, 5);
  bridge.lookup = () => 0; // the first one is freed though another thread has used it
  await sender.ask({ send: frame(), count: 3 });
  assert.equal(b.receiveFrames().length, 3);
  await sender.ask({ close: true });
});

Deno.test("a failing lookup is told to the Worker that sent, not to the next call here", async () => {
  using netmap = testNetmap();
  using b = netmap.open("vale0:b", { slots: 256 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = () => {
    throw new Error("of the Worker");
  };
  using sender = new Sender();
  await sender.ask({ open: "vale0:w", instance: netmap.instance });
  const { error, message } = await sender.ask({ send: frame(), count: 1 });
  assert.equal(error, "ECANCELED");
  assert.match(message!, /that Worker has the error/);
  bridge.lookup = () => {
    throw new Error("of this thread");
  };
  assert.throws(() => b.send(frame()), (error: NetmapError) => {
    assert.equal((error.cause as Error).message, "of this thread");
    return true;
  });
  await sender.ask({ close: true });
});

Deno.test("a lookup can be replaced while a Worker's packets wait for it", async () => {
  using netmap = testNetmap();
  using b = netmap.open("vale0:b", { slots: 256 });
  using bridge = netmap.bridge("vale0");
  using sender = new Sender();
  await sender.ask({ open: "vale0:w", instance: netmap.instance });
  for (let round = 0; round < 30; round++) {
    bridge.lookup = () => 0;
    let answered = false;
    const sending = sender.ask({ send: frame(), count: 1 }).then(() => answered = true);
    // The Worker's thread is stuck until the event loop comes around; meanwhile it is replaced
    while (!answered) {
      const until = performance.now() + 1;
      while (performance.now() < until);
      bridge.lookup = () => 0;
      await new Promise((resolve) => setTimeout(resolve));
    }
    await sending;
    assert.equal(b.receiveFrames().length, 1);
  }
  await sender.ask({ close: true });
});

Deno.test("a port can be closed while a thread that waits on it is inside a lookup", async () => {
  for (const order of ["port", "bridge", "netmap"]) {
    using netmap = testNetmap();
    using _keep = netmap.open("vale0:keep", { slots: 64 });
    const port = netmap.open("vale0:a", { slots: 64 });
    const bridge = netmap.bridge("vale0");
    let calls = 0;
    bridge.lookup = () => {
      calls++;
      return 0;
    };
    const waiting = port.wait({ timeoutMs: 20_000 }).catch(() => false);
    // It waits on another thread. That one looks around every 100 ms, takes a packet, and is
    // stuck in the lookup, because our event loop does not come around
    await new Promise((resolve) => setTimeout(resolve, 10));
    port.txRings[0].put(frame());
    const until = performance.now() + 19_000;
    while (port.counters().txPackets === 0 && performance.now() < until);
    // From taking the packet to asking about it
    const asked = performance.now() + 100;
    while (performance.now() < asked);
    assert.equal(calls, 0);
    if (order === "port") port.close();
    else if (order === "bridge") bridge.close();
    else netmap.close();
    await waiting;
    bridge.close();
    assert.equal(calls, 1, "it was inside");
  }
});

Deno.test("the lookup of a Worker that was terminated goes with it", async () => {
  const instance = `terminated ${crypto.randomUUID().slice(0, 8)}`;
  const { output, errors, code } = await runScript(
    `
import { Netmap } from "valet:mod.ts";
using netmap = Netmap.open({ backend: "embedded", instance: "${instance}" });
using a = netmap.open("vale0:a"), b = netmap.open("vale0:b");
const source = \`
  import { Netmap } from "valet:mod.ts";
  const netmap = Netmap.open({ backend: "embedded", instance: "${instance}" });
  netmap.bridge("vale0").lookup = () => 255;
  postMessage("set");
\`;
const blob = new Blob([source], { type: "application/javascript" });
const worker = new Worker(URL.createObjectURL(blob), { type: "module" });
await new Promise((resolve) => worker.onmessage = resolve);
console.log(netmap.bridge("vale0").lookup);
worker.terminate();
while (netmap.bridge("vale0").lookup !== "learning") await new Promise((r) => setTimeout(r, 1));
const frame = new Uint8Array(60).fill(255);
frame[6] = 2;
a.send(frame);
console.log(b.receiveFrames().length);
`,
    ["--allow-ffi", "--allow-read"],
  );
  assert.deepEqual({ code, output, errors }, { code: 0, output: "script\n1\n", errors: "" });
});

Deno.test("a port whose Worker waits for this thread's lookup is EBUSY here, and does not hang", async () => {
  using netmap = testNetmap();
  using b = netmap.open("vale0:b", { slots: 256 });
  using shared = netmap.open("vale0:w", { slots: 256 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = () => 0;
  using sender = new Sender();
  await sender.ask({ open: "vale0:w", instance: netmap.instance });
  const sent = sender.ask({ send: frame(), count: 1 });
  // Packets are counted before they are looked up, and this loop does not let the event loop run: once
  // the Worker is in the lookup it stays there
  while (shared.counters().txPackets === 0);
  assert.throws(() => shared.txSync(), { code: "EBUSY" });
  await sent;
  assert.equal(b.receiveFrames().length, 1);
  await sender.ask({ close: true });
});
