/**
 * What netmap's headers and manuals promise, and its code does not do: done here where it helps, left
 * where a program written for the kernel could be surprised.
 */

import assert from "node:assert/strict";
import { BROADCAST, DROP, LEARN } from "../../mod.ts";
import { assertDrops, forEachBackend } from "./backends.ts";
import { fill, frame, mac, ringState, slotsOf, tags } from "./frames.ts";

const REPORT = 2, NO_LEARN = 8, MORE = 0x20;
const POLLOUT = 4;

forEachBackend((backend) => {
  backend.test("NS_NO_LEARN: the source of such a frame is not learned", (scene) => {
    const [a, b, c] = scene.ports(3);
    fill(a.txRings[0], [
      { bytes: frame({ from: mac(1), tag: 1 }), flags: NO_LEARN },
      { bytes: frame({ from: mac(2), tag: 2 }) },
      { bytes: frame({ from: mac(3), tag: 3 }), flags: NO_LEARN | MORE },
      { bytes: new Uint8Array(40) },
      { bytes: frame({ from: mac(4), tag: 4 }) },
    ]);
    a.txSync();
    assert.deepEqual(tags(c), [1, 2, 3, 4]);
    assert.deepEqual(tags(b), [1, 2, 3, 4]);
    for (const station of [1, 2, 3, 4]) {
      b.send(frame({ from: mac(77), to: mac(station), tag: station }));
    }
    assert.deepEqual(tags(a), [1, 2, 3, 4]);
    // What is not known goes to all
    assert.deepEqual(tags(c), backend.either({ engine: [1, 3], kernel: [] }));
  });

  backend.test("NS_NO_LEARN: a station that is known stays where it is", (scene) => {
    const [a, b, c] = scene.ports(3);
    a.send(frame({ from: mac(1) }));
    fill(b.txRings[0], [{ bytes: frame({ from: mac(1) }), flags: NO_LEARN }]);
    b.txSync();
    for (const port of [a, b, c]) tags(port);
    c.send(frame({ from: mac(99), to: mac(1), tag: 5 }));
    assert.deepEqual([a, b].map(tags), backend.either({ engine: [[5], []], kernel: [[], [5]] }));
  });

  backend.test("NS_NO_LEARN: also where a lookup leaves a frame to the learning bridge", {
    skip: { kernel: "it has no lookups in TypeScript" },
  }, (scene) => {
    const [a, b, c] = scene.ports(3);
    scene.bridge.lookup = (packet) => packet.port === 2 ? DROP : LEARN;
    fill(a.txRings[0], [
      { bytes: frame({ from: mac(1) }) },
      { bytes: frame({ from: mac(2) }), flags: NO_LEARN },
    ]);
    a.txSync();
    assert.deepEqual(scene.bridge.table().map(({ mac }) => mac), [mac(1)]);
    assert.deepEqual([b, c].map((port) => tags(port).length), [2, 2]);
  });

  backend.test("the destination port in a slot's flags is not looked at: a receiver's are there", (scene) => {
    const [a, b, c] = scene.ports(3);
    b.send(frame({ from: mac(2), to: mac(9), tag: 1 }));
    a.rxSync();
    // The bits say how many slots the frame takes: port 1 would be whoever sent it
    const [[, flags]] = slotsOf(a.rxRings[0]);
    assert.equal(flags, 0x100);
    for (const port of [a, b, c]) tags(port);
    fill(a.txRings[0], [
      { bytes: frame({ from: mac(1), tag: 2 }), flags },
      { bytes: frame({ from: mac(1), tag: 3 }), flags: BROADCAST << 8 },
      { bytes: frame({ from: mac(1), to: mac(2), tag: 4 }), flags: 2 << 8 },
    ]);
    a.txSync();
    assert.deepEqual([b, c].map(tags), [[2, 3, 4], [2, 3]]);
  });

  backend.test("NS_REPORT changes nothing on a bridge: slots are free at once anyway", (scene) => {
    const [a, b] = scene.ports(2);
    fill(a.txRings[0], [{ bytes: frame({ tag: 1 }), flags: REPORT }]);
    a.txSync();
    assert.deepEqual(ringState(a.txRings[0]), [1, 1, 0]);
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), [[60, 0x100]]);
    assert.deepEqual(tags(b), [1]);
    assertDrops(a, {});
  });

  backend.test("NR_DO_RX_POLL: a poll for room to send syncs the receive rings too", (scene) => {
    const sender = scene.port("s");
    using with_ = scene.port("a", { rxPoll: true });
    using without = scene.port("b");
    sender.send(frame({ tag: 1 }));
    for (const port of [with_, without]) assert.equal(port.poll(POLLOUT), POLLOUT);
    assert.deepEqual(
      [with_, without].map((port) => port.rxRings[0].space),
      backend.either({ engine: [1, 0], kernel: [0, 0] }),
    );
    assert.deepEqual([with_, without].map(tags), [[1], [1]]);
  });
});
