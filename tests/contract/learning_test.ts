/** The learning bridge: upstream's scenario 007 with its unicast half, and facts-netmap 2.4. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { assertDrops, forEachBackend } from "./backends.ts";
import { bucketOf, fill, frame, mac, MULTICAST_MAC, sameBucket, tags } from "./frames.ts";

const ZERO_MAC = "00:00:00:00:00:00";

/** What each port has received, by tag. */
function allTags(...ports: Port[]): number[][] {
  return ports.map(tags);
}

/** Has a station heard at a port; nobody keeps the frame. */
function learn(port: Port, from: string, ...others: Port[]): void {
  port.send(frame({ from, tag: 0 }));
  for (const other of others) tags(other);
}

forEachBackend((backend) => {
  backend.test("007: unknown destinations reach everybody, known ones their port alone", (scene) => {
    const [a, b, c] = scene.ports(3);
    a.send(frame({ from: mac(1), to: mac(2), tag: 1 }));
    assert.deepEqual(allTags(a, b, c), [[], [1], [1]]);
    b.send(frame({ from: mac(2), to: mac(1), tag: 2 }));
    assert.deepEqual(allTags(a, b, c), [[2], [], []]);
    a.send(frame({ from: mac(1), to: mac(2), tag: 3 }));
    assert.deepEqual(allTags(a, b, c), [[], [3], []]);
    c.send(frame({ from: mac(3), to: mac(1), tag: 4 }));
    c.send(frame({ from: mac(3), to: mac(2), tag: 5 }));
    assert.deepEqual(allTags(a, b, c), [[4], [5], []]);
    c.send(frame({ from: mac(3), to: mac(4), tag: 6 }));
    assert.deepEqual(allTags(a, b, c), [[6], [6], []]);
  });

  backend.test("multicast and broadcast reach everybody but the sender", (scene) => {
    const [a, b, c] = scene.ports(3);
    a.sendMany([frame({ tag: 1 }), frame({ to: MULTICAST_MAC, tag: 2 })]);
    assert.deepEqual(allTags(a, b, c), [[], [1, 2], [1, 2]]);
  });

  backend.test("a station's own address as destination is dropped", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame({ from: mac(1), to: mac(1) }));
    a.send(frame({ from: mac(1), to: mac(1) }));
    assert.deepEqual(allTags(a, b), [[], []]);
    assertDrops(a, { samePort: 2 });
  });

  backend.test("a second packet of a batch finds what the first has taught", (scene) => {
    const [a, b, c] = scene.ports(3);
    a.sendMany([frame({ from: mac(1), tag: 1 }), frame({ from: mac(9), to: mac(1), tag: 2 })]);
    assert.deepEqual(allTags(a, b, c), [[], [1], [1]]);
    assertDrops(a, { samePort: 1 });
  });

  backend.test("multicast sources are not learned", (scene) => {
    const [a, b, c] = scene.ports(3);
    const group = "03:00:00:00:00:05";
    a.send(frame({ from: group, tag: 1 }));
    a.send(frame({ from: "ff:ff:ff:ff:ff:ff", tag: 2 }));
    assert.deepEqual(allTags(b, c), [[1, 2], [1, 2]]);
    b.send(frame({ from: mac(2), to: group, tag: 3 }));
    assert.deepEqual(allTags(a, c), [[3], [3]]);
    if (backend.isEngine) {
      assert.deepEqual(scene.bridge.table().map(({ mac }) => mac), [mac(2)]);
    }
  });

  backend.test("the zero address as destination matches nothing", (scene) => {
    const [a, b, c] = scene.ports(3);
    b.send(frame({ from: mac(2), to: ZERO_MAC, tag: 1 }));
    // The kernel's empty table entries match it, and name port 0
    assert.deepEqual(
      allTags(a, c),
      backend.either({ engine: [[1], [1]], kernel: [[1], []] }),
    );
    a.send(frame({ from: mac(1), to: ZERO_MAC, tag: 2 }));
    assert.deepEqual(
      allTags(b, c),
      backend.either({ engine: [[2], [2]], kernel: [[], []] }),
    );
  });

  backend.test("the zero address as source is not learned", (scene) => {
    const [a, b, c] = scene.ports(3);
    b.send(frame({ from: ZERO_MAC, tag: 1 }));
    assert.deepEqual(allTags(a, c), [[1], [1]]);
    c.send(frame({ from: mac(3), to: ZERO_MAC, tag: 2 }));
    assert.deepEqual(allTags(a, b), backend.either({ engine: [[2], [2]], kernel: [[], [2]] }));
    if (backend.isEngine) assert.equal(scene.bridge.info().tableEntries, 1);
  });

  backend.test("a station that has moved is found at its new port at once", (scene) => {
    const [a, b, c] = scene.ports(3);
    learn(a, mac(1), b, c);
    learn(c, mac(1), a, b);
    b.send(frame({ from: mac(2), to: mac(1), tag: 1 }));
    assert.deepEqual(allTags(a, c), [[], [1]]);
  });

  backend.test("a station that has moved and come back is found there", (scene) => {
    const [a, b, c] = scene.ports(3);
    learn(a, mac(1), b, c);
    learn(c, mac(1), a, b);
    learn(a, mac(1), b, c);
    b.send(frame({ from: mac(2), to: mac(1), tag: 1 }));
    // The kernel does not learn again what a port sent last
    assert.deepEqual(allTags(a, c), backend.either({ engine: [[1], []], kernel: [[], [1]] }));
    learn(a, mac(5), b, c);
    learn(a, mac(1), b, c);
    b.send(frame({ from: mac(2), to: mac(1), tag: 2 }));
    assert.deepEqual(allTags(a, c), [[2], []]);
  });

  backend.test("of two stations in one bucket the later one is known", (scene) => {
    const [a, b, c] = scene.ports(3);
    const first = "02:00:00:00:01:00", second = "02:00:00:00:03:1b";
    assert.equal(bucketOf(first), bucketOf(second));
    learn(a, first, b, c);
    learn(b, second, a, c);
    c.send(frame({ from: mac(3), to: first, tag: 1 }));
    assert.deepEqual(allTags(a, b), [[1], [1]]);
    c.send(frame({ from: mac(3), to: second, tag: 2 }));
    assert.deepEqual(allTags(a, b), [[], [2]]);
  });

  backend.test("a station that was evicted is learned again when it sends", (scene) => {
    const [a, b, c] = scene.ports(3);
    const first = "02:00:00:00:01:00", second = "02:00:00:00:03:1b";
    learn(a, first, b, c);
    learn(b, second, a, c);
    learn(a, first, b, c);
    c.send(frame({ from: mac(3), to: first, tag: 1 }));
    // The kernel has it still as the last that the port sent, and does not learn it
    assert.deepEqual(allTags(a, b), backend.either({ engine: [[1], []], kernel: [[1], [1]] }));
  });

  backend.test("a port that leaves takes its stations along", (scene) => {
    const [a, b, c] = scene.ports(3);
    learn(b, mac(2), a, c);
    b.close();
    using newcomer = scene.port("new");
    a.send(frame({ from: mac(1), to: mac(2), tag: 1 }));
    // In the kernel they go to whoever gets the index next
    assert.deepEqual(
      allTags(newcomer, c),
      backend.either({ engine: [[1], [1]], kernel: [[1], []] }),
    );
  });

  backend.test("the last port takes the table along", (scene) => {
    const [a, b] = scene.ports(2);
    learn(b, mac(2), a);
    a.close(), b.close();
    const [c, d, e] = scene.ports(3);
    c.send(frame({ from: mac(1), to: mac(2), tag: 1 }));
    assert.deepEqual(allTags(d, e), [[1], [1]]);
  });

  // facts-netmap 2.4, "Hash"
  for (
    const [address, bucket] of [
      [ZERO_MAC, 269],
      ["02:00:00:00:00:01", 92],
      ["02:00:00:00:00:0a", 816],
      ["02:00:00:00:00:0b", 65],
      ["02:00:00:00:01:00", 578],
      ["02:00:00:00:03:1b", 578],
      ["52:54:00:12:34:56", 814],
      ["00:1b:21:aa:bb:cc", 428],
      ["fe:ff:ff:ff:ff:ff", 637],
    ] as const
  ) {
    backend.test(`${address} is in bucket ${bucket}`, (scene) => {
      assert.equal(bucketOf(address), bucket);
      const rival = sameBucket(address);
      const [a, b, c] = scene.ports(3);
      const known = (): boolean => {
        c.send(frame({ from: mac(3), to: rival, tag: 1 }));
        tags(b);
        return tags(a).length === 0;
      };
      learn(b, rival, a, c);
      assert.ok(known());
      learn(a, mac(bucketOf(mac(4)) === bucket ? 5 : 4), b, c);
      assert.ok(known());
      // The engine does not learn the zero address; its bucket is shown by the kernel alone
      learn(a, address, b, c);
      assert.equal(known(), backend.isEngine && address === ZERO_MAC);
    });
  }

  backend.test("13 bytes teach nothing", (scene) => {
    const [a, b, c] = scene.ports(3);
    fill(a.txRings[0], [{ bytes: frame({ from: mac(1) }), length: 13 }]);
    a.txSync();
    b.send(frame({ from: mac(2), to: mac(1), tag: 1 }));
    assert.deepEqual(allTags(a, c), [[1], [1]]);
  });
});
