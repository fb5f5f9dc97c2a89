/** What the engine adds to the learning bridge: the table's dump, flush and ageing. */

import assert from "node:assert/strict";
import { forEachBackend, throwsCode } from "./backends.ts";
import { bucketOf, frame, mac, tags } from "./frames.ts";

const ENGINE_ONLY = { skip: { kernel: "the kernel has no such request: it answers EOPNOTSUPP" } };

forEachBackend((backend) => {
  backend.test("the table lists each station with its port", ENGINE_ONLY, (scene) => {
    const [a, b] = scene.ports(2);
    const stations = Array.from({ length: 500 }, (_, i) => mac(i + 1));
    stations.forEach((from, i) => (i % 2 === 0 ? a : b).send(frame({ from })));
    const expected = new Map<number, [string, number]>();
    stations.forEach((from, i) => expected.set(bucketOf(from), [from, i % 2]));
    const found = scene.bridge.table();
    assert.deepEqual(
      found.map(({ mac, port }) => [mac, port]).sort(),
      [...expected.values()].sort(),
    );
    assert.ok(found.every(({ ageMs }) => ageMs === 0));
    const { tableEntries, tableBuckets } = scene.bridge.info();
    assert.deepEqual([tableEntries, tableBuckets], [expected.size, 1024]);
  });

  backend.test("flushing the table forgets everybody", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    a.send(frame({ from: mac(1) }));
    tags(b), tags(c);
    scene.bridge.flushTable();
    assert.deepEqual(scene.bridge.table(), []);
    b.send(frame({ from: mac(2), to: mac(1), tag: 1 }));
    assert.deepEqual([tags(a), tags(c)], [[1], [1]]);
  });

  backend.test(
    "stations that are silent for the ageing time are forgotten",
    ENGINE_ONLY,
    async (scene) => {
      const [a, b, c] = scene.ports(3);
      const { bridge } = scene;
      assert.equal(bridge.ageingMs, 0);
      bridge.ageingMs = 50;
      assert.equal(bridge.ageingMs, 50);
      a.send(frame({ from: mac(1) }));
      tags(b), tags(c);
      assert.deepEqual(bridge.table().map(({ mac }) => mac), [mac(1)]);
      const deadline = performance.now() + 10_000;
      while (bridge.table().length > 0) {
        assert.ok(performance.now() < deadline, "the station was not forgotten");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      b.send(frame({ from: mac(2), to: mac(1), tag: 1 }));
      assert.deepEqual([tags(a), tags(c)], [[1], [1]]);
    },
  );

  backend.test("stations that go on sending are not forgotten", ENGINE_ONLY, async (scene) => {
    const [a, b] = scene.ports(2);
    scene.bridge.ageingMs = 5000;
    a.send(frame({ from: mac(1) }));
    b.send(frame({ from: mac(2) }));
    const ageOf = (station: number): number | undefined =>
      scene.bridge.table().find((entry) => entry.mac === mac(station))?.ageMs;
    const deadline = performance.now() + 4000;
    while ((ageOf(2) ?? 0) < 50 && performance.now() < deadline) {
      a.send(frame({ from: mac(1) }));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(ageOf(2)! >= 50);
    assert.ok(ageOf(1)! < ageOf(2)!);
  });

  backend.test(
    "turning ageing on forgets nobody at once, turning it off nobody any more",
    ENGINE_ONLY,
    (scene) => {
      const [a] = scene.ports(2);
      a.send(frame({ from: mac(1) }));
      scene.bridge.ageingMs = 1000;
      assert.equal(scene.bridge.table().length, 1);
      scene.bridge.ageingMs = 0;
      assert.deepEqual(scene.bridge.table(), [{ mac: mac(1), port: 0, ageMs: 0 }]);
    },
  );

  backend.test("ages that are no number of milliseconds are refused", ENGINE_ONLY, (scene) => {
    scene.ports(1);
    for (const value of [-1, 0.5, NaN, 2 ** 32]) {
      assert.throws(() => scene.bridge.ageingMs = value, RangeError);
    }
    assert.throws(() => scene.bridge.ageingMs = "1" as unknown as number, TypeError);
    assert.equal(scene.bridge.ageingMs, 0);
  });

  backend.test("a bridge without ports has no table to ask for", (scene) => {
    const code = backend.either({ engine: "ENXIO", kernel: "EOPNOTSUPP" });
    throwsCode(code, () => scene.bridge.table());
    throwsCode(code, () => scene.bridge.info());
    throwsCode(code, () => scene.bridge.flushTable());
    throwsCode(code, () => scene.bridge.ageingMs = 1);
  });
});
