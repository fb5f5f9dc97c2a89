/**
 * Counters per port and per cause: every packet that was sent is delivered, or counted as dropped,
 * once for each port that it should have reached.
 */

import assert from "node:assert/strict";
import { BROADCAST, DROP, type Port, type PortCounters } from "../../mod.ts";
import { type Backend, type CaseBody, dropsOf, forEachBackend, throwsCode } from "./backends.ts";
import { fill, frame, mac, setSlot, tags } from "./frames.ts";

/** Causes that are counted at the receiver. */
const RECEIVER = ["notOpen", "ringFull", "receiveBuffer"] as const;

/** Deliveries, and drops on both sides, of all ports. */
function totals(
  ports: Iterable<PortCounters>,
): { sent: number; delivered: number; dropped: number; missed: number } {
  const sum = { sent: 0, delivered: 0, dropped: 0, missed: 0 };
  for (const { txPackets, rxPackets, drops, dropped } of ports) {
    const missed = RECEIVER.reduce((count, cause) => count + drops[cause], 0);
    sum.sent += txPackets;
    sum.delivered += rxPackets;
    sum.missed += missed;
    sum.dropped += dropped - missed;
  }
  return sum;
}

/** Asserts that each packet was delivered, or dropped, as often as it had receivers. */
function assertAllCounted(ports: Port[], copies: number): void {
  const { sent, delivered, dropped, missed } = totals(ports.map((port) => port.counters()));
  assert.equal(delivered + dropped + missed, sent + copies, "packets that nobody counted");
}

