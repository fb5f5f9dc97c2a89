// Shows that nothing that is used after close() crashes, and that it says what happened.

import assert from "node:assert/strict";
import { Netmap, PacketTemplate, type Port } from "../../mod.ts";
import { frame, testNetmap } from "./scene.ts";

const CLOSED = { name: "NetmapError", code: "EBADF", hint: "The port was closed" };

Deno.test("each method of a closed port throws EBADF", async () => {
  using netmap = testNetmap();
  const port = netmap.open("vale0:a", { slots: 8 });
  port.close();
  assert.equal(port.closed, true);
  const calls: [string, () => unknown][] = [
    ["send", () => port.send(frame())],
    ["send", () => port.send(frame(), { count: 3 })],
    ["send", () => port.send(PacketTemplate.raw(frame()))],
    ["send", () => port.sendMany([frame()])],
    ["receive", () => port.receive()],
    ["receive", () => port.receiveFrames()],
    ["receive", () => port.batches()],
    ["send", () => port.txSync()],
    ["receive", () => port.rxSync()],
    ["poll", () => port.poll("read")],
    ["counters", () => port.counters()],
  ];
  for (const [operation, call] of calls) {
    assert.throws(call, { ...CLOSED, operation, port: "vale0:a" }, `${call}`);
  }
  await assert.rejects(port.sendAll(frame()), CLOSED);
  await assert.rejects(port.wait(), CLOSED);
  assert.equal(port.waiting, 0);
  assert.equal(port.name, "vale0:a");
});

Deno.test("close() can be called again and again", () => {
  using netmap = testNetmap();
  const port = netmap.open("vale0:a", { slots: 8 });
  port.close();
  port.close();
  port[Symbol.dispose]();
  const other = netmap.open("vale0:b", { slots: 8 });
  port.close();
  assert.equal(other.send(frame()), true, "it does not close another one");
  netmap.close();
  netmap.close();
  assert.equal(other.closed, true);
});

Deno.test("views of a closed port are empty, and writing to them goes nowhere", () => {
  using netmap = testNetmap();
  const port = netmap.open("vale0:a", { slots: 8 });
  using again = netmap.open("vale0:a");
  const { u8, u32, view } = port.rxRings[0].region;
  const bytes = port.txRings[0].bytes(0);
  bytes[0] = 7;
  port.close();
  assert.equal(u8.length, 0);
  assert.equal(u32[0], undefined);
  assert.equal(bytes[0], undefined);
  bytes[0] = 9;
  assert.throws(() => u8.fill(9), TypeError);
  assert.throws(() => view.getUint8(0), TypeError);
  assert.equal(again.txRings[0].bytes(0)[0], 7, "another descriptor has views of its own");
});

Deno.test("a received packet of a closed port reads as empty", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 8 });
  const b = netmap.open("vale0:b", { slots: 8 });
  a.send(frame(1));
  const loop = b.receive();
  const { value: packet } = loop.next();
  const bytes = packet!.bytes();
  b.close();
  assert.equal(bytes.length, 0);
  assert.equal(packet!.length, 0);
  assert.equal(packet!.copy().length, 0);
  assert.equal(loop.next().done, true);
});

Deno.test("a closed netmap closes its ports and says so", () => {
  const netmap = testNetmap();
  const port = netmap.open("vale0:a", { slots: 8 });
  const bridge = netmap.bridge("vale0");
  netmap.close();
  assert.equal(port.closed, true);
  assert.equal(netmap.closed, true);
  const calls: (() => unknown)[] = [
    () => netmap.open("vale0:a"),
    () => netmap.bridge("vale0"),
    () => netmap.createInterface("vi0"),
    () => netmap.removeInterface("vi0"),
    () => netmap.ports(),
    () => netmap.portInfo("vale0:a"),
    () => netmap.poolsInfo("vale0:a"),
    () => netmap.reason,
    () => bridge.attach("vi0"),
    () => bridge.detach("vi0"),
    () => bridge.ports(),
    () => bridge.info(),
    () => bridge.table(),
    () => bridge.counters(),
    () => bridge.flushTable(),
    () => bridge.ageingMs,
    () => bridge.lookup,
    () => bridge.lookup = () => 0,
    () => bridge.lookup = null,
  ];
  for (const call of calls) {
    assert.throws(call, { code: "EBADF", hint: "The netmap was closed" }, `${call}`);
  }
  bridge.close();
});

Deno.test("an engine goes with its last netmap, and ports keep it", () => {
  const instance = `test ${crypto.randomUUID().slice(0, 18)}`;
  const first = Netmap.open({ backend: "embedded", instance });
  const port = first.open("vale0:a", { slots: 8 });
  const second = Netmap.open({ backend: "embedded", instance });
  assert.deepEqual(second.ports().map((entry) => entry.name), ["vale0:a"]);
  first.close();
  assert.deepEqual(second.ports(), []);
  assert.equal(port.closed, true);
  second.close();
  using third = Netmap.open({ backend: "embedded", instance });
  assert.deepEqual(third.ports(), []);
});

Deno.test("ports can be opened and closed many times without anything piling up", () => {
  using netmap = testNetmap();
  using keep = netmap.open("vale0:keep", { slots: 16 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = () => 0;
  for (let round = 0; round < 700; round++) { // more than regions that are remembered
    using port: Port = netmap.open("vale0:a", { slots: 16 });
    port.send(frame(round));
    assert.equal(keep.receiveFrames().length, 1);
  }
  assert.deepEqual(netmap.ports().map((entry) => entry.name), ["vale0:keep"]);
});

Deno.test("a failing open() leaves nothing behind", () => {
  using netmap = testNetmap();
  assert.throws(() => netmap.open("vale0:a", { mode: 2 }), { code: "EINVAL", port: "vale0:a" });
  assert.throws(() => netmap.open("netmap:nothere"), { code: "ENXIO" });
  assert.throws(() => netmap.open("vale0:a", { memoryId: 77 }));
  assert.throws(() => netmap.open("vale0:a", { share: "vale0:b{3" }));
  assert.deepEqual(netmap.ports(), []);
});
