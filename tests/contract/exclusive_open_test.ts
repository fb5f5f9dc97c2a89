/** Upstream's scenarios 001 to 003: exclusive use of ports and pipes. */

import assert from "node:assert/strict";
import { type PortOptions, RegisterMode } from "../../mod.ts";
import { type Backend, forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, tags } from "./frames.ts";

/** Opens a port, closes it again. */
function tryOpen(scene: Scene, name: string, options: PortOptions = {}): void {
  scene.port(name, options).close();
}

function sharedAndExclusive(backend: Backend, id: string, name: string): void {
  backend.test(`${id} cannot be opened by others while one has it exclusively`, (scene) => {
    const first = scene.port(name, { exclusive: true });
    const error = throwsCode("EBUSY", () => tryOpen(scene, name));
    assert.equal(error.port, `${scene.bridgeName}:${name}`);
    throwsCode("EBUSY", () => tryOpen(scene, name, { exclusive: true }));
    first.close();
    tryOpen(scene, name);
  });

  backend.test(`${id} cannot be opened exclusively while others have it`, (scene) => {
    const first = scene.port(name);
    const second = scene.port(name);
    throwsCode("EBUSY", () => tryOpen(scene, name, { exclusive: true }));
    first.close();
    throwsCode("EBUSY", () => tryOpen(scene, name, { exclusive: true }));
    second.close();
    tryOpen(scene, name, { exclusive: true });
  });

  backend.test(`${id} is exclusive with "/x" in its name as well`, (scene) => {
    using _first = scene.port(`${name}/x`);
    throwsCode("EBUSY", () => tryOpen(scene, name));
  });
}

forEachBackend((backend) => {
  sharedAndExclusive(backend, "001: an ephemeral port", "a");
  sharedAndExclusive(backend, "003: a pipe's master", "p{1");
  sharedAndExclusive(backend, "003: a pipe's slave", "p}1");

  backend.test("002: a persistent port cannot be opened by others while one has it exclusively", (scene) => {
    const name = scene.createInterface("vi");
    scene.bridge.attach(name);
    const first = scene.port(`${name}/x`);
    // D1: once it is open the kernel does not find it by the bridge's name
    const code = backend.either({ engine: "EBUSY", kernel: "EINVAL" });
    throwsCode(code, () => tryOpen(scene, name));
    throwsCode(code, () => tryOpen(scene, `${name}/x`));
    first.close();
    if (backend.isEngine) tryOpen(scene, name);
  });

  backend.test("003: a pipe's two ends are exclusive each for itself", (scene) => {
    using master = scene.port("p{1", { exclusive: true });
    using slave = scene.port("p}1", { exclusive: true });
    master.send(frame({ tag: 1 }));
    assert.deepEqual(tags(slave), [1]);
  });

  backend.test("a failed open leaves the first one working", (scene) => {
    const [a, b] = scene.ports(2, { exclusive: true });
    throwsCode("EBUSY", () => tryOpen(scene, "p0"));
    a.send(frame({ tag: 5 }));
    assert.deepEqual(tags(b), [5]);
  });

  backend.test("exclusive use of one ring leaves the others free", (scene) => {
    const one = (ring: number): PortOptions => ({ rings: 2, ring, exclusive: true });
    using _first = scene.port("a", one(0));
    throwsCode("EBUSY", () => tryOpen(scene, "a", one(0)));
    throwsCode("EBUSY", () => tryOpen(scene, "a", { mode: RegisterMode.ALL_NIC }));
    tryOpen(scene, "a", one(1));
  });

  backend.test("exclusive use of one direction leaves the other free", (scene) => {
    using _sender = scene.port("a", { txOnly: true, exclusive: true });
    throwsCode("EBUSY", () => tryOpen(scene, "a", { txOnly: true }));
    throwsCode("EBUSY", () => tryOpen(scene, "a"));
    tryOpen(scene, "a", { rxOnly: true, exclusive: true });
  });

  backend.test("a port can be had exclusively while only its pipes are open", (scene) => {
    using _pipe = scene.port("a{1");
    tryOpen(scene, "a", { exclusive: true });
  });
});
