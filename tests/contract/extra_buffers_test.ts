/**
 * Extra buffers (upstream's scenarios 004 to 006), and which buffers are free again when ports close:
 * those that slots and lists then name, whoever had them first.
 */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { forEachBackend, type Scene } from "./backends.ts";
import { frame, tagOf, tags } from "./frames.ts";

const EXTRA = 12;

/** Sends frames from extra buffers, which the slots have instead of their own. */
function sendFromExtra(port: Port, count: number): void {
  const [ring] = port.txRings;
  for (let i = 0; i < count; i++) {
    const index = port.extraBuffers.take();
    assert.ok(index !== undefined);
    const slot = ring.head, own = ring.bufferIndex(slot), sent = frame({ tag: i });
    port.extraBuffers.bytes(index).set(sent);
    ring.setBufferIndex(slot, index);
    ring.setLength(slot, sent.length);
    ring.setSlotFlags(slot, 1);
    ring.advance(1);
    port.txSync();
    port.extraBuffers.give(own);
  }
}

const COUNTED = Array.from({ length: EXTRA }, (_, i) => i);

/** How many buffers of the port's memory are free. */
function free(scene: Scene, member: Port): number {
  using probe = scene.port("probe", { memoryId: member.memoryId, slots: 2, extraBuffers: 1e6 });
  return probe.extraBuffers.count + 4;
}

function inRings(port: Port): Set<number> {
  const rings = [...port.txRings, ...port.rxRings];
  return new Set(
    rings.flatMap((ring) =>
      Array.from({ length: ring.slots }, (_, slot) => ring.bufferIndex(slot))
    ),
  );
}

/** Opens another port in the memory, which takes all that is free, and looks what that is. */
function allFree(scene: Scene, member: Port): Set<number> {
  using probe = scene.port("probe", { memoryId: member.memoryId, slots: 2, extraBuffers: 1e6 });
  const found = inRings(probe);
  for (let i = probe.extraBuffers.take(); i !== undefined; i = probe.extraBuffers.take()) {
    found.add(i);
  }
  for (const index of found) if (!inRings(probe).has(index)) probe.extraBuffers.give(index);
  return found;
}

