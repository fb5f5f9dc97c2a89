/** Tables that lookups and scripts share: both homes against a map, and several Workers on one. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LookupTable, type LookupTableOptions, Netmap, type TableKey } from "../../mod.ts";

const HOMES = ["engine", "script"] as const;

for (const home of HOMES) {
  Deno.test(`${home}: a table of values holds what was set, by its whole key`, () => {
    const table = new LookupTable({ key: [48, 16], home });
    const mac = 0x0200_0000_0001;
    assert.equal(table.get([mac, 7]), undefined);
    assert.equal(table.set([mac, 7], 0xffff_ffff), true);
    assert.equal(table.set([mac, 8], 0), true);
    assert.deepEqual(
      [table.get([mac, 7]), table.get([mac, 8]), table.get([mac + 2 ** 32, 7]), table.size],
      [0xffff_ffff, 0, undefined, 2],
    );
    assert.deepEqual([...table].sort(), [[[mac, 7], 0xffff_ffff], [[mac, 8], 0]]);
    assert.equal(table.delete([mac, 7]), true);
    assert.equal(table.delete([mac, 7]), false);
    assert.deepEqual([table.get([mac, 7]), table.size], [undefined, 1]);
    table.clear();
    assert.deepEqual([table.size, [...table]], [0, []]);
  });

  Deno.test(`${home}: a full table takes no more, and forgets nothing`, () => {
    const table = new LookupTable({ key: [32], capacity: 3, home });
    for (const key of [1, 2, 3]) assert.equal(table.set(key, key), true);
    assert.equal(table.set(4, 4), false);
    assert.equal(table.set(2, 20), true);
    assert.deepEqual([1, 2, 3, 4].map((key) => table.get(key)), [1, 20, 3, undefined]);
    table.delete(1);
    assert.equal(table.set(4, 4), true);
    const counters = new LookupTable({ key: [32], capacity: 1, kind: "counters", home });
    assert.deepEqual([counters.count(1), counters.count(2), counters.count(1)], [
      true,
      false,
      true,
    ]);
    assert.deepEqual([...counters], [[1, 2]]);
  });

  Deno.test(`${home}: counters add up, and go round at 2^53`, () => {
    const table = new LookupTable({ key: [8], kind: "counters", home });
    table.count(5);
    table.count(5, 41);
    table.count(6, 0);
    assert.deepEqual([table.get(5), table.get(6), table.get(7)], [42, 0, undefined]);
    for (let i = 0; i < 2 ** 21; i++) table.count(9, 0xffff_ffff);
    assert.equal(table.get(9), 2 ** 53 - 2 ** 21);
    table.count(9, 2 ** 21 + 3);
    assert.equal(table.get(9), 3);
  });

  Deno.test(`${home}: a bucket gives what it has, and is filled again with time`, async () => {
    const still = new LookupTable({ key: [32], kind: "buckets", burst: 5, home });
    assert.deepEqual([still.take(1, 3), still.take(1, 3), still.take(1, 2), still.take(1)], [
      true,
      false,
      true,
      false,
    ]);
    assert.equal(still.take(2, 6), false);
    assert.deepEqual([...still].sort(), [[1, 0], [2, 5]]);
    const filling = new LookupTable({
      key: [32],
      kind: "buckets",
      burst: 10,
      ratePerSecond: 1000,
      home,
    });
    assert.equal(filling.take(1, 10), true);
    const begin = performance.now();
    let taken = 0;
    while (taken < 50) {
      if (filling.take(1)) taken++;
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // No faster than the rate, but for the tick that it counts in
    assert.ok(performance.now() - begin >= 45, `${performance.now() - begin} ms for 50`);
  });

  Deno.test(`${home}: wrong keys, values and options are refused`, () => {
    const one = new LookupTable({ key: [16], home });
    const two = new LookupTable({ key: [16, 48], kind: "counters", home });
    for (const key of [-1, 65536, 1.5, NaN]) assert.throws(() => one.get(key), RangeError);
    for (const key of [[], [1, 2], "1"]) assert.throws(() => one.get(key as TableKey), TypeError);
    assert.throws(() => two.get(1), TypeError);
    assert.throws(() => two.get([1, 2 ** 48]), RangeError);
    assert.throws(() => one.set(1, -1), RangeError);
    assert.throws(() => one.set(1, 2 ** 32), RangeError);
    assert.throws(() => one.count(1), TypeError);
    assert.throws(() => one.take(1), TypeError);
    assert.throws(() => two.set([1, 2], 3), TypeError);
    const wrong: unknown[] = [
      { key: [] },
      { key: [12] },
      { key: [48, 48, 48, 48, 48] },
      { key: [32], capacity: 0 },
      { key: [32], capacity: 2 ** 20 + 1 },
      { key: [32], kind: "sets" },
      { key: [32], kind: "buckets" },
      { key: [32], kind: "buckets", burst: 1, ratePerSecond: -1 },
      { key: [32], home: "moon" },
    ];
    for (const options of wrong) {
      assert.throws(
        () => new LookupTable(options as LookupTableOptions),
        (error) => error instanceof RangeError || error instanceof TypeError,
      );
    }
  });

  Deno.test(`${home}: random operations do what a map does`, () => {
    const operation = fc.record({
      kind: fc.constantFrom("set", "get", "delete", "clear"),
      key: fc.tuple(fc.nat(3), fc.constantFrom(0, 1, 2 ** 32, 2 ** 48 - 1)),
      value: fc.nat(0xffff_ffff),
    });
    fc.assert(fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const table = new LookupTable({ key: [8, 48], capacity: 12, home });
      const model = new Map<string, number>();
      for (const { kind, key, value } of operations) {
        const name = key.join();
        if (kind === "clear") {
          if (value % 8 === 0) table.clear(), model.clear();
        } else if (kind === "get") {
          assert.equal(table.get(key), model.get(name));
        } else if (kind === "delete") {
          assert.equal(table.delete(key), model.delete(name));
        } else {
          const fits = model.has(name) || model.size < 12;
          assert.equal(table.set(key, value), fits);
          if (fits) model.set(name, value);
        }
        assert.equal(table.size, model.size);
      }
      const found = [...table].map(([key, value]) => [String(key), value]);
      assert.deepEqual(new Map(found as [string, number][]), model);
    }));
  });
}

Deno.test("a lookup and its script share a table while packets flow", () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "shared table" });
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  using c = netmap.open("vale0:c", { slots: 64 });
  using bridge = netmap.bridge("vale0");
  const routes = new LookupTable({ key: [16] });
  const seen = new LookupTable({ key: [16], kind: "counters" });
  bridge.lookup = (packet) => {
    seen.count(packet.port);
    return routes.get(packet.port) ?? 255;
  };
  const frame = new Uint8Array(60);
  a.send(frame);
  routes.set(0, 1);
  a.send(frame);
  routes.set(0, 2);
  a.send(frame, { count: 2 });
  assert.deepEqual([b.receiveFrames().length, c.receiveFrames().length], [1, 2]);
  assert.equal(seen.get(0), 4);
});
