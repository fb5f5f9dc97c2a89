// Shows lookups written in TypeScript: what they see, what they decide, and how they fail.

import assert from "node:assert/strict";
import {
  type Bridge,
  BROADCAST,
  DROP,
  type LookupPacket,
  Netmap,
  type NetmapError,
  type Port,
} from "../../mod.ts";
import { frame, tagOf, testNetmap } from "./scene.ts";

interface Scene extends Disposable {
  netmap: Netmap;
  bridge: Bridge;
  ports: Port[];
}

/** A bridge with ports 0, 1 and 2. */
function scene(): Scene {
  const netmap = testNetmap();
  const ports = ["a", "b", "c"].map((name) => netmap.open(`vale0:${name}`, { slots: 1024 }));
  return { netmap, bridge: netmap.bridge("vale0"), ports, [Symbol.dispose]: () => netmap.close() };
}

function tags(port: Port): number[] {
  return port.receiveFrames().map(tagOf);
}

Deno.test("a lookup sends packets to ports, to all, and to nobody", () => {
  using s = scene();
  const [a, b, c] = s.ports;
  s.bridge.lookup = (packet) => [1, 2, BROADCAST, DROP][packet.u32(14)];
  a.sendMany([0, 1, 2, 3].map((tag) => frame(tag)));
  assert.deepEqual(tags(b), [0, 2]);
  assert.deepEqual(tags(c), [1, 2]);
  assert.equal(a.counters().drops.lookup, 1);
});

Deno.test("a lookup sees each packet: bytes, length, source port, ring", () => {
  using s = scene();
  const [, b] = s.ports;
  const seen: unknown[] = [];
  s.bridge.lookup = (packet) => {
    seen.push([packet.u32(14), packet.length, packet.port, packet.ring, packet.etherType]);
    assert.deepEqual(packet.copy(), frame(packet.u32(14), packet.length));
    return DROP;
  };
  b.sendMany([60, 100, 1514, 2112].map((length, tag) => frame(tag, length)));
  assert.deepEqual(seen, [
    [0, 60, 1, 0, 0x88b5],
    [1, 100, 1, 0, 0x88b5],
    [2, 1514, 1, 0, 0x88b5],
    [3, 2112, 1, 0, 0x88b5],
  ]);
});

Deno.test("a lookup sees a long packet's first slot and its whole length", () => {
  using s = scene();
  const [a, b] = s.ports;
  let seen: unknown;
  s.bridge.lookup = (packet) => {
    seen = [packet.length, packet.readableLength, packet.fragments, packet.bytes().length];
    assert.equal(packet.u32(5000), 0);
    return 1;
  };
  a.send(frame(1, 5000));
  assert.deepEqual(seen, [5000, 2112, 3, 2112]);
  assert.deepEqual(b.receiveFrames(), [frame(1, 5000)]);
});

Deno.test("more packets than a batch are all seen once, in order", () => {
  using s = scene();
  const [a, b] = s.ports;
  let next = 0;
  s.bridge.lookup = (packet) => {
    assert.equal(packet.u32(14), next++);
    return 1;
  };
  a.sendMany(Array.from({ length: 1000 }, (_, tag) => frame(tag)));
  assert.equal(next, 1000);
  assert.deepEqual(tags(b), Array.from({ length: 1000 }, (_, tag) => tag));
});

Deno.test("a lookup may choose the ring of the destination", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64, rings: 3 });
  using bridge = netmap.bridge("vale0");
  bridge.lookup = (packet) => {
    packet.ring = packet.u32(14);
    return 1;
  };
  a.sendMany([0, 1, 2, 3, 4, 5].map((tag) => frame(tag)));
  const rings: number[][] = [[], [], []];
  for (const packet of b.receive()) rings[packet.ring].push(packet.u32(14));
  assert.deepEqual(rings, [[0, 3], [1, 4], [2, 5]]);
});

Deno.test("the form for whole batches decides by setDestination()", () => {
  using s = scene();
  const [a, b, c] = s.ports;
  const batches: number[] = [];
  s.bridge.setLookup((batch) => {
    batches.push(batch.length);
    assert.equal(batch.source, 0);
    for (let i = 0; i < batch.length; i++) {
      const tag = batch.packet(i).u32(14);
      if (tag < 2) batch.setDestination(i, tag + 1);
      if (tag === 2) batch.setDestination(i, BROADCAST);
      if (tag === 3) batch.setDestination(i, 1.5);
    }
    const indices: number[] = [];
    for (const packet of batch) indices.push(packet.index);
    assert.deepEqual(indices, [0, 1, 2, 3, 4]);
    assert.throws(() => batch.packet(5), RangeError);
    assert.throws(() => batch.setDestination(-1, 0), RangeError);
    assert.throws(() => batch.setRing(0, -1), RangeError);
  }, { batch: true });
  a.sendMany([0, 1, 2, 3, 4].map((tag) => frame(tag)));
  assert.deepEqual(batches, [5]);
  assert.deepEqual(tags(b), [0, 2]);
  assert.deepEqual(tags(c), [1, 2]);
  const { lookup, garbage } = a.counters().drops;
  assert.deepEqual([lookup, garbage], [1, 1]);
});

