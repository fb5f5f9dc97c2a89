// Shows received packets read by number: the same ones as a loop gives, and which slots go back when.

import assert from "node:assert/strict";
import { Packet, PacketTemplate, type Port, SlotFlag } from "../../mod.ts";
import { RING, SLOT } from "../../ffi/layout.ts";
import { loadLibrary } from "../../ffi/library.ts";
import { frame, testNetmap } from "./scene.ts";

/** The numbers in the frames of the next batch. */
function tags(port: Port, limit?: number): number[] {
  const batch = port.receiveBatch(limit);
  return Array.from({ length: batch.length }, (_, i) => batch.u32(i, 14));
}

Deno.test("receiveBatch() gives each packet once, in order, with the same object", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  for (let round = 0; round < 5; round++) {
    a.sendMany(Array.from({ length: 20 }, (_, i) => frame(i, 60 + i)));
    const batch = b.receiveBatch();
    assert.equal(batch.length, 20);
    assert.equal(batch.ring, 0);
    for (let i = 0; i < batch.length; i++) {
      assert.equal(batch.lengthOf(i), 60 + i);
      assert.equal(batch.u32(i, 14), i);
      assert.equal(batch.u16(i, 12), 0x88b5);
      assert.equal(batch.etherTypeOf(i), 0x88b5);
      assert.equal(batch.u8(i, 6), 2);
      const packet = batch.packet(i);
      assert.ok(packet instanceof Packet);
      assert.deepEqual(packet.copy(), frame(i, 60 + i));
      assert.equal(packet.ring, 0);
      assert.equal(packet.fragments, 1);
    }
    let length = 60;
    for (const packet of batch) assert.equal(packet.length, length++);
    assert.equal(length, 80);
  }
  assert.equal(b.receiveBatch(), b.receiveBatch());
});

Deno.test("a batch reads 0 beyond the end of a packet, and throws where there is no packet", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.sendMany([frame(1, 1500), frame(2, 61), frame(3, 1500)]);
  assert.equal(b.receiveBatch().length, 3);
  a.sendMany([frame(4, 61)]);
  const batch = b.receiveBatch();
  assert.equal(batch.length, 1);
  assert.equal(batch.u8(0, 60), frame(4, 61)[60]);
  for (const at of [61, 62, 5000, -1, -61]) assert.equal(batch.u8(0, at), 0);
  for (const at of [60, 61, -1]) assert.equal(batch.u16(0, at), 0);
  for (const at of [58, 60, 61, -1]) assert.equal(batch.u32(0, at), 0);
  assert.notEqual(batch.u16(0, 59), 0);
  for (const index of [1, 2, -1, 256, 1e9, 0.5, NaN]) {
    for (
      const read of [
        () => batch.u8(index, 0),
        () => batch.u16(index, 0),
        () => batch.u32(index, 0),
        () => batch.lengthOf(index),
        () => batch.etherTypeOf(index),
        () => batch.packet(index),
      ]
    ) assert.throws(read, RangeError, `${index}`);
  }
});

Deno.test("slots of a batch go back with the next one, a loop, or release()", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  const [ring] = b.rxRings;
  a.sendMany([0, 1, 2, 3, 4, 5, 6, 7].map((tag) => frame(tag)));
  assert.deepEqual(tags(b, 3), [0, 1, 2]);
  assert.deepEqual([ring.head, ring.cur, b.waiting], [0, 3, 8]);
  assert.deepEqual(tags(b, 2), [3, 4]);
  assert.deepEqual([ring.head, ring.cur, b.waiting], [3, 5, 5]);
  const [packet] = b.receive({ limit: 1 });
  assert.equal(packet.length, 0, "after the loop");
  assert.equal(ring.head, 6);
  const batch = b.receiveBatch();
  assert.equal(batch.length, 2);
  const first = batch.packet(0);
  assert.equal(first.u32(14), 6);
  batch.release();
  assert.deepEqual([ring.head, b.waiting, batch.length, first.length], [8, 0, 0, 0]);
  assert.throws(() => batch.u8(0, 0), RangeError);
  batch.release();
  {
    a.send(frame(8));
    using last = b.receiveBatch();
    assert.equal(last.length, 1);
  }
  assert.deepEqual([ring.head, batch.length], [9, 0]);
  a.send(frame(9), { count: 15 });
  assert.equal(b.receiveBatch(0).length, 0);
  assert.equal(b.receiveBatch().length, 15, "all of the ring was free");
});

