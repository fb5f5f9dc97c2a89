/** Pipes: upstream's scenarios 008 and 023, and what the kernel's module answered about them. */

import assert from "node:assert/strict";
import type { Port, PortOptions } from "../../mod.ts";
import { forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { fill, frame, ringState, setSlot, slotsOf, tagOf, tags } from "./frames.ts";

const MORE = 0x20, BUF_CHANGED = 1;

/** Both ends of a pipe with 8 slots. */
function pipe(scene: Scene, options: PortOptions = {}): { master: Port; slave: Port } {
  const master = scene.port("p{1", { slots: 8, ...options });
  return { master, slave: scene.port("p}1") };
}

function frames(...tags: number[]): Uint8Array[] {
  return tags.map((tag) => frame({ tag }));
}

forEachBackend((backend) => {
  backend.test("023: a pipe carries frames in both directions", (scene) => {
    const { master, slave } = pipe(scene, { slots: 64 });
    const sent = Array.from({ length: 40 }, (_, tag) => frame({ tag, length: 20 + tag * 47 }));
    assert.equal(master.sendMany(sent), 40);
    assert.deepEqual(slave.receiveFrames(), sent);
    assert.equal(slave.sendMany(sent), 40);
    assert.deepEqual(master.receiveFrames(), sent);
    assert.deepEqual([tags(master), tags(slave)], [[], []]);
  });

  backend.test("023: a pipe carries frames of several slots", (scene) => {
    const { master, slave } = pipe(scene);
    for (let i = 0; i < 10; i++) {
      const sent = frame({ tag: i, length: 5000 + i });
      assert.equal(master.send(sent), true);
      assert.deepEqual(slave.receiveFrames(), [sent]);
      slave.rxSync();
    }
  });

  backend.test("008: what was not read of a pipe stays for later", (scene) => {
    const { master, slave } = pipe(scene);
    master.sendMany(frames(1, 2, 3, 4));
    assert.deepEqual(slave.receiveFrames(2).map(tagOf), [1, 2]);
    master.sendMany(frames(5));
    assert.deepEqual(slave.receiveFrames(1).map(tagOf), [3]);
    assert.deepEqual(tags(slave), [4, 5]);
  });

  backend.test("a full pipe takes no more, and loses nothing", (scene) => {
    const { master, slave } = pipe(scene);
    assert.equal(master.sendMany(frames(1, 2, 3, 4, 5, 6, 7, 8, 9)), 7);
    assert.equal(master.send(frame()), false);
    slave.rxSync();
    slave.rxRings[0].advance(2);
    assert.equal(master.send(frame()), false);
    slave.rxSync();
    assert.equal(master.sendMany(frames(8, 9, 10)), 2);
    assert.deepEqual(tags(slave), [3, 4, 5, 6, 7, 8, 9]);
  });

  backend.test("sendAll() waits until a full pipe has room", async (scene) => {
    const { master, slave } = pipe(scene);
    const received: number[] = [];
    const sending = master.sendAll(Array.from({ length: 100 }, (_, tag) => frame({ tag })));
    for await (const batch of slave.batches({ timeoutMs: 10_000 })) {
      for (const packet of batch) received.push(packet.getUint32(14));
      if (received.length === 100) break;
    }
    assert.equal(await sending, 100);
    assert.deepEqual(received, Array.from({ length: 100 }, (_, tag) => tag));
  });

  backend.test("both ends' slots name the same buffers: nothing is copied", (scene) => {
    const { master, slave } = pipe(scene);
    master.sendMany(frames(1, 2));
    slave.rxSync();
    const [tx] = master.txRings, [rx] = slave.rxRings;
    for (let slot = 0; slot < 8; slot++) assert.equal(rx.bufferIndex(slot), tx.bufferIndex(slot));
    tx.bytes(0)[30] = 0x77;
    assert.equal(rx.bytes(0)[30], 0x77);
    assert.equal(master.memoryId, slave.memoryId);
  });

  backend.test("a buffer that the reader put into a slot goes back to the sender", (scene) => {
    const { master, slave } = pipe(scene);
    master.sendMany(frames(1, 2));
    slave.rxSync();
    const [rx] = slave.rxRings;
    const own = slave.txRings[0].bufferIndex(5);
    const [first, second] = [rx.bufferIndex(0), rx.bufferIndex(1)];
    rx.swap(0, slave.txRings[0], 5);
    assert.equal(rx.bufferIndex(0), own);
    setSlot(rx, 1, { length: 99, flags: 8 });
    rx.advance(2);
    slave.rxSync();
    master.txSync();
    const [tx] = master.txRings;
    assert.deepEqual([tx.bufferIndex(0), tx.bufferIndex(1)], [own, second]);
    assert.deepEqual([tx.length(1), tx.slotFlags(1)], [99, 8]);
    assert.equal(slave.txRings[0].bufferIndex(5), first);
  });

  backend.test("flags, lengths and ptr pass unchanged, but BUF_CHANGED in the sender's slot", (scene) => {
    const { master, slave } = pipe(scene);
    const [tx] = master.txRings, [rx] = slave.rxRings;
    fill(tx, [{ bytes: frame(), flags: 0x342 }, { bytes: frame(), flags: BUF_CHANGED }]);
    tx.region.view.setBigUint64(tx.offset + 256 + 8, 0x1234n, true);
    master.txSync();
    slave.rxSync();
    assert.deepEqual(slotsOf(rx), [[60, 0x342], [60, BUF_CHANGED]]);
    assert.equal(rx.region.view.getBigUint64(rx.offset + 256 + 8, true), 0x1234n);
    assert.deepEqual([tx.slotFlags(0), tx.slotFlags(1)], [0x342, 0]);
  });

  backend.test("the sender's tail moves at its own sync, the reader's at its own", (scene) => {
    const { master, slave } = pipe(scene);
    const [tx] = master.txRings, [rx] = slave.rxRings;
    assert.deepEqual([ringState(tx), ringState(rx)], [[0, 0, 7], [0, 0, 0]]);
    master.sendMany(frames(1, 2));
    assert.deepEqual(ringState(tx), [2, 2, 7]);
    assert.deepEqual(ringState(rx), [0, 0, 0]);
    slave.rxSync();
    assert.deepEqual(ringState(rx), [0, 0, 2]);
    rx.advance(1);
    slave.rxSync();
    assert.deepEqual(ringState(tx), [2, 2, 7]);
    master.txSync();
    assert.deepEqual(ringState(tx), [2, 2, 0]);
  });

  backend.test("only whole frames cross; the last fragment brings the others", (scene) => {
    const { master, slave } = pipe(scene);
    const part = { bytes: frame(), flags: MORE }, last = { bytes: frame() };
    fill(master.txRings[0], [part, part]);
    master.txSync();
    slave.rxSync();
    assert.equal(slave.waiting, 0);
    fill(master.txRings[0], [last, part]);
    master.txSync();
    slave.rxSync();
    assert.equal(slave.waiting, 3);
    fill(master.txRings[0], [last]);
    master.txSync();
    slave.rxSync();
    assert.equal(slave.waiting, 5);
    assert.equal([...slave.receive()].length, 2);
  });

  backend.test("what was sent before the other end opened is there when it opens", (scene) => {
    const master = scene.port("p{1", { slots: 8 });
    assert.equal(master.sendMany(frames(1, 2, 3, 4, 5, 6, 7, 8)), 7);
    using slave = scene.port("p}1");
    assert.equal(slave.rxRings[0].tail, 0);
    assert.deepEqual(tags(slave), [1, 2, 3, 4, 5, 6, 7]);
  });

  backend.test("an end that closes and opens again finds the ring as it was", (scene) => {
    const { master, slave } = pipe(scene);
    master.sendMany(frames(1, 2, 3));
    assert.deepEqual(slave.receiveFrames(1).map(tagOf), [1]);
    slave.close();
    master.sendMany(frames(4));
    const again = scene.port("p}1");
    assert.deepEqual(tags(again), [2, 3, 4]);
    fill(master.txRings[0], [{ bytes: frame({ tag: 9 }) }]);
    master.close();
    using sender = scene.port("p{1");
    sender.txSync();
    assert.deepEqual(tags(again), [9]);
  });

  backend.test("with both ends closed everything is gone", (scene) => {
    const { master, slave } = pipe(scene);
    master.sendMany(frames(1, 2, 3));
    master.close(), slave.close();
    const second = pipe(scene, { slots: 4 });
    assert.equal(second.master.txRings[0].slots, 4);
    assert.deepEqual(tags(second.slave), []);
  });

  backend.test("one end's tx is the other's rx, in number and size", (scene) => {
    const { master, slave } = pipe(scene, { txSlots: 4, rxSlots: 16, txRings: 1, rxRings: 2 });
    const shape = ({ txRings, rxRings }: Port): number[] => [
      txRings.length,
      txRings[0].slots,
      rxRings.length,
      rxRings[0].slots,
    ];
    assert.deepEqual(shape(master), [1, 4, 2, 16]);
    assert.deepEqual(shape(slave), [2, 16, 1, 4]);
    slave.send(frame({ tag: 5 }), { ring: 1 });
    master.rxSync();
    assert.deepEqual(master.rxRings.map((ring) => ring.space), [0, 1]);
  });

  backend.test("the slave opened first speaks in the master's terms", (scene) => {
    using slave = scene.port("p}1", { txSlots: 64, rxSlots: 128 });
    assert.deepEqual([slave.txRings[0].slots, slave.rxRings[0].slots], [128, 64]);
    using master = scene.port("p{1");
    assert.deepEqual([master.txRings[0].slots, master.rxRings[0].slots], [64, 128]);
  });

  backend.test("pipes take their parent's memory, and its slots unless told otherwise", (scene) => {
    using parent = scene.port("p", { slots: 256 });
    using first = scene.netmap.open(`${scene.bridgeName}:p{1`);
    using second = scene.port("p{2", { slots: 64 });
    assert.equal(first.txRings[0].slots, 256);
    assert.equal(second.txRings[0].slots, 64);
    assert.deepEqual([first.memoryId, second.memoryId], [parent.memoryId, parent.memoryId]);
    const error = throwsCode("ENOMEM", () => scene.port("p{3", { slots: 2000 }));
    assert.match(error.hint ?? "", /Fewer slots or rings need fewer buffers/);
  });

  backend.test("a region of 20 rings has room for its port and 4 pipes", (scene) => {
    using _parent = scene.port("p", { slots: 2 });
    const pipes = [1, 2, 3, 4].map((id) => scene.port(`p{${id}`, { slots: 2 }));
    throwsCode("ENOMEM", () => scene.port("p{5", { slots: 2 }));
    pipes[0].close();
    scene.port("p{5", { slots: 2 }).close();
  });

  backend.test("pipes of one parent are apart", (scene) => {
    const first = pipe(scene);
    using master = scene.port("p{2"), slave = scene.port("p}2");
    first.master.send(frame({ tag: 1 }));
    master.send(frame({ tag: 2 }));
    assert.deepEqual([tags(first.slave), tags(slave)], [[1], [2]]);
  });

  backend.test("the parent is a port of its bridge while only its pipes are open", (scene) => {
    const { master, slave } = pipe(scene);
    assert.deepEqual(scene.bridge.ports().map(({ interface: name }) => name), ["p"]);
    using a = scene.port("a");
    a.send(frame(), { count: 3 });
    assert.deepEqual([tags(master), tags(slave)], [[], []]);
    if (backend.isEngine) assert.equal(scene.bridge.counters().p.drops.notOpen, 3);
    master.close(), slave.close();
    assert.deepEqual(scene.bridge.ports().map(({ interface: name }) => name), ["a"]);
  });

  backend.test("a pipe may have a parent of its own, that is on no bridge", (scene) => {
    const name = scene.interfaceName("pp");
    using master = scene.netmap.open(`netmap:${name}{x`, { slots: 8 });
    using slave = scene.netmap.open(`netmap:${name}}x`);
    master.send(frame({ tag: 6 }));
    assert.deepEqual(tags(slave), [6]);
    assert.deepEqual(scene.bridge.ports(), []);
    master.close(), slave.close();
    throwsCode("ENXIO", () => scene.netmap.open(`netmap:${name}`));
  });

  backend.test("an end may be opened twice", (scene) => {
    const { master, slave } = pipe(scene);
    using again = scene.port("p}1");
    master.sendMany(frames(1, 2));
    assert.deepEqual(slave.receiveFrames(1).map(tagOf), [1]);
    assert.deepEqual(tags(again), [2]);
  });

  backend.test("a slot with a bad buffer or length crosses as an empty one, and is counted", (scene) => {
    const { master, slave } = pipe(scene);
    const bytes = frame();
    fill(master.txRings[0], [
      { bytes },
      { bytes, length: 5000 },
      { bytes, buffer: 999_999 },
      { bytes, buffer: 0 },
      { bytes },
    ]);
    master.txSync();
    slave.rxSync();
    // The kernel checks nothing
    assert.deepEqual(
      slotsOf(slave.rxRings[0]).map(([length]) => length),
      backend.either({ engine: [60, 0, 0, 0, 60], kernel: [60, 5000, 60, 60, 60] }),
    );
    if (!backend.isEngine) return;
    assert.equal(slave.receiveFrames().length, 2);
    assert.deepEqual(
      [master.counters().drops.tooLong, master.counters().drops.badBuffer],
      [1, 2],
    );
  });

  backend.test("counters of a pipe: what went in has come out", (scene) => {
    const { master, slave } = pipe(scene);
    master.sendMany(frames(1, 2, 3));
    tags(slave);
    if (!backend.isEngine) {
      throwsCode("EOPNOTSUPP", () => master.counters());
      return;
    }
    const [tx, rx] = [master.counters(), slave.counters()];
    assert.deepEqual([tx.txPackets, tx.txBytes, tx.rxPackets], [3, 180, 0]);
    assert.deepEqual([rx.rxPackets, rx.rxBytes, rx.txPackets], [3, 180, 0]);
    assert.deepEqual([tx.kind, tx.dropped, rx.dropped], ["pipe", 0, 0]);
  });
});
