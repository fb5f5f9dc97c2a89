/** Monitors: the rules beside netmap's own scenarios, which are in monitor_test.ts. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { assertDrops, codeOf, forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { fill, frame, slotsOf, tags } from "./frames.ts";
import { INTERFACE, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

const TXMON = 0x40, MORE = 0x20;
const MONITOR_TX = 0x100n, MONITOR_RX = 0x200n, ZCOPY_MON = 0x400n;
const POLLIN = 1, POLLERR = 8;

function frames(...tags: number[]): Uint8Array[] {
  return tags.map((tag) => frame({ tag }));
}

/** Ports "a", with a monitor, and "b" of a bridge. */
function pair(scene: Scene, flags: string, suffix = ""): { a: Port; b: Port; seen: Port } {
  const a = scene.port("a"), b = scene.port("b");
  return { a, b, seen: scene.netmap.open(`${scene.bridgeName}:a/${flags}${suffix}`) };
}

/** Registers a descriptor as a monitor. */
function register(raw: RawDescriptor, name: string, flags: bigint, mode = 1, ring = 0): string {
  return raw.request(RequestType.REGISTER, name, (message) => {
    message.setU32(REGISTER.mode, mode).setU16(REGISTER.ringId, ring).setU64(REGISTER.flags, flags);
  });
}

