// Shows that what is sent is what arrives, in whatever way it is put into the ring.

import assert from "node:assert/strict";
import {
  increment,
  list,
  type NetmapError,
  PacketTemplate,
  type Port,
  range,
  type VaryOptions,
} from "../../mod.ts";
import { frame, tagOf, testNetmap } from "./scene.ts";

const TEMPLATE = {
  src: "10.0.0.1:1",
  dst: "10.1.0.1:2",
  length: 60,
} as const;

/** The frames that a template gives, told apart from those that a port sends. */
function expected(options: Parameters<typeof PacketTemplate.udp>[0], count: number): Uint8Array[] {
  return [...PacketTemplate.udp(options).packets(count)];
}

function drain(port: Port): Uint8Array[] {
  return port.receiveFrames();
}

Deno.test("send() of one frame says whether there was room", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 4 });
  using b = netmap.open("vale0:a}1", { slots: 4 });
  const sent = [0, 1, 2, 3, 4, 5, 6, 7].map((tag) => a.send(frame(tag)));
  const found = drain(b).map(tagOf);
  assert.equal(sent[0], true);
  assert.equal(sent[7], false);
  b.rxSync();
  const more = drain(b).map(tagOf);
  a.txSync();
  assert.deepEqual(
    [...found, ...more, ...drain(b).map(tagOf)],
    [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => sent[i]),
    "what was taken arrives, in order, and nothing else",
  );
});

Deno.test("send() with a count says how many there was room for", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  assert.equal(a.send(frame(1), { count: 100 }), 100, "a bridge takes all");
  assert.equal(drain(b).length, 15);
  assert.equal(b.counters().drops.ringFull, 85);
  using c = netmap.open("vale0:p{1", { slots: 16 });
  using d = netmap.open("vale0:p}1", { slots: 16 });
  const sent = c.send(frame(1), { count: 100 });
  assert.ok(sent >= 15 && sent < 100, `a pipe took ${sent}`);
  let received = 0;
  for (let round = 0; round < 4; round++) {
    received += drain(d).length;
    d.rxSync();
    c.txSync();
  }
  assert.equal(received, sent);
  assert.equal(a.send(frame(1), { count: 0 }), 0);
});

Deno.test("a template's packets differ as it says, round after round of the ring", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 8 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const options = { ...TEMPLATE, vary: { srcPort: increment(100) } };
  const template = PacketTemplate.udp(options);
  const received: Uint8Array[] = [];
  for (let round = 0; round < 10; round++) {
    assert.equal(a.send(template, { count: 30 }), 30);
    received.push(...drain(b));
  }
  assert.deepEqual(received, expected(options, 300));
});

Deno.test("a template of varying length, and one frame of it", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 8 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const { src, dst } = TEMPLATE;
  const options = { src, dst, vary: { length: list([60, 1514, 100]) } };
  const template = PacketTemplate.udp(options);
  assert.equal(a.send(template), true);
  assert.equal(a.send(template, { count: 20 }), 20);
  assert.equal(a.sendMany([template, template]), 2);
  assert.deepEqual(drain(b), expected(options, 23));
});

Deno.test("a slot that held something else is written whole", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 4 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const options = { ...TEMPLATE, vary: { srcPort: increment(1) } };
  const one = PacketTemplate.udp(options);
  const other = PacketTemplate.raw(frame(9));
  const reference = PacketTemplate.udp(options);
  for (let round = 0; round < 5; round++) {
    const wanted: Uint8Array[] = [];
    const send = (kind: number): void => {
      if (kind === 0) {
        a.send(one);
        wanted.push(reference.next());
      } else if (kind === 1) {
        a.send(frame(round));
        wanted.push(frame(round));
      } else if (kind === 2) {
        a.send(other, { count: 2 });
        wanted.push(frame(9), frame(9));
      } else {
        a.send(frame(round + 50), { count: 5 });
        wanted.push(...Array<Uint8Array>(5).fill(frame(round + 50)));
      }
    };
    for (const kind of [0, 1, 0, 2, 3, 0, 0, 0, 0, 2, 0, 0, 0, 1, 3, 0]) send(kind);
    assert.deepEqual(drain(b), wanted);
  }
});

