// Shows ports as Web Streams.

import assert from "node:assert/strict";
import { frame, tagOf, testNetmap } from "./scene.ts";

Deno.test("readable gives a copy of each frame, and ends when the port is closed", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 256 });
  const b = netmap.open("vale0:b", { slots: 256 });
  assert.equal(b.readable, b.readable);
  a.sendMany(Array.from({ length: 200 }, (_, tag) => frame(tag, 60 + tag)));
  const frames: Uint8Array[] = [];
  for await (const chunk of b.readable) {
    frames.push(chunk);
    if (frames.length === 200) setTimeout(() => b.close(), 1);
  }
  assert.deepEqual(frames, Array.from({ length: 200 }, (_, tag) => frame(tag, 60 + tag)));
});

Deno.test("cancelling readable ends its waiting", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  const reader = a.readable.getReader();
  const reading = reader.read();
  await reader.cancel();
  assert.equal((await reading).done, true);
});

Deno.test("readable reads no more than it is asked for", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 1024 });
  using b = netmap.open("vale0:a}1", { slots: 1024 });
  a.sendMany(Array.from({ length: 500 }, (_, tag) => frame(tag)));
  const reader = b.readable.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(b.waiting > 400, `${b.waiting} are left in the ring`);
  await reader.cancel();
});

Deno.test("writable sends each chunk as a frame", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  const writer = a.writable.getWriter();
  await writer.write(frame(1));
  assert.deepEqual(b.receiveFrames(), [frame(1)], "it is sent when write() is done");
  await writer.write(frame(2));
  await writer.close();
  assert.deepEqual(b.receiveFrames(), [frame(2)]);
});

Deno.test("writable refuses what is no frame", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  const writer = a.writable.getWriter();
  await assert.rejects(writer.write("text" as unknown as Uint8Array), TypeError);
  await assert.rejects(writer.closed, TypeError);
});

Deno.test("a pipe as two streams carries everything, with backpressure", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 8 });
  const b = netmap.open("vale0:a}1", { slots: 8 });
  const source = ReadableStream.from(Array.from({ length: 300 }, (_, tag) => frame(tag)));
  const tags: number[] = [];
  const reading = (async () => {
    for await (const chunk of b.readable) {
      tags.push(tagOf(chunk));
      if (tags.length === 300) break;
    }
  })();
  await source.pipeTo(a.writable);
  await reading;
  b.close();
  assert.deepEqual(tags, Array.from({ length: 300 }, (_, tag) => tag));
});

Deno.test("aborting writable ends its waiting for room", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 4 });
  using _b = netmap.open("vale0:a}1", { slots: 4 });
  const writer = a.writable.getWriter();
  const writes = Array.from({ length: 30 }, () => writer.write(frame()).catch(() => {}));
  await new Promise((resolve) => setTimeout(resolve, 5));
  await writer.abort(new Error("stop"));
  await Promise.all(writes);
  await assert.rejects(writer.closed, /stop/);
});

Deno.test("streams of different ports can be connected", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  const b = netmap.open("vale0:b", { slots: 64 });
  using c = netmap.open("vale1:c", { slots: 64 });
  using d = netmap.open("vale1:d", { slots: 64 });
  const piping = b.readable.pipeTo(c.writable);
  a.sendMany([1, 2, 3].map((tag) => frame(tag)));
  const tags: number[] = [];
  for await (const batch of d.batches()) {
    for (const packet of batch) tags.push(packet.u32(14));
    if (tags.length === 3) break;
  }
  b.close();
  await piping;
  assert.deepEqual(tags, [1, 2, 3]);
});