forEachBackend((backend) => {
  backend.test("a monitor needs a port that is open, and makes none", (scene) => {
    throwsCode("EINVAL", () => scene.port("nobody/r"));
    throwsCode("EINVAL", () => scene.port("p{1/z"));
    assert.deepEqual(scene.netmap.ports().filter(({ bridge }) => bridge === scene.bridgeName), []);
    const name = scene.createInterface("idle");
    throwsCode("EINVAL", () => scene.netmap.open(`netmap:${name}/t`));
    throwsCode("ENXIO", () => scene.netmap.open(`netmap:${scene.interfaceName("none")}/t`));
  });

  backend.test("the ends of a pipe are monitored apart, each while it is open", (scene) => {
    using _master = scene.port("p{1");
    throwsCode("EINVAL", () => scene.netmap.open(`${scene.bridgeName}:p}1/r`));
    using _seen = scene.netmap.open(`${scene.bridgeName}:p{1/r`);
  });

  backend.test("a copy monitor has memory of its own, a zero-copy monitor the port's", (scene) => {
    const a = scene.port("a", { slots: 16, txRings: 2, rxRings: 3 });
    using copy = scene.port("a/rt", { slots: 0 });
    using zero = scene.port("a/z", { slots: 0 });
    assert.notEqual(copy.memoryId, a.memoryId);
    assert.equal(zero.memoryId, a.memoryId);
    for (const seen of [copy, zero]) {
      assert.deepEqual([seen.txRings.length, seen.rxRings.length], [1, 3]);
      assert.ok([...seen.txRings, ...seen.rxRings].every(({ slots }) => slots === 16));
      assert.ok(seen.isMonitor && !a.isMonitor);
    }
  });

  backend.test("REGISTER answers with the monitor's rings, and zero copy sees both directions", (scene) => {
    const a = scene.port("a", { slots: 16 });
    using raw = new RawDescriptor(scene);
    assert.equal(register(raw, `${scene.bridgeName}:a`, ZCOPY_MON), "");
    const { answer } = raw;
    assert.equal(BigInt(answer.u64(REGISTER.flags)), ZCOPY_MON | MONITOR_TX | MONITOR_RX);
    assert.deepEqual([answer.u16(REGISTER.txRings), answer.u16(REGISTER.rxRings)], [1, 1]);
    assert.equal(answer.u16(REGISTER.memId), a.memoryId);
    const region = raw.map();
    const at = answer.u64(REGISTER.offset);
    const name = new TextDecoder().decode(region.u8.subarray(at, at + 16)).replace(/\0.*/, "");
    assert.equal(name, `${scene.bridgeName}:a/zrt#0`.slice(0, 15));
    assert.equal(region.view.getUint32(at + INTERFACE.txRings, true), 1);
    region.close();
  });

  backend.test("a copy monitor's memory has just what its rings need", (scene) => {
    scene.useNetmapSizes();
    const a = scene.port("a", { slots: 256 });
    using raw = new RawDescriptor(scene);
    assert.equal(register(raw, `${scene.bridgeName}:a`, MONITOR_RX), "");
    // 4098 buffers, as few as a private region can have; without room for pipes
    assert.equal(raw.answer.u64(REGISTER.memsize), 8_478_720);
    assert.notEqual(raw.answer.u16(REGISTER.memId), a.memoryId);
  });

  backend.test("the number of slots of a monitor can be chosen, up to 4096", (scene) => {
    scene.port("a");
    assert.equal(scene.port("a/r", { slots: 100 }).rxRings[0].slots, 100);
    assert.equal(scene.port("a/r", { slots: 9000 }).rxRings[0].slots, 4096);
  });

  backend.test("several monitors see everything, each by itself", (scene) => {
    const { a, b, seen } = pair(scene, "rt");
    const others = ["rt", "r", "t"].map((flags) => scene.port(`a/${flags}`));
    b.sendMany(frames(1, 2));
    a.sendMany(frames(3));
    assert.deepEqual(tags(seen), [1, 2, 3]);
    assert.deepEqual(others.map(tags), [[1, 2, 3], [1, 2], [3]]);
    others[0].close();
    seen.close();
    b.sendMany(frames(4));
    assert.deepEqual(others.slice(1).map(tags), [[4], []]);
  });

  backend.test("a second zero-copy monitor sees what the first has released", (scene) => {
    const { a, b, seen } = pair(scene, "z");
    using second = scene.port("a/z");
    using copy = scene.port("a/rt");
    a.sendMany(frames(1));
    b.sendMany(frames(2));
    assert.deepEqual(tags(copy), [1, 2]);
    assert.deepEqual(tags(a), [2]);
    assert.deepEqual(tags(second), []);
    assert.deepEqual(tags(seen), [1, 2]);
    second.rxSync();
    const flags = slotsOf(second.rxRings[0]).map(([, flags]) => flags & TXMON);
    // The kernel forgets which way a frame went
    assert.deepEqual(flags, backend.either({ engine: [TXMON, 0], kernel: [0, 0] }));
    assert.deepEqual(tags(second), [1, 2]);
  });

  backend.test("zero-copy monitors can be closed in any order", (scene) => {
    const { a, b, seen } = pair(scene, "z");
    const [second, third] = [scene.port("a/z"), scene.port("a/z")];
    second.close();
    b.sendMany(frames(1));
    assert.deepEqual([a, seen, third].map(tags), [[1], [1], [1]]);
    seen.close();
    b.sendMany(frames(2));
    assert.deepEqual([a, third].map(tags), [[2], [2]]);
    third.close();
    b.sendMany(frames(3));
    assert.deepEqual(tags(a), [3]);
  });

  backend.test("a zero-copy monitor gets the buffer itself", (scene) => {
    const { a, b, seen } = pair(scene, "z");
    const [ring] = a.rxRings, [monitored] = seen.rxRings;
    const buffer = ring.bufferIndex(0), spare = monitored.bufferIndex(0);
    b.send(frame({ tag: 1 }));
    assert.deepEqual(tags(a), [1]);
    seen.rxSync();
    assert.equal(monitored.bufferIndex(0), buffer);
    assert.equal(ring.bufferIndex(0), spare);
  });

  backend.test("a full monitor loses the oldest of what comes at once, and holds nobody up", (scene) => {
    const { a, b } = pair(scene, "r");
    using copy = scene.port("a/r", { slots: 4 });
    using zero = scene.port("a/z", { slots: 4 });
    b.sendMany(frames(1, 2, 3, 4, 5));
    assert.deepEqual(tags(a), [1, 2, 3, 4, 5]);
    assert.deepEqual(tags(copy), [3, 4, 5]);
    assert.deepEqual(tags(zero), [3, 4, 5]);
    assertDrops(copy, { ringFull: 2 });
    assertDrops(zero, { ringFull: 2 });
    b.sendMany(frames(6));
    assert.deepEqual([a, copy, zero].map(tags), [[6], [6], [6]]);
  });

  backend.test("of a packet of several slots a full monitor loses all or nothing", (scene) => {
    const { a } = pair(scene, "t");
    using copy = scene.port("a/t", { slots: 4 });
    fill(a.txRings[0], [
      { bytes: frame({ tag: 1 }), flags: MORE },
      { bytes: frame({ tag: 2 }), flags: MORE },
      { bytes: frame({ tag: 3 }) },
      { bytes: frame({ tag: 4 }) },
    ]);
    a.txSync();
    copy.rxSync();
    // The kernel shows the rest of it as if it were a packet
    const kernel = [[60, TXMON | MORE], [60, TXMON], [60, TXMON]];
    assert.deepEqual(
      slotsOf(copy.rxRings[0]),
      backend.either({ engine: [[60, TXMON]], kernel }),
    );
  });

  backend.test("nothing can be sent on a monitor", (scene) => {
    const { a, b, seen } = pair(scene, "rt");
    seen.txSync();
    fill(seen.txRings[0], [{ bytes: frame() }]);
    // The kernel's ioctl does not tell of it, its poll() does
    assert.equal(codeOf(() => seen.txSync()), backend.either({ engine: "EIO", kernel: "" }));
    assert.equal(seen.poll("read") & POLLERR, POLLERR);
    assert.deepEqual([a, b, seen].map(tags), [[], [], []]);
  });

  backend.test("when the port is closed, its monitors fail", (scene) => {
    const { a, b, seen } = pair(scene, "r");
    using zero = scene.port("a/z");
    using again = scene.port("a");
    a.close();
    // Somebody else still has it open
    b.sendMany(frames(1));
    assert.deepEqual(tags(seen), [1]);
    again.close();
    for (const monitor of [seen, zero]) {
      const error = backend.either({ engine: "EIO", kernel: "" });
      assert.equal(codeOf(() => monitor.rxSync()), error);
      assert.equal(monitor.poll(POLLIN) & POLLERR, POLLERR);
    }
    using reopened = scene.port("a");
    b.sendMany(frames(2));
    assert.deepEqual(tags(reopened), [2]);
    assert.equal(seen.poll(POLLIN) & POLLERR, POLLERR);
    using fresh = scene.port("a/r");
    b.sendMany(frames(3));
    assert.deepEqual([reopened, fresh].map(tags), [[3], [3]]);
  });

  backend.test("what a monitor has seen before its port was closed can still be read", {
    skip: { kernel: "it shows no new tail once the port is closed" },
  }, (scene) => {
    const { a, b, seen } = pair(scene, "r");
    b.sendMany(frames(1));
    a.close();
    throwsCode("EIO", () => seen.rxSync());
    assert.deepEqual([...seen.receive({ sync: false })].length, 1);
  });

  backend.test("a monitor that waits is woken by packets, and by the end of its port", {
    skip: { kernel: "it does not wake those who wait for a monitor whose port is closed" },
  }, async (scene) => {
    const { a, b, seen } = pair(scene, "r");
    const waits = seen.wait();
    setTimeout(() => b.sendMany(frames(1)), 20);
    assert.equal(await waits, true);
    assert.deepEqual(tags(seen), [1]);
    setTimeout(() => a.close(), 20);
    await assert.rejects(seen.wait(), { code: "EIO" });
  });

  backend.test("a monitor may see one ring only, the other direction's of the same number too", (scene) => {
    const a = scene.port("a", { slots: 16, rings: 2 });
    scene.port("b");
    using seen = scene.port("a-1/t");
    fill(a.txRings[0], [{ bytes: frame({ tag: 1 }) }]);
    fill(a.txRings[1], [{ bytes: frame({ tag: 2 }) }]);
    a.txSync();
    assert.deepEqual(seen.rxRings.map(({ index }) => index), [1]);
    assert.deepEqual(tags(seen), [2]);
    throwsCode("EINVAL", () => scene.port("a-2/t"));
    throwsCode("EINVAL", () => scene.port("a^/t"));
  });

  backend.test("an exclusive port can be monitored, and a monitor be exclusive", (scene) => {
    const a = scene.port("a/x"), b = scene.port("b");
    using seen = scene.port("a/r"), alone = scene.port("a/rx");
    b.sendMany(frames(1));
    assert.deepEqual([a, seen, alone].map(tags), [[1], [1], [1]]);
  });

  backend.test("a slot that names no buffer comes to a monitor empty", (scene) => {
    const { a, seen } = pair(scene, "t");
    const { bufferCount } = a.txRings[0];
    const buffer = backend.isEngine ? bufferCount : 0;
    fill(a.txRings[0], [{ length: 60, buffer }, { bytes: frame({ tag: 2 }) }]);
    a.txSync();
    seen.rxSync();
    const lengths = slotsOf(seen.rxRings[0]).map(([length]) => length);
    assert.deepEqual(lengths, backend.either({ engine: [0, 60], kernel: [60, 60] }));
  });

  backend.test("no buffer is lost by zero-copy monitors that come and go", (scene) => {
    const a = scene.port("a", { slots: 64 }), b = scene.port("b", { slots: 64 });
    for (let round = 0; round < 100; round++) {
      using seen = scene.port("a/z");
      b.sendMany(frames(1, 2, 3));
      a.sendMany(frames(4, 5));
      assert.deepEqual(tags(a), [1, 2, 3]);
      assert.deepEqual(tags(b), [4, 5]);
      // Every other round the monitor closes with what it has got
      if (round % 2) assert.deepEqual(tags(seen).sort(), [1, 2, 3, 4, 5]);
    }
    const rings = [a.rxRings[0], a.txRings[0]];
    const buffers = rings.flatMap((ring) =>
      Array.from({ length: 64 }, (_, slot) => ring.bufferIndex(slot))
    );
    assert.equal(new Set(buffers).size, 128);
  });

  backend.test("a pipe keeps its buffers through zero-copy monitors of both ends", (scene) => {
    const parent = scene.port("p", { slots: 64 });
    for (let round = 0; round < 40; round++) {
      using master = scene.port("p{1", { slots: 16 }), slave = scene.port("p}1");
      using first = scene.port("p{1/z", { slots: 16 }), second = scene.port("p}1/z", { slots: 16 });
      master.sendMany(frames(1, 2, 3));
      assert.deepEqual(tags(slave), [1, 2, 3]);
      slave.rxSync();
      assert.deepEqual(tags(second), [1, 2, 3]);
      master.txSync();
      first.rxSync();
      assert.equal(first.rxRings[0].space, 3);
      master.sendMany(frames(4, 5));
    }
    assert.equal(parent.closed, false);
  });

  backend.test("counters of a monitor are its own", {
    skip: { kernel: "it counts nothing" },
  }, (scene) => {
    const { b, seen } = pair(scene, "r");
    b.sendMany(frames(1, 2));
    const { kind, rxPackets, rxBytes, memoryId, opens } = seen.counters();
    assert.deepEqual([kind, rxPackets, rxBytes, opens], ["monitor", 2, 120, 1]);
    assert.equal(memoryId, seen.memoryId);
  });
});