Deno.test("buffers that others wrote to are written whole", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 4 });
  using again = netmap.open("vale0:a");
  using b = netmap.open("vale0:b", { slots: 64 });
  const template = PacketTemplate.udp(TEMPLATE);
  const [packet] = expected(TEMPLATE, 1);
  const check = (): void => {
    a.send(template, { count: 4 });
    assert.deepEqual(drain(b), Array(4).fill(packet));
  };
  check();
  again.send(frame(1), { count: 4 }); // another descriptor of the same ring
  drain(b);
  check();
  for (let slot = 0; slot < 4; slot++) a.txRings[0].bytes(slot).fill(0xee);
  check();
  const [ring] = a.txRings, [receive] = b.rxRings;
  ring.region.u8.fill(0xdd, ring.bufferOffset(0), ring.bufferOffset(0) + 60);
  check();
  ring.region.u8.fill(0xcc, ring.bufferOffset(1), ring.bufferOffset(1) + 60);
  check();
  assert.equal(receive.slots, 64);
});

Deno.test("a template goes on right when slots have got other buffers", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 4, extraBuffers: 2 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const options = { ...TEMPLATE, vary: { srcPort: increment(1) } };
  const template = PacketTemplate.udp(options), reference = PacketTemplate.udp(options);
  const [ring] = a.txRings;
  const check = (): void => {
    for (let round = 0; round < 5; round++) {
      a.send(template, { count: 3 });
      assert.deepEqual(drain(b), Array.from({ length: 3 }, () => reference.next()));
    }
  };
  check();
  ring.swap(0, ring, 2);
  check();
  const extra = a.extraBuffers.take();
  assert.ok(extra !== undefined);
  a.extraBuffers.give(ring.bufferIndex(1));
  ring.setBufferIndex(1, extra);
  check();
});

Deno.test("a frame that changes between two sends is sent as it is then", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 4 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const bytes = frame(1);
  a.send(bytes, { count: 8 });
  bytes.set(frame(2));
  a.send(bytes, { count: 8 });
  assert.deepEqual(drain(b).map(tagOf), [...Array(8).fill(1), ...Array(8).fill(2)]);
});

Deno.test("templates and frames in turn are each sent as they are, over the ring's end too", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  const make = (vary: VaryOptions): PacketTemplate =>
    PacketTemplate.udp({
      src: "10.0.0.1:1",
      dst: "10.0.0.2:2",
      payload: "18 bytes of it all",
      vary,
    });
  const kinds: VaryOptions[] = [
    {},
    { srcPort: increment(1000) },
    { src: range("10.0.0.1", "10.0.0.99"), dstPort: list([1, 2, 3]) },
    { length: list([60, 80, 100]) },
  ];
  const templates = kinds.map(make), twins = kinds.map(make);
  const bytes = frame(7), [ring] = a.txRings;
  for (let turn = 0; turn < 60; turn++) {
    // The same one for some turns, so that all of the ring holds it
    const which = (turn >> 2) % (templates.length + 1), count = 40 + turn % 9;
    if (turn % 7 === 3) ring.bytes(turn).fill(0xee);
    if (turn % 10 === 5) bytes[30] ^= 0xff;
    let expected: Uint8Array[];
    if (which < templates.length) {
      a.send(templates[which], { count });
      expected = [...twins[which].packets(count)];
    } else {
      a.send(bytes, { count });
      expected = Array.from({ length: count }, () => bytes);
    }
    assert.deepEqual(
      b.receiveFrames().map((packet) => packet.toHex()),
      expected.map((packet) => packet.toHex()),
    );
  }
});

Deno.test("a frame that changes while sendAll() goes on is sent as it is, then and later", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 256 });
  using b = netmap.open("vale0:b", { slots: 1024 });
  const bytes = frame(1), before = bytes.toHex();
  const sending = a.sendAll(bytes, { count: 256, batch: 8 });
  bytes[40] ^= 0xff; // it has sent some, and lets the event loop go on
  const changed = bytes.toHex();
  await sending;
  const sent = b.receiveFrames().map((packet) => packet.toHex());
  assert.equal(sent.length, 256);
  assert.deepEqual(new Set(sent), new Set([before, changed]));
  bytes[40] ^= 0xff;
  a.send(bytes, { count: 255 });
  const frames = b.receiveFrames();
  assert.equal(frames.length, 255);
  for (const frame of frames) assert.equal(frame.toHex(), before);
});

