// Shows that a port's views begin with what its rings use, which is what V8 counts, and that buffers further
// away are reached when one of them comes.

import assert from "node:assert/strict";
import { increment, PacketTemplate, type Port } from "../../mod.ts";
import { frame, tagOf, testNetmap } from "./scene.ts";

const SLOTS = 8;

/** Gives all slots of the port's ring buffers that another port had, which has the same memory. */
function takeFarBuffers(near: Port, far: Port, direction: "txRings" | "rxRings"): void {
  const [to] = near[direction], [from] = far[direction];
  for (let slot = 0; slot < SLOTS; slot++) to.swap(slot, from, slot);
  assert.ok(to.bufferIndex(0) >= to.reachedBuffers, "it is out of reach");
}

interface Scene extends Disposable {
  a: Port;
  b: Port;
  far: Port;
}

/** Three ports: what `a` sends is for `b`; `far` has memory with `a`. */
function scene(): Scene {
  const netmap = testNetmap();
  const a = netmap.open("vale0:a", { slots: SLOTS });
  const b = netmap.open("vale0:b", { slots: SLOTS });
  const far = netmap.open("vale1:far", { slots: SLOTS, memory: { share: "vale0:a" } });
  return { a, b, far, [Symbol.dispose]: () => netmap.close() };
}

Deno.test("500 default ports are little for V8: what their rings use", () => {
  using netmap = testNetmap();
  const before = Deno.memoryUsage().external;
  const ports = Array.from({ length: 500 }, (_, i) => netmap.open(`vale0:p${i}`));
  const [ring] = ports[0].rxRings;
  const counted = (Deno.memoryUsage().external - before) / ports.length;
  const used = ring.slots * 2 * ring.bufferSize;
  assert.ok(counted > used, `${counted} bytes a port`);
  assert.ok(counted < 2 * used, `${counted} bytes a port, of which its rings use ${used}`);
  ports[499].send(frame(1));
  assert.deepEqual(ports[0].receiveFrames().map(tagOf), [1]);
});

Deno.test("frames are received in buffers out of reach", () => {
  using ports = scene();
  const { a, b, far } = ports;
  takeFarBuffers(a, far, "rxRings");
  for (let tag = 1; tag <= 5; tag++) b.send(frame(tag));
  a.rxSync();
  const tags: number[] = [];
  for (const packet of a.receive()) tags.push(tagOf(packet.copy()));
  assert.deepEqual(tags, [1, 2, 3, 4, 5]);
});

Deno.test("buffers out of reach come in the middle of a loop, before and after others", () => {
  using ports = scene();
  const { a, b, far } = ports;
  const [ring] = a.rxRings;
  for (const slot of [1, 3]) ring.swap(slot, far.rxRings[0], slot);
  for (let tag = 1; tag <= 5; tag++) b.send(frame(tag));
  a.rxSync();
  const tags: number[] = [];
  for (const packet of a.receive()) tags.push(tagOf(packet.copy()));
  assert.deepEqual(tags, [1, 2, 3, 4, 5]);
});

Deno.test("batches have packets in buffers out of reach, and read them directly from then on", () => {
  using ports = scene();
  const { a, b, far } = ports;
  for (const slot of [1, 3]) a.rxRings[0].swap(slot, far.rxRings[0], slot);
  for (let turn = 0; turn < 4; turn++) {
    for (let tag = 1; tag <= 3; tag++) b.send(frame(tag));
    const batch = a.receiveBatch();
    const tags = Array.from({ length: batch.length }, (_, i) => batch.u32(i, 14));
    assert.deepEqual(tags, [1, 2, 3], `turn ${turn}`);
    assert.equal(tagOf(batch.packet(1).copy()), 2);
  }
  assert.equal(a.rxRings[0].reachedBuffers, a.rxRings[0].bufferCount);
});

Deno.test("frames of several slots are put together from buffers out of reach", () => {
  using ports = scene();
  const { a, b, far } = ports;
  a.rxRings[0].swap(1, far.rxRings[0], 1);
  const long = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);
  long.fill(255, 0, 6);
  b.send(long);
  a.rxSync();
  assert.deepEqual(a.receiveFrames(), [long]);
  b.send(long);
  const batch = a.receiveBatch();
  assert.deepEqual(batch.packet(0).copy(), long);
});

Deno.test("a slot's bytes are those of its buffer, wherever that is", () => {
  using ports = scene();
  const { a, far } = ports;
  const bytes = far.txRings[0].bytes(2), mine = a.txRings[0].bytes(3);
  bytes.fill(7);
  mine.fill(5);
  a.txRings[0].swap(2, far.txRings[0], 2);
  assert.deepEqual(a.txRings[0].bytes(2), bytes);
  assert.deepEqual(far.txRings[0].bytes(2).length, bytes.length);
  // views from before are still of the same memory
  mine[0] = 9;
  assert.equal(a.txRings[0].bytes(3)[0], 9);
});

const SENDERS: Record<string, (port: Port) => Uint8Array[]> = {
  "send()": (port) => {
    const frames = [frame(1), frame(2), frame(3)];
    for (const one of frames) port.send(one);
    return frames;
  },
  "send() of one frame again and again": (port) => {
    port.send(frame(4), { count: 3 });
    return [frame(4), frame(4), frame(4)];
  },
  "send() of a template": (port) => {
    const template = () => PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.1.0.1:2", length: 60 });
    port.send(template(), { count: 3 });
    return [...template().packets(3)];
  },
  "send() of a template that varies": (port) => {
    const template = () =>
      PacketTemplate.udp({
        src: "10.0.0.1:1",
        dst: "10.1.0.1:2",
        length: 60,
        vary: { dstPort: increment(1, 9) },
      });
    port.send(template(), { count: 3 });
    return [...template().packets(3)];
  },
};

for (const [name, send] of Object.entries(SENDERS)) {
  Deno.test(`${name} writes to buffers out of reach`, () => {
    using ports = scene();
    const { a, b, far } = ports;
    takeFarBuffers(a, far, "txRings");
    const frames = send(a);
    a.txSync();
    b.rxSync();
    assert.deepEqual(b.receiveFrames(), frames);
  });
}

Deno.test("a template that all of a ring holds is written anew to buffers that came later", () => {
  using ports = scene();
  const { a, b, far } = ports;
  const options = { src: "10.0.0.1:1", dst: "10.1.0.1:2", length: 60 } as const;
  const template = PacketTemplate.udp({ ...options, vary: { dstPort: increment(1, 9) } });
  for (let i = 0; i < 3; i++) {
    a.send(template, { count: SLOTS - 2 });
    b.rxSync();
    b.receiveFrames();
    b.rxSync();
  }
  takeFarBuffers(a, far, "txRings");
  a.send(template, { count: 3 });
  a.txSync();
  b.rxSync();
  assert.equal(b.receiveFrames().length, 3);
});

Deno.test("all of a region is there for loops of one's own", () => {
  using ports = scene();
  const [ring] = ports.a.txRings;
  assert.ok(ring.reachedBuffers < ring.bufferCount);
  assert.equal(ring.region.u8.length, ring.region.length);
  assert.equal(ring.reachedBuffers, ring.bufferCount);
});

Deno.test("close() empties the views of before and after", () => {
  using ports = scene();
  const { a } = ports;
  const early = a.txRings[0].bytes(0);
  const late = a.txRings[0].region.u8;
  assert.notEqual(early.buffer, late.buffer);
  a.close();
  assert.equal(early.length, 0);
  assert.equal(late.length, 0);
});
