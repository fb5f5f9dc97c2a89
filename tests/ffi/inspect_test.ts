// Shows what console.log() writes: one line each.

import assert from "node:assert/strict";
import { Netmap } from "../../mod.ts";
import { frame, testNetmap } from "./scene.ts";

Deno.test("a netmap, a bridge, a port and its rings are shown in one line", () => {
  using netmap = testNetmap();
  assert.equal(Deno.inspect(netmap), `Netmap (embedded "${netmap.instance}", no ports)`);
  const bridge = netmap.bridge("vale0");
  assert.equal(Deno.inspect(bridge), "Bridge vale0 (embedded, learning, no ports)");
  const port = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { txSlots: 64, rxSlots: 32, rxRings: 2 });
  assert.equal(
    Deno.inspect(netmap),
    `Netmap (embedded "${netmap.instance}", ports vale0:a vale0:b)`,
  );
  assert.equal(Deno.inspect(bridge), "Bridge vale0 (embedded, learning, ports a b)");
  bridge.lookup = () => 1;
  assert.equal(Deno.inspect(bridge), "Bridge vale0 (embedded, lookup in a script, ports a b)");
  port.send(frame(), { count: 3 });
  b.rxSync();
  assert.equal(
    Deno.inspect(port),
    `Port vale0:a (embedded, 1 tx + 1 rx ring of 64 slots, mem ${port.memoryId}, 0 waiting)`,
  );
  assert.equal(
    Deno.inspect(b),
    `Port vale0:b (embedded, 1 tx + 2 rx rings of 64 + 32 slots, mem ${b.memoryId}, 3 waiting)`,
  );
  assert.equal(
    Deno.inspect(b.rxRings[0]),
    "RxRing vale0:b 0 (32 slots of 2112 bytes, head 0, cur 0, tail 3, 3 waiting)",
  );
  assert.equal(
    `${port.txRings[0]}`,
    "TxRing vale0:a 0 (64 slots of 2112 bytes, head 3, cur 3, tail 2, 63 free)",
  );
  port.close();
  assert.equal(Deno.inspect(port), "Port vale0:a (closed)");
  assert.equal(Deno.inspect(port.txRings[0]), "TxRing vale0:a 0 (closed)");
  netmap.close();
  assert.equal(Deno.inspect(netmap), "Netmap (closed)");
  assert.equal(Deno.inspect(bridge), "Bridge vale0 (closed)");
});

Deno.test("packets and batches are shown in one line", () => {
  using netmap = testNetmap();
  using a = netmap.open("vale0:a", { slots: 64 });
  using b = netmap.open("vale0:b", { slots: 64 });
  using bridge = netmap.bridge("vale0");
  const shown: string[] = [];
  bridge.setLookup((batch) => {
    shown.push(Deno.inspect(batch), Deno.inspect(batch.packet(0)));
    batch.setDestination(0, 1);
  }, { batch: true });
  a.send(frame());
  for (const packet of b.receive()) shown.push(Deno.inspect(packet));
  const line = "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 0x88b5, length 60";
  assert.deepEqual(shown, [
    "LookupBatch (1 packets from port 0)",
    `LookupPacket { ${line} }`,
    `Packet { ${line} }`,
  ]);
});

Deno.test("reason says which backend was taken and why", () => {
  using netmap = testNetmap();
  const lines = netmap.reason.split("\n");
  assert.match(lines[0], /^embedded: /);
  assert.match(lines[1], /^kernel: /);
  using auto = Netmap.open();
  assert.match(auto.reason, new RegExp(`^${auto.backend}: `));
});
