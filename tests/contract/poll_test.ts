/** poll(): which events there are, what it syncs, when it wakes: facts-netmap 1.6. */

import assert from "node:assert/strict";
import { forEachBackend } from "./backends.ts";
import { fill, frame, tags } from "./frames.ts";
import { RawDescriptor, RequestType } from "./raw.ts";

const POLLIN = 1, POLLOUT = 4, POLLERR = 8;

forEachBackend((backend) => {
  backend.test("a descriptor that is bound to nothing: poll is POLLERR, syncs are ENXIO", (scene) => {
    using raw = new RawDescriptor(scene);
    assert.equal(raw.poll(POLLIN), POLLERR);
    assert.equal(raw.txSync(), "ENXIO");
    assert.equal(raw.rxSync(), "ENXIO");
    assert.throws(() => raw.map(), { code: backend.either({ engine: "ENXIO", kernel: "ENXIO" }) });
    assert.equal(
      raw.request(RequestType.VALE_LIST, ""),
      scene.netmap.ports().length ? "" : "ENOENT",
    );
  });

  backend.test("an idle port has room to write and nothing to read", (scene) => {
    const [a] = scene.ports(1);
    assert.equal(a.poll("read"), 0);
    assert.equal(a.poll("write"), POLLOUT);
    assert.equal(a.poll(POLLIN | POLLOUT), POLLOUT);
    assert.equal(a.poll(0), 0);
  });

  backend.test("poll() gives up when its time is up", (scene) => {
    const [a] = scene.ports(1);
    const start = performance.now();
    assert.equal(a.poll("read", 60), 0);
    assert.ok(performance.now() - start >= 55);
  });

  backend.test("poll() for reading syncs: tail has moved when it returns", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame({ tag: 1 }));
    assert.equal(b.poll("read"), POLLIN);
    assert.equal(b.waiting, 1);
    assert.equal(b.poll("read"), POLLIN);
    assert.deepEqual(tags(b), [1]);
    assert.equal(b.poll("read"), 0);
  });

  backend.test("any poll() sends what is in the transmit rings", (scene) => {
    const [a, b] = scene.ports(2);
    [POLLIN, POLLOUT, 0].forEach((events, tag) => {
      fill(a.txRings[0], [{ bytes: frame({ tag }) }]);
      a.poll(events);
      assert.deepEqual(tags(b), [tag]);
    });
  });

  backend.test("with noTxPoll only poll() for writing sends", (scene) => {
    const a = scene.port("a", { noTxPoll: true });
    const b = scene.port("b");
    for (const events of [POLLIN, 0]) {
      fill(a.txRings[0], [{ bytes: frame() }]);
      a.poll(events);
      assert.deepEqual(tags(b), []);
    }
    a.poll(POLLOUT);
    assert.equal(b.receiveFrames().length, 2);
    fill(a.txRings[0], [{ bytes: frame() }]);
    a.poll(POLLIN | POLLOUT);
    assert.equal(b.receiveFrames().length, 1);
  });

  backend.test("a full transmit ring of a VALE port is ready at once: the bridge takes all", (scene) => {
    const [a] = scene.ports(2, { slots: 8 });
    fill(a.txRings[0], Array(7).fill({ bytes: frame() }));
    assert.equal(a.txRings[0].space, 0);
    assert.equal(a.poll("write"), POLLOUT);
    assert.equal(a.txRings[0].space, 7);
  });

  backend.test("a full pipe is not ready for writing until its reader gives back", (scene) => {
    const master = scene.port("p{1", { slots: 8 }), slave = scene.port("p}1");
    assert.equal(master.send(frame(), { count: 9 }), 7);
    assert.equal(master.poll("write"), 0);
    slave.rxSync();
    slave.rxRings[0].advance(1);
    assert.equal(master.poll("write"), 0);
    slave.rxSync();
    assert.equal(master.poll("write"), POLLOUT);
  });

  backend.test("an unfinished frame in a pipe does not wake the reader", (scene) => {
    const master = scene.port("p{1"), slave = scene.port("p}1");
    fill(master.txRings[0], [{ bytes: frame(), flags: 0x20 }]);
    master.txSync();
    assert.equal(slave.poll("read"), 0);
    fill(master.txRings[0], [{ bytes: frame() }]);
    master.txSync();
    assert.equal(slave.poll("read"), POLLIN);
  });

  backend.test("with RingFlag.TIMESTAMP a sync leaves its time in the ring", (scene) => {
    const [a, b] = scene.ports(2);
    b.rxRings[0].flags = 2;
    const before = Date.now() / 1000 - 1;
    a.send(frame());
    b.rxSync();
    assert.ok(b.rxRings[0].timestamp > before);
    assert.ok(b.rxRings[0].timestamp < Date.now() / 1000 + 1);
    assert.equal(a.txRings[0].timestamp, 0);
  });

  backend.test("wait() ends when a frame comes, and the event loop goes on meanwhile", async (scene) => {
    const [a, b] = scene.ports(2);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    setTimeout(() => a.send(frame({ tag: 4 })), 30);
    assert.equal(await b.wait({ timeoutMs: 10_000 }), true);
    clearInterval(timer);
    assert.ok(turns > 0);
    assert.deepEqual(tags(b), [4]);
  });

  backend.test("wait() for writing ends when a pipe's reader gives back", async (scene) => {
    const master = scene.port("p{1", { slots: 8 }), slave = scene.port("p}1");
    master.send(frame(), { count: 7 });
    setTimeout(() => {
      slave.receiveFrames(2);
      slave.rxSync();
    }, 10);
    assert.equal(await master.wait({ events: "write", timeoutMs: 10_000 }), true);
    assert.equal(master.txRings[0].space, 2);
  });

  backend.test("wait() says false when the time is up", async (scene) => {
    const [a] = scene.ports(1);
    assert.equal(await a.wait({ timeoutMs: 0 }), false);
    assert.equal(await a.wait({ timeoutMs: 20 }), false);
  });

  backend.test("wait() is ended by its signal, with the signal's reason", async (scene) => {
    const [a] = scene.ports(1);
    const controller = new AbortController();
    const waiting = a.wait({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await assert.rejects(waiting, { message: "enough" });
    await assert.rejects(a.wait({ signal: AbortSignal.abort(new Error("before")) }), {
      message: "before",
    });
  });

  backend.test("wait() and batches() end when the port is closed", async (scene) => {
    const [a, b] = scene.ports(2);
    const waiting = a.wait();
    const reading = (async () => {
      for await (const batch of b.batches()) for (const _ of batch) assert.fail();
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    a.close(), b.close();
    assert.equal(await waiting, false);
    await reading;
  });

  backend.test("wait() refuses times that are none", async (scene) => {
    const [a] = scene.ports(1);
    for (const timeoutMs of [-1, NaN, "1" as unknown as number]) {
      await assert.rejects(a.wait({ timeoutMs }), RangeError);
    }
  });

  backend.test("batches() gives what comes, and each frame once", async (scene) => {
    const [a, b] = scene.ports(2);
    const timer = setInterval(() => a.send(frame(), { count: 5 }), 2);
    let frames = 0, batches = 0;
    for await (const batch of b.batches({ limit: 3, timeoutMs: 10_000 })) {
      batches++;
      for (const packet of batch) frames += packet.length === 60 ? 1 : 0;
      if (frames >= 50) break;
    }
    clearInterval(timer);
    assert.ok(batches * 3 >= frames);
  });

  backend.test("readable and writable carry frames with backpressure through a pipe", async (scene) => {
    const master = scene.port("p{1", { slots: 8 }), slave = scene.port("p}1");
    const sent = Array.from({ length: 40 }, (_, tag) => frame({ tag, length: 60 + tag }));
    const writing = ReadableStream.from(sent).pipeTo(master.writable);
    const received: Uint8Array[] = [];
    for await (const bytes of slave.readable) {
      received.push(bytes);
      if (received.length === sent.length) break;
    }
    await writing;
    assert.deepEqual(received, sent);
  });
});