Deno.test("frames longer than a buffer take several slots", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 128 });
  using b = netmap.open("vale0:b", { slots: 256 });
  const frames = [2112, 2113, 4096, 9000, 64 * 2112].map((length, i) => frame(i, length));
  assert.equal(a.sendMany(frames), 5);
  assert.equal(a.send(frames[3]), true);
  assert.equal(a.send(PacketTemplate.raw(frames[3]), { count: 2 }), 2);
  assert.deepEqual(drain(b), [...frames, frames[3], frames[3], frames[3]]);
  assert.throws(() => a.send(new Uint8Array(64 * 2112 + 1)), {
    name: "RangeError",
    message: "Cannot send a packet of 135169 bytes: at most 135168 fit in 64 slots of 2112 bytes",
  });
});

Deno.test("wrong packets, counts and rings are refused", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 8 });
  assert.throws(() => a.send(new Uint8Array(0)), RangeError);
  assert.throws(() => a.send(new Uint8Array(8 * 2112)), RangeError);
  for (const wrong of ["text", 3, null, undefined, [1, 2], new ArrayBuffer(60)]) {
    assert.throws(() => a.send(wrong as unknown as Uint8Array), TypeError);
    assert.throws(() => a.send(wrong as unknown as Uint8Array, { count: 2 }), TypeError);
  }
  assert.throws(() => a.sendMany(frame() as unknown as Uint8Array[]), TypeError);
  assert.throws(() => a.sendMany([[1, 2]] as unknown as Uint8Array[]), TypeError);
  for (const count of [-1, 0.5, NaN]) {
    assert.throws(() => a.send(frame(), { count }), RangeError);
  }
  assert.throws(() => a.send(frame(), { batch: 0 }), RangeError);
  assert.throws(() => a.send(frame(), { ring: 1 }), {
    name: "RangeError",
    message: 'Cannot send on ring 1 of "vale0:a": it has 0 to 0',
  });
});

Deno.test("packets of one port can be sent on another as they are received", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  using c = netmap.open("vale1:c", { slots: 64 });
  using d = netmap.open("vale1:d", { slots: 64 });
  a.sendMany([1, 2, 3].map((tag) => frame(tag)));
  assert.equal(c.sendMany(b.receive()), 3);
  assert.deepEqual(drain(d), [frame(1), frame(2), frame(3)]);
});

Deno.test("sendAll() waits for room until everything is sent", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 8 });
  using b = netmap.open("vale0:a}1", { slots: 8 });
  const received: number[] = [];
  const reader = (async () => {
    for await (const batch of b.batches()) {
      for (const packet of batch) received.push(packet.u32(14));
      if (received.length >= 150) return;
    }
  })();
  const tags = Array.from({ length: 50 }, (_, i) => i);
  assert.equal(await a.sendAll(tags.map((tag) => frame(tag))), 50);
  assert.equal(await a.sendAll(frame(7), { count: 50 }), 50);
  const template = PacketTemplate.raw(frame(8));
  assert.equal(await a.sendAll(template, { count: 50 }), 50);
  await reader;
  assert.deepEqual(received, [...tags, ...Array(50).fill(7), ...Array(50).fill(8)]);
});

Deno.test("sendAll() waits until a long frame fits", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 8 });
  using b = netmap.open("vale0:a}1", { slots: 8 });
  const frames = [1, 2, 3, 4, 5].map((tag) => frame(tag, 3 * 2112));
  const sending = a.sendAll(frames);
  const received: Uint8Array[] = [];
  while (received.length < 5) {
    assert.equal(await b.wait({ timeoutMs: 5000 }), true);
    received.push(...b.receiveFrames());
    b.rxSync();
  }
  assert.equal(await sending, 5);
  assert.deepEqual(received, frames);
});

Deno.test("sendAll() ends with its signal, and when the port is closed", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 4 });
  using _b = netmap.open("vale0:a}1", { slots: 4 });
  const reason = new Error("enough");
  const controller = new AbortController();
  const sending = a.sendAll(frame(), { count: 100, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 5);
  await assert.rejects(sending, reason);
  await assert.rejects(a.sendAll(frame(), { signal: controller.signal }), reason);
  const last = a.sendAll(frame(), { count: 100 });
  setTimeout(() => a.close(), 5);
  await assert.rejects(last, (error: NetmapError) => error.code === "EBADF");
});
