/** Which positions of head and cur netmap takes, and what it does with others: facts-netmap 1.6. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { type Backend, forEachBackend, throwsCode } from "./backends.ts";
import { frame, ringState, setRing, setSlot, slotsOf, tags } from "./frames.ts";

const POLLIN = 1, POLLOUT = 4, POLLERR = 8;

/** Asserts how often a port's rings were set back. */
function assertResets(port: Port, resets: number): void {
  if (port.backend !== "kernel") assert.equal(port.counters().ringResets, resets);
}

/** Eight frames with the tags 0 to 7 in slots 0 to 7, not published. */
function fillAll(port: Port): void {
  const [ring] = port.txRings;
  for (let tag = 0; tag < 8; tag++) {
    ring.bytes(tag).set(frame({ tag }));
    setSlot(ring, tag, { length: 60, flags: 0 });
  }
}

/** Two ports with rings of 8 slots; the first has sent 3 frames, so its hwcur is 3. */
function started(ports: Port[]): { a: Port; b: Port } {
  const [a, b] = ports;
  fillAll(a);
  setRing(a.txRings[0], { head: 3, cur: 3 });
  a.txSync();
  assert.deepEqual(tags(b), [0, 1, 2]);
  return { a, b };
}

function transmit(backend: Backend): void {
  backend.test("tx: each slot from hwcur on may be the head: a bridge takes all", (scene) => {
    for (const [head, count] of [[3, 0], [4, 1], [7, 4], [0, 5], [2, 7]]) {
      const { a, b } = started(scene.ports(2, { slots: 8 }));
      setRing(a.txRings[0], { head, cur: head });
      a.txSync();
      assert.equal(b.receiveFrames().length, count, `head ${head}`);
      assert.deepEqual(ringState(a.txRings[0]), [head, head, (head + 7) % 8]);
      assertResets(a, 0);
      a.close(), b.close();
    }
  });

  backend.test("tx: cur may be ahead of head, what is between is not sent", (scene) => {
    const { a, b } = started(scene.ports(2, { slots: 8 }));
    setRing(a.txRings[0], { head: 5, cur: 7 });
    a.txSync();
    assert.deepEqual(tags(b), [3, 4]);
    assert.deepEqual(ringState(a.txRings[0]), [5, 7, 4]);
    assertResets(a, 0);
  });

  backend.test("tx: cur behind head is refused: nothing is sent, and the ring set back", (scene) => {
    const { a, b } = started(scene.ports(2, { slots: 8 }));
    setRing(a.txRings[0], { head: 5, cur: 4 });
    a.txSync();
    assert.deepEqual(tags(b), []);
    // The kernel leaves it as it is, for ever
    const state = backend.either({ engine: [3, 3, 2], kernel: [5, 4, 2] });
    assert.deepEqual(ringState(a.txRings[0]), state);
    assertResets(a, 1);
    setRing(a.txRings[0], { head: 5, cur: 5 });
    a.txSync();
    assert.equal(b.receiveFrames().length, 2);
    assertResets(a, 1);
  });

  for (const [head, cur] of [[8, 8], [0xffffffff, 0xffffffff], [100, 3]]) {
    backend.test(`tx: head ${head} and cur ${cur} of 8 slots are refused, the ring set back`, (scene) => {
      const { a, b } = started(scene.ports(2, { slots: 8 }));
      setRing(a.txRings[0], { head, cur });
      a.txSync();
      assert.deepEqual(tags(b), []);
      assert.deepEqual(ringState(a.txRings[0]), [3, 3, 2]);
      assertResets(a, 1);
      a.send(frame({ tag: 77 }));
      assert.deepEqual(tags(b), [77]);
    });
  }

  for (const cur of [8, 9]) {
    backend.test(`D24: cur ${cur} of 8 slots is refused, also when the ring goes round`, (scene) => {
      const { a, b } = started(scene.ports(2, { slots: 8 }));
      setRing(a.txRings[0], { head: 5, cur });
      a.txSync();
      assert.deepEqual(tags(b), backend.either({ engine: [], kernel: [3, 4] }));
      const state = backend.either({ engine: [3, 3, 2], kernel: [5, cur, 4] });
      assert.deepEqual(ringState(a.txRings[0]), state);
      assertResets(a, 1);
    });
  }

  backend.test("tx: tail and the number of slots are netmap's: what is written there is ignored", (scene) => {
    const { a, b } = started(scene.ports(2, { slots: 8 }));
    setRing(a.txRings[0], { head: 4, cur: 4, tail: 100, slots: 5 });
    a.txSync();
    assert.equal(a.txRings[0].tail, 3);
    setRing(a.txRings[0], { head: 7, cur: 7 });
    a.txSync();
    assert.deepEqual(tags(b), [3, 4, 5, 6]);
    assertResets(a, 0);
  });

  backend.test("tx: a reset shows once in poll()", (scene) => {
    const { a } = started(scene.ports(2, { slots: 8 }));
    setRing(a.txRings[0], { head: 8, cur: 8 });
    assert.equal(a.poll(POLLOUT), POLLERR | POLLOUT);
    assert.equal(a.poll(POLLOUT), POLLOUT);
    assertResets(a, 1);
  });

  backend.test("tx: cur behind head shows in poll()", (scene) => {
    const { a } = started(scene.ports(2, { slots: 8 }));
    setRing(a.txRings[0], { head: 5, cur: 4 });
    assert.equal(a.poll(POLLOUT), POLLERR | POLLOUT);
    // In the kernel it does so at every poll
    const again = backend.either({ engine: POLLOUT, kernel: POLLERR | POLLOUT });
    assert.equal(a.poll(POLLOUT), again);
  });

  backend.test("tx of a pipe: head beyond tail is refused", (scene) => {
    const master = scene.port("p{1", { slots: 8 });
    const slave = scene.port("p}1");
    master.send(frame(), { count: 7 });
    assert.equal(slave.receiveFrames(3).length, 3);
    slave.rxSync();
    // 3 slots are free: 7, 0, 1
    setRing(master.txRings[0], { head: 5, cur: 5 });
    master.txSync();
    if (backend.isEngine) assert.deepEqual(ringState(master.txRings[0]), [7, 7, 2]);
    assertResets(master, 1);
    slave.rxSync();
    assert.equal(slave.rxRings[0].space, 4);
  });
}

