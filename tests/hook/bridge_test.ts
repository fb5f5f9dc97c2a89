/** Compiled hooks as lookups of bridges. */

import assert from "node:assert/strict";

import { compile, hookFromC } from "../../hook/mod.ts";
import { BROADCAST, LEARN, type Lookup, type NativeLookup } from "../../mod.ts";
import { assertDrops, forEachBackend, throwsCode } from "../contract/backends.ts";
import { fill, frame, mac, tags } from "../contract/frames.ts";

const TAG = 14;

const byLength: Lookup = (packet) =>
  packet.length === 150 && packet.readableLength === 100 && packet.fragments === 2 &&
    packet.u8(100) === 0 && packet.u16(99) === 0 && packet.u8(99) === 9
    ? 1
    : 2;
const learns: Lookup = (packet) => packet.u32(TAG) < 10 ? LEARN : BROADCAST;
const rings: Lookup = (packet) => {
  packet.ring = packet.u32(TAG);
  return 1;
};

const hooks = {
  byTag: await compile((packet) => packet.u32(TAG), { constants: { TAG } }),
  byLength: await compile(byLength),
  learns: await compile(learns, { constants: { TAG } }),
  rings: await compile(rings, { constants: { TAG } }),
  minus: await compile((packet) => packet.u8(TAG + 3) - 5, { constants: { TAG } }),
};
const failing = await hookFromC({
  source: `#include "valet_hook.h"
static int32_t fail(struct valet_batch *batch, void *context)
{
	(void)context;
	return -(int32_t)batch->count;
}
VALET_LOOKUP_BATCH(fail)
`,
});

const ENGINE_ONLY = {
  skip: {
    kernel: "machine code of this process cannot run in the kernel: EOPNOTSUPP",
    daemon: "machine code of this process cannot run in the daemon: EOPNOTSUPP",
  },
};

forEachBackend((backend) => {
  backend.test("a compiled hook is refused by another process", {
    skip: { embedded: "the engine is in this process", kernel: "the kernel takes it as eBPF" },
  }, (scene) => {
    scene.ports(1);
    const error = throwsCode("EOPNOTSUPP", () => scene.bridge.lookup = hooks.byTag);
    assert.match(error.message, /\nHint: A compiled hook runs in the process that has the engine/);
    assert.equal(scene.bridge.lookup, "learning");
  });

  backend.test("a packet goes to the port that the compiled hook names", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    const { bridge } = scene;
    bridge.lookup = hooks.byTag;
    assert.equal(bridge.lookup, hooks.byTag);
    assert.match(Deno.inspect(bridge), /native lookup/);
    a.sendMany([1, 2, 1, 2, 2, 254, 255, 0, 3, 256, 0xffffffff].map((tag) => frame({ tag })));
    assert.deepEqual([tags(a), tags(b), tags(c)], [[], [1, 1, 254], [2, 2, 2, 254]]);
    assertDrops(a, { lookup: 1, samePort: 1, noPort: 2, garbage: 1 });
  });

  backend.test("a number that is no port is garbage", ENGINE_ONLY, (scene) => {
    const [a, b] = scene.ports(2);
    scene.bridge.lookup = hooks.minus;
    a.sendMany([6, 4, 0].map((tag) => frame({ tag })));
    assert.deepEqual(tags(b), [6]);
    assertDrops(a, { garbage: 2 });
  });

  backend.test(
    "LEARN of a compiled hook leaves a packet to the learning bridge",
    ENGINE_ONLY,
    (scene) => {
      const [a, b, c] = scene.ports(3);
      scene.bridge.lookup = hooks.learns;
      a.send(frame({ tag: 1, to: mac(2), from: mac(1) }));
      b.sendMany([2, 20].map((tag) => frame({ tag, to: mac(1), from: mac(2) })));
      assert.deepEqual([tags(a), tags(b), tags(c)], [[2, 20], [1], [1, 20]]);
    },
  );

  backend.test("a compiled hook chooses the ring", ENGINE_ONLY, (scene) => {
    const a = scene.port("a");
    using b = scene.port("b", { rxRings: 2 });
    scene.bridge.lookup = hooks.rings;
    a.sendMany([0, 1, 3, 2].map((tag) => frame({ tag })));
    assert.deepEqual(Array.from(b.receive(), (packet) => packet.ring), [0, 0, 1, 1]);
  });

  backend.test(
    "a compiled hook reads the first slot of a packet of several",
    ENGINE_ONLY,
    (scene) => {
      const [a, b, c] = scene.ports(3);
      for (const lookup of [hooks.byLength, byLength]) {
        scene.bridge.lookup = lookup;
        const [first, second] = [new Uint8Array(100).fill(9), new Uint8Array(50).fill(8)];
        fill(a.txRings[0], [{ bytes: first, flags: 0x20 }, { bytes: second }]);
        a.txSync();
        assert.deepEqual([b.receiveFrames().length, c.receiveFrames().length], [1, 0]);
      }
    },
  );

  backend.test("lookups of all kinds replace each other", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    const { bridge } = scene;
    const sent = (): number[][] => {
      a.send(frame({ tag: 1 }));
      return [tags(b), tags(c)];
    };
    for (let i = 0; i < 3; i++) {
      bridge.lookup = hooks.byTag;
      assert.deepEqual(sent(), [[1], []]);
      bridge.lookup = () => 2;
      assert.deepEqual(sent(), [[], [1]]);
      bridge.lookup = i === 1 ? hooks.learns : "learning";
      assert.deepEqual(sent(), [[1], [1]]);
    }
    bridge.lookup = hooks.byTag;
    bridge.close();
    assert.equal(bridge.lookup, "learning");
    {
      using other = scene.another();
      other.bridge(bridge.name).lookup = hooks.byTag;
      assert.deepEqual(sent(), [[1], []]);
    }
    assert.equal(bridge.lookup, "learning");
    assert.deepEqual(sent(), [[1], [1]]);
  });

  backend.test("a hook in C that fails drops its packets", ENGINE_ONLY, (scene) => {
    const [a, b] = scene.ports(2);
    scene.bridge.lookup = failing;
    throwsCode("ECANCELED", () => a.send(frame()));
    assert.deepEqual(tags(b), []);
    assertDrops(a, { failed: 1 });
  });

  backend.test("what is no hook is refused", ENGINE_ONLY, (scene) => {
    scene.ports(1);
    for (const value of [{}, [], 7, "native", { native: 1 }]) {
      assert.throws(() => scene.bridge.lookup = value as unknown as Lookup, TypeError);
    }
    for (
      const native of [{ address: 0n, context: 0n }, { address: 5, context: 0n }, { address: 5n }]
    ) {
      const lookup = { native: () => native } as unknown as NativeLookup;
      assert.throws(() => scene.bridge.lookup = lookup, TypeError);
    }
    assert.equal(scene.bridge.lookup, "learning");
  });
});
