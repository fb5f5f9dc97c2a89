// Shows opening: backends, names and options, and what is told about them.

import assert from "node:assert/strict";
import { Netmap, RegisterMode } from "../../mod.ts";
import { frame, testNetmap } from "./scene.ts";

Deno.test("open() takes names and options, and options win", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a@conf:slots=32,rings=2");
  assert.deepEqual([a.txRings.length, a.rxRings.length, a.txRings[0].slots], [2, 2, 32]);
  using b = netmap.open("vale0:b@conf:slots=32", { txSlots: 64, rxRings: 3 });
  assert.deepEqual(
    [b.txRings.length, b.rxRings.length, b.txRings[0].slots, b.rxRings[0].slots],
    [1, 3, 64, 32],
  );
  assert.equal(b.portName.config.txSlots, 64);
  assert.equal(b.name, "vale0:b");
  assert.equal(b.bridge, "vale0");
  assert.equal(b.backend, "embedded");
});

Deno.test("open() binds one direction, one ring, or all", () => {
  using netmap = testNetmap();
  using _all = netmap.open("vale0:a", { slots: 16, rings: 3 });
  using tx = netmap.open("vale0:a/T");
  assert.deepEqual([tx.txRings.length, tx.rxRings.length], [3, 0]);
  using rx = netmap.open("vale0:a", { rxOnly: true });
  assert.deepEqual([rx.txRings.length, rx.rxRings.length], [0, 3]);
  assert.throws(() => rx.send(frame()), /it has no transmit rings open/);
  using one = netmap.open("vale0:a-2");
  assert.deepEqual(one.txRings.map((ring) => ring.index), [2]);
  using second = netmap.open("vale0:a", { ring: 1 });
  assert.deepEqual(second.rxRings.map((ring) => ring.index), [1]);
  assert.equal(second.portName.mode, RegisterMode.ONE_NIC);
});

Deno.test("exclusive use is EBUSY for others, with a hint", () => {
  using netmap = testNetmap();
  using _a = netmap.open("vale0:a", { slots: 16, exclusive: true });
  assert.throws(() => netmap.open("vale0:a"), {
    code: "EBUSY",
    operation: "open",
    port: "vale0:a",
    hint: /exclusive/,
  });
});

Deno.test("ports share a memory when asked to", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  using b = netmap.open("vale0:b@share=vale0:a", { slots: 16 });
  using c = netmap.open("vale0:c", { slots: 16, memoryId: a.memoryId });
  using d = netmap.open("vale0:d", { slots: 16 });
  assert.equal(b.memoryId, a.memoryId);
  assert.equal(c.memoryId, a.memoryId);
  assert.notEqual(d.memoryId, a.memoryId);
  assert.equal(a.txRings[0].memory, b.txRings[0].memory);
});

Deno.test("what does not fit is ENOMEM, and the hint says how much is needed", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 16 });
  assert.throws(() => netmap.open("vale0:b", { slots: 4096, memoryId: a.memoryId }), {
    code: "ENOMEM",
    hint: /rings of memory \d+ have 20480 bytes, 65792 are needed.*privRingSize.*slots=256/,
  });
});

Deno.test("wrong names and options are refused before netmap is asked", () => {
  using netmap = testNetmap();
  assert.throws(() => netmap.open("a"), SyntaxError);
  assert.throws(() => netmap.open("vale0:"), SyntaxError);
  assert.throws(() => netmap.open(3 as unknown as string), TypeError);
  assert.throws(() => netmap.open("vale0:a", { slots: -1 }), RangeError);
  assert.throws(() => netmap.open("vale0:a", { rings: 65536 }), RangeError);
  assert.throws(() => netmap.open("vale0:a", { memoryId: 0 }), RangeError);
  assert.throws(() => netmap.open("vale0:a", { ring: "1" as unknown as number }), TypeError);
  assert.throws(() => netmap.open("vale0:a", { share: "b" }), SyntaxError);
  assert.throws(() => netmap.open("vale0:a@extmem=/no/such/file"), { code: "ENOENT" });
  for (const name of ["", "eth0", "vale0:a", "vale-1", "vale0123456789abc", "vale0::"]) {
    assert.throws(() => netmap.bridge(name), SyntaxError, name);
  }
  assert.equal(netmap.bridge("vale0:").name, "vale0");
  assert.deepEqual(netmap.ports(), []);
});

Deno.test("wrong options of Netmap.open() are refused", () => {
  assert.throws(() => Netmap.open({ backend: "windows" as "auto" }), RangeError);
  assert.throws(() => Netmap.open({ backend: 3 as unknown as "auto" }), TypeError);
  assert.throws(() => Netmap.open({ instance: "x".repeat(32) }), RangeError);
  assert.throws(() => Netmap.open({ instance: "a\0b" }), SyntaxError);
});