Deno.test("answers that are no port numbers are counted as garbage", () => {
  using s = scene();
  const [a] = s.ports;
  const answers: unknown[] = [undefined, null, "1", 1.5, -1, NaN, 2 ** 32, {}, 1n, Symbol(), true];
  let next = 0;
  s.bridge.lookup = () => answers[next++] as number;
  a.send(frame(), { count: answers.length });
  assert.equal(next, answers.length);
  assert.equal(a.counters().drops.garbage, answers.length);
});

Deno.test("answers that name no port, or the sender's, have counters of their own", () => {
  using s = scene();
  const [a] = s.ports;
  const answers = [7, 0xfffffff0, 0];
  let next = 0;
  s.bridge.lookup = () => answers[next++];
  a.send(frame(), { count: 3 });
  const { noPort, samePort } = a.counters().drops;
  assert.deepEqual([noPort, samePort], [2, 1]);
});

Deno.test("what a lookup throws reaches the caller once, and the packets are counted", () => {
  using s = scene();
  const [a, b] = s.ports;
  const cause = new RangeError("no such flow");
  s.bridge.lookup = (packet) => {
    if (packet.u32(14) === 3) throw cause;
    return 1;
  };
  const sending = (): unknown => a.sendMany([0, 1, 2, 3, 4].map((tag) => frame(tag)));
  assert.throws(sending, (error: NetmapError) => {
    assert.equal(error.code, "ECANCELED");
    assert.equal(error.operation, "send");
    assert.equal(error.port, "vale0:a");
    assert.equal(error.cause, cause);
    assert.match(error.message, /lookup of "vale0" threw RangeError: no such flow/);
    assert.match(error.message, /at packet 4 of 5: .*0x88b5/);
    return true;
  });
  assert.equal(a.counters().drops.failed, 5);
  assert.deepEqual(tags(b), []);
  a.txSync();
  a.send(frame(1));
  assert.deepEqual(tags(b), [1], "and then it works again");
});

Deno.test("a lookup that fails in many batches of one call is reported once, the first time", () => {
  using s = scene();
  const [a] = s.ports;
  let calls = 0;
  s.bridge.lookup = () => {
    throw new Error(`call ${++calls}`);
  };
  assert.throws(() => a.send(frame(), { count: 1000, batch: 1000 }), (error: NetmapError) => {
    assert.equal((error.cause as Error).message, "call 1");
    return true;
  });
  assert.equal(a.counters().drops.failed, 1000);
  s.bridge.lookup = () => 1;
  assert.equal(a.send(frame(), { count: 10 }), 10);
});

Deno.test("anything can be thrown", () => {
  using s = scene();
  const hostile = {
    toString(): string {
      throw new Error("no text");
    },
  };
  for (const value of ["text", undefined, null, 3, hostile]) {
    s.bridge.lookup = () => {
      throw value;
    };
    assert.throws(() => s.ports[0].send(frame()), { code: "ECANCELED" });
  }
});

Deno.test("poll() and txSync() report a failing lookup too", () => {
  using s = scene();
  const [a] = s.ports;
  s.bridge.lookup = () => {
    throw new Error("oops");
  };
  a.txRings[0].put(frame());
  assert.throws(() => a.txSync(), { code: "ECANCELED", operation: "send" });
  a.txRings[0].put(frame());
  assert.throws(() => a.poll("write"), { code: "ECANCELED", operation: "poll" });
  assert.equal(a.poll("write"), 4);
});

Deno.test("a packet of a lookup reads as empty once the lookup has returned", () => {
  using s = scene();
  let kept: LookupPacket | undefined;
  s.bridge.lookup = (packet) => {
    kept = packet;
    return DROP;
  };
  s.ports[0].send(frame(1));
  assert.equal(kept!.length, 0);
  assert.equal(kept!.u32(14), 0);
  assert.equal(kept!.copy().length, 0);
});

Deno.test("bytes that a lookup has kept are empty once a port is closed", () => {
  using s = scene();
  let bytes: Uint8Array | undefined;
  s.bridge.lookup = (packet) => {
    bytes = packet.bytes();
    return DROP;
  };
  s.ports[0].send(frame(1));
  assert.equal(bytes!.length, 60);
  s.ports[0].close();
  assert.equal(bytes!.length, 0);
});

