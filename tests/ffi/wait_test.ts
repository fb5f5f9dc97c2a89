// Shows waiting: it ends for each reason that there is, leaves the event loop free, and leaks nothing
// (the sanitizers of `deno test` look for that).

import assert from "node:assert/strict";
import { frame, tagOf, testNetmap } from "./scene.ts";

Deno.test("wait() is true at once when there is something", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.send(frame(1));
  assert.equal(await b.wait(), true);
  assert.equal(await b.wait({ timeoutMs: 0 }), true);
  assert.equal(await b.wait({ events: "write" }), true);
  assert.deepEqual(b.receiveFrames(), [frame(1)]);
  assert.equal(await b.wait({ timeoutMs: 0 }), false);
});

Deno.test("wait() leaves the event loop free, and ends when something comes", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks === 5) a.send(frame(1));
  }, 2);
  assert.equal(await b.wait(), true);
  clearInterval(timer);
  assert.ok(ticks >= 5, `the event loop came around ${ticks} times`);
});

Deno.test("wait() sends what is in the transmit rings, as poll() does", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.txRings[0].put(frame(3));
  assert.equal(await a.wait({ timeoutMs: 0 }), false);
  assert.deepEqual(b.receiveFrames().map(tagOf), [3]);
});

Deno.test("wait() is false when the time is up, and not before", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  for (const timeoutMs of [0, 1, 20, 150]) { // one longer than a thread waits at once
    const start = performance.now();
    assert.equal(await a.wait({ timeoutMs }), false);
    assert.ok(performance.now() - start >= timeoutMs);
  }
});

Deno.test("wait() is rejected with the reason of its signal", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  const reason = { my: "reason" };
  const waits = [0, 1, 10, 120].map(async (delayMs) => {
    const controller = new AbortController();
    const waiting = a.wait({ signal: controller.signal });
    setTimeout(() => controller.abort(reason), delayMs);
    await assert.rejects(waiting, (error) => error === reason);
  });
  await Promise.all(waits);
  await assert.rejects(a.wait({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  await assert.rejects(a.wait({ signal: AbortSignal.timeout(5) }), { name: "TimeoutError" });
});

Deno.test("wait() is false when the port is closed meanwhile", async () => {
  using netmap = testNetmap();
  for (const delayMs of [0, 1, 10, 120]) {
    const port = netmap.open("vale0:a", { slots: 16 });
    const waiting = port.wait();
    setTimeout(() => port.close(), delayMs);
    assert.equal(await waiting, false);
  }
  const port = netmap.open("vale0:a", { slots: 16 });
  const waiting = port.wait();
  port.close();
  assert.equal(await waiting, false);
});

Deno.test("several can wait on one port", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  const waiting = [b.wait(), b.wait(), b.wait({ events: "write" })];
  setTimeout(() => a.send(frame()), 5);
  assert.deepEqual(await Promise.all(waiting), [true, true, true]);
});

Deno.test("wait() for room ends when the other end of a pipe has read", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 8 });
  using b = netmap.open("vale0:a}1", { slots: 8 });
  a.send(frame(), { count: 100 });
  assert.equal(await a.wait({ events: "write", timeoutMs: 1 }), false);
  const waiting = a.wait({ events: "write" });
  setTimeout(() => b.receiveFrames(), 5);
  assert.equal(await waiting, true);
});

Deno.test("wait() wants a time and an event that there are", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  for (const timeoutMs of [-1, NaN, "1" as unknown as number]) {
    await assert.rejects(a.wait({ timeoutMs }), RangeError);
  }
  await assert.rejects(a.wait({ events: "error" as "read" }), {
    name: "RangeError",
    message: 'Cannot wait for "error": expected "read" or "write"',
  });
});

Deno.test("wait() and poll() tell of an illegal head", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  const [ring] = a.rxRings;
  ring.publish(5); // beyond tail
  await assert.rejects(a.wait({ timeoutMs: 1000 }), { code: "EIO", operation: "poll" });
  assert.equal(await a.wait({ timeoutMs: 0 }), false, "once");
  assert.equal(ring.head, 0);
  ring.publish(5);
  assert.equal(a.poll("read"), 8);
  assert.equal(a.poll("read"), 0);
});

Deno.test("poll() waits on this thread, for words or bits", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  assert.equal(b.poll("read"), 0);
  assert.equal(b.poll("read", 5), 0);
  assert.equal(b.poll("write", -1), 4);
  a.send(frame());
  assert.equal(b.poll("read", -1), 1);
  assert.equal(b.poll(1 | 4), 5);
  assert.throws(() => b.poll("both" as "read"), TypeError);
  assert.throws(() => b.poll("read", 1.5), RangeError);
});

Deno.test("batches() gives what comes until its signal says stop", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const controller = new AbortController();
  let next = 0;
  const timer = setInterval(() => a.sendMany([frame(next++), frame(next++)]), 1);
  const tags: number[] = [];
  await assert.rejects(async () => {
    for await (const batch of b.batches({ signal: controller.signal })) {
      for (const packet of batch) tags.push(packet.u32(14));
      if (tags.length >= 20) controller.abort(new Error("enough"));
    }
  }, /enough/);
  clearInterval(timer);
  assert.deepEqual(tags, tags.map((_, i) => i));
});

Deno.test("batches() ends when nothing comes for a while, and when the port is closed", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  const b = netmap.open("vale0:b", { slots: 64 });
  a.send(frame(), { count: 10 });
  const sizes: number[] = [];
  for await (const batch of b.batches({ limit: 4, timeoutMs: 5 })) sizes.push([...batch].length);
  assert.deepEqual(sizes, [4, 4, 2]);
  setTimeout(() => b.close(), 5);
  for await (const _ of b.batches()) assert.fail("nothing was sent");
});

Deno.test("a batch that is left early: what was not seen comes again", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  a.sendMany([0, 1, 2, 3, 4, 5].map((tag) => frame(tag)));
  const seen: number[][] = [];
  for await (const batch of b.batches({ timeoutMs: 5 })) {
    const tags: number[] = [];
    for (const packet of batch) {
      tags.push(packet.u32(14));
      if (tags.length === 4) break;
    }
    seen.push(tags);
  }
  assert.deepEqual(seen, [[0, 1, 2, 3], [4, 5]]);
  a.sendMany([0, 1, 2, 3].map((tag) => frame(tag)));
  outer: for await (const batch of b.batches()) {
    for (const packet of batch) if (packet.u32(14) === 1) break outer;
  }
  assert.deepEqual(b.receiveFrames().map(tagOf), [2, 3]);
});

Deno.test("a batch that nobody looks at is dropped, so that the loop does not spin", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  a.send(frame(), { count: 10 });
  let count = 0;
  for await (const _ of b.batches({ timeoutMs: 5 })) count++;
  assert.equal(count, 1);
});

Deno.test("batches() lets the event loop come around while packets keep coming", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  let stop = false;
  const timer = setTimeout(() => stop = true, 5);
  a.send(frame());
  for await (const batch of b.batches()) {
    for (const _ of batch);
    if (stop) break;
    a.send(frame()); // always one more
  }
  clearTimeout(timer);
  assert.equal(stop, true);
});