forEachBackend((backend: Backend) => {
  const engine = (name: string, body: CaseBody): void =>
    backend.test(name, { skip: { kernel: "the kernel counts nothing" } }, body);

  backend.test("where nothing is counted the error says so", {
    skip: { embedded: "the engine counts", daemon: "the engine counts" },
  }, (scene) => {
    const [a] = scene.ports(1);
    assert.match(throwsCode("EOPNOTSUPP", () => a.counters()).hint ?? "", /embedded/);
    throwsCode("EOPNOTSUPP", () => scene.bridge.counters());
  });

  engine("a fresh port has counted nothing, and says what it is", (scene) => {
    const [, b] = scene.ports(2);
    const { drops, ...rest } = b.counters();
    assert.deepEqual(rest, {
      txPackets: 0,
      txBytes: 0,
      rxPackets: 0,
      rxBytes: 0,
      dropped: 0,
      ringResets: 0,
      bridgeIndex: 0,
      portIndex: 1,
      opens: 1,
      kind: "ephemeral",
      device: undefined,
      xdpMode: undefined,
      memoryId: b.memoryId,
    });
    assert.ok(Object.values(drops).every((packets) => packets === 0));
    using _again = scene.port("p1");
    assert.equal(b.counters().opens, 2);
  });

  engine("packets and bytes are counted at both ends, over all rings", (scene) => {
    const a = scene.port("a", { rings: 2 }), b = scene.port("b", { rings: 2 });
    b.send(frame({ from: mac(2) }));
    a.send(frame({ to: mac(2), length: 100 }), { ring: 0, count: 3 });
    a.send(frame({ to: mac(2), length: 1000 }), { ring: 1, count: 2 });
    a.send(frame({ to: mac(2), length: 5000 }));
    const [tx, rx] = [a.counters(), b.counters()];
    assert.deepEqual([tx.txPackets, tx.txBytes], [6, 7300]);
    assert.deepEqual([rx.rxPackets, rx.rxBytes], [6, 7300]);
    assert.deepEqual([tx.rxPackets, tx.rxBytes], [1, 60]);
    assertAllCounted([a, b], 0);
  });

  engine("bridge.counters() has every port by its name", (scene) => {
    const [a, b] = scene.ports(2);
    a.send(frame(), { count: 3 });
    const counters = scene.bridge.counters();
    assert.deepEqual(Object.keys(counters), ["p0", "p1"]);
    assert.deepEqual(counters.p0, a.counters());
    assert.deepEqual(counters.p1, b.counters());
    assert.equal(counters.p1.rxPackets, 3);
  });

  engine("counters of a port outlive its descriptors as long as the port does", (scene) => {
    const [a, b] = scene.ports(2);
    const again = scene.port("p1");
    a.send(frame(), { count: 3 });
    b.close();
    assert.equal(again.counters().rxPackets, 3);
    again.close();
    using fresh = scene.port("p1");
    assert.equal(fresh.counters().rxPackets, 0);
  });

  engine("all causes together: nothing is lost without a counter", (scene) => {
    const [a, b, c] = scene.ports(3, { slots: 512 });
    const small = scene.port("small", { slots: 4 });
    const closed = scene.port("closed", { txOnly: true });
    const ports = [a, b, c, small, closed];
    let copies = 0;
    const flooded = (packets: number): void => void (copies += packets * (ports.length - 2));
    const good = { bytes: frame() };
    fill(a.txRings[0], [
      good,
      { ...good, length: 0 },
      { ...good, length: 13 },
      { ...good, length: 3000 },
      { ...good, buffer: 1 },
      { ...good, flags: 0x10 },
      ...Array.from({ length: 65 }, (_, i) => ({ ...good, flags: i < 64 ? 0x20 : 0 })),
      good,
    ]);
    a.txSync();
    flooded(2);
    setSlot(c.rxRings[0], 3, { buffer: 999_999 });
    const answers = [1, 2, 3, 4, 0, 77, DROP, BROADCAST, NaN, -1, 300];
    let at = 0;
    scene.bridge.lookup = () => {
      if (at === 50) throw new Error("half way");
      return answers[at++ % answers.length];
    };
    assert.equal(a.send(frame(), { count: 40 }), 40);
    // The 8th of 11 answers, three times in 40
    flooded(3);
    throwsCode("ECANCELED", () => a.send(frame(), { count: 30 }));
    assertAllCounted(ports, copies);
    const causes = new Set(ports.flatMap((port) => Object.keys(dropsOf(port.counters()))));
    for (
      const cause of ["badBuffer", "tooLong", "tooShort", "fragments", "lookup"]
    ) {
      assert.ok(causes.has(cause), cause);
    }
    for (const cause of ["noPort", "garbage", "failed", "samePort", "notOpen", "ringFull"]) {
      assert.ok(causes.has(cause), cause);
    }
    assert.ok(causes.has("receiveBuffer"));
  });

  engine("what is delivered is what is received", (scene) => {
    const [a, b, c] = scene.ports(3, { slots: 64 });
    let received = 0;
    for (let i = 0; i < 50; i++) {
      a.send(frame({ from: mac(1), to: mac(i % 4) }), { count: i });
      b.send(frame({ from: mac(2), to: mac(1), length: 3000 }), { count: i % 5 });
      for (const port of [a, b, c]) received += tags(port).length;
    }
    const { delivered } = totals([a, b, c].map((port) => port.counters()));
    assert.equal(received, delivered);
  });

  engine("a pipe that is full refuses: nothing is dropped", (scene) => {
    const master = scene.port("p{1", { slots: 8 }), slave = scene.port("p}1");
    assert.equal(master.send(frame(), { count: 20 }), 7);
    assert.deepEqual([master.counters().txPackets, slave.counters().rxPackets], [7, 7]);
    assert.deepEqual([master.counters().dropped, slave.counters().dropped], [0, 0]);
  });

  engine("what a port on no bridge sends is counted in packets and bytes, and dropped", (scene) => {
    const name = scene.createInterface("vi", 64);
    using port = scene.netmap.open(`netmap:${name}`);
    port.sendMany([60, 5000, 100, 2049].map((length) => frame({ length })));
    const { txPackets, txBytes, bridgeIndex, portIndex } = port.counters();
    assert.deepEqual([txPackets, txBytes, bridgeIndex, portIndex], [4, 7209, undefined, undefined]);
    assert.deepEqual(dropsOf(port.counters()), { notAttached: 4 });
  });

  engine("a bridge that is not there has no counters", (scene) => {
    assert.deepEqual(scene.bridge.counters(), Object.create(null));
  });
});