Deno.test("engines of different names know nothing of each other", () => {
  using one = testNetmap();
  using two = testNetmap();
  using _a = one.open("vale0:a", { slots: 16 });
  assert.deepEqual(two.ports(), []);
});

Deno.test("portInfo() and poolsInfo() tell of ports, interfaces and regions", () => {
  using netmap = testNetmap();
  const made = netmap.createInterface("vi0", { txSlots: 32, rxSlots: 64, txRings: 2, rxRings: 3 });
  assert.deepEqual(
    [made.name, made.txSlots, made.rxSlots, made.txRings, made.rxRings],
    ["vi0", 32, 64, 2, 3],
  );
  const { txSlots, rxSlots, txRings, rxRings, memoryId, memoryBytes } = netmap.portInfo("vi0");
  assert.deepEqual([txSlots, rxSlots, txRings, rxRings], [32, 64, 2, 3]);
  assert.deepEqual(netmap.portInfo("netmap:vi0"), netmap.portInfo("vi0"));
  const pools = netmap.poolsInfo("vi0");
  assert.deepEqual([pools.memoryId, pools.memoryBytes], [memoryId, memoryBytes]);
  netmap.bridge("vale0").attach("vi0");
  assert.deepEqual(netmap.poolsInfo({ memoryId }), pools);
  netmap.bridge("vale0").detach("vi0");
  assert.throws(() => netmap.poolsInfo({ memoryId }), { code: "ENXIO", hint: /by the name/ });
  assert.throws(() => netmap.poolsInfo({ memoryId: 0 }), RangeError);
  assert.throws(() => netmap.portInfo("nothere"), { code: "ENXIO", operation: "describe" });
  netmap.removeInterface("vi0");
});

Deno.test("interfaces are created, attached, detached and removed", () => {
  using netmap = testNetmap();
  using bridge = netmap.bridge("vale3");
  netmap.createInterface("vi0", { slots: 16 });
  netmap.createInterface("vi1", { slots: 16 });
  assert.throws(() => netmap.createInterface("vi0"), { code: "EEXIST", operation: "create" });
  assert.equal(bridge.attach("vi0"), 0);
  assert.equal(bridge.attach("vale3:vi1"), 1);
  assert.deepEqual(bridge.ports(), [
    { name: "vale3:vi0", bridge: "vale3", interface: "vi0", bridgeIndex: 0, portIndex: 0 },
    { name: "vale3:vi1", bridge: "vale3", interface: "vi1", bridgeIndex: 0, portIndex: 1 },
  ]);
  assert.deepEqual(netmap.ports(), bridge.ports());
  assert.throws(() => netmap.removeInterface("vi0"), { code: "EBUSY" });
  assert.equal(bridge.detach("vi0"), 0);
  assert.throws(() => bridge.detach("vi0"), { code: "ENXIO", operation: "detach" });
  assert.equal(bridge.detach("vi1"), 1);
  assert.deepEqual(bridge.ports(), []);
  netmap.removeInterface("vi0");
  netmap.removeInterface("vi1");
  assert.throws(() => netmap.removeInterface("vi1"), { code: "ENXIO", operation: "remove" });
});

Deno.test("a bridge tells its stations, counters and settings", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 512 });
  using b = netmap.open("vale0:b", { slots: 512 });
  using bridge = netmap.bridge("vale0");
  const stations = 150; // more than fit in one answer
  for (let i = 0; i < stations; i++) {
    const bytes = frame();
    bytes.set([2, 0, 0, 0, i >> 8, i], 6);
    (i % 2 ? a : b).send(bytes);
  }
  const table = bridge.table();
  assert.ok(table.length > 100 && table.length <= stations);
  for (const { mac, port, ageMs } of table) {
    const index = parseInt(mac.slice(-5).replace(":", ""), 16);
    assert.match(mac, /^02:00:00:00:0[0-9a-f]:[0-9a-f]{2}$/);
    assert.equal(port, index % 2 ? 0 : 1);
    assert.equal(ageMs, 0);
  }
  const info = bridge.info();
  assert.equal(info.name, "vale0");
  assert.equal(info.ports, 2);
  assert.equal(info.lookup, "learning");
  assert.equal(info.tableEntries, table.length);
  assert.equal(bridge.ageingMs, 0);
  bridge.ageingMs = 3000;
  assert.equal(bridge.ageingMs, 3000);
  assert.throws(() => bridge.ageingMs = -1, RangeError);
  bridge.flushTable();
  assert.deepEqual(bridge.table(), []);
  const counters = bridge.counters();
  assert.deepEqual(Object.keys(counters), ["a", "b"]);
  assert.equal(counters.a.txPackets, 75);
  assert.equal(counters.a.txBytes, 75 * 60);
  assert.equal(counters.b.rxPackets, 75);
  assert.equal(counters.b.portIndex, 1);
  assert.equal(counters.b.kind, "ephemeral");
  assert.equal(counters.b.dropped, 0);
  assert.deepEqual(a.counters(), counters.a);
});
