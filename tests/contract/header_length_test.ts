// The typed side of virtio-net headers, and of ports whose rings are opened one by one.
import assert from "node:assert/strict";
import { forEachBackend, throwsCode } from "./backends.ts";

forEachBackend((backend) => {
  backend.test("headerLength is 0 at first, and takes 0, 10 and 12 only", (scene) => {
    using port = scene.port("a");
    assert.equal(port.headerLength, 0);
    port.headerLength = 0;
    for (const bytes of [1, 11, -1, 0.5, NaN]) {
      assert.throws(() => port.headerLength = bytes, RangeError);
    }
    assert.throws(() => port.headerLength = "12" as unknown as number, RangeError);
  });

  backend.test("headerLength holds for the port, whoever opens it", (scene) => {
    using port = scene.port("a");
    port.headerLength = 12;
    assert.equal(port.headerLength, 12);
    // Who does not say that he knows headers is refused
    throwsCode("EIO", () => scene.port("a"));
    using same = scene.port("a", { acceptHeader: true });
    assert.equal(same.headerLength, 12);
    port.headerLength = 0;
    scene.port("a").close();
  });

  backend.test("headerLength goes with the port", (scene) => {
    scene.port("a").headerLength = 10;
    scene.netmap.close();
    using netmap = scene.another();
    using again = netmap.open(`${scene.bridgeName}:a`, { slots: 16 });
    assert.equal(again.headerLength, 0);
  });

  backend.test("pipes have no virtio-net headers", (scene) => {
    using pipe = scene.netmap.open(`${scene.bridgeName}:a{1`, { slots: 16 });
    assert.equal(pipe.headerLength, 0);
    const error = throwsCode("ENXIO", () => pipe.headerLength = 12);
    assert.match(error.message, /^Cannot set the virtio-net header of "vale\w+:a\{1": /);
    assert.match(error.hint ?? "", /Only ports of a VALE bridge/);
  });

  backend.test("headerLength in the options: the port opens with it", (scene) => {
    using port = scene.port("a", { headerLength: 12 });
    assert.equal(port.headerLength, 12);
    using same = scene.port("a", { headerLength: 10 });
    assert.deepEqual([port.headerLength, same.headerLength], [10, 10]);
    for (const wrong of [1, -1, 0.5, NaN, "12" as unknown as number]) {
      assert.throws(() => scene.port("b", { headerLength: wrong }), RangeError);
    }
    throwsCode("ENXIO", () => scene.netmap.open(`${port.name}{1`, { headerLength: 12 }));
  });

  backend.test("headerLength of a closed port is EBADF", (scene) => {
    const port = scene.port("a");
    port.close();
    assert.throws(() => port.headerLength, { code: "EBADF" });
    assert.throws(() => port.headerLength = 0, { code: "EBADF" });
  });

  backend.test("acceptHeader opens ports without headers, too", (scene) => {
    using port = scene.port("a", { acceptHeader: true });
    assert.equal(port.headerLength, 0);
  });

  backend.test("ringCounts tells all rings of a port, bound or not", (scene) => {
    using all = scene.port("a", { txRings: 3, rxRings: 2 });
    assert.deepEqual(all.ringCounts, { tx: 3, rx: 2, hostTx: 0, hostRx: 0 });
    using one = scene.port("a", { ring: 1 });
    assert.deepEqual(one.ringCounts, all.ringCounts);
    assert.deepEqual([one.txRings.length, one.rxRings.length], [1, 1]);
    assert.equal(one.txRings[0].index, 1);
  });
});