Deno.test("waiting is for more packets than those of the batch", async () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.sendMany([frame(0), frame(1)]);
  assert.deepEqual(tags(b), [0, 1]);
  assert.equal(await b.wait({ timeoutMs: 0 }), false);
  a.send(frame(2));
  assert.equal(await b.wait(), true);
  assert.deepEqual(tags(b), [2]);
});

Deno.test("a batch ends a loop, and a loop a batch: no packet comes twice", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.sendMany([0, 1, 2, 3, 4].map((tag) => frame(tag)));
  const batch = b.receiveBatch(2);
  const loop = b.receive();
  assert.equal(batch.length, 0);
  assert.equal(loop.next().value.u32(14), 2);
  assert.deepEqual(tags(b, 1), [3]);
  assert.throws(() => loop.next(), { code: "EBUSY" });
  b.close();
  assert.equal(batch.length, 0);
  assert.throws(() => batch.u8(0, 0), RangeError);
  batch.release();
  assert.throws(() => b.receiveBatch(), { code: "EBADF" });
});

Deno.test("packets of several slots, and empty ones, are in a batch as in a loop", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 16 });
  using b = netmap.open("vale0:a}1", { slots: 16 });
  const [ring] = a.txRings;
  const put = (bytes: Uint8Array, flags = 0): void => {
    const slot = ring.head;
    ring.bytes(slot).set(bytes);
    ring.setLength(slot, bytes.length);
    ring.setSlotFlags(slot, flags);
    ring.advance(1);
  };
  const whole = frame(1, 62);
  for (let round = 0; round < 6; round++) {
    put(whole.subarray(0, 20), SlotFlag.MOREFRAG);
    put(whole.subarray(20, 21), SlotFlag.MOREFRAG);
    put(whole.subarray(21));
    put(new Uint8Array(0));
    put(frame(2));
    put(whole.subarray(0, 30));
    a.txSync();
    b.rxSync();
    const [rx] = b.rxRings;
    rx.setSlotFlags((rx.tail + 15) % 16, SlotFlag.MOREFRAG);
    const batch = b.receiveBatch();
    assert.equal(batch.length, 3, "the last one is not finished: it ends where the ring does");
    assert.deepEqual([0, 1, 2].map((i) => batch.lengthOf(i)), [62, 60, 30]);
    const packet = batch.packet(0);
    assert.equal(packet.fragments, 3);
    assert.equal(batch.packet(2).fragments, 1);
    batch.packet(0);
    for (let i = 0; i < 3; i++) {
      const bytes = [whole, frame(2), whole.subarray(0, 30)][i];
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at + 4 <= bytes.length; at++) {
        assert.equal(batch.u32(i, at), view.getUint32(at));
        assert.equal(batch.u16(i, at), view.getUint16(at));
        assert.equal(batch.u8(i, at), bytes[at]);
      }
    }
    assert.equal(batch.u32(2, 28), 0);
    assert.deepEqual(packet.copy(), whole, "what the readers did left it where it was");
    assert.equal(batch.packet(1).fragments, 1);
    batch.release();
  }
});

Deno.test("a batch follows VLAN tags to the EtherType", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  const options = { src: "10.0.0.1:1", dst: "10.1.0.1:2" };
  a.sendMany([PacketTemplate.udp({ ...options, vlan: 7 }), PacketTemplate.udp(options)]);
  const batch = b.receiveBatch();
  assert.deepEqual([batch.u16(0, 12), batch.u16(1, 12)], [0x8100, 0x0800]);
  assert.deepEqual([batch.etherTypeOf(0), batch.etherTypeOf(1)], [0x0800, 0x0800]);
});

