// Shows ring arithmetic, and that slots and buffers are checked.

import assert from "node:assert/strict";
import { SlotFlag } from "../../mod.ts";
import { frame, testNetmap } from "./scene.ts";

Deno.test("a new port's rings are as netmap makes them", () => {
  using netmap = testNetmap();
  using port = netmap.open("vale0:a", { txSlots: 32, rxSlots: 64, txRings: 2, rxRings: 3 });
  assert.deepEqual(port.txRings.map((ring) => [ring.kind, ring.index, ring.slots, ring.host]), [
    ["tx", 0, 32, false],
    ["tx", 1, 32, false],
  ]);
  assert.deepEqual(port.rxRings.map((ring) => [ring.kind, ring.index, ring.slots]), [
    ["rx", 0, 64],
    ["rx", 1, 64],
    ["rx", 2, 64],
  ]);
  const [tx] = port.txRings, [rx] = port.rxRings;
  assert.deepEqual([tx.head, tx.cur, tx.tail, tx.space], [0, 0, 31, 31]);
  assert.deepEqual([rx.head, rx.cur, rx.tail, rx.space], [0, 0, 0, 0]);
  assert.equal(tx.bufferSize, 2112);
  const indices = new Set<number>();
  for (const ring of [...port.txRings, ...port.rxRings]) {
    for (let slot = 0; slot < ring.slots; slot++) indices.add(ring.bufferIndex(slot));
  }
  assert.equal(indices.size, 2 * 32 + 3 * 64, "each slot has a buffer of its own");
});

Deno.test("advance() moves head and cur, and stops at tail", () => {
  using netmap = testNetmap();
  using port = netmap.open("vale0:a", { slots: 8 });
  const [ring] = port.txRings;
  ring.advance(5);
  assert.deepEqual([ring.head, ring.cur, ring.tail, ring.space], [5, 5, 7, 2]);
  assert.throws(() => ring.advance(3), {
    name: "RangeError",
    message: "Cannot advance by 3 slots: 2 are the program's",
  });
  for (const count of [-1, 1.5, NaN]) assert.throws(() => ring.advance(count), RangeError);
  ring.advance(2);
  ring.advance(0);
  assert.equal(ring.space, 0);
  port.txSync(); // a bridge takes all
  assert.deepEqual([ring.head, ring.tail, ring.space], [7, 6, 7]);
  ring.advance(7);
  assert.equal(ring.head, 6, "it goes round");
  assert.equal(ring.next(7), 0);
  assert.equal(ring.next(3), 4);
});

Deno.test("cur goes from head to tail", () => {
  using netmap = testNetmap();
  using port = netmap.open("vale0:a", { slots: 8 });
  const [ring] = port.txRings;
  ring.advance(3);
  ring.cur = 5;
  assert.deepEqual([ring.head, ring.cur], [3, 5]);
  ring.cur = 7;
  for (const slot of [2, 8, -1, 0.5]) assert.throws(() => ring.cur = slot, RangeError);
});

Deno.test("slots have length, flags and buffer, each checked", () => {
  using netmap = testNetmap();
  using port = netmap.open("vale0:a", { slots: 8 });
  const [ring] = port.txRings;
  ring.setLength(2, 60);
  ring.setSlotFlags(2, SlotFlag.MOREFRAG | SlotFlag.REPORT);
  assert.equal(ring.length(2), 60);
  assert.equal(ring.slotFlags(2), 0x22);
  assert.equal(ring.bufferOffset(2), ring.bufferBase + ring.bufferIndex(2) * 2112);
  ring.setLength(2, 2112);
  assert.throws(() => ring.setLength(2, 2113), RangeError);
  assert.throws(() => ring.setSlotFlags(2, 0x10000), RangeError);
  for (const slot of [-1, 8, 1.5, NaN]) {
    assert.throws(() => ring.length(slot), RangeError);
    assert.throws(() => ring.setLength(slot, 1), RangeError);
    assert.throws(() => ring.bytes(slot), RangeError);
  }
});

Deno.test("setBufferIndex() refuses buffers that do not exist or are reserved", () => {
  using netmap = testNetmap();
  using port = netmap.open("vale0:a", { slots: 8 });
  const [ring] = port.txRings;
  for (const index of [0, 1, ring.bufferCount, -1, 2.5, 2 ** 32]) {
    assert.throws(() => ring.setBufferIndex(0, index), RangeError);
  }
  assert.equal(ring.bufferCount, netmap.poolsInfo("vale0:a").buffers.count);
  ring.setBufferIndex(0, ring.bufferCount - 1);
  assert.equal(ring.bufferIndex(0), ring.bufferCount - 1);
  assert.equal(ring.slotFlags(0), SlotFlag.BUF_CHANGED);
});

Deno.test("swap() exchanges buffers, which moves a packet without a copy", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 8 });
  using b = netmap.open("vale0:b", { slots: 8 });
  using c = netmap.open("vale1:c", { slots: 8, share: "vale0:b" });
  using d = netmap.open("vale1:d", { slots: 8 });
  a.send(frame(5));
  b.rxSync();
  const [rx] = b.rxRings, [tx] = c.txRings;
  const before = [rx.bufferIndex(0), tx.bufferIndex(0)];
  tx.swap(0, rx, 0);
  assert.deepEqual([tx.bufferIndex(0), rx.bufferIndex(0)], before);
  tx.setLength(0, rx.length(0));
  tx.setSlotFlags(0, SlotFlag.BUF_CHANGED);
  tx.advance(1);
  rx.advance(1);
  c.txSync();
  assert.deepEqual(d.receiveFrames(), [frame(5)]);
  assert.throws(() => a.txRings[0].swap(0, rx, 0), {
    name: "RangeError",
    message: 'Cannot swap buffers: "vale0:a" and "vale0:b" do not share one memory',
  });
});

Deno.test("a closed port's rings read as empty and cannot be advanced", () => {
  using netmap = testNetmap();
  const port = netmap.open("vale0:a", { slots: 8 });
  const [ring] = port.txRings;
  const bytes = ring.bytes(0);
  port.close();
  assert.deepEqual([ring.head, ring.cur, ring.tail, ring.space], [0, 0, 0, 0]);
  assert.deepEqual([ring.length(0), ring.slotFlags(0), ring.bufferIndex(0)], [0, 0, 0]);
  assert.equal(ring.timestamp, 0);
  assert.equal(ring.bytes(0).length, 0);
  assert.equal(bytes.length, 0);
  ring.setLength(0, 60);
  assert.equal(ring.put(frame()), false);
  assert.throws(() => ring.advance(1), { code: "EBADF", hint: "The port was closed" });
});
