/**
 * Regions: private ones, the global one and shared ones; null ports, which only hold one; netmap's
 * memory parameters; and what is said when memory does not suffice.
 */

import assert from "node:assert/strict";
import { type MemoryParameters, Netmap, RegisterMode } from "../../mod.ts";
import { forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, tags } from "./frames.ts";
import { PORT_INFO, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

/** Bytes of the global region with netmap's defaults. */
const GLOBAL_BYTES = 343019520;
const skipLarge = { kernel: "it takes 343 MB at once, guests have little" };

const SMALL: Partial<MemoryParameters> = {
  ifNum: 12,
  ringSize: 512,
  ringNum: 16,
  bufSize: 2048,
  bufNum: 512,
};

/** A netmap whose global region is small; the parameters are put back on the kernel. */
function smallGlobal(scene: Scene, more: Partial<MemoryParameters> = {}): Disposable {
  const { netmap } = scene, { current: _, users: __, ...before } = netmap.memoryParameters;
  netmap.setMemoryParameters({ ...SMALL, ...more });
  return { [Symbol.dispose]: () => void netmap.setMemoryParameters(before) };
}

function nullPort(
  scene: Scene,
  raw: RawDescriptor,
  memoryId: number,
  [tx, rx, txSlots, rxSlots]: number[],
): string {
  return raw.request(RequestType.REGISTER, scene.interfaceName("n"), (message) => {
    message.setU32(REGISTER.mode, RegisterMode.NULL).setU16(REGISTER.memId, memoryId);
    message.setU16(REGISTER.txRings, tx).setU16(REGISTER.rxRings, rx);
    message.setU32(REGISTER.txSlots, txSlots).setU32(REGISTER.rxSlots, rxSlots);
  });
}

forEachBackend((backend) => {
  backend.test(
    "the global region is there before anybody uses it",
    { skip: skipLarge },
    (scene) => {
      scene.useNetmapSizes();
      assert.equal(scene.netmap.memoryBytes(), GLOBAL_BYTES);
      using raw = new RawDescriptor(scene);
      const info = (memoryId: number): [string, number, number] => {
        const code = raw.request(RequestType.PORT_INFO_GET, "", (message) => {
          message.setU16(PORT_INFO.memId, memoryId).setU32(PORT_INFO.txSlots, 77);
        });
        assert.equal(raw.answer.u32(PORT_INFO.txSlots), 77);
        return [code, raw.answer.u64(PORT_INFO.memsize), raw.answer.u16(PORT_INFO.memId)];
      };
      assert.deepEqual(info(0), ["", GLOBAL_BYTES, 1]);
      assert.deepEqual(info(1), ["", GLOBAL_BYTES, 1]);
      assert.equal(info(999)[0], "EINVAL");
      assert.equal(raw.request(RequestType.POOLS_INFO_GET, ""), "ENXIO");
      const port = scene.port("a");
      assert.deepEqual(info(port.memoryId), ["", port.rxRings[0].region.length, port.memoryId]);
    },
  );

  backend.test("the global region has netmap's pools", { skip: skipLarge }, (scene) => {
    scene.useNetmapSizes();
    using port = scene.port("a", { memory: "global" });
    assert.equal(port.memoryId, 1);
    const { memoryBytes, interfaces, rings, buffers } = scene.netmap.poolsInfo({ memoryId: 1 });
    assert.equal(memoryBytes, GLOBAL_BYTES);
    assert.deepEqual([interfaces, rings, buffers], [
      { offset: 0, count: 100, size: 1024 },
      { offset: 102400, count: 200, size: 36864 },
      { offset: 7475200, count: 163840, size: 2048 },
    ]);
  });

  backend.test("a buffer of valet's engine is a cache line longer than netmap's", (scene) => {
    const { bufferBytes } = scene;
    const sizes = (name: string): unknown[] => {
      using port = scene.port(name);
      const [tx] = port.txRings, { size } = scene.netmap.poolsInfo(port.name).buffers;
      return [size, tx.bufferSize, tx.length(0), tx.bufferOffset(1) - tx.bufferOffset(0)];
    };
    assert.deepEqual(sizes("a"), Array(4).fill(bufferBytes));
    scene.useNetmapSizes();
    assert.deepEqual(sizes("b"), Array(4).fill(2048));
  });

  backend.test("ports in the global region exchange packets without a copy", (scene) => {
    using _small = smallGlobal(scene);
    const [a, b, c] = ["a", "b", "c"].map((name) => scene.port(name, { memory: "global" }));
    assert.deepEqual([a, b, c].map((port) => port.memoryId), [1, 1, 1]);
    const { count } = scene.netmap.poolsInfo(b.name).buffers;
    assert.equal(count, 512);
    a.send(frame({ tag: 5, from: "02:00:00:00:00:01" }));
    b.rxSync();
    // What b has received goes on through c by exchanging buffers
    const [rx] = b.rxRings, [tx] = c.txRings, index = rx.bufferIndex(0);
    rx.swap(0, tx, 0);
    tx.setLength(0, rx.length(0));
    tx.setSlotFlags(0, 1);
    rx.advance(1);
    tx.advance(1);
    assert.equal(tx.bufferIndex(0), index);
    c.txSync();
    assert.deepEqual([tags(a), tags(b)], [[5], [5]]);
  });

  backend.test("memory: a number, a port by its name, one of its own", (scene) => {
    const a = scene.port("a");
    const ids = [
      scene.port("b", { memory: a.memoryId }),
      scene.port("c", { memory: { share: a.name } }),
      scene.port("d", { memory: "private" }),
      scene.netmap.open(`${scene.bridgeName}:e@share=${a.name}@conf:slots=16`),
      scene.netmap.open(`${scene.bridgeName}:a{1@conf:slots=16`),
    ].map((port) => port.memoryId === a.memoryId);
    assert.deepEqual(ids, [true, true, false, true, true]);
    assert.throws(() => scene.port("f", { memory: "other" as "global" }), TypeError);
    throwsCode("EINVAL", () => scene.port("f", { memory: 60000 }));
  });

  backend.test("a persistent port in the global region", (scene) => {
    using _small = smallGlobal(scene);
    const name = scene.interfaceName("vi");
    assert.equal(
      scene.netmap.createInterface(name, { slots: 16, memoryId: 1 }).memoryId,
      1,
    );
    {
      using port = scene.netmap.open(`netmap:${name}`);
      assert.equal(port.memoryId, 1);
    }
    scene.netmap.removeInterface(name);
  });

  backend.test(
    "a persistent port that was opened once holds the global region until it is removed",
    {
      skip: { kernel: "D1: a persistent port that was opened can never be removed" },
    },
    (scene) => {
      using _small = smallGlobal(scene);
      const { netmap } = scene, name = scene.interfaceName("vi");
      netmap.createInterface(name, { slots: 16, memoryId: 1 });
      netmap.open(`netmap:${name}`).close();
      netmap.setMemoryParameters({ bufNum: 1024 });
      assert.equal(netmap.memoryParameters.current.buf.count, 512);
      netmap.removeInterface(name);
      using port = scene.port("a", { memory: "global" });
      assert.equal(netmap.poolsInfo(port.name).buffers.count, 1024);
    },
  );

  backend.test("null ports: rings that lead nowhere, in memory that is there", (scene) => {
    using _small = smallGlobal(scene, { ringNum: 40, bufNum: 4096, ringSize: 8192 });
    for (const shape of [[10, 5, 256, 100], [0, 0, 0, 0], [1, 1, 2, 2]]) {
      using raw = new RawDescriptor(scene);
      assert.equal(nullPort(scene, raw, 1, shape), "");
      const { answer } = raw;
      assert.deepEqual(
        [answer.u16(REGISTER.txRings), answer.u16(REGISTER.rxRings), answer.u16(REGISTER.memId)],
        [shape[0], shape[1], 1],
      );
      assert.deepEqual([raw.txSync(), raw.rxSync()], ["", ""]);
    }
    using raw = new RawDescriptor(scene);
    assert.equal(nullPort(scene, raw, 0, [1, 1, 16, 16]), "EINVAL");
    assert.equal(nullPort(scene, raw, 999, [1, 1, 16, 16]), "EINVAL");
    assert.equal(nullPort(scene, raw, 1, [1, 1, 9000, 16]), "ENOMEM");
    assert.equal(nullPort(scene, raw, 1, [600, 600, 1, 1]), "ENOMEM");
    const [a, b] = [scene.interfaceName("n"), scene.interfaceName("n")].map((name) =>
      scene.netmap.open(`netmap:${name}@1@conf:rings=1,slots=8`, { mode: RegisterMode.NULL })
    );
    assert.notEqual(a.rxRings[0].offset, b.rxRings[0].offset);
    a.send(frame());
    assert.deepEqual([tags(a), tags(b)], [[], []]);
  });

  backend.test("a null port holds a region, and its extra buffers", (scene) => {
    const first = scene.port("a"), { memoryId } = first;
    using holder = scene.netmap.open(
      `netmap:${scene.interfaceName("n")}@${memoryId}@conf:rings=1,slots=2`,
      { mode: RegisterMode.NULL, extraBuffers: 8 },
    );
    const index = holder.extraBuffers.take()!;
    holder.extraBuffers.bytes(index).set(frame({ tag: 9 }));
    first.close();
    const second = scene.port("b", { memory: memoryId }), [tx] = second.txRings;
    const receiver = scene.port("c");
    holder.extraBuffers.give(tx.bufferIndex(0));
    tx.setBufferIndex(0, index);
    tx.setLength(0, 60);
    tx.setSlotFlags(0, 1);
    tx.advance(1);
    second.txSync();
    assert.deepEqual(tags(receiver), [9]);
  });

  backend.test("parameters take effect when nobody uses the region", (scene) => {
    using _small = smallGlobal(scene);
    const { netmap } = scene;
    {
      using port = scene.port("a", { memory: "global" });
      netmap.setMemoryParameters({ bufNum: 1024, ifNum: 16 });
      using other = scene.port("b", { memory: "global" });
      assert.equal(netmap.poolsInfo(port.name).buffers.count, 512);
      assert.equal(other.memoryId, 1);
      assert.equal(netmap.memoryParameters.bufNum, 1024);
      assert.equal(netmap.memoryParameters.current.buf.count, 512);
    }
    using port = scene.port("a", { memory: "global" });
    assert.equal(netmap.poolsInfo(port.name).buffers.count, 1024);
    assert.equal(netmap.poolsInfo(port.name).interfaces.count, 16);
    assert.deepEqual(netmap.memoryParameters.current.buf, { size: 2048, count: 1024 });
  });

  backend.test("parameters of private regions are the least that they have", (scene) => {
    const { netmap } = scene, { privBufNum, privBufSize, privRingSize } = netmap.memoryParameters;
    assert.deepEqual([privBufNum, privBufSize, privRingSize], [4098, scene.bufferBytes, 20480]);
    netmap.setMemoryParameters({ privBufNum: 100, privBufSize: 512, privRingSize: 300 });
    try {
      using port = scene.port("a");
      const { buffers, rings, interfaces } = netmap.poolsInfo(port.name);
      // 16 slots need 322 buffers and 512 bytes a ring; 12 and 20 are for pipes
      assert.deepEqual([buffers.count, buffers.size], [328, 512]);
      assert.deepEqual([rings.count, rings.size, interfaces.count], [24, 512, 12]);
      assert.equal(port.rxRings[0].bufferSize, 512);
      const other = scene.port("b");
      other.send(frame({ tag: 3, length: 512 }));
      assert.deepEqual(tags(port), [3]);
    } finally {
      netmap.setMemoryParameters({ privBufNum, privBufSize, privRingSize });
    }
  });

  backend.test("parameters beyond netmap's limits are refused, and nothing is changed", (scene) => {
    const { netmap } = scene, before = netmap.memoryParameters;
    const wrong: Partial<MemoryParameters>[] = [
      { bufSize: 63 },
      { bufSize: 65537 },
      { bufNum: 3 },
      { bufNum: 1000001 },
      { ringSize: 255 },
      { ringSize: 131073 },
      { ringNum: 1025 },
      { ifSize: 4097 },
      { ifNum: 9 },
      { privIfNum: 101 },
      { ifNum: 20, bufNum: 3.5 },
    ];
    for (const parameters of wrong) {
      assert.throws(() => netmap.setMemoryParameters(parameters), RangeError);
    }
    assert.throws(() => netmap.setMemoryParameters({ size: 3 } as object), TypeError);
    assert.throws(
      () => Netmap.open({ backend: backend.name, instance: "wrong", memory: { bufNum: 1 } }),
      RangeError,
    );
    const { users: _, current: __, ...now } = netmap.memoryParameters;
    assert.deepEqual({ ...before, ...now }, before);
  });

  backend.test("ENOMEM says which objects are lacking, how many are needed and are there", (scene) => {
    using _small = smallGlobal(scene);
    const message = (slots: number, rings: number): string =>
      throwsCode("ENOMEM", () => scene.port("x", { memory: "global", slots, rings })).message;
    const expected = backend.either({
      engine: [
        /The rings of memory 1 have 512 bytes, 768 are needed \(parameter ringSize\)/,
        /Of the 16 rings of memory 1 16 are free, 20 are needed \(parameter ringNum\)/,
      ],
      kernel: [/needs 4098 buffers/, /needs 4098 buffers/],
    });
    assert.match(message(32, 1), expected[0]);
    assert.match(message(16, 10), expected[1]);
    scene.netmap.setMemoryParameters({ bufNum: 64 });
    using _holder = scene.port("a", { memory: "global" });
    const { message: text } = throwsCode("ENOMEM", () => scene.port("x", { memory: "global" }));
    const lacking = /Of the 64 buffers of memory 1 30 are free, 32 are needed \(parameter bufNum\)/;
    if (backend.isEngine) assert.match(text, lacking);
  });
});
