// The typed side of virtio-net headers, and of ports whose rings are opened one by one.
import assert from "node:assert/strict";
import { NetmapError } from "../../mod.ts";
import { forEachBackend } from "./backends.ts";

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

  backend.test("headerLength can be set on the kernel; the engine says that it cannot", (scene) => {
    using port = scene.port("a");
    if (backend.isEngine) {
      assert.throws(() => port.headerLength = 12, (error: NetmapError) => {
        assert.equal(error.code, "EOPNOTSUPP");
        assert.match(error.message, /^Cannot set the virtio-net header of "vale\w+:a": /);
        assert.match(error.hint ?? "", /engine has no virtio-net headers yet/);
        return true;
      });
      assert.equal(port.headerLength, 0);
      return;
    }
    port.headerLength = 12;
    assert.equal(port.headerLength, 12);
    // Who does not say that he knows headers is refused
    assert.throws(() => scene.port("a"), NetmapError);
    using same = scene.port("a", { acceptHeader: true });
    assert.equal(same.headerLength, 12);
    port.headerLength = 0;
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