Deno.test("all rings have their turn with batches", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16, rings: 3 });
  using b = netmap.open("vale0:b", { slots: 16, rings: 3 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = () => 1;
  for (let ring = 0; ring < 3; ring++) a.send(frame(ring), { count: 4, ring });
  const turns = Array.from({ length: 7 }, () => {
    const batch = b.receiveBatch(2);
    for (let i = 0; i < batch.length; i++) assert.equal(batch.u32(i, 14), batch.ring);
    if (batch.length > 0) assert.equal(batch.packet(0).ring, batch.ring);
    return batch.length > 0 ? batch.ring : -1;
  });
  assert.deepEqual(turns, [0, 1, 2, 0, 1, 2, -1]);
  a.send(frame(1), { ring: 1 });
  assert.deepEqual(tags(b), [1]);
});

Deno.test("packets that do not begin where their buffers do are read as they are", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16, offset: { initial: 100, max: 100 } });
  a.sendMany([frame(1, 70), frame(2)]);
  const batch = b.receiveBatch();
  assert.deepEqual([0, 1].map((i) => batch.lengthOf(i)), [70, 60]);
  assert.deepEqual([0, 1].map((i) => batch.u32(i, 14)), [1, 2]);
  assert.deepEqual(batch.packet(0).copy(), frame(1, 70));
});

Deno.test("a slot whose buffer is none can be told from the others, wherever it is", () => {
  for (let spoiled = 0; spoiled < 11; spoiled++) {
    using netmap = testNetmap();
    using a = netmap.open("vale0:a", { slots: 16 });
    using b = netmap.open("vale0:b", { slots: 16 });
    const [{ region, offset }] = b.rxRings;
    a.sendMany(Array.from({ length: 11 }, (_, i) => frame(i, 60 + i)));
    b.rxSync();
    region.u32[(offset + 256) / 4 + 4 * spoiled] = 0xffffffff;
    const batch = b.receiveBatch();
    assert.equal(batch.length, 11);
    for (let i = 0; i < batch.length; i++) {
      if (i !== spoiled) {
        assert.deepEqual([batch.u32(i, 14), batch.lengthOf(i)], [i, 60 + i]);
        continue;
      }
      assert.throws(() => batch.u32(i, 14), RangeError);
      assert.throws(() => batch.packet(i), RangeError);
    }
  }
});

Deno.test("valet_receive() looks at no slot that a ring has not, whatever stands in its memory", () => {
  const { functions } = loadLibrary();
  const SLOTS = 8, EINVAL = -22;
  const received = (limit: number): Int32Array<ArrayBuffer> => {
    const table = new Int32Array(8 + 4 * 256);
    table.set([SLOTS, 2048, 0, 100, 0, limit, 0]);
    return table;
  };
  const ring = new Uint8Array(RING.size + SLOTS * SLOT.size), words = new Uint32Array(ring.buffer);
  for (let i = 0; i < SLOTS; i++) {
    words.set([i + 2, SlotFlag.MOREFRAG << 16 | 60], (RING.size + i * SLOT.size) / 4);
  }
  const look = (head: number, tail: number, limit = 256): number => {
    words[RING.head / 4] = head;
    words[RING.tail / 4] = tail;
    return functions.valet_receive(0, ring, received(limit));
  };
  assert.equal(look(SLOTS, 0), EINVAL);
  assert.equal(look(0, SLOTS), EINVAL);
  assert.equal(look(0xffffffff, 1), EINVAL);
  assert.equal(look(3, 3), 0);
  assert.equal(look(5, 4), 1, "a packet without an end goes up to the tail, around the ring's end");
  for (let i = 0; i < SLOTS; i++) words[(RING.size + i * SLOT.size) / 4 + 1] = 60;
  assert.equal(look(5, 4), 7);
  assert.equal(look(5, 4, 3), 3);
  assert.equal(look(5, 4, -1), 7, "as many as there is room for, at most");
  words[RING.size / 4 + 1] = 0; // an empty slot in between
  const table = received(256);
  assert.equal(functions.valet_receive(0, ring, table), 6);
  assert.deepEqual([...table.subarray(8 + 256, 8 + 2 * 256)], Array(256).fill(0));
});
