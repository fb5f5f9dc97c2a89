/** Which ports there are, and their numbers: VALE_LIST and the order of indices. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { assertDrops, codeOf, forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, mac, tags } from "./frames.ts";
import { RawDescriptor, REGISTER, RequestType, VALE_LIST } from "./raw.ts";

/** Opens many ports with 2 slots, without mapping their memories here. */
function openMany(scene: Scene, count: number): DisposableStack {
  const ports = new DisposableStack();
  for (let i = 0; i < count; i++) {
    const raw = ports.use(new RawDescriptor(scene));
    const code = raw.request(RequestType.REGISTER, `${scene.bridgeName}:m${i}`, (message) => {
      message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 2).setU32(REGISTER.rxSlots, 2);
    });
    assert.equal(code, "");
  }
  return ports;
}

forEachBackend((backend) => {
  backend.test("ports are numbered as they come, and listed by number", (scene) => {
    const ports = scene.ports(4);
    assert.deepEqual(
      scene.bridge.ports().map(({ name, interface: plain, portIndex }) => [name, plain, portIndex]),
      ports.map(({ name }, i) => [name, `p${i}`, i]),
    );
  });

  backend.test("numbers are given again, the one given back last first", (scene) => {
    const [a, b, c] = scene.ports(4);
    b.close(), a.close(), c.close();
    const indexOf = (name: string): number =>
      scene.bridge.ports().find((port) => port.interface === name)!.portIndex;
    for (const name of ["x", "y", "z", "w"]) scene.port(name);
    assert.deepEqual(["x", "y", "z", "w"].map(indexOf), [2, 0, 1, 4]);
  });

  backend.test("bridges are listed by number: that of a bridge that has gone is given again", (scene) => {
    const bridges = ["x", "y", "z"].map((letter) => `${scene.bridgeName}${letter}`);
    const open = (bridge: string): { close: () => void } =>
      scene.netmap.open(`${bridge}:a`, { slots: 2 });
    const before = new Set(scene.netmap.ports().map(({ bridgeIndex }) => bridgeIndex));
    const [, second] = bridges.map(open);
    const indexOf = (bridge: string): number =>
      scene.netmap.ports().find((port) => port.bridge === bridge)!.bridgeIndex;
    const numbers = bridges.map(indexOf);
    assert.ok(numbers[0] < numbers[1] && numbers[1] < numbers[2]);
    assert.ok(numbers.every((number) => !before.has(number)));
    second.close();
    open(`${scene.bridgeName}w`);
    assert.equal(indexOf(`${scene.bridgeName}w`), numbers[1]);
    const order = scene.netmap.ports().map(({ bridgeIndex }) => bridgeIndex);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
  });

  backend.test("VALE_LIST by name tells the numbers", (scene) => {
    scene.ports(3);
    using raw = new RawDescriptor(scene);
    const list = (name: string): [string, number] => [
      raw.request(RequestType.VALE_LIST, name),
      raw.answer.u32(VALE_LIST.portIndex),
    ];
    assert.deepEqual(list(`${scene.bridgeName}:p2`), ["", 2]);
    assert.deepEqual(list(`${scene.bridgeName}:nope`), ["", 255]);
    assert.deepEqual(list(`${scene.bridgeName}:`), ["", 255]);
    for (const name of [scene.bridgeName, `${scene.bridgeName}x:a`, "vale"]) {
      assert.equal(list(name)[0], "ENOENT", name);
    }
    assert.equal(list("foo")[0], "EINVAL");
  });

  backend.test("VALE_LIST goes on from the numbers given, and ends with ENOENT", (scene) => {
    const [a] = scene.ports(3);
    a.close();
    using raw = new RawDescriptor(scene);
    const { bridgeIndex } = scene.bridge.ports()[0];
    const from = (bridge: number, port: number): string => {
      const code = raw.request(RequestType.VALE_LIST, "", (message) => {
        message.setU16(VALE_LIST.bridgeIndex, bridge).setU32(VALE_LIST.portIndex, port);
      });
      return code || `${raw.answer.name} ${raw.answer.u32(VALE_LIST.portIndex)}`;
    };
    assert.equal(from(bridgeIndex, 0), `${scene.bridgeName}:p1 1`);
    assert.equal(from(bridgeIndex, 2), `${scene.bridgeName}:p2 2`);
    if (backend.isEngine) assert.equal(from(bridgeIndex, 3), "ENOENT");
    assert.equal(from(0xffff, 0), "ENOENT");
  });

  backend.test("D18: VALE_LIST from a port number of 2^31 and more is ENOENT", {
    skip: { kernel: "D18: the kernel oopses" },
  }, (scene) => {
    scene.ports(1);
    using raw = new RawDescriptor(scene);
    for (const port of [255, 0x7fffffff, 0x80000000, 0xffff0000, 0xffffffff]) {
      const code = raw.request(RequestType.VALE_LIST, "", (message) => {
        message.setU32(VALE_LIST.portIndex, port);
      });
      assert.equal(code, "ENOENT");
    }
  });

  backend.test("a bridge goes with its last port", (scene) => {
    assert.deepEqual(scene.bridge.ports(), []);
    const port = scene.port("a");
    assert.equal(scene.bridge.ports().length, 1);
    port.close();
    assert.deepEqual(scene.bridge.ports(), []);
  });

  backend.test("a port that failed to open leaves no bridge behind", (scene) => {
    throwsCode("EINVAL", () => scene.port("a", { mode: 2 }));
    throwsCode("EINVAL", () => scene.port("a", { ring: 7 }));
    assert.deepEqual(scene.bridge.ports(), []);
  });

  backend.test("names of bridges that are none are refused", (scene) => {
    for (
      const name of ["", "vi0", "vale-1", "vale0:a", "VALE0", "vale 0", `vale${"0".repeat(12)}`]
    ) {
      assert.throws(() => scene.netmap.bridge(name), SyntaxError, name);
    }
    for (const name of [5, null, undefined]) {
      assert.throws(() => scene.netmap.bridge(name as unknown as string), TypeError);
    }
    assert.equal(scene.netmap.bridge("vale0:").name, "vale0");
  });

  backend.test("more than 254 ports, none with the number 254 or 255", {
    skip: { kernel: "the kernel has 252 at most, and takes 2 GB for them" },
  }, (scene) => {
    using _many = openMany(scene, 600);
    const indices = scene.bridge.ports().map(({ portIndex }) => portIndex);
    assert.deepEqual(
      indices,
      Array.from({ length: 602 }, (_, i) => i).filter((i) => i !== 254 && i !== 255),
    );
    assert.ok(scene.bridge.info().portLimit >= 4000);
    assert.equal(scene.bridge.info().ports, 600);
  });

  backend.test("ports with numbers above 255 are learned, named by lookups, and flooded to", {
    skip: { kernel: "the kernel has 252 at most, and takes 2 GB for them" },
  }, (scene) => {
    using _many = openMany(scene, 300);
    const [a, b, c] = scene.ports(3);
    assert.deepEqual([a, b, c].map((port) => port.counters().portIndex), [302, 303, 304]);
    b.send(frame({ from: mac(2), tag: 1 }));
    assert.deepEqual([tags(a), tags(c)], [[1], [1]]);
    a.send(frame({ from: mac(1), to: mac(2), tag: 2 }));
    assert.deepEqual([tags(b), tags(c)], [[2], []]);
    assert.equal(scene.bridge.table().find((entry) => entry.mac === mac(2))?.port, 303);
    scene.bridge.lookup = (packet) => packet.u32(14);
    a.sendMany([304, 254, 255, 302, 700].map((tag) => frame({ tag })));
    assert.deepEqual([tags(b), tags(c)], [[254], [304, 254]]);
    assertDrops(a, { lookup: 1, samePort: 1, noPort: 1 });
  });

  backend.test("a bridge that is full says so, and goes on working", {
    skip: { kernel: "the kernel has 252 at most, and takes 2 GB for them" },
  }, (scene) => {
    scene.port("first", { slots: 2 });
    const { portLimit } = scene.bridge.info();
    {
      using _many = openMany(scene, portLimit - 1);
      assert.equal(scene.bridge.info().ports, portLimit);
      const error = throwsCode("ENOMEM", () => scene.port("over"));
      assert.match(error.hint ?? "", /port/i);
      assert.equal(scene.bridge.ports().length, portLimit);
    }
    scene.port("over");
    assert.equal(scene.bridge.info().ports, 2);
  });

  backend.test("there are more than eight bridges", (scene) => {
    const open = (i: number): Port => scene.netmap.open(`${scene.bridgeName}${i}:a`, { slots: 1 });
    for (let i = 0; i < 8; i++) open(i);
    assert.equal(codeOf(() => open(8)), backend.either({ engine: "", kernel: "ENOMEM" }));
  });
});
