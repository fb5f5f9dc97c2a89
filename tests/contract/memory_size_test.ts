/** How much memory ports take: facts-netmap 1.8, and what the kernel's module answered. */

import assert from "node:assert/strict";
import { type PoolsInfo, portMemory, type PortOptions } from "../../mod.ts";
import { codeOf, forEachBackend, throwsCode } from "./backends.ts";
import { POOLS_INFO, PORT_INFO, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

/** Options, then: rings and slots granted, bytes, pools as "count*size", offset of rings, of buffers. */
type Row = [
  options: PortOptions,
  granted: [txRings: number, rxRings: number, txSlots: number, rxSlots: number],
  bytes: number,
  rings: string,
  buffers: number,
  offsets?: [rings: number, buffers: number],
];

const both = (n: number): [number, number, number, number] => [1, 1, n, n];

const ROWS: Row[] = [
  [{}, both(1024), 42369024, "20*20480", 20482, [12288, 421888]],
  [{ slots: 256 }, both(256), 10911744, "20*20480", 5122, [12288, 421888]],
  [{ slots: 1 }, both(1), 8814592, "20*20480", 4098, [12288, 421888]],
  [{ slots: 2 }, both(2), 8814592, "20*20480", 4098, [12288, 421888]],
  [{ slots: 16 }, both(16), 8814592, "20*20480", 4098, [12288, 421888]],
  [{ slots: 64 }, both(64), 8814592, "20*20480", 4098, [12288, 421888]],
  [{ slots: 2048 }, both(2048), 84959232, "32*33024", 40962, [12288, 1069056]],
  [{ slots: 4096 }, both(4096), 169893888, "32*65792", 81922, [12288, 2117632]],
  [{ slots: 9000 }, both(4096), 169893888, "32*65792", 81922, [12288, 2117632]],
  [{ txSlots: 64, rxSlots: 1024 }, [1, 1, 64, 1024], 22708224, "20*20480", 10882],
  [{ txSlots: 1024, rxSlots: 64 }, [1, 1, 1024, 64], 22708224, "20*20480", 10882],
  [{ rings: 2 }, [2, 2, 1024, 1024], 46604288, "22*20480", 22530, [12288, 462848]],
  [{ rings: 2, slots: 256 }, [2, 2, 256, 256], 12001280, "22*20480", 5634],
  [{ rings: 4 }, [4, 4, 1024, 1024], 55074816, "26*20480", 26626, [12288, 544768]],
  [{ rings: 4, slots: 256 }, [4, 4, 256, 256], 14180352, "26*20480", 6658],
  [{ rings: 16 }, [16, 16, 1024, 1024], 105897984, "50*20480", 51202, [12288, 1036288]],
  [{ rings: 40 }, [16, 16, 1024, 1024], 105897984, "50*20480", 51202, [12288, 1036288]],
  [{ rings: 16, slots: 256 }, [16, 16, 256, 256], 27254784, "50*20480", 12802],
  [
    { rings: 16, slots: 4096 },
    [16, 16, 4096, 4096],
    423657472,
    "64*65792",
    204802,
    [12288, 4222976],
  ],
  [
    { txRings: 4, rxRings: 3, txSlots: 200, rxSlots: 300 },
    [4, 3, 200, 300],
    13225984,
    "25*20480",
    6202,
    [12288, 524288],
  ],
];

/** Options in the notation of a port's name. */
function notation(options: PortOptions): string {
  const pairs = Object.entries(options).map(([key, value]) =>
    `${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}=${value}`
  );
  return pairs.length === 0 ? "default" : pairs.join(",");
}

function pools({ interfaces, rings, buffers }: PoolsInfo): [string, string, number, number] {
  return [
    `${interfaces.count}*${interfaces.size}`,
    `${rings.count}*${rings.size}`,
    buffers.count,
    buffers.size,
  ];
}

forEachBackend((backend) => {
  for (const [options, granted, bytes, rings, buffers, offsets] of ROWS) {
    // Taken in full by the kernel
    const skip = bytes > 150_000_000
      ? { kernel: "it takes this memory at once, guests have little" }
      : {};
    backend.test(`${notation(options)}: a port takes ${bytes} bytes`, { skip }, (scene) => {
      scene.useNetmapSizes();
      const name = `${scene.bridgeName}:a`;
      using port = scene.netmap.open(name, options);
      const [txRings, rxRings, txSlots, rxSlots] = granted;
      assert.deepEqual([port.txRings.length, port.rxRings.length], [txRings, rxRings]);
      assert.deepEqual([port.txRings[0].slots, port.rxRings[0].slots], [txSlots, rxSlots]);
      const info = scene.netmap.poolsInfo(name);
      assert.equal(info.memoryBytes, bytes);
      assert.equal(info.memoryId, port.memoryId);
      assert.deepEqual(pools(info), ["12*1024", rings, buffers, 2048]);
      assert.equal(info.interfaces.offset, 0);
      if (offsets !== undefined) {
        assert.deepEqual([info.rings.offset, info.buffers.offset], offsets);
      }
      assert.equal(port.txRings[0].region.length, bytes);
      assert.equal(port.txRings[0].bufferCount, buffers);
      assert.equal(port.txRings[0].bufferBase, info.buffers.offset);
      assert.deepEqual(portMemory({ txRings, rxRings, txSlots, rxSlots, bufferBytes: 2048 }), {
        buffers,
        bytes,
      });
      const { memoryBytes, memoryId, ...shape } = scene.netmap.portInfo(name);
      assert.deepEqual([memoryBytes, memoryId], [bytes, port.memoryId]);
      assert.deepEqual(shape, {
        txRings,
        rxRings,
        txSlots,
        rxSlots,
        hostTxRings: 0,
        hostRxRings: 0,
      });
    });
  }

  for (
    const [options, bytes] of [
      [{}, 42369024],
      [{ slots: 256 }, 10911744],
      [{ rings: 2, slots: 256 }, 12001280],
    ] as const
  ) {
    backend.test(`${notation(options)}: a pipe on its own takes ${bytes} bytes`, (scene) => {
      scene.useNetmapSizes();
      const name = scene.interfaceName("pp");
      using _pipe = scene.netmap.open(`netmap:${name}{1`, options);
      assert.equal(scene.netmap.poolsInfo(`${name}{1`).memoryBytes, bytes);
    });
  }

  backend.test("a pipe on a bridge takes what a port of its shape takes", (scene) => {
    scene.useNetmapSizes();
    const name = `${scene.bridgeName}:a{1`;
    scene.netmap.open(name, { slots: 256 }).close();
    using _pipe = scene.netmap.open(name, {
      txRings: 2,
      rxRings: 3,
      txSlots: 64,
      rxSlots: 128,
    });
    const info = scene.netmap.poolsInfo(name);
    assert.equal(info.memoryBytes, 8876032);
    assert.deepEqual(pools(info), ["12*1024", "23*20480", 4098, 2048]);
  });

  backend.test("a pipe with more rings than its parent's region has is ENOMEM", (scene) => {
    scene.useNetmapSizes();
    const error = throwsCode("ENOMEM", () => scene.port("a{1", { rings: 300, slots: 8 }));
    assert.match(error.message, /Fewer slots or rings need fewer buffers/);
    assert.deepEqual(scene.bridge.ports(), []);
  });

  backend.test("4084 slots: the kernel finds no clusters for such rings", (scene) => {
    scene.useNetmapSizes();
    const code = codeOf(() => scene.port("a", { txSlots: 4084, rxSlots: 2 }).close());
    assert.equal(code, backend.either({ engine: "", kernel: "EINVAL" }));
  });

  for (const [slots, bytes] of [[undefined, 42369024], [256, 10911744]] as const) {
    backend.test(`${slots ?? "default"} slots: an interface takes ${bytes} bytes`, (scene) => {
      scene.useNetmapSizes();
      const name = scene.interfaceName("vi");
      const { memoryId } = scene.netmap.createInterface(name, { slots });
      const info = scene.netmap.poolsInfo(name);
      assert.deepEqual([info.memoryBytes, info.memoryId], [bytes, memoryId]);
      scene.netmap.removeInterface(name);
    });
  }

  // Extra buffers; the API has no option for them yet
  for (
    const [slots, wanted, granted, bytes, buffers] of [
      [1024, 10, 10, 42389504, 20492],
      [1024, 1000, 1000, 44417024, 21482],
      [16, 10, 10, 8814592, 4098],
      [16, 1000, 1000, 8814592, 4098],
      [256, 100, 100, 11116544, 5222],
      [256, 4_000_000_000, 524_288, 1084653568, 529410],
    ] as const
  ) {
    const skip = bytes > 150_000_000
      ? { kernel: "it takes this memory at once, guests have little" }
      : {};
    backend.test(
      `slots=${slots} and ${wanted} extra buffers: ${bytes} bytes`,
      { skip },
      (scene) => {
        scene.useNetmapSizes();
        using raw = new RawDescriptor(scene);
        const name = `${scene.bridgeName}:a`;
        const code = raw.request(RequestType.REGISTER, name, (message) => {
          message.setU32(REGISTER.mode, 1).setU32(REGISTER.extraBufs, wanted);
          message.setU32(REGISTER.txSlots, slots).setU32(REGISTER.rxSlots, slots);
        });
        assert.equal(code, "");
        assert.equal(raw.answer.u32(REGISTER.extraBufs), granted);
        assert.equal(raw.answer.u64(REGISTER.memsize), bytes);
        assert.equal(scene.netmap.poolsInfo(name).buffers.count, buffers);
      },
    );
  }

  backend.test("asking about a port that does not exist tells what opening would give", (scene) => {
    scene.useNetmapSizes();
    const name = `${scene.bridgeName}:new`;
    const info = scene.netmap.portInfo(name);
    assert.deepEqual([info.memoryBytes, info.txSlots, info.rxSlots], [42369024, 1024, 1024]);
    assert.equal(scene.netmap.poolsInfo(name).memoryBytes, 42369024);
    assert.deepEqual(scene.bridge.ports(), []);
    using raw = new RawDescriptor(scene);
    raw.request(RequestType.PORT_INFO_GET, name, (message) => {
      message.setU32(PORT_INFO.txSlots, 256).setU32(PORT_INFO.rxSlots, 128);
      message.setU16(PORT_INFO.txRings, 2).setU16(PORT_INFO.rxRings, 3);
    });
    assert.equal(raw.answer.u64(PORT_INFO.memsize), 9400320);
    raw.request(RequestType.PORT_INFO_GET, `${scene.bridgeName}:a}1`, (message) => {
      message.setU32(PORT_INFO.txSlots, 8).setU32(PORT_INFO.rxSlots, 9);
    });
    assert.deepEqual(
      [raw.answer.u32(PORT_INFO.txSlots), raw.answer.u32(PORT_INFO.rxSlots)],
      [9, 8],
    );
  });

  backend.test("a port that is open tells its own values, whatever is asked", (scene) => {
    scene.useNetmapSizes();
    using port = scene.port("a", { slots: 32 });
    using raw = new RawDescriptor(scene);
    assert.equal(
      raw.request(RequestType.PORT_INFO_GET, port.name, (message) => {
        message.setU32(PORT_INFO.txSlots, 500);
      }),
      "",
    );
    assert.equal(raw.answer.u32(PORT_INFO.txSlots), 32);
    const wrongMemory = raw.request(RequestType.PORT_INFO_GET, port.name, (message) => {
      message.setU16(PORT_INFO.memId, 999);
    });
    assert.equal(wrongMemory, "EINVAL");
  });

  backend.test("a memory can be asked for by its number", (scene) => {
    scene.useNetmapSizes();
    using port = scene.port("a");
    using raw = new RawDescriptor(scene);
    const ask = (id: number): string =>
      raw.request(RequestType.PORT_INFO_GET, "", (message) => message.setU16(PORT_INFO.memId, id));
    assert.equal(ask(port.memoryId), "");
    assert.equal(raw.answer.u64(PORT_INFO.memsize), 8814592);
    assert.equal(ask(60_000), "EINVAL");
    // netmap asks for a name here, whatever the number
    const pools = raw.request(RequestType.POOLS_INFO_GET, "", (message) => {
      message.setU16(POOLS_INFO.memId, port.memoryId);
    });
    assert.equal(pools, "ENXIO");
  });

  backend.test("numbers of memories are given as netmap gives them", {
    skip: { kernel: "other programs' memories count as well" },
  }, (scene) => {
    scene.useNetmapSizes();
    const open = (name: string): { id: number; close: () => void } => {
      const port = scene.port(name);
      return { id: port.memoryId, close: () => port.close() };
    };
    const first = ["a", "b", "c", "d"].map(open);
    assert.deepEqual(first.map(({ id }) => id), [2, 3, 4, 5]);
    first[1].close();
    const next = ["e", "f"].map(open);
    assert.deepEqual(next.map(({ id }) => id), [6, 7]);
    for (const port of [...first, ...next]) port.close();
    assert.equal(open("g").id, 2);
  });

  backend.test("ports can share one memory until it is used up", (scene) => {
    scene.useNetmapSizes();
    const first = scene.port("p0", { slots: 2 });
    const ports = [first];
    for (let i = 1; i < 10; i++) {
      ports.push(scene.port(`p${i}`, { slots: 2, memoryId: first.memoryId }));
    }
    assert.deepEqual(new Set(ports.map(({ memoryId }) => memoryId)), new Set([first.memoryId]));
    const error = throwsCode("ENOMEM", () => scene.port("p10", { slots: 2, share: first.name }));
    assert.match(error.message, /^Cannot open .*: Cannot allocate memory \(ENOMEM\)\nHint: /);
    assert.equal(scene.bridge.ports().length, 10);
    ports[4].close();
    scene.port("p10", { slots: 2, memoryId: first.memoryId }).close();
  });

  backend.test("a memory without room for the slots is ENOMEM, one that is not there EINVAL", (scene) => {
    scene.useNetmapSizes();
    using first = scene.port("a");
    throwsCode("ENOMEM", () => scene.port("b", { slots: 2000, memoryId: first.memoryId }));
    using _fits = scene.port("b", { slots: 1000, memoryId: first.memoryId });
    throwsCode("EINVAL", () => scene.port("c", { memoryId: 60_000 }));
    throwsCode("ENXIO", () => scene.port("c", { share: `netmap:${scene.interfaceName("no")}` }));
    for (const memoryId of [0, -1, 65536, 1.5]) {
      assert.throws(() => scene.port("c", { memoryId }), RangeError);
    }
  });

  backend.test("a region has 12 interfaces: the 13th open of a port is ENOMEM", (scene) => {
    scene.useNetmapSizes();
    const ports = Array.from({ length: 12 }, () => scene.port("a"));
    throwsCode("ENOMEM", () => scene.port("a"));
    ports[5].close();
    scene.port("a").close();
  });
});
