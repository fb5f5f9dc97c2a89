// Shows the receive loop: what it gives, and which slots it gives back.

import assert from "node:assert/strict";
import { Packet, type Port, SlotFlag } from "../../mod.ts";
import { frame, tagOf, testNetmap } from "./scene.ts";

function tags(port: Port, limit?: number): number[] {
  return port.receiveFrames(limit).map(tagOf);
}

Deno.test("receive() gives each packet once, in order, with the same object", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 32 });
  using b = netmap.open("vale0:b", { slots: 32 });
  for (let round = 0; round < 5; round++) {
    a.sendMany(Array.from({ length: 20 }, (_, i) => frame(i, 60 + i)));
    const seen = new Set<Packet>();
    let tag = 0;
    for (const packet of b.receive()) {
      assert.ok(packet instanceof Packet);
      assert.equal(packet.u32(14), tag);
      assert.equal(packet.length, 60 + tag);
      assert.equal(packet.u16(12), 0x88b5);
      assert.equal(packet.u8(6), 2);
      assert.equal(packet.etherType, 0x88b5);
      assert.equal(packet.ring, 0);
      assert.equal(packet.fragments, 1);
      assert.deepEqual(packet.copy(), frame(tag, 60 + tag));
      seen.add(packet);
      tag++;
    }
    assert.equal(tag, 20);
    assert.equal(seen.size, 1);
  }
});

Deno.test("a packet reads as empty after the loop", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 8 });
  using b = netmap.open("vale0:b", { slots: 8 });
  a.send(frame(1));
  const [packet] = b.receive();
  assert.equal(packet.length, 0);
  assert.equal(packet.u32(14), 0);
  assert.equal(packet.bytes().length, 0);
});

Deno.test("slots that were seen go back, those that were not stay", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  const [ring] = b.rxRings;
  a.sendMany([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((tag) => frame(tag)));
  for (const packet of b.receive()) if (packet.u32(14) === 2) break;
  assert.equal(ring.head, 3);
  assert.equal(b.waiting, 7);
  assert.throws(() => {
    for (const packet of b.receive()) if (packet.u32(14) === 4) throw new Error("stop");
  }, /stop/);
  assert.equal(ring.head, 5);
  assert.deepEqual(tags(b, 2), [5, 6]);
  assert.deepEqual(tags(b, 0), []);
  assert.deepEqual(tags(b), [7, 8, 9]);
  assert.equal(b.waiting, 0);
});

Deno.test("without sync nothing new is looked for", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.send(frame(1));
  assert.equal([...b.receive({ sync: false })].length, 0);
  b.rxSync();
  assert.equal(b.waiting, 1);
  assert.equal([...b.receive({ sync: false })].length, 1);
});

Deno.test("all rings are read, and with a limit each has its turn", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16, rings: 3 });
  using b = netmap.open("vale0:b", { slots: 16, rings: 3 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = () => 1; // a broadcast would go to ring 0
  for (let ring = 0; ring < 3; ring++) a.send(frame(ring), { count: 4, ring });
  const rings: number[] = [];
  for (const packet of b.receive()) rings.push(packet.ring * 10 + packet.u32(14));
  assert.deepEqual(rings, [0, 0, 0, 0, 11, 11, 11, 11, 22, 22, 22, 22]);

  for (let ring = 0; ring < 3; ring++) a.send(frame(ring), { count: 4, ring });
  const turns = [0, 1, 2, 3, 4, 5].map(() => tags(b, 2));
  assert.deepEqual(turns, [[0, 0], [1, 1], [2, 2], [0, 0], [1, 1], [2, 2]]);
  a.send(frame(0), { count: 1, ring: 0 });
  a.send(frame(1), { count: 3, ring: 1 });
  assert.deepEqual(tags(b, 3), [0, 1, 1], "a limit goes over rings");
  assert.deepEqual(tags(b), [1]);
});

Deno.test("a second loop takes over, and the first one says so", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.sendMany([0, 1, 2, 3, 4].map((tag) => frame(tag)));
  let inner: number[] = [];
  assert.throws(() => {
    for (const packet of b.receive()) {
      if (packet.u32(14) === 1) inner = tags(b);
    }
  }, {
    code: "EBUSY",
    operation: "receive",
    hint: "Another receive loop has begun on the port; end one before the next begins",
  });
  assert.deepEqual(inner, [2, 3, 4], "no packet twice");
  const abandoned = b.receive();
  abandoned.next();
  a.send(frame(9));
  assert.deepEqual(tags(b), [9], "a loop that was dropped locks nobody out");
});

