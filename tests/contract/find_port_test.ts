/** Ports are found by name; polling is for NICs; a NIC's host side is not detached alone. */

import assert from "node:assert/strict";
import { forEachBackend, throwsCode } from "./backends.ts";

forEachBackend((backend) => {
  backend.test("findPort() gives the indices that attach() and the list give", (scene) => {
    const [a, b] = [scene.createInterface("a"), scene.createInterface("b")];
    scene.bridge.attach(a);
    const index = scene.bridge.attach(b);
    const found = scene.netmap.findPort(`${scene.bridgeName}:${b}`);
    assert.equal(found.portIndex, index);
    assert.deepEqual(found, scene.netmap.ports().find(({ name }) => name === found.name));
  });

  backend.test("findPort() tells a missing port from a missing bridge", (scene) => {
    using _port = scene.port("a");
    const { netmap, bridgeName } = scene;
    throwsCode("ENXIO", () => netmap.findPort(`${bridgeName}:nosuch`));
    throwsCode("ENOENT", () => netmap.findPort(`${bridgeName}x:a`));
    throwsCode("EINVAL", () => netmap.findPort("a"));
    assert.throws(() => netmap.findPort(""), SyntaxError);
  });

  backend.test("attach() leaves the rings of an interface as they are", (scene) => {
    const name = scene.createInterface("a", 32);
    scene.bridge.attach(name, { slots: 64, rings: 2 });
    if (backend.isEngine) assert.equal(scene.netmap.portInfo(name).txSlots, 32);
    assert.throws(() => scene.bridge.attach(name, { txRings: -1 }), RangeError);
  });

  backend.test("polling is for NICs that are attached", (scene) => {
    using _port = scene.port("a");
    throwsCode("ENXIO", () => scene.bridge.startPolling("nosuch"));
    throwsCode("ENXIO", () => scene.bridge.stopPolling("nosuch"));
    throwsCode("EOPNOTSUPP", () => scene.bridge.startPolling("a", { firstCpu: 0, cpus: 1 }));
    assert.throws(() => scene.bridge.startPolling("a", { cpus: 0 }), RangeError);
  });

  backend.test("detach() does not touch the host's side of a NIC alone (D16)", (scene) => {
    const error = throwsCode(
      backend.either({ engine: "ENXIO", kernel: "EINVAL" }),
      () => scene.bridge.detach("eth0^"),
    );
    if (!backend.isEngine) assert.match(error.message, /leaves with its NIC: detach ".*:eth0"/);
  });
});
