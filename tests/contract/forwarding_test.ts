/** The way of frames over a bridge: facts-netmap 2.3, row by row. */

import assert from "node:assert/strict";
import { assertDrops, forEachBackend } from "./backends.ts";
import { fill, frame, mac, ringState, slotsOf, tagOf, tags } from "./frames.ts";

forEachBackend((backend) => {
  backend.test("a sender is never blocked, and what does not fit is lost", (scene) => {
    const [a, b] = scene.ports(2, { slots: 8 });
    for (let round = 0; round < 3; round++) {
      fill(
        a.txRings[0],
        [0, 1, 2, 3, 4, 5, 6].map((i) => ({ bytes: frame({ tag: round * 7 + i }) })),
      );
      a.txSync();
      assert.equal(a.txRings[0].space, 7);
    }
    assert.deepEqual(tags(b), [0, 1, 2, 3, 4, 5, 6]);
    assertDrops(a, {});
    assertDrops(b, { ringFull: 14 });
  });

  backend.test("a default ring holds 1023 frames", (scene) => {
    const [a, b] = scene.ports(2, { slots: 1024 });
    assert.equal(a.send(frame(), { count: 3 * 1023 }), 3 * 1023);
    assert.equal(b.receiveFrames().length, 1023);
    assertDrops(b, { ringFull: 2 * 1023 });
  });

  backend.test("after a sync the sender has all slots but one", (scene) => {
    const [a] = scene.ports(1, { slots: 8 });
    assert.deepEqual(ringState(a.txRings[0]), [0, 0, 7]);
    a.send(frame(), { count: 3 });
    assert.deepEqual(ringState(a.txRings[0]), [3, 3, 2]);
  });

  backend.test("slots go back to senders when the receiver syncs, not when head moves", (scene) => {
    const [a, b] = scene.ports(2, { slots: 4 });
    a.send(frame(), { count: 3 });
    b.rxSync();
    b.rxRings[0].advance(3);
    a.send(frame({ tag: 1 }));
    assertDrops(b, { ringFull: 1 });
    b.rxSync();
    assert.equal(b.waiting, 0);
    a.send(frame({ tag: 2 }));
    assert.deepEqual(tags(b), [2]);
  });

  backend.test("a receive loop that has ended has given its slots back", (scene) => {
    const [a, b] = scene.ports(2, { slots: 4 });
    for (let round = 0; round < 10; round++) {
      a.sendMany([1, 2, 3].map((tag) => frame({ tag })));
      assert.deepEqual(b.receiveFrames().map(tagOf), [1, 2, 3]);
    }
    assertDrops(b, {});
  });

  backend.test("two senders share a receiver's ring, and what does not fit is lost", (scene) => {
    const [a, b, c] = scene.ports(3, { slots: 8 });
    const to = mac(3);
    c.send(frame({ from: to }));
    tags(a), tags(b);
    a.sendMany([1, 2, 3, 4, 5].map((tag) => frame({ to, from: mac(1), tag })));
    b.sendMany([11, 12, 13, 14, 15].map((tag) => frame({ to, from: mac(2), tag })));
    assert.deepEqual(tags(c), [1, 2, 3, 4, 5, 11, 12]);
    assertDrops(c, { ringFull: 3 });
  });

  backend.test("unicast and broadcast reach a receiver in the order they were sent", (scene) => {
    const [a, b, c] = scene.ports(3);
    b.send(frame({ from: mac(2) }));
    tags(a), tags(c);
    const to = mac(2);
    const mixed = [{ tag: 1, to }, { tag: 2 }, { tag: 3, to }, { tag: 4, to: mac(9) }, {
      tag: 5,
      to,
    }];
    a.sendMany(mixed.map((options) => frame(options)));
    assert.deepEqual(tags(b), [1, 2, 3, 4, 5]);
    assert.deepEqual(tags(c), [2, 4]);
  });

  backend.test("of a mixed batch the first that fit are delivered, to each receiver for itself", (scene) => {
    const [a, b] = scene.ports(2);
    const small = scene.port("small", { slots: 4 });
    small.send(frame({ from: mac(7) }));
    tags(a), tags(b);
    const to = mac(7);
    a.sendMany([{ tag: 1, to }, { tag: 2 }, { tag: 3, to }, { tag: 4 }, { tag: 5, to }].map(frame));
    assert.deepEqual(tags(small), [1, 2, 3]);
    assert.deepEqual(tags(b), [2, 4]);
    assertDrops(small, { ringFull: 2 });
  });

  backend.test("the receiver's ring is the sender's, modulo what the receiver has", (scene) => {
    const a = scene.port("a", { rings: 4 });
    const b = scene.port("b", { rings: 3 });
    b.send(frame({ from: mac(2) }));
    for (let ring = 0; ring < 4; ring++) {
      a.send(frame({ to: mac(2), tag: ring, length: 100 + ring }), { ring });
    }
    b.rxSync();
    assert.deepEqual(b.rxRings.map((ring) => slotsOf(ring).map(([length]) => length)), [
      [100, 103],
      [101],
      [102],
    ]);
  });

  backend.test("broadcast goes to ring 0, whatever ring it comes from", (scene) => {
    const a = scene.port("a", { rings: 4 });
    const b = scene.port("b", { rings: 3 });
    for (let ring = 0; ring < 4; ring++) a.send(frame({ tag: ring }), { ring });
    b.rxSync();
    assert.deepEqual(b.rxRings.map((ring) => ring.space), [4, 0, 0]);
  });

  backend.test("D19: a broadcast reaches a port once, also beside a unicast on another ring", (scene) => {
    const a = scene.port("a", { rings: 2 });
    const b = scene.port("b", { rings: 2 });
    b.send(frame({ from: mac(2) }));
    tags(a);
    a.sendMany([frame({ to: mac(2), tag: 1 }), frame({ tag: 2 })], { ring: 1 });
    assert.deepEqual(tags(b).sort(), backend.either({ engine: [1, 2], kernel: [1, 2, 2] }));
  });

  backend.test("frames shorter than an Ethernet header are dropped", (scene) => {
    const [a, b] = scene.ports(2);
    fill(a.txRings[0], [0, 1, 13, 14].map((length) => ({ bytes: frame({ length: 60 }), length })));
    a.txSync();
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), [[14, 0x100]]);
    assertDrops(a, { tooShort: 3 });
  });

  backend.test("frames of up to a whole buffer pass, there is no MTU", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame({ length: scene.bufferBytes }));
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), [[scene.bufferBytes, 0x100]]);
  });

  backend.test("short frames are copied in whole 64 bytes, long ones exactly", (scene) => {
    const [a, b] = scene.ports(2);
    const buffer = a.txRings[0].bytes(a.txRings[0].head).fill(0x55);
    assert.equal(buffer.length, scene.bufferBytes);
    fill(a.txRings[0], [{ bytes: frame({ length: 60 }) }]);
    a.txRings[0].bytes(a.txRings[0].head).fill(0x55);
    fill(a.txRings[0], [{ bytes: frame({ length: 1100 }) }]);
    a.txSync();
    b.rxSync();
    const [rx] = b.rxRings;
    assert.deepEqual([60, 63, 64].map((at) => rx.bytes(0)[at]), [0x55, 0x55, 0]);
    assert.deepEqual([1099, 1100].map((at) => rx.bytes(1)[at]), [1099 & 0xff, 0]);
  });

  backend.test("the flags of a sent slot make no difference, and are not passed on", (scene) => {
    const [a, b] = scene.ports(2);
    const flags = [0x1, 0x2, 0x4, 0x8, 0x40, 0x80, 0x4500];
    fill(a.txRings[0], flags.map((flags) => ({ bytes: frame(), flags })));
    a.txSync();
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), flags.map(() => [60, 0x100]));
    assertDrops(a, {});
  });

  backend.test("a receiver's slots keep their ptr; length and flags are written", (scene) => {
    const [a, b] = scene.ports(2);
    const [rx] = b.rxRings;
    const at = rx.offset + 256;
    rx.region.view.setBigUint64(at + 8, 0x1234n, true);
    rx.setSlotFlags(0, 0x42);
    a.send(frame());
    b.rxSync();
    assert.deepEqual(slotsOf(rx), [[60, 0x100]]);
    assert.equal(rx.region.view.getBigUint64(at + 8, true), 0x1234n);
  });

  backend.test("a port without receive rings gets nothing, the others get theirs", (scene) => {
    const a = scene.port("a");
    const deaf = scene.port("deaf", { txOnly: true });
    const b = scene.port("b");
    a.send(frame({ tag: 1 }));
    assert.deepEqual(tags(b), [1]);
    using late = scene.port("deaf", { rxOnly: true });
    assert.deepEqual(tags(late), []);
    assertDrops(deaf, { notOpen: 1 });
    a.send(frame({ tag: 2 }));
    assert.deepEqual(tags(late), [2]);
  });

  backend.test("D20: receive rings that are opened again are empty", (scene) => {
    const a = scene.port("a");
    using _sender = scene.port("b", { txOnly: true });
    const first = scene.port("b", { rxOnly: true });
    a.send(frame({ tag: 1 }), { count: 2 });
    first.rxSync();
    first.close();
    a.send(frame({ tag: 3 }));
    using second = scene.port("b", { rxOnly: true });
    second.rxSync();
    assert.equal(second.waiting, backend.either({ engine: 0, kernel: 2 }));
  });

  backend.test("a slot of no bytes is no frame, and its neighbours are", (scene) => {
    const [a, b] = scene.ports(2);
    fill(a.txRings[0], [{ bytes: frame({ tag: 1 }) }, { length: 0 }, { bytes: frame({ tag: 2 }) }]);
    a.txSync();
    assert.deepEqual(tags(b), [1, 2]);
    assertDrops(a, { tooShort: 1 });
  });

  backend.test("alone on its bridge a port reaches nobody", (scene) => {
    const [a] = scene.ports(1);
    assert.equal(a.send(frame(), { count: 5 }), 5);
    assert.deepEqual(tags(a), []);
    assertDrops(a, { alone: 5 });
  });

  backend.test("bridges are apart", (scene) => {
    const [a, b] = scene.ports(2);
    using other = scene.netmap.open(`${scene.bridgeName}x:p0`, { slots: 16 });
    a.send(frame({ tag: 1 }));
    other.send(frame({ tag: 2 }));
    assert.deepEqual([tags(a), tags(b), tags(other)], [[], [1], []]);
  });
});