Deno.test("a loop ends when the port is closed in it", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  const b = netmap.open("vale0:b", { slots: 16 });
  a.send(frame(), { count: 5 });
  let count = 0;
  for (const packet of b.receive()) {
    count++;
    b.close();
    assert.equal(packet.length, 0);
    assert.equal(packet.u8(0), 0);
  }
  assert.equal(count, 1);
});

Deno.test("packets in several slots are put together, and empty slots skipped", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a{1", { slots: 16 });
  using b = netmap.open("vale0:a}1", { slots: 16 });
  const [tx] = a.txRings;
  const put = (slot: number, bytes: Uint8Array, flags: number): void => {
    tx.bytes(slot).set(bytes);
    tx.setLength(slot, bytes.length);
    tx.setSlotFlags(slot, flags);
  };
  // A pipe passes slots on as they are: three fragments, an empty slot, one, an empty one at last
  put(0, frame(1).subarray(0, 20), SlotFlag.MOREFRAG);
  put(1, frame(1).subarray(20, 21), SlotFlag.MOREFRAG);
  put(2, frame(1).subarray(21), 0);
  put(3, new Uint8Array(0), 0);
  put(4, frame(2), 0);
  put(5, new Uint8Array(0), 0);
  put(6, frame(3), 0);
  put(7, new Uint8Array(0), 0);
  tx.advance(8);
  a.txSync();
  const found: [number, number, number][] = [];
  for (const packet of b.receive({ limit: 2 })) {
    found.push([packet.u32(14), packet.length, packet.fragments]);
  }
  assert.deepEqual(found, [[1, 60, 3], [2, 60, 1]]);
  assert.deepEqual(b.receiveFrames(), [frame(3)]);
  assert.equal(b.waiting, 0, "the last empty slot went back too");
});

Deno.test("limits that are no counts are refused", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  for (const limit of [-1, 1.5, NaN]) {
    assert.throws(() => a.receive({ limit }), RangeError);
    assert.throws(() => a.batches({ limit }), RangeError);
  }
  assert.throws(() => a.receive({ limit: "1" as unknown as number }), TypeError);
});

Deno.test("a slot whose buffer does not exist is refused once, and the loop goes on with the next", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.sendMany([frame(1), frame(2)]);
  b.rxSync();
  const [ring] = b.rxRings;
  const word = (ring.offset + 256) / 4;
  const good = ring.region.u32[word];
  ring.region.u32[word] = 0xfffffff0;
  assert.throws(() => b.receiveFrames(), RangeError);
  ring.region.u32[word] = good;
  assert.deepEqual(tags(b), [2]);
});

Deno.test("a slot whose buffer does not exist is refused behind good ones too", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  a.sendMany([0, 1, 2, 3, 4].map((tag) => frame(tag)));
  b.rxSync();
  const [ring] = b.rxRings;
  const word = (ring.offset + 256) / 4 + 3 * 4;
  const good = ring.region.u32[word];
  ring.region.u32[word] = 0xfffffff0;
  const seen: number[] = [];
  assert.throws(() => {
    for (const packet of b.receive()) seen.push(packet.u32(14));
  }, RangeError);
  ring.region.u32[word] = good;
  assert.deepEqual(seen, [0, 1, 2]);
  assert.deepEqual(tags(b), [4]);
});

Deno.test("a loop that has ended says so again and again", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b", { slots: 16 });
  for (let round = 0; round < 5; round++) { // over the end of the ring, at each slot of it
    a.sendMany([0, 1, 2, 3, 4, 5, 6].map((tag) => frame(tag)));
    const loop = b.receive();
    for (let tag = 0; tag < 7; tag++) {
      const { done, value } = loop.next();
      assert.equal(done, false);
      assert.equal(value.u32(14), tag);
    }
    for (let i = 0; i < 2; i++) {
      const { done, value } = loop.next();
      assert.equal(done, true);
      assert.equal(value.length, 0);
    }
  }
});