/** The receiver has 5 frames in slots 0 to 4 and has seen them: hwcur 0, tail 5. */
function filled(ports: Port[]): { a: Port; b: Port } {
  const [a, b] = ports;
  a.sendMany([0, 1, 2, 3, 4].map((tag) => frame({ tag })));
  b.rxSync();
  assert.deepEqual(ringState(b.rxRings[0]), [0, 0, 5]);
  return { a, b };
}

function receive(backend: Backend): void {
  backend.test("rx: each slot from hwcur to tail may be the head", (scene) => {
    for (const head of [0, 1, 4, 5]) {
      const { a, b } = filled(scene.ports(2, { slots: 8 }));
      setRing(b.rxRings[0], { head, cur: head });
      b.rxSync();
      assert.deepEqual(ringState(b.rxRings[0]), [head, head, 5]);
      assertResets(b, 0);
      a.close(), b.close();
    }
  });

  backend.test("rx: with cur ahead of head the slots between are kept, and are not ready", (scene) => {
    const { a, b } = filled(scene.ports(2, { slots: 8 }));
    setRing(b.rxRings[0], { head: 2, cur: 5 });
    assert.equal(b.poll(POLLIN), 0);
    a.send(frame({ tag: 5 }));
    assert.equal(b.poll(POLLIN), POLLIN);
    assert.deepEqual(ringState(b.rxRings[0]), [2, 5, 6]);
    assert.equal(slotsOf(b.rxRings[0]).length, 4);
  });

  for (const [head, cur] of [[8, 8], [0xffffffff, 0xffffffff], [3, 99]]) {
    backend.test(`rx: head ${head} and cur ${cur} of 8 slots are refused, the ring set back`, (scene) => {
      const { b } = filled(scene.ports(2, { slots: 8 }));
      setRing(b.rxRings[0], { head: 2, cur: 2 });
      b.rxSync();
      setRing(b.rxRings[0], { head, cur });
      b.rxSync();
      assert.deepEqual(ringState(b.rxRings[0]), [2, 2, 5]);
      assertResets(b, 1);
      assert.deepEqual(tags(b), [2, 3, 4]);
    });
  }

  backend.test("rx: cur behind head is refused", (scene) => {
    const { b } = filled(scene.ports(2, { slots: 8 }));
    setRing(b.rxRings[0], { head: 2, cur: 1 });
    b.rxSync();
    const state = backend.either({ engine: [0, 0, 5], kernel: [2, 1, 5] });
    assert.deepEqual(ringState(b.rxRings[0]), state);
    assertResets(b, 1);
  });

  backend.test("rx: head beyond tail is refused: no old slots are shown as frames", (scene) => {
    const { a, b } = filled(scene.ports(2, { slots: 8 }));
    setRing(b.rxRings[0], { head: 7, cur: 7 });
    b.rxSync();
    const state = backend.either({ engine: [0, 0, 5], kernel: [7, 7, 5] });
    assert.deepEqual(ringState(b.rxRings[0]), state);
    assertResets(b, 1);
    if (!backend.isEngine) return;
    assert.deepEqual(tags(b), [0, 1, 2, 3, 4]);
    a.send(frame({ tag: 9 }), { count: 8 });
    assert.equal(b.receiveFrames().length, 7);
  });

  for (const [head, cur] of [[2, 6], [2, 7], [6, 6]]) {
    backend.test(`rx: head ${head} and cur ${cur} with tail 5 are refused`, (scene) => {
      const { b } = filled(scene.ports(2, { slots: 8 }));
      setRing(b.rxRings[0], { head, cur });
      b.rxSync();
      const state = backend.either({ engine: [0, 0, 5], kernel: [head, cur, 5] });
      assert.deepEqual(ringState(b.rxRings[0]), state);
      assertResets(b, 1);
    });
  }

  backend.test("rx: head moved back is refused", (scene) => {
    const { b } = filled(scene.ports(2, { slots: 8 }));
    setRing(b.rxRings[0], { head: 2, cur: 2 });
    b.rxSync();
    setRing(b.rxRings[0], { head: 1, cur: 1 });
    b.rxSync();
    const state = backend.either({ engine: [2, 2, 5], kernel: [1, 1, 5] });
    assert.deepEqual(ringState(b.rxRings[0]), state);
    assertResets(b, 1);
  });

  backend.test("rx: a violation shows in poll()", (scene) => {
    const { b } = filled(scene.ports(2, { slots: 8 }));
    setRing(b.rxRings[0], { head: 8, cur: 8 });
    assert.equal(b.poll(POLLIN), POLLERR | POLLIN);
    assert.equal(b.poll(POLLIN), POLLIN);
    assertResets(b, 1);
  });

  backend.test("rx: tail is netmap's: what is written there is gone at the next sync", (scene) => {
    const { b } = filled(scene.ports(2, { slots: 8 }));
    setRing(b.rxRings[0], { tail: 7 });
    b.rxSync();
    assert.deepEqual(ringState(b.rxRings[0]), [0, 0, 5]);
    assert.deepEqual(tags(b), [0, 1, 2, 3, 4]);
  });

  backend.test("rx: tail moves only at the receiver's own sync", (scene) => {
    const [a, b] = scene.ports(2, { slots: 8 });
    a.send(frame());
    assert.equal(b.rxRings[0].tail, 0);
    b.txSync();
    b.poll(POLLOUT);
    assert.equal(b.rxRings[0].tail, 0);
    b.rxSync();
    assert.equal(b.rxRings[0].tail, 1);
  });
}

