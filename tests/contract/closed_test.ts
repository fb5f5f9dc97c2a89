/** Use after close: an error or nothing, never a crash. */

import assert from "node:assert/strict";
import { PacketTemplate } from "../../mod.ts";
import { forEachBackend, present, throwsCode } from "./backends.ts";
import { frame, mac, setRing, tags } from "./frames.ts";

forEachBackend((backend) => {
  backend.test("every operation of a closed port is EBADF, and says why", async (scene) => {
    const [a, b] = scene.ports(2);
    a.close();
    assert.equal(a.closed, true);
    const operations: (() => unknown)[] = [
      () => a.send(frame()),
      () => a.send(frame(), { count: 5 }),
      () => a.send(PacketTemplate.raw(frame())),
      () => a.sendMany([frame()]),
      () => a.receive(),
      () => a.receiveFrames(),
      () => a.batches(),
      () => a.txSync(),
      () => a.rxSync(),
      () => a.poll("read"),
      () => a.counters(),
    ];
    for (const operation of operations) {
      const error = throwsCode("EBADF", operation);
      assert.equal(error.hint, "The port was closed", String(operation));
      assert.equal(error.port, `${scene.bridgeName}:p0`);
    }
    await assert.rejects(a.wait(), { code: "EBADF" });
    await assert.rejects(a.sendAll(frame()), { code: "EBADF" });
    assert.equal(a.waiting, 0);
    b.send(frame({ tag: 1 }));
  });

  backend.test("a port can be closed twice, and by using", (scene) => {
    const [a] = scene.ports(1);
    {
      using _same = a;
      a.close();
      a.close();
    }
    a[Symbol.dispose]();
    assert.deepEqual(scene.bridge.ports(), []);
  });

  backend.test("views of a closed port are empty, and its rings harm nobody", (scene) => {
    const [a, b] = scene.ports(2);
    const [tx] = a.txRings, [rx] = a.rxRings;
    const bytes = tx.bytes(0), { u8, u16, u32, view, buffer } = tx.region;
    b.send(frame({ tag: 1 }));
    const loop = a.receive();
    const packet = present(loop.next().value);
    assert.equal(packet.length, 60);
    a.close();
    assert.equal(bytes.length, 0);
    assert.equal(bytes[0], undefined);
    assert.deepEqual([u8.length, u16.length, u32.length], [0, 0, 0]);
    assert.equal(buffer.byteLength, 0);
    assert.throws(() => view.getUint8(0), TypeError);
    assert.equal(packet.length, 0);
    assert.equal(packet.getUint32(14), 0);
    assert.deepEqual(packet.copy(), new Uint8Array(0));
    assert.equal(loop.next().done, true);
    assert.deepEqual([tx.head, tx.cur, tx.tail, tx.space], [0, 0, 0, 0]);
    assert.equal(rx.bytes(0).length, 0);
    assert.equal(rx.length(0), 0);
    throwsCode("EBADF", () => tx.advance(0));
    assert.equal(tx.put(frame()), false);
    tx.setLength(0, 60);
    tx.setSlotFlags(0, 1);
    tx.setBufferIndex(0, 5);
    assert.throws(() => setRing(tx, { head: 1 }), TypeError);
    assert.equal(tx.timestamp, 0);
    assert.match(String(tx), /closed/);
  });

  backend.test("publishing on a ring of a closed port harms nobody", (scene) => {
    const [a, b] = scene.ports(2);
    const [tx] = a.txRings;
    a.close();
    try {
      tx.publish(3);
    } catch (error) {
      assert.ok(
        error instanceof RangeError || error instanceof TypeError || error instanceof Error,
      );
    }
    using c = scene.port("c");
    c.send(frame({ tag: 1 }));
    assert.deepEqual(tags(b), [1]);
  });

  backend.test("memory of a closed port can be another's at once: old views do not see it", (scene) => {
    const first = scene.port("a");
    const view = first.txRings[0].bytes(0);
    const { u8 } = first.txRings[0].region;
    view.fill(0xee);
    first.close();
    using second = scene.port("a");
    second.txRings[0].bytes(0).fill(0x11);
    assert.deepEqual([view.length, u8.length], [0, 0]);
    assert.equal(second.txRings[0].bytes(0)[0], 0x11);
  });

  backend.test("a new port finds nothing of an old one's bytes", (scene) => {
    {
      using old = scene.port("a");
      for (let slot = 0; slot < 16; slot++) old.txRings[0].bytes(slot).fill(0xee);
    }
    using port = scene.port("b");
    for (let slot = 0; slot < 16; slot++) {
      assert.ok(port.txRings[0].bytes(slot).every((byte) => byte === 0));
    }
  });

  backend.test("frames from a port that has closed since are still there, whole", (scene) => {
    const [a, b] = scene.ports(2);
    const sent = frame({ tag: 3, length: 1500 });
    a.send(sent);
    a.close();
    assert.deepEqual(b.receiveFrames(), [sent]);
  });

  backend.test("closing a port in the middle of receiving from it ends the loop", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame(), { count: 5 });
    let seen = 0;
    for (const _ of b.receive()) {
      seen++;
      b.close();
    }
    assert.equal(seen, 1);
  });

  backend.test("a receive loop that another one has replaced says so", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame(), { count: 5 });
    const first = b.receive();
    first.next();
    const second = b.receive();
    throwsCode("EBUSY", () => first.next());
    assert.equal([...second].length, 4);
  });

  backend.test("a closed netmap: operations are EBADF, its ports are closed", (scene) => {
    const [a] = scene.ports(1);
    const { netmap, bridge } = scene;
    netmap.close();
    netmap.close();
    assert.equal(netmap.closed, true);
    assert.equal(a.closed, true);
    for (
      const operation of [
        () => netmap.open("vale0:a"),
        () => netmap.bridge("vale0"),
        () => netmap.ports(),
        () => netmap.portInfo("vale0:a"),
        () => netmap.poolsInfo("vale0:a"),
        () => netmap.createInterface("vi0"),
        () => netmap.removeInterface("vi0"),
        () => netmap.reason,
        () => bridge.ports(),
        () => bridge.info(),
        () => bridge.table(),
        () => bridge.attach("vi0"),
        () => bridge.detach("vi0"),
        () => bridge.lookup,
        () => bridge.lookup = () => 0,
        () => bridge.counters(),
      ] as (() => unknown)[]
    ) {
      throwsCode("EBADF", operation);
    }
    bridge.close();
  });

  backend.test("closing a netmap leaves the ports of another one alone", (scene) => {
    const [a, b] = scene.ports(2);
    using other = scene.another();
    using c = other.open(`${scene.bridgeName}:c`, { slots: 16 });
    b.close();
    a.send(frame({ tag: 1 }));
    scene.netmap.close();
    assert.deepEqual(tags(c), [1]);
    assert.deepEqual(other.bridge(scene.bridgeName).ports().length, 1);
  });

  backend.test("an interface outlives the netmap that made it", (scene) => {
    const name = scene.createInterface("vi");
    scene.bridge.attach(name);
    scene.netmap.close();
    using other = scene.another();
    assert.equal(other.bridge(scene.bridgeName).ports()[0].interface, name);
  });

  backend.test("thousands of opens and closes leave nothing behind", (scene) => {
    const before = scene.netmap.ports().length;
    for (let i = 0; i < (backend.isEngine ? 3000 : 100); i++) {
      using a = scene.port("a", { slots: 2 }), b = scene.port("b", { slots: 2 });
      a.send(frame({ from: mac(i + 1), tag: i }));
      assert.deepEqual(tags(b), [i]);
    }
    assert.equal(scene.netmap.ports().length, before);
  });

  backend.test("console.log of what is closed works, and of what is open", (scene) => {
    const [a] = scene.ports(1);
    const { netmap, bridge } = scene;
    const texts = (): string[] =>
      [a, a.txRings[0], a.rxRings[0], bridge, netmap].map((value) => Deno.inspect(value));
    assert.match(texts()[0], new RegExp(`^Port ${a.name} \\(${backend.name}, 1 tx \\+ 1 rx ring`));
    assert.ok(texts().every((text) => !text.includes("\n")));
    netmap.close();
    assert.ok(texts().every((text) => /closed/.test(text)), texts().join("; "));
  });
});