Deno.test("only a function that returns at once can be a lookup", () => {
  using s = scene();
  const wrong: unknown[] = [3, "broadcast", {}, [], true];
  for (const lookup of wrong) {
    assert.throws(() => s.bridge.lookup = lookup as null, {
      name: "TypeError",
      message:
        /^Cannot use .* as a lookup: expected a function, a compiled hook, null or "learning"$/,
    });
  }
  // deno-lint-ignore explicit-function-return-type
  const late: unknown[] = [async () => await 1, function* () {}, async function* () {}];
  for (const lookup of late) {
    assert.throws(() => s.bridge.lookup = lookup as null, {
      name: "TypeError",
      message: /packets wait for its decision/,
    });
  }
  assert.equal(s.bridge.lookup, "learning");
});

Deno.test("lookup says what is set; null and 'learning' take it back", () => {
  using s = scene();
  const [a, b, c] = s.ports;
  assert.equal(s.bridge.lookup, "learning");
  const one = (): number => 1, two = (): number => 2;
  s.bridge.lookup = one;
  assert.equal(s.bridge.lookup, one);
  assert.equal(s.bridge.info().lookup, "script");
  assert.equal(s.netmap.bridge("vale0:").lookup, one, "of another object of that bridge as well");
  s.bridge.lookup = two;
  assert.equal(s.bridge.lookup, two);
  a.send(frame(1));
  assert.deepEqual([tags(b), tags(c)], [[], [1]]);
  s.bridge.lookup = null;
  assert.equal(s.bridge.lookup, "learning");
  a.send(frame(2));
  assert.deepEqual([tags(b), tags(c)], [[2], [2]]);
  s.bridge.lookup = one;
  s.bridge.lookup = "learning";
  assert.equal(s.bridge.info().lookup, "learning");
});

Deno.test("close() takes back what was set through the object, and nothing else", () => {
  using s = scene();
  const other = s.netmap.bridge("vale0");
  s.bridge.lookup = () => 1;
  other.close();
  assert.equal(s.bridge.info().lookup, "script");
  {
    using third = s.netmap.bridge("vale0");
    third.lookup = () => 2;
    s.bridge.close(); // its lookup is replaced already
    assert.equal(third.info().lookup, "script");
  }
  assert.equal(s.bridge.info().lookup, "learning");
});

Deno.test("a closed netmap takes back the lookups that were set through it", () => {
  using s = scene();
  const instance = s.netmap.instance;
  const other = Netmap.open({ backend: "embedded", instance });
  other.bridge("vale0").lookup = () => 1;
  assert.equal(s.bridge.info().lookup, "script");
  other.close();
  assert.equal(s.bridge.info().lookup, "learning");
  assert.equal(s.bridge.lookup, "learning");
});

Deno.test("a lookup goes with its bridge, and the next bridge of that name learns", () => {
  using netmap = testNetmap();
  using bridge = netmap.bridge("vale0");
  assert.throws(() => bridge.lookup = () => 1, {
    code: "ENXIO",
    operation: "lookup",
    hint: /exists while it has ports/,
  });
  const port = netmap.open("vale0:a", { slots: 16 });
  bridge.lookup = () => 1;
  port.close();
  using _again = netmap.open("vale0:a", { slots: 16 });
  assert.equal(bridge.lookup, "learning");
});

Deno.test("a lookup may look around, but not send, close or wait", () => {
  using s = scene();
  const [a, b] = s.ports;
  const codes: string[] = [];
  const attempt = (action: () => unknown): void => {
    try {
      action();
      codes.push("");
    } catch (error) {
      codes.push((error as NetmapError).code);
    }
  };
  s.bridge.lookup = () => {
    attempt(() => b.send(frame()));
    attempt(() => a.txSync());
    attempt(() => a.close());
    attempt(() => s.netmap.close());
    attempt(() => s.bridge.table());
    attempt(() => b.counters());
    return 1;
  };
  a.send(frame(1));
  assert.deepEqual(codes, ["EDEADLK", "EDEADLK", "EDEADLK", "EDEADLK", "", ""]);
  assert.deepEqual(tags(b), [1]);
});

Deno.test("a lookup may replace itself", () => {
  using s = scene();
  const [a, b, c] = s.ports;
  s.bridge.lookup = () => {
    s.bridge.lookup = () => 2;
    return 1;
  };
  a.send(frame(1));
  a.send(frame(2));
  assert.deepEqual([tags(b), tags(c)], [[1], [2]]);
  s.bridge.lookup = () => {
    s.bridge.lookup = null;
    return DROP;
  };
  a.send(frame(3));
  a.send(frame(4));
  assert.deepEqual(tags(b), [4]);
});

Deno.test("lookups can be set many times: none stays behind", () => {
  using s = scene();
  const [a, b] = s.ports;
  for (let round = 0; round < 500; round++) {
    s.bridge.lookup = (packet) => packet.u32(14) === round ? 1 : DROP;
    a.send(frame(round));
    assert.deepEqual(tags(b), [round]);
  }
});