forEachBackend((backend) => {
  transmit(backend);
  receive(backend);

  backend.test("the API refuses to set cur or to advance beyond tail", (scene) => {
    const { b } = filled(scene.ports(2, { slots: 8 }));
    const [rx] = b.rxRings;
    assert.throws(() => rx.cur = 6, RangeError);
    assert.throws(() => rx.cur = 8, RangeError);
    assert.throws(() => rx.advance(6), { name: "RangeError", message: /by 6 slots: 5 are/ });
    assert.throws(() => rx.advance(-1), RangeError);
    assert.throws(() => rx.advance(1.5), RangeError);
    assert.deepEqual(ringState(rx), [0, 0, 5]);
    rx.advance(5);
    assert.deepEqual(ringState(rx), [5, 5, 5]);
  });

  backend.test("a ring of 1 slot can carry nothing, and says so", (scene) => {
    const a = scene.port("a", { slots: 1 });
    const b = scene.port("b");
    assert.equal(a.txRings[0].slots, 1);
    assert.throws(() => a.send(frame()), {
      name: "RangeError",
      message: "Cannot send with a ring of 1 slot: open the port with more slots",
    });
    assert.equal(a.poll("write"), 0);
    b.send(frame());
    assert.deepEqual(tags(a), []);
    if (backend.isEngine) assert.equal(a.counters().drops.ringFull, 1);
  });

  backend.test("a port bound to one direction cannot be used in the other", (scene) => {
    const tx = scene.port("a", { txOnly: true });
    const rx = scene.port("b", { rxOnly: true });
    assert.throws(() => rx.send(frame()), {
      name: "RangeError",
      message: /it has no transmit rings open/,
    });
    tx.send(frame({ tag: 3 }));
    assert.deepEqual(tags(tx), []);
    assert.deepEqual(tags(rx), [3]);
    assert.equal(tx.poll("read"), 0);
    assert.equal(rx.poll("write"), 0);
  });

  backend.test("sending on a ring that is not there is refused", (scene) => {
    const a = scene.port("a", { rings: 2 });
    assert.throws(() => a.send(frame(), { ring: 2 }), {
      name: "RangeError",
      message: /Cannot send on ring 2 of .*: it has 0 to 1/,
    });
    throwsCode("EINVAL", () => scene.port("a", { ring: 2 }));
  });
});
