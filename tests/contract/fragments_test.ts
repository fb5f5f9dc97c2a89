/** Frames of several slots (NS_MOREFRAG): facts-netmap 2.3. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { assertDrops, forEachBackend } from "./backends.ts";
import { fill, frame, type SlotOptions, slotsOf, tags } from "./frames.ts";

const MORE = 0x20;

/** A frame of so many slots of 60 bytes. */
function fragments(count: number, tag = 0): SlotOptions[] {
  return Array.from({ length: count }, (_, i) => ({
    bytes: frame({ tag }),
    flags: i + 1 < count ? MORE : 0,
  }));
}

/** Sends slots as they are; returns the receiver's slots. */
function pass(from: Port, to: Port, slots: readonly SlotOptions[]): [number, number][] {
  fill(from.txRings[0], slots);
  from.txSync();
  to.rxSync();
  const found = slotsOf(to.rxRings[0]);
  to.rxRings[0].advance(to.rxRings[0].space);
  to.rxSync();
  return found;
}

/** What slots of a received frame look like. */
function received(count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [60, count << 8 | (i + 1 < count ? MORE : 0)]);
}

forEachBackend((backend) => {
  for (const count of [1, 2, 3, 63, 64]) {
    backend.test(`a frame of ${count} slots says so in the flags of each`, (scene) => {
      const [a, b] = scene.ports(2, { slots: 128 });
      assert.deepEqual(pass(a, b, fragments(count)), received(count));
      assertDrops(a, {});
    });
  }

  for (const count of [65, 128, 255]) {
    backend.test(`a frame of ${count} slots is dropped, its neighbours are not`, (scene) => {
      const [a, b] = scene.ports(2, { slots: 512 });
      const found = pass(a, b, [...fragments(1), ...fragments(count), ...fragments(2)]);
      const between = backend.either({ engine: [], kernel: received(count) });
      assert.deepEqual(found, [...received(1), ...between, ...received(2)]);
      assertDrops(a, { fragments: 1 });
    });
  }

  backend.test("D2: a frame of 256 and more slots is dropped like any other of too many", {
    skip: { kernel: "D2: 256 fragments put the kernel into an endless loop" },
  }, (scene) => {
    const [a, b] = scene.ports(2, { slots: 2048 });
    for (const count of [256, 257, 1089]) {
      const found = pass(a, b, [...fragments(1), ...fragments(count), ...fragments(1)]);
      assert.deepEqual(found, [...received(1), ...received(1)]);
    }
    assertDrops(a, { fragments: 3 });
  });

  backend.test("a frame that is not finished at the sync ends there; the rest is another", (scene) => {
    const [a, b] = scene.ports(2);
    const two: SlotOptions[] = fragments(2).map((slot) => ({ ...slot, flags: MORE }));
    assert.deepEqual(pass(a, b, two), [[60, 0x220], [60, 0x200]]);
    assert.deepEqual(pass(a, b, fragments(1)), [[60, 0x100]]);
  });

  backend.test("the first frame that does not fit whole ends the delivery of its batch", (scene) => {
    const a = scene.port("a");
    const b = scene.port("b", { slots: 4 });
    const first = [...fragments(4), ...fragments(1), ...fragments(1), ...fragments(1)];
    assert.deepEqual(pass(a, b, first), []);
    const second = [...fragments(1), ...fragments(1), ...fragments(2), ...fragments(1)];
    assert.deepEqual(pass(a, b, second), [[60, 0x100], [60, 0x100]]);
    assertDrops(b, { ringFull: 4 + 2 });
    assert.deepEqual(pass(a, b, fragments(3)), received(3));
  });

  backend.test("fragments of no bytes are passed on with the others", (scene) => {
    const [a, b] = scene.ports(2);
    const [first, second, third] = fragments(3);
    const found = pass(a, b, [first, { ...second, length: 0 }, third]);
    assert.deepEqual(found, [[60, 0x320], [0, 0x320], [60, 0x300]]);
  });

  backend.test("one fragment longer than its buffer spoils the frame", (scene) => {
    const [a, b] = scene.ports(2);
    const [first, second, third] = fragments(3);
    const found = pass(a, b, [first, { ...second, length: 3000 }, third, ...fragments(1)]);
    // The kernel passes on what was left of it
    const spoilt: [number, number][] = [[60, 0x320], [0, 0x320], [60, 0x300]];
    assert.deepEqual(found, [
      ...backend.either({ engine: [], kernel: spoilt }),
      ...received(1),
    ]);
    assertDrops(a, { tooLong: 1 });
  });

  backend.test("the Ethernet header has to be in the first fragment", (scene) => {
    const [a, b] = scene.ports(2);
    const [first, second] = fragments(2);
    assert.deepEqual(pass(a, b, [{ ...first, length: 10 }, second, ...fragments(1)]), received(1));
    assertDrops(a, { tooShort: 1 });
    // A first fragment of no bytes is skipped
    const skipped: [number, number][] = [[0, 0x220], [60, 0x200]];
    assert.deepEqual(pass(a, b, [{ ...first, length: 0 }, second]), skipped);
  });

  backend.test("a broadcast of several slots reaches everybody whole", (scene) => {
    const [a, b, c] = scene.ports(3);
    const sent = frame({ length: 5000, tag: 9 });
    a.send(sent);
    assert.deepEqual([b.receiveFrames(), c.receiveFrames()], [[sent], [sent]]);
  });

  backend.test("frames of one and of several slots keep their order", (scene) => {
    const [a, b] = scene.ports(2, { slots: 64 });
    const lengths = [60, 5000, 60, 2049, 9000, 14, 4096];
    a.sendMany(lengths.map((length, tag) => frame({ length: Math.max(length, 18), tag })));
    assert.deepEqual(tags(b), lengths.map((_, tag) => tag));
  });

  backend.test("65 slots for one frame are refused before anything is sent", (scene) => {
    const [a, b] = scene.ports(2, { slots: 128 });
    const most = 64 * scene.bufferBytes;
    const message = `Cannot send a packet of ${most + 1} bytes: at most ${most} fit in 64 slots`;
    assert.throws(() => a.send(new Uint8Array(most + 1)), {
      name: "RangeError",
      message: new RegExp(`^${message}`),
    });
    assert.throws(() => a.sendMany([new Uint8Array(most + 1)]), RangeError);
    assert.equal(b.receiveFrames().length, 0);
    a.send(frame({ tag: 1 }));
    assert.deepEqual(tags(b), [1]);
  });
});
