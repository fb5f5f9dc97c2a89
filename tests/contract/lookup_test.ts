/** Lookups in TypeScript: where packets go, and what becomes of lookups that do not behave. */

import assert from "node:assert/strict";
import { BROADCAST, DROP, LEARN, type Lookup, type LookupPacket } from "../../mod.ts";
import { assertDrops, codeOf, forEachBackend, throwsCode } from "./backends.ts";
import { frame, mac, slotsOf, tags } from "./frames.ts";

const ENGINE_ONLY = {
  skip: { kernel: "the kernel takes lookups from kernel modules only: EOPNOTSUPP" },
};

const TAG = 14;

forEachBackend((backend) => {
  backend.test("the kernel has no lookups in a script, and says so", {
    skip: { embedded: "the engine has them", daemon: "the engine has them" },
  }, (scene) => {
    scene.ports(1);
    throwsCode("EOPNOTSUPP", () => scene.bridge.lookup = () => 0);
    assert.equal(scene.bridge.lookup, "learning");
    scene.bridge.lookup = "learning";
    scene.bridge.lookup = null;
  });

  backend.test("a packet goes to the port that the lookup names", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    scene.bridge.lookup = (packet) => packet.u32(TAG);
    a.sendMany([1, 2, 1, 2, 2].map((tag) => frame({ tag })));
    assert.deepEqual([tags(a), tags(b), tags(c)], [[], [1, 1], [2, 2, 2]]);
    assertDrops(a, {});
  });

  backend.test("BROADCAST reaches all others, DROP nobody", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    scene.bridge.lookup = (packet) => packet.u32(TAG) % 2 ? BROADCAST : DROP;
    b.sendMany([1, 2, 3, 4].map((tag) => frame({ tag, to: mac(1) })));
    assert.deepEqual([tags(a), tags(b), tags(c)], [[1, 3], [], [1, 3]]);
    assertDrops(b, { lookup: 2 });
  });

  backend.test(
    "LEARN leaves a packet to the learning bridge, which hears of it",
    ENGINE_ONLY,
    (scene) => {
      const [a, b, c] = scene.ports(3);
      scene.bridge.lookup = (packet) => packet.u32(TAG) < 10 ? LEARN : DROP;
      a.sendMany([1, 20].map((tag) => frame({ tag, to: mac(2), from: mac(1) })));
      assert.deepEqual([tags(b), tags(c)], [[1], [1]]);
      b.sendMany([2, 3, 30].map((tag) => frame({ tag, to: mac(1), from: mac(2) })));
      assert.deepEqual([tags(a), tags(c)], [[2, 3], []]);
      assert.deepEqual(scene.bridge.table().map(({ port }) => port).sort(), [0, 1]);
      assertDrops(a, { lookup: 1 });
    },
  );

  backend.test("copyTo sends a packet to one port more, once, in order", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3, { slots: 64 });
    const results = [1, BROADCAST, LEARN, DROP, 2, 1, 1, 1, 1, 1, 1];
    const copies: unknown[] = [2, 2, 2, 2, 2, 2, 9, 0, NaN, DROP, BROADCAST];
    scene.bridge.lookup = (packet) => {
      const tag = packet.u32(TAG);
      packet.copyTo = copies[tag] as number;
      return results[tag];
    };
    a.sendMany(results.map((_, tag) => frame({ tag, to: mac(9) })));
    assert.deepEqual(tags(b), [0, 1, 2, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual(tags(c), [0, 1, 2, 3, 4, 5]);
    assertDrops(a, { lookup: 1, noPort: 2, samePort: 1, garbage: 1 });
    scene.bridge.setLookup((batch) => {
      for (let i = 0; i < batch.length; i++) {
        batch.setDestination(i, 1);
        batch.setCopy(i, i % 2 === 0 ? 2 : DROP);
      }
    }, { batch: true });
    a.sendMany(results.map((_, tag) => frame({ tag })));
    assert.deepEqual(tags(b), results.map((_, tag) => tag));
    assert.deepEqual(tags(c), [0, 2, 4, 6, 8, 10]);
  });

  backend.test("a copy is one packet's, also when the lookup throws", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    scene.bridge.setLookup((packet) => {
      if (packet.u32(TAG) === 2) return 1;
      packet.copyTo = 2;
      if (packet.u32(TAG) === 1) throw new Error("behind it");
      return 1;
    }, { fallback: 1, onError: () => {} });
    a.sendMany([0, 1, 2].map((tag) => frame({ tag })));
    assert.deepEqual([tags(b), tags(c)], [[0, 1, 2], [0]]);
  });

  backend.test("what a lookup writes is what all receivers get", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    scene.bridge.lookup = (packet) => {
      packet.setDestinationMac(0x0200_0000_0044);
      packet.setU32(TAG, packet.u32(TAG) + 1);
      packet.setU16(TAG + 4, 0x12345);
      packet.setU8(TAG + 6, -1);
      const { length } = packet;
      for (const at of [length - 3, length, -1, NaN]) packet.setU32(at, 0xdead_beef);
      return BROADCAST;
    };
    a.sendMany([1, 5].map((tag) => frame({ tag, length: 60 })));
    for (const port of [b, c]) {
      const frames = port.receiveFrames();
      assert.deepEqual(frames.map((bytes) => bytes[TAG + 3]), [2, 6]);
      for (const bytes of frames) {
        assert.equal(bytes.subarray(0, 6).toHex(), "020000000044");
        assert.equal(bytes.subarray(TAG + 4, TAG + 7).toHex(), "2345ff");
      }
      const ends = [1, 5].map((tag) => frame({ tag, length: 60 }).subarray(TAG + 7));
      assert.deepEqual(frames.map((bytes) => bytes.subarray(TAG + 7)), ends, "nothing else");
    }
  });

  backend.test(
    "a port that is not there, or the sender itself, drops the packet",
    ENGINE_ONLY,
    (scene) => {
      const [a, b] = scene.ports(2);
      const answers = [5, 253, 256, 0xfffffff0, 0];
      scene.bridge.lookup = (packet) => answers[packet.u32(TAG)];
      a.sendMany(answers.map((_, tag) => frame({ tag })));
      assert.deepEqual([tags(a), tags(b)], [[], []]);
      assertDrops(a, { noPort: 4, samePort: 1 });
    },
  );

  backend.test(
    "answers that are no port number drop the packet, and are counted",
    ENGINE_ONLY,
    (scene) => {
      const [a, b] = scene.ports(2);
      const garbage: unknown[] = [
        NaN,
        -1,
        1.5,
        Infinity,
        2 ** 32,
        2 ** 32 - 1,
        "x",
        "1",
        undefined,
        null,
        true,
        {},
        [],
        [1],
        1n,
        Symbol("port"),
        () => 1,
        Promise.resolve(1),
        new Date(),
      ];
      scene.bridge.lookup = ((packet: LookupPacket) => garbage[packet.u32(TAG)]) as Lookup;
      a.sendMany([...garbage.map((_, tag) => frame({ tag }))]);
      assert.deepEqual(tags(b), []);
      assertDrops(a, { garbage: garbage.length });
    },
  );

  backend.test(
    "300 is a port number like others, and there is no such port",
    ENGINE_ONLY,
    (scene) => {
      const [a] = scene.ports(2);
      scene.bridge.lookup = () => 300;
      a.send(frame());
      assertDrops(a, { noPort: 1 });
    },
  );

  backend.test(
    "a lookup that throws: the sender gets it once, the batch is counted",
    ENGINE_ONLY,
    (scene) => {
      const [a, b] = scene.ports(2);
      const cause = new Error("no idea");
      let calls = 0;
      scene.bridge.lookup = (packet) => {
        calls++;
        if (packet.u32(TAG) === 3) throw cause;
        return 1;
      };
      const error = throwsCode(
        "ECANCELED",
        () => a.sendMany([1, 2, 3, 4, 5].map((tag) => frame({ tag }))),
      );
      assert.equal(error.cause, cause);
      assert.equal(error.port, a.name);
      assert.match(error.message, /^Cannot send on .*: Operation canceled \(ECANCELED\)\nHint: /);
      assert.match(error.hint ?? "", new RegExp(`"${scene.bridgeName}".*no idea`));
      assert.match(error.hint ?? "", /packet 3 of 5/);
      assert.equal(calls, 3);
      assert.deepEqual(tags(b), []);
      assertDrops(a, { failed: 5 });
      a.send(frame({ tag: 7 }));
      assert.deepEqual(tags(b), [7]);
      assertDrops(a, { failed: 5 });
    },
  );

  for (const [what, thrown] of [["a string", "oops"], ["undefined", undefined], ["null", null]]) {
    backend.test(`a lookup may throw ${what}`, ENGINE_ONLY, (scene) => {
      const [a] = scene.ports(2);
      scene.bridge.lookup = () => {
        throw thrown;
      };
      const error = throwsCode("ECANCELED", () => a.send(frame()));
      assert.equal(error.cause, thrown);
    });
  }

  backend.test(
    "a lookup that throws in each of many batches is reported for each send",
    ENGINE_ONLY,
    (scene) => {
      const [a] = scene.ports(2, { slots: 1024 });
      let calls = 0;
      scene.bridge.lookup = () => {
        throw new Error(`call ${++calls}`);
      };
      const error = throwsCode("ECANCELED", () => a.send(frame(), { count: 1000, batch: 1000 }));
      assert.equal((error.cause as Error).message, "call 1");
      assertDrops(a, { failed: 1000 });
      const next = throwsCode("ECANCELED", () => a.send(frame()));
      assert.equal((next.cause as Error).message, `call ${calls}`);
      scene.bridge.lookup = "learning";
      a.send(frame());
    },
  );

  backend.test(
    "with a fallback a packet goes there at which the lookup throws",
    ENGINE_ONLY,
    async (scene) => {
      const [a, b, c] = scene.ports(3);
      const reported: string[] = [];
      const reports = Promise.withResolvers<void>();
      scene.bridge.setLookup((packet) => {
        if (packet.u32(TAG) % 2 === 0) throw new Error(`at ${packet.u32(TAG)}`);
        return 1;
      }, {
        fallback: 2,
        onError: (error, packet) => {
          reported.push(`${error} ${packet.split(":")[0]}`);
          reports.resolve();
        },
      });
      a.sendMany([1, 2, 3, 4, 5].map((tag) => frame({ tag })));
      assert.deepEqual([tags(b), tags(c)], [[1, 3, 5], [2, 4]]);
      assertDrops(a, {});
      assert.equal(scene.bridge.lookupErrors, 2);
      await reports.promise;
      assert.deepEqual(reported, ["Error: at 2 2 of 5"]);
      scene.bridge.setLookup((batch) => {
        batch.setDestination(0, 1);
        throw new Error("late");
      }, { batch: true, fallback: LEARN, onError: () => {} });
      a.sendMany([6, 7].map((tag) => frame({ tag, to: "ff:ff:ff:ff:ff:ff" })));
      assert.deepEqual([tags(b), tags(c)], [[6, 7], [7]]);
      assert.equal(scene.bridge.lookupErrors, 1);
    },
  );

  backend.test("poll() reports a lookup that throws as well", ENGINE_ONLY, async (scene) => {
    const [a] = scene.ports(2);
    scene.bridge.lookup = () => {
      throw new Error("in poll");
    };
    const put = (): void => {
      a.txRings[0].put(frame());
    };
    put();
    assert.match(String(throwsCode("ECANCELED", () => a.poll("read")).cause), /in poll/);
    put();
    assert.match(String(throwsCode("ECANCELED", () => a.txSync()).cause), /in poll/);
    put();
    await assert.rejects(a.wait({ timeoutMs: 0 }), { code: "ECANCELED" });
    assertDrops(a, { failed: 3 });
  });

  backend.test(
    "values that cannot be lookups are refused, async functions too",
    ENGINE_ONLY,
    (scene) => {
      scene.ports(1);
      for (
        const wrong of [
          5,
          "flood",
          {},
          undefined,
          async () => await 1,
          function* (): Generator<number> {},
          Symbol("x"),
        ]
      ) {
        assert.throws(() => scene.bridge.lookup = wrong as unknown as Lookup, TypeError);
      }
      assert.equal(scene.bridge.lookup, "learning");
    },
  );

  backend.test("a lookup for a bridge without ports is ENXIO", ENGINE_ONLY, (scene) => {
    const error = throwsCode("ENXIO", () => scene.bridge.lookup = () => 0);
    assert.match(error.hint ?? "", /exists while it has ports/);
  });

  backend.test("a lookup sees the packet: sender, ring, length, bytes", ENGINE_ONLY, (scene) => {
    const [, b] = scene.ports(2, { rings: 2 });
    const seen: unknown[] = [];
    scene.bridge.lookup = (packet) => {
      const { port, ring, length, readableLength, fragments, index, etherType } = packet;
      seen.push([port, ring, length, readableLength, fragments, index, etherType, packet.u32(TAG)]);
      return DROP;
    };
    const sent = frame({ tag: 9, length: 100 });
    sent.set([0x08, 0x06], 12);
    b.send(sent, { ring: 1 });
    b.send(frame({ tag: 1 }), { count: 2 });
    b.send(frame({ tag: 2, length: 5000 }));
    const type = 0;
    assert.deepEqual(seen, [
      [1, 1, 100, 100, 1, 0, 0x0806, 9],
      [1, 0, 60, 60, 1, 0, type, 1],
      [1, 0, 60, 60, 1, 1, type, 1],
      [1, 0, 5000, scene.bufferBytes, 3, 0, type, 2],
    ]);
  });

  backend.test("a lookup chooses the receiver's ring, modulo what it has", ENGINE_ONLY, (scene) => {
    const [a, b] = [scene.port("a"), scene.port("b", { rings: 3 })];
    scene.bridge.lookup = (packet) => {
      packet.ring = packet.u32(TAG);
      return 1;
    };
    a.sendMany([0, 1, 2, 5, 0xffffffff].map((tag) => frame({ tag })));
    b.rxSync();
    assert.deepEqual(b.rxRings.map((ring) => slotsOf(ring).length), [2, 1, 2]);
  });

  backend.test("a lookup is called with whole batches if it wants to", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3, { slots: 1024 });
    const sizes: number[] = [];
    scene.bridge.setLookup((batch) => {
      sizes.push(batch.length);
      assert.equal(batch.source, 0);
      for (let i = 0; i < batch.length; i++) {
        const tag = batch.packet(i).u32(TAG);
        if (tag % 3 !== 0) batch.setDestination(i, tag % 3);
      }
      assert.throws(() => batch.packet(batch.length), RangeError);
      assert.throws(() => batch.setDestination(-1, 0), RangeError);
      assert.throws(() => batch.setDestination(0.5, 0), RangeError);
    }, { batch: true });
    const sent = Array.from({ length: 900 }, (_, tag) => frame({ tag }));
    a.sendMany(sent, { batch: 900 });
    assert.equal(sizes.reduce((sum, size) => sum + size), 900);
    assert.ok(sizes.every((size) => size <= 256));
    assert.equal(b.receiveFrames().length, 300);
    assert.equal(c.receiveFrames().length, 300);
    assertDrops(a, { lookup: 300 });
  });

  backend.test("a batch reads its packets by their numbers", ENGINE_ONLY, (scene) => {
    const [a] = scene.ports(2);
    const read: number[][] = [];
    scene.bridge.setLookup((batch) => {
      for (let i = 0; i < batch.length; i++) {
        const end = Math.min(batch.lengthOf(i), scene.bufferBytes), packet = batch.packet(i);
        read.push([batch.lengthOf(i), batch.u32(i, TAG), batch.etherTypeOf(i)]);
        for (const at of [-4, -1, 0, 5, end - 4, end - 3, end - 2, end - 1, end, 1e9, NaN]) {
          const expected = [packet.u8(at), packet.u16(at), packet.u32(at)];
          assert.deepEqual([batch.u8(i, at), batch.u16(i, at), batch.u32(i, at)], expected);
        }
        assert.equal(batch.etherTypeOf(i), packet.etherType);
        assert.equal(batch.lengthOf(i), packet.length);
      }
      for (const index of [-1, batch.length, 0.5, NaN]) {
        assert.throws(() => batch.lengthOf(index), RangeError);
        assert.throws(() => batch.u8(index, 0), RangeError);
        assert.throws(() => batch.u16(index, 0), RangeError);
        assert.throws(() => batch.u32(index, 0), RangeError);
        assert.throws(() => batch.etherTypeOf(index), RangeError);
      }
    }, { batch: true });
    const tagged = frame({ tag: 3 }), short = frame({ tag: 4, length: 18 });
    tagged.set([0x81, 0x00, 0, 7, 0x08, 0x00], 12); // a VLAN tag, where the test's own number was
    short.set([0x08, 0x06], 12);
    a.sendMany([tagged, short, frame({ tag: 5, length: 5000 })]);
    assert.deepEqual(read, [[60, 0x0007_0800, 0x0800], [18, 4, 0x0806], [5000, 5, 0]]);
  });

  backend.test("the packet, and the batch, are empty after the lookup", ENGINE_ONLY, (scene) => {
    const [a] = scene.ports(2);
    let kept: LookupPacket | undefined;
    scene.bridge.lookup = (packet) => {
      kept = packet;
      return DROP;
    };
    a.send(frame({ tag: 5 }));
    assert.equal(kept!.length, 0);
    assert.equal(kept!.u32(TAG), 0);
    assert.deepEqual(kept!.copy(), new Uint8Array(0));
  });

  backend.test("in a lookup nothing can be sent or closed", ENGINE_ONLY, (scene) => {
    const [a, b] = scene.ports(2);
    const actions: (() => unknown)[] = [
      () => a.send(frame()),
      () => b.send(frame()),
      () => b.txSync(),
      () => b.poll("write"),
      () => a.close(),
      () => b.close(),
      () => scene.netmap.close(),
    ];
    const found: string[] = [];
    scene.bridge.lookup = () => {
      for (const action of actions) found.push(codeOf(action));
      return 1;
    };
    a.send(frame({ tag: 1 }));
    assert.deepEqual(found, actions.map(() => "EDEADLK"));
    assert.deepEqual([a.closed, b.closed], [false, false]);
    assert.deepEqual(tags(b), [1]);
  });

  backend.test(
    "in a lookup one can look around, open ports and change the lookup",
    ENGINE_ONLY,
    (scene) => {
      const [a, b] = scene.ports(2);
      const { bridge } = scene;
      const names: string[][] = [];
      bridge.lookup = () => {
        scene.port(`new${names.length}`);
        names.push(bridge.ports().map((port) => port.interface));
        bridge.lookup = () => DROP;
        return 1;
      };
      a.sendMany([frame({ tag: 1 }), frame({ tag: 2 })]);
      assert.deepEqual(names, [["p0", "p1", "new0"], ["p0", "p1", "new0", "new1"]]);
      assert.deepEqual(tags(b), [1, 2]);
      a.send(frame({ tag: 3 }));
      assert.deepEqual(tags(b), []);
      assertDrops(a, { lookup: 1 });
    },
  );

  backend.test("a lookup may close its bridge, which then learns", ENGINE_ONLY, (scene) => {
    const [a, b] = scene.ports(2, { slots: 1024 });
    const { bridge } = scene;
    let calls = 0;
    bridge.lookup = () => {
      calls++;
      bridge.close();
      return DROP;
    };
    // The batch that it is asked about is still its own
    a.sendMany([1, 2, 3].map((tag) => frame({ tag })));
    assert.deepEqual([calls, tags(b)], [3, []]);
    assertDrops(a, { lookup: 3 });
    a.send(frame({ tag: 4 }));
    assert.deepEqual([calls, tags(b)], [3, [4]]);
    assert.equal(bridge.lookup, "learning");
    bridge.lookup = () => 1; // the object can be used again
    a.send(frame({ tag: 5 }));
    assert.deepEqual(tags(b), [5]);
  });

  backend.test("setting, replacing and taking back a lookup", ENGINE_ONLY, (scene) => {
    const [a, b, c] = scene.ports(3);
    const { bridge } = scene;
    const toB: Lookup = () => 1, toC: Lookup = () => 2;
    assert.equal(bridge.lookup, "learning");
    bridge.lookup = toB;
    assert.equal(bridge.lookup, toB);
    assert.equal(bridge.info().lookup, "script");
    a.send(frame({ tag: 1 }));
    bridge.lookup = toC;
    a.send(frame({ tag: 2 }));
    bridge.lookup = null;
    assert.equal(bridge.lookup, "learning");
    a.send(frame({ tag: 3 }));
    assert.deepEqual([tags(b), tags(c)], [[1, 3], [2, 3]]);
  });

  backend.test(
    "closing the bridge object brings the learning bridge back",
    ENGINE_ONLY,
    (scene) => {
      const [a, b] = scene.ports(2);
      {
        using bridge = scene.bridge;
        bridge.lookup = () => DROP;
        a.send(frame({ tag: 1 }));
      }
      assert.equal(scene.bridge.info().lookup, "learning");
      a.send(frame({ tag: 2 }));
      assert.deepEqual(tags(b), [2]);
    },
  );

  backend.test(
    "closing the netmap that set a lookup takes it back; others' ports stay",
    ENGINE_ONLY,
    (scene) => {
      const [a, b] = scene.ports(2);
      const other = scene.another();
      other.bridge(scene.bridgeName).lookup = () => DROP;
      a.send(frame({ tag: 1 }));
      other.close();
      a.send(frame({ tag: 2 }));
      assert.deepEqual(tags(b), [2]);
    },
  );

  backend.test(
    "closing a netmap leaves a lookup that another has set since",
    ENGINE_ONLY,
    (scene) => {
      const [a, b, c] = scene.ports(3);
      const first = scene.another();
      using second = scene.another();
      first.bridge(scene.bridgeName).lookup = () => 1;
      second.bridge(scene.bridgeName).lookup = () => 2;
      first.close();
      a.send(frame({ tag: 1 }));
      assert.deepEqual([tags(b), tags(c)], [[], [1]]);
    },
  );

  backend.test("the lookup goes with the bridge's last port", ENGINE_ONLY, (scene) => {
    const [a] = scene.ports(1);
    scene.bridge.lookup = () => DROP;
    a.close();
    const [b, c] = scene.ports(2);
    b.send(frame({ tag: 4 }));
    assert.deepEqual(tags(c), [4]);
  });

  backend.test(
    "a lookup learns nothing; the table is as it was afterwards",
    ENGINE_ONLY,
    (scene) => {
      const [a, b, c] = scene.ports(3);
      a.send(frame({ from: mac(1) }));
      scene.bridge.lookup = () => DROP;
      b.send(frame({ from: mac(2) }));
      scene.bridge.lookup = "learning";
      tags(b), tags(c);
      c.send(frame({ from: mac(3), to: mac(1), tag: 1 }));
      c.send(frame({ from: mac(3), to: mac(2), tag: 2 }));
      assert.deepEqual([tags(a), tags(b)], [[1, 2], [2]]);
    },
  );

  backend.test("lookups of many ports see each port's own memory", ENGINE_ONLY, (scene) => {
    const ports = scene.ports(100, { slots: 2 });
    scene.bridge.lookup = (packet) => packet.port === packet.u32(TAG) ? 0 : DROP;
    const [sink] = ports;
    for (const port of ports.slice(1)) {
      const { portIndex = 0 } = port.counters();
      port.send(frame({ tag: portIndex }));
      assert.deepEqual(tags(sink), [portIndex]);
    }
  });
});
