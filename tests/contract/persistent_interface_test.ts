/** Upstream's scenarios 009, 010, 011 and 022, with the right outcome: persistent VALE ports. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { assertDrops, codeOf, forEachBackend, throwsCode } from "./backends.ts";
import { frame, mac, tags } from "./frames.ts";

forEachBackend((backend) => {
  backend.test("009, 011: an interface can be made once, and removed once", (scene) => {
    const name = scene.interfaceName("vi");
    const { txSlots, rxSlots, txRings, rxRings, memoryId } = scene.netmap.createInterface(name);
    assert.deepEqual([txSlots, rxSlots, txRings, rxRings], [1024, 1024, 1, 1]);
    assert.ok(memoryId > 1);
    const error = throwsCode("EEXIST", () => scene.netmap.createInterface(name, { slots: 64 }));
    assert.match(error.message, new RegExp(`^Cannot create "${name}": File exists`));
    scene.netmap.removeInterface(name);
    throwsCode("ENXIO", () => scene.netmap.removeInterface(name));
    scene.netmap.createInterface(name);
    scene.netmap.removeInterface(name);
  });

  backend.test("an interface has the slots and rings asked for, cut to netmap's limits", (scene) => {
    const name = scene.interfaceName("vi");
    const { txSlots, rxSlots, txRings, rxRings } = scene.netmap.createInterface(name, {
      txSlots: 9000,
      rxSlots: 1,
      txRings: 40,
      rxRings: 3,
    });
    assert.deepEqual([txSlots, rxSlots, txRings, rxRings], [4096, 1, 16, 3]);
    scene.netmap.removeInterface(name);
  });

  backend.test("010: an interface can be attached once", (scene) => {
    const { bridge } = scene;
    const name = scene.createInterface("vi");
    assert.equal(bridge.attach(name), 0);
    throwsCode("EBUSY", () => bridge.attach(name));
    assert.deepEqual(bridge.ports().map(({ name, portIndex }) => [name, portIndex]), [
      [`${scene.bridgeName}:${name}`, 0],
    ]);
    throwsCode("EBUSY", () => scene.netmap.removeInterface(name));
    assert.equal(bridge.detach(name), 0);
    throwsCode("ENXIO", () => bridge.detach(name));
    assert.deepEqual(bridge.ports(), []);
    scene.netmap.removeInterface(name);
  });

  backend.test("indices are given in the order of attaching, and found again", (scene) => {
    const { bridge } = scene;
    const names = ["va", "vb", "vc"].map((label) => scene.createInterface(label));
    assert.deepEqual(names.map((name) => bridge.attach(name)), [0, 1, 2]);
    assert.equal(bridge.detach(names[1]), 1);
    assert.deepEqual(bridge.ports().map(({ portIndex }) => portIndex), [0, 2]);
    assert.equal(bridge.attach(names[1]), 1);
  });

  backend.test("what does not exist cannot be attached, detached or removed", (scene) => {
    const name = scene.interfaceName("no");
    throwsCode("EINVAL", () => scene.bridge.attach(name));
    throwsCode("ENXIO", () => scene.bridge.detach(name));
    throwsCode("ENXIO", () => scene.netmap.removeInterface(name));
    assert.deepEqual(scene.bridge.ports(), []);
    const port = scene.port("e");
    throwsCode("EBUSY", () => scene.bridge.attach("e"));
    throwsCode("EBUSY", () => scene.bridge.detach("e"));
    throwsCode("ENXIO", () => scene.netmap.removeInterface("e"));
    port.close();
  });

  backend.test("an interface that is not attached cannot be opened by a bridge's name", (scene) => {
    const name = scene.createInterface("vi");
    throwsCode("EINVAL", () => scene.port(name));
    assert.deepEqual(scene.bridge.ports(), []);
  });

  backend.test("names that no interface can have are refused", (scene) => {
    const long = "v".repeat(16);
    for (const name of [long, "vale0:x", "valex", "", "a/b", "a b", "x:y", "."]) {
      throwsCode("EINVAL", () => scene.netmap.createInterface(name));
    }
    const name = scene.interfaceName("").padEnd(15, "v");
    scene.netmap.createInterface(name);
    scene.netmap.removeInterface(name);
  });

  backend.test("an interface of the engine is none of the system's", (scene) => {
    const name = scene.createInterface("vi");
    const isThere = existsSync(`/sys/class/net/${name}`);
    assert.equal(isThere, backend.either({ engine: false, kernel: true }));
  });

  backend.test("022: attached interfaces exchange frames", {
    skip: { kernel: "D1: a persistent port that was opened can never be detached or removed" },
  }, (scene) => {
    const [va, vb] = ["va", "vb"].map((label) => scene.createInterface(label));
    scene.bridge.attach(va);
    scene.bridge.attach(vb);
    using a = scene.netmap.open(`${scene.bridgeName}:${va}`);
    using b = scene.netmap.open(`netmap:${vb}`);
    a.send(frame({ from: mac(1), tag: 1 }));
    assert.deepEqual(tags(b), [1]);
    b.send(frame({ from: mac(2), to: mac(1), tag: 2 }));
    assert.deepEqual(tags(a), [2]);
  });

  backend.test("D1: an interface that was opened can be detached and removed", (scene) => {
    const name = scene.createInterface("vi");
    scene.bridge.attach(name);
    scene.netmap.open(`${scene.bridgeName}:${name}`).close();
    const detach = codeOf(() => scene.bridge.detach(name));
    const remove = codeOf(() => scene.netmap.removeInterface(name));
    assert.deepEqual(
      [detach, remove],
      backend.either({ engine: ["", ""], kernel: ["ENXIO", "EBUSY"] }),
    );
  });

  backend.test("an interface that is open can be neither detached nor removed", {
    skip: { kernel: "D1: a persistent port that was opened can never be detached or removed" },
  }, (scene) => {
    const name = scene.createInterface("vi");
    scene.bridge.attach(name);
    const port = scene.netmap.open(`${scene.bridgeName}:${name}`);
    throwsCode("EBUSY", () => scene.bridge.detach(name));
    port.close();
    scene.bridge.detach(name);
    const plain = scene.netmap.open(`netmap:${name}`);
    throwsCode("EBUSY", () => scene.netmap.removeInterface(name));
    plain.close();
    scene.netmap.removeInterface(name);
  });

  backend.test("D3: an interface that is open cannot be attached, and is not", (scene) => {
    const name = scene.createInterface("vi");
    const port = scene.netmap.open(`netmap:${name}`);
    throwsCode("EBUSY", () => scene.bridge.attach(name));
    assert.equal(scene.bridge.ports().length, backend.either({ engine: 0, kernel: 1 }));
    port.close();
  });

  backend.test("D21: an interface can be on one bridge only", {
    skip: { kernel: "D21: it is attached to both bridges, and stuck on both" },
  }, (scene) => {
    const name = scene.createInterface("vi");
    scene.bridge.attach(name);
    throwsCode("EBUSY", () => scene.netmap.bridge(`${scene.bridgeName}x`).attach(name));
    scene.bridge.detach(name);
  });

  backend.test("interfaces are listed, on a bridge or not", (scene) => {
    if (!backend.isEngine) {
      throwsCode("EOPNOTSUPP", () => scene.netmap.interfaces());
      return;
    }
    // More than one message holds
    const names = Array.from({ length: 40 }, (_, i) => scene.createInterface(`v${i}`));
    scene.bridge.attach(names[7]);
    const found = scene.netmap.interfaces();
    assert.deepEqual(
      Object.keys(found).filter((name) => names.includes(name)).sort(),
      names.sort(),
    );
    for (const name of names) {
      const { kind, opens, bridgeIndex, portIndex } = found[name];
      assert.deepEqual([kind, opens], ["persistent", 0]);
      assert.equal(bridgeIndex === undefined, portIndex === undefined);
    }
    const attached = names.filter((name) => found[name].bridgeIndex !== undefined);
    assert.deepEqual(attached, names.filter((name) => name.startsWith("v7")));
    scene.port("opened").close();
    assert.ok(!("opened" in scene.netmap.interfaces()), "ports of bridges are none");
  });

  backend.test("what is sent by an interface on no bridge is discarded", {
    skip: { kernel: "D1: a persistent port that was opened can never be removed" },
  }, (scene) => {
    const name = scene.createInterface("vi");
    using port = scene.netmap.open(`netmap:${name}`);
    assert.equal(port.send(frame(), { count: 100 }), 100);
    assertDrops(port, { notAttached: 100 });
  });

  backend.test("frames for an attached interface that nobody has open are dropped", (scene) => {
    const name = scene.createInterface("vi");
    scene.bridge.attach(name);
    const a = scene.port("a");
    assert.equal(a.send(frame(), { count: 3 }), 3);
    if (backend.isEngine) {
      assert.equal(scene.bridge.counters()[name].drops.notOpen, 3);
      assert.equal(scene.bridge.counters()[name].kind, "persistent");
    }
    a.close();
  });

  backend.test("opening an interface ignores slots and rings: they are as it was made", {
    skip: { kernel: "D1: a persistent port that was opened can never be removed" },
  }, (scene) => {
    const name = scene.createInterface("vi", 32);
    using port = scene.netmap.open(`netmap:${name}`, { slots: 512, rings: 4 });
    assert.equal(port.txRings.length, 1);
    assert.equal(port.txRings[0].slots, 32);
  });
});