forEachBackend((backend) => {
  backend.test("004: frames are sent from extra buffers of an ephemeral port", (scene) => {
    const from = scene.port("v0", { slots: 32, extraBuffers: EXTRA });
    const to = [scene.port("v1", { slots: 32 }), scene.port("v2", { slots: 32 })];
    assert.equal(from.extraBuffers.count, EXTRA);
    sendFromExtra(from, EXTRA);
    assert.equal(from.extraBuffers.available, EXTRA);
    for (const port of to) assert.deepEqual(tags(port), COUNTED);
  });

  backend.test("005: frames are sent from extra buffers of a persistent port", (scene) => {
    const name = scene.createInterface("v");
    scene.bridge.attach(name);
    const from = scene.netmap.open(`${scene.bridgeName}:${name}`, { extraBuffers: EXTRA });
    const to = scene.port("v1");
    sendFromExtra(from, EXTRA);
    assert.deepEqual(tags(to), COUNTED);
  });

  backend.test("006: frames are sent from extra buffers of a pipe", (scene) => {
    const to = scene.port("p{1");
    const from = scene.port("p}1", { extraBuffers: EXTRA });
    sendFromExtra(from, EXTRA);
    assert.deepEqual(tags(to), COUNTED);
  });

  backend.test("a received packet is kept in its buffer, and its slot gets another", (scene) => {
    const [a, b] = [scene.port("a"), scene.port("b", { extraBuffers: 20 })];
    const [ring] = b.rxRings, kept: number[] = [];
    for (let tag = 0; tag < 20; tag++) {
      a.send(frame({ tag }));
      b.rxSync();
      kept.push(ring.bufferIndex(ring.head));
      ring.setBufferIndex(ring.head, b.extraBuffers.take()!);
      ring.advance(1);
    }
    assert.equal(b.extraBuffers.available, 0);
    assert.equal(b.extraBuffers.take(), undefined);
    assert.deepEqual(
      kept.map((index) => tagOf(b.extraBuffers.bytes(index))),
      kept.map((_, i) => i),
    );
  });

  backend.test("what a list and the slots name at the end is free again, wherever it came from", (scene) => {
    const stays = scene.port("stays");
    const before = allFree(scene, stays);
    const own = inRings(stays);
    {
      using port = scene.port("a", { memoryId: stays.memoryId, extraBuffers: 8 });
      // One buffer of each ring goes to the other port, one to the list
      port.rxRings[0].swap(1, stays.rxRings[0], 5);
      port.txRings[0].swap(2, stays.txRings[0], 6);
      const index = port.extraBuffers.take()!;
      port.extraBuffers.give(port.rxRings[0].bufferIndex(3));
      port.rxRings[0].setBufferIndex(3, index);
    }
    const after = allFree(scene, stays), now = inRings(stays);
    assert.equal(now.size, own.size);
    for (const index of now) assert.ok(!after.has(index), `${index} is free and in a ring`);
    assert.equal(after.size, before.size);
  });

  backend.test("buffers that went through a pipe are free again with it", (scene) => {
    const parent = scene.port("p"), before = free(scene, parent);
    {
      using master = scene.port("p{1", { extraBuffers: 4 });
      using slave = scene.port("p}1");
      master.sendMany([frame({ tag: 1 }), frame({ tag: 2 }), frame({ tag: 3 })]);
      slave.rxSync();
      // The receiver exchanges one that it holds and keeps holding, and one that it gives back
      const [rx] = slave.rxRings, [other] = parent.rxRings;
      rx.swap(0, other, 0);
      rx.swap(1, other, 1);
      rx.advance(1);
      slave.rxSync();
      master.txSync();
    }
    assert.equal(free(scene, parent), before);
    const rings = inRings(parent);
    for (const index of allFree(scene, parent)) assert.ok(!rings.has(index), `${index}`);
  });

  backend.test("lists that are none do no harm", (scene) => {
    const stays = scene.port("stays"), other = scene.port("o", { memoryId: stays.memoryId });
    const before = free(scene, stays),
      spoilt: ((port: Port) => void)[] = [
        // A list that ends nowhere, one that comes back to its beginning, and to its middle
        ({ extraBuffers, rxRings }) =>
          link(rxRings[0].region.u32, rxRings[0], extraBuffers.take()!, 7e6),
        ({ extraBuffers, rxRings }) => {
          const index = extraBuffers.take()!;
          link(rxRings[0].region.u32, rxRings[0], index, index);
          extraBuffers.give(index);
        },
        ({ extraBuffers, rxRings }) => {
          const [first, second] = [extraBuffers.take()!, extraBuffers.take()!];
          extraBuffers.give(first);
          extraBuffers.give(second);
          link(rxRings[0].region.u32, rxRings[0], first, second);
        },
        ({ rxRings, extraBuffers }) => extraBuffers.give(rxRings[0].bufferIndex(2)),
      ];
    for (const spoil of spoilt) {
      using port = scene.port("a", { memoryId: stays.memoryId, extraBuffers: 6 });
      spoil(port);
    }
    const rings = [...inRings(stays), ...inRings(other)];
    const now = allFree(scene, stays);
    for (const index of rings) assert.ok(!now.has(index), `${index} is free and in a ring`);
    assert.ok(before - now.size <= 6 * 4, `${before - now.size} are lost`);
  });

  backend.test("a buffer that is in a ring of an open port is not freed by a list", {
    skip: { kernel: "it frees it, and then gives it to two" },
  }, (scene) => {
    const stays = scene.port("stays");
    const rings = inRings(stays);
    {
      using port = scene.port("a", { memoryId: stays.memoryId, extraBuffers: 2 });
      port.extraBuffers.give(stays.rxRings[0].bufferIndex(4));
    }
    for (const index of allFree(scene, stays)) assert.ok(!rings.has(index), `${index}`);
  });

  backend.test("what is lost is there again when nobody uses the memory", (scene) => {
    const name = scene.createInterface("v");
    const count = (): number => {
      using port = scene.netmap.open(`netmap:${name}`, { extraBuffers: 1e6 });
      const { count } = port.extraBuffers;
      for (let i = 0; i < 100; i++) port.extraBuffers.take();
      return count;
    };
    const all = count();
    assert.ok(all > 3000);
    assert.deepEqual([count(), count()], [all, all]);
  });
});

/** Writes what follows a buffer in a list. */
function link(
  u32: Uint32Array,
  ring: { bufferBase: number; bufferSize: number },
  index: number,
  next: number,
): void {
  u32[(ring.bufferBase + index * ring.bufferSize) / 4] = next;
}
