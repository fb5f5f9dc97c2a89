/**
 * Exclusive bridges: what netmap_vale_create() and its token give modules of the kernel, for
 * programs. The kernel has no request for it.
 */

import assert from "node:assert/strict";
import { type CaseBody, forEachBackend, throwsCode } from "./backends.ts";
import { frame, tags } from "./frames.ts";

const SKIP = { skip: { kernel: "only modules can make exclusive bridges" } };

forEachBackend((backend) => {
  const test = (name: string, body: CaseBody): void => backend.test(name, SKIP, body);

  test("an exclusive bridge exists without ports, and outlives them", (scene) => {
    const bridge = scene.netmap.createBridge(scene.bridgeName);
    assert.deepEqual([bridge.info().ports, bridge.ports()], [0, []]);
    bridge.ageingMs = 5000;
    bridge.lookup = () => 1;
    for (let round = 0; round < 2; round++) {
      using a = scene.port("a"), b = scene.port("b");
      a.send(frame({ tag: round }));
      assert.deepEqual(tags(b), [round]);
    }
    assert.equal(bridge.ageingMs, 5000);
    assert.equal(bridge.info().lookup, "script");
    bridge.destroy();
    throwsCode("ENXIO", () => bridge.info());
  });

  test("only who has the token changes an exclusive bridge", (scene) => {
    const bridge = scene.netmap.createBridge(scene.bridgeName);
    const name = scene.createInterface("i"), other = scene.createInterface("j");
    using stranger = scene.another();
    const same = stranger.bridge(scene.bridgeName);
    throwsCode("EACCES", () => same.attach(name));
    throwsCode("EACCES", () => same.lookup = () => 0);
    throwsCode("EACCES", () => same.lookup = "learning");
    throwsCode("EACCES", () => same.ageingMs = 1);
    throwsCode("EACCES", () => same.flushTable());
    throwsCode("EACCES", () => same.destroy());
    bridge.attach(name);
    throwsCode("EACCES", () => same.detach(name));
    // Looking, opening and sending are everybody's
    assert.equal(same.info().ports, 1);
    assert.deepEqual(same.table(), []);
    using _port = stranger.open(`${scene.bridgeName}:p`);
    const admitted = stranger.bridge(scene.bridgeName, { token: bridge.token });
    admitted.attach(other);
    admitted.detach(name);
    admitted.lookup = () => 0;
    same.ageingMs = 7;
    assert.equal(bridge.ageingMs, 7);
    same.detach(other);
    throwsCode("EBUSY", () => bridge.destroy());
    _port.close();
    same.destroy();
  });

  test("a token is refused that is not the bridge's", (scene) => {
    const bridge = scene.netmap.createBridge(scene.bridgeName);
    using stranger = scene.another();
    throwsCode("EACCES", () => stranger.bridge(scene.bridgeName, { token: bridge.token! + 1 }));
    throwsCode("ENXIO", () => stranger.bridge(`${scene.bridgeName}x`, { token: bridge.token! }));
    bridge.destroy();
    using _port = scene.port("a");
    // It is another bridge now
    throwsCode("EACCES", () => stranger.bridge(scene.bridgeName, { token: bridge.token! }));
    throwsCode("EINVAL", () => bridge.destroy());
  });

  test("an exclusive bridge needs a name that is free, and one that a bridge can have", (scene) => {
    using _port = scene.port("a");
    throwsCode("EEXIST", () => scene.netmap.createBridge(scene.bridgeName));
    assert.throws(() => scene.netmap.createBridge(`vale${"x".repeat(12)}`), SyntaxError);
    assert.throws(() => scene.netmap.createBridge("eth0"), SyntaxError);
    const bridge = scene.netmap.createBridge(`${scene.bridgeName}x:`);
    throwsCode("EEXIST", () => scene.netmap.createBridge(`${scene.bridgeName}x`));
    bridge.destroy();
  });

  test("an exclusive bridge outlives the netmap that made it", (scene) => {
    let token;
    {
      using maker = scene.another();
      token = maker.createBridge(scene.bridgeName).token!;
    }
    using later = scene.another();
    const bridge = later.bridge(scene.bridgeName, { token });
    assert.equal(bridge.info().ports, 0);
    bridge.destroy();
  });
});
