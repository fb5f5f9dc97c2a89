/** Upstream's scenario 021, and what a sender and a receiver on one bridge can rely on. */

import assert from "node:assert/strict";
import { PacketTemplate } from "../../mod.ts";
import { assertDrops, forEachBackend } from "./backends.ts";
import { frame, mac, tagOf, tags } from "./frames.ts";

forEachBackend((backend) => {
  backend.test("021: frames of any length arrive as they were sent", (scene) => {
    const [a, b] = scene.ports(2);
    for (
      const length of [
        14,
        15,
        59,
        60,
        63,
        64,
        65,
        1023,
        1024,
        1025,
        1514,
        2047,
        2048,
        scene.bufferBytes,
      ]
    ) {
      const sent = frame({ length, tag: length });
      assert.equal(a.send(sent), true);
      assert.deepEqual(b.receiveFrames(), [sent], `${length} bytes`);
    }
    assertDrops(a, {});
    assertDrops(b, {});
  });

  backend.test("021: frames longer than a buffer arrive whole, in several slots", (scene) => {
    const [a, b] = scene.ports(2);
    for (const length of [2049, 4096, 4097, 9000, 10049]) {
      const sent = frame({ length, tag: length });
      assert.equal(a.send(sent), true);
      const received = [...b.receive()].length;
      assert.equal(received, 1);
      assert.equal(a.send(sent), true);
      for (const packet of b.receive()) {
        assert.equal(packet.fragments, Math.ceil(length / scene.bufferBytes));
        assert.deepEqual(packet.copy(), sent);
      }
    }
  });

  backend.test("a frame of 64 slots, the most there can be, arrives whole", (scene) => {
    const [a, b] = scene.ports(2, { slots: 128 });
    const sent = frame({ length: 64 * scene.bufferBytes, tag: 64 });
    assert.equal(a.send(sent), true);
    assert.deepEqual(b.receiveFrames(), [sent]);
  });

  backend.test("021: a hundred frames arrive in their order", (scene) => {
    const [a, b] = scene.ports(2, { slots: 128 });
    const sent = Array.from({ length: 100 }, (_, tag) => frame({ tag, length: 50 + tag * 19 }));
    assert.equal(a.sendMany(sent), 100);
    assert.deepEqual(b.receiveFrames(), sent);
  });

  backend.test("the order holds while the rings go round many times", (scene) => {
    const [a, b] = scene.ports(2);
    for (let tag = 0; tag < 1000; tag += 10) {
      a.sendMany(Array.from({ length: 10 }, (_, i) => frame({ tag: tag + i })));
      assert.deepEqual(tags(b), Array.from({ length: 10 }, (_, i) => tag + i));
    }
    assertDrops(b, {});
  });

  backend.test("frames go in both directions at once", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame({ from: mac(1), tag: 1 }));
    b.send(frame({ to: mac(1), from: mac(2), tag: 2 }));
    a.send(frame({ to: mac(2), from: mac(1), tag: 3 }));
    assert.deepEqual(tags(a), [2]);
    assert.deepEqual(tags(b), [1, 3]);
  });

  backend.test("count sends one frame, and a template, several times", (scene) => {
    const [a, b] = scene.ports(2, { slots: 64 });
    assert.equal(a.send(frame({ tag: 7 }), { count: 20 }), 20);
    assert.deepEqual(tags(b), Array(20).fill(7));
    const template = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", length: 60 });
    assert.equal(a.send(template, { count: 20 }), 20);
    assert.equal(b.receiveFrames().filter((bytes) => bytes.length === 60).length, 20);
  });

  backend.test("what a ring slot held before does not show in what is sent next", (scene) => {
    const [a, b] = scene.ports(2, { slots: 4 });
    const long = frame({ length: 200, tag: 1 }), short = frame({ length: 20, tag: 2 });
    for (let i = 0; i < 8; i++) {
      const sent = i % 2 === 0 ? long : short;
      a.send(sent);
      assert.deepEqual(b.receiveFrames(), [sent]);
    }
  });

  backend.test("limit leaves the rest for the next time", (scene) => {
    const [a, b] = scene.ports(2);
    a.sendMany([1, 2, 3, 4, 5].map((tag) => frame({ tag })));
    assert.deepEqual(b.receiveFrames(2).map(tagOf), [1, 2]);
    assert.deepEqual(tags(b), [3, 4, 5]);
    assert.deepEqual(tags(b), []);
  });

  backend.test("batches have the same frames, of any length, as a loop has", (scene) => {
    const [a, b] = scene.ports(2, { slots: 64 });
    for (let round = 0; round < 10; round++) {
      const sent = [60, 61, 1514, 5000, 14, 60].map((length, tag) => frame({ length, tag }));
      assert.equal(a.sendMany(sent), sent.length);
      for (let seen = 0; seen < sent.length;) {
        const batch = b.receiveBatch(4);
        assert.ok(batch.length > 0);
        for (let i = 0; i < batch.length; i++, seen++) {
          assert.equal(batch.lengthOf(i), sent[seen].length);
          assert.equal(batch.u8(i, sent[seen].length - 1), sent[seen].at(-1));
          assert.deepEqual(batch.packet(i).copy(), sent[seen]);
        }
      }
      assert.equal(b.receiveBatch().length, 0);
    }
    assertDrops(a, {});
    assertDrops(b, {});
  });

  backend.test("a port that is open twice has one ring, whose frames each descriptor can take", (scene) => {
    const [a, b] = scene.ports(2);
    const again = scene.port("p1");
    a.sendMany([1, 2, 3].map((tag) => frame({ tag })));
    again.rxSync();
    assert.equal(b.waiting, 3);
    assert.deepEqual(b.receiveFrames(1).map(tagOf), [1]);
    assert.deepEqual(tags(again), [2, 3]);
    assert.deepEqual(tags(b), []);
  });
});
