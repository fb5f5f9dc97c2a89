/** Slots that name no good buffer: they are dropped and counted, and harm nobody. */

import assert from "node:assert/strict";
import { assertDrops, forEachBackend } from "./backends.ts";
import { fill, frame, mac, setSlot, slotsOf, tags } from "./frames.ts";

forEachBackend((backend) => {
  backend.test("tx: a slot longer than its buffer is dropped, its neighbours are not", (scene) => {
    const [a, b] = scene.ports(2), length = scene.bufferBytes + 1;
    fill(a.txRings[0], [
      { bytes: frame({ tag: 1 }) },
      { bytes: frame({ tag: 2 }), length },
      { bytes: frame({ tag: 3 }) },
      { bytes: frame({ tag: 4 }), length: 65535 },
      { bytes: frame({ tag: 5 }) },
    ]);
    a.txSync();
    assert.deepEqual(tags(b), [1, 3, 5]);
    assert.equal(a.txRings[0].length(1), length);
    assertDrops(a, { tooLong: 2 });
  });

  const first = backend.either({ engine: 4160, kernel: 4098 }); // that is not there
  for (const buffer of [0, 1, first, 999_999, 0xffffffff]) {
    backend.test(`tx: a slot with buffer ${buffer} is dropped, its neighbours are not`, (scene) => {
      const [a, b] = scene.ports(2);
      b.send(frame({ from: mac(2) }));
      tags(a);
      const to = mac(2);
      fill(a.txRings[0], [
        { bytes: frame({ to, tag: 1 }) },
        { bytes: frame({ to, tag: 2 }), buffer },
        { bytes: frame({ to, tag: 3 }) },
      ]);
      a.txSync();
      // The kernel sends what buffer 0 (or 1) holds: nothing so far, so to the zero address
      assert.deepEqual(tags(b).filter((tag) => tag !== 0), [1, 3]);
      assert.equal(a.txRings[0].bufferIndex(1), buffer);
      assertDrops(a, { badBuffer: 1 });
    });
  }

  for (const buffer of [0, 1, 999_999, 0xffffffff]) {
    backend.test(`rx: what would go to buffer ${buffer} is dropped and counted`, (scene) => {
      const [a, b] = scene.ports(2);
      const [rx] = b.rxRings;
      setSlot(rx, 1, { buffer });
      a.sendMany([1, 2, 3].map((tag) => frame({ tag })));
      b.rxSync();
      // The kernel writes it into buffer 0, or 1
      const lengths = slotsOf(rx).map(([length]) => length);
      assert.deepEqual(lengths, backend.either({ engine: [60, 0, 60], kernel: [60, 60, 60] }));
      assert.equal(rx.bufferIndex(1), buffer);
      assertDrops(b, { receiveBuffer: 1 });
      if (!backend.isEngine) return;
      assert.deepEqual(tags(b), [1, 3]);
      assert.equal(b.counters().rxPackets, 2);
    });
  }

  backend.test("rx: a frame of several slots with one bad buffer is dropped whole", {
    skip: { kernel: "the kernel writes into buffer 0" },
  }, (scene) => {
    const [a, b] = scene.ports(2);
    setSlot(b.rxRings[0], 1, { buffer: 999_999 });
    a.sendMany([frame({ length: 6000, tag: 1 }), frame({ tag: 2 })]);
    assert.deepEqual(tags(b), [2]);
    assertDrops(b, { receiveBuffer: 1 });
  });

  backend.test("the API refuses buffers that are not there", (scene) => {
    const [a] = scene.ports(1);
    const [tx] = a.txRings;
    const before = tx.bufferIndex(3);
    for (const index of [-1, 0, 1, tx.bufferCount, 999_999, 2 ** 32, 1.5, NaN]) {
      assert.throws(() => tx.setBufferIndex(3, index), {
        name: "RangeError",
        message: /index of a buffer/,
      });
    }
    assert.throws(() => tx.setBufferIndex(3, "5" as unknown as number), TypeError);
    assert.equal(tx.bufferIndex(3), before);
    tx.setBufferIndex(3, tx.bufferCount - 1);
    assert.equal(tx.bufferIndex(3), tx.bufferCount - 1);
  });

  backend.test("the API refuses slots, lengths and flags that are out of range", (scene) => {
    const [a] = scene.ports(1);
    const [tx] = a.txRings;
    for (const slot of [-1, 16, 0.5, NaN]) {
      assert.throws(() => tx.setLength(slot, 60), RangeError);
      assert.throws(() => tx.bufferIndex(slot), RangeError);
      assert.throws(() => tx.bytes(slot), RangeError);
    }
    for (const length of [-1, scene.bufferBytes + 1, 65536, 1.5]) {
      assert.throws(() => tx.setLength(0, length), RangeError);
    }
    for (const flags of [-1, 0x10000]) assert.throws(() => tx.setSlotFlags(0, flags), RangeError);
  });

  backend.test("the API refuses to swap buffers of different memories", (scene) => {
    const [a, b] = scene.ports(2);
    assert.throws(() => a.txRings[0].swap(0, b.rxRings[0], 0), {
      name: "RangeError",
      message: /do not share one memory/,
    });
  });

  backend.test("ports that share a memory pass a frame on by swapping buffers", (scene) => {
    const a = scene.port("a"), b = scene.port("b");
    const c = scene.netmap.open(`${scene.bridgeName}x:c@share=${scene.bridgeName}:b`, {
      slots: 16,
    });
    using d = scene.netmap.open(`${scene.bridgeName}x:d`, { slots: 16 });
    assert.equal(c.memoryId, b.memoryId);
    a.send(frame({ tag: 8 }));
    b.rxSync();
    const [rx] = b.rxRings, [tx] = c.txRings;
    tx.setLength(tx.head, rx.length(rx.head));
    tx.setSlotFlags(tx.head, 0);
    tx.swap(tx.head, rx, rx.head);
    tx.advance(1), rx.advance(1);
    c.txSync(), b.rxSync();
    assert.deepEqual(tags(d), [8]);
  });

  backend.test("frames that cannot be sent are refused in words", (scene) => {
    const [a] = scene.ports(1);
    assert.throws(() => a.send(new Uint8Array(0)), {
      name: "RangeError",
      message: "Cannot send a packet of 0 bytes",
    });
    const { bufferBytes } = scene, most = 15 * bufferBytes;
    assert.throws(() => a.send(new Uint8Array(most + 1)), {
      name: "RangeError",
      message: new RegExp(`at most ${most} fit in 15 slots of ${bufferBytes} bytes`),
    });
    for (const wrong of ["frame", 5, null, undefined, [1, 2], {}, new ArrayBuffer(60)]) {
      assert.throws(() => a.send(wrong as unknown as Uint8Array), TypeError, String(wrong));
    }
    for (const wrong of [5, null, undefined, {}, new Uint8Array(60)]) {
      assert.throws(() => a.sendMany(wrong as unknown as Uint8Array[]), TypeError, String(wrong));
    }
    for (const count of [-1, 1.5, NaN]) assert.throws(() => a.send(frame(), { count }), RangeError);
    for (const batch of [0, -1, 1.5]) assert.throws(() => a.send(frame(), { batch }), RangeError);
    for (const ring of [-1, 1, 0.5]) assert.throws(() => a.send(frame(), { ring }), RangeError);
    for (const limit of [-1, 1.5, NaN]) assert.throws(() => a.receiveFrames(limit), RangeError);
    if (backend.isEngine) assert.equal(a.counters().txPackets, 0);
  });
});
