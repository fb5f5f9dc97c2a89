import assert from "node:assert/strict";
import {
  increment,
  list,
  PacketTemplate,
  PacketView,
  random,
  range,
  type UdpOptions,
  type Variation,
} from "../../packet/mod.ts";

const UDP: UdpOptions = { src: "10.0.0.1:1234", dst: "10.1.0.1:1234" };

function attach(frame: Uint8Array): PacketView {
  return new PacketView().attach(new DataView(frame.buffer), 0, frame.length);
}

/** One value of each of the next packets. */
function take<T>(template: PacketTemplate, count: number, read: (packet: PacketView) => T): T[] {
  return [...template.packets(count)].map((frame) => read(attach(frame)));
}

Deno.test("variations: range goes down, increment wraps or restarts, every holds a value", () => {
  const ports = (vary: Variation, count: number) =>
    take(PacketTemplate.udp({ ...UDP, vary: { srcPort: vary } }), count, (p) => p.sourcePort);
  assert.deepEqual(ports(range(3, 1), 5), [3, 2, 1, 3, 2]);
  assert.deepEqual(ports(range(7, 7), 2), [7, 7]);
  assert.deepEqual(ports(increment(65534), 4), [65534, 65535, 0, 1]);
  assert.deepEqual(ports(increment(1, -1), 3), [1, 0, 65535]);
  assert.deepEqual(ports(increment(10, -5, 3), 4), [10, 5, 0, 10]);
  assert.deepEqual(ports(increment(4, 0), 2), [4, 4]);
  assert.deepEqual(ports(increment(0, 65536 * 3 + 2), 3), [0, 2, 4]);
  assert.deepEqual(ports(list([9, 3, 9], { every: 2 }), 8), [9, 9, 3, 3, 9, 9, 9, 9]);
  assert.deepEqual(ports(range(1, 3, { every: 3 }), 7), [1, 1, 1, 2, 2, 2, 3]);
});

Deno.test("random() stays in its bounds, reaches all values, and repeats with its seed", () => {
  const ports = (seed: number, count: number) =>
    take(
      PacketTemplate.udp({ ...UDP, vary: { srcPort: random(10, 25, { seed }) } }),
      count,
      (p) => p.sourcePort,
    );
  const drawn = ports(1, 4000);
  const counts = new Map<number, number>();
  for (const port of drawn) counts.set(port, (counts.get(port) ?? 0) + 1);
  assert.deepEqual(
    [...counts.keys()].sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, i) => i + 10),
  );
  // 250 expected for each; ten standard deviations are 153
  for (const count of counts.values()) assert.ok(count > 97 && count < 403);
  assert.deepEqual(ports(1, 4000), drawn);
  assert.notDeepEqual(ports(2, 4000), drawn);
});

Deno.test("random() without a seed gives different sequences to two fields, the same in each run", () => {
  const make = () =>
    PacketTemplate.udp({ ...UDP, vary: { srcPort: random(0, 65535), dstPort: random(0, 65535) } });
  const pairs = take(make(), 50, (p) => [p.sourcePort, p.destinationPort]);
  assert.ok(pairs.filter(([a, b]) => a === b).length < 5);
  assert.deepEqual(take(make(), 50, (p) => [p.sourcePort, p.destinationPort]), pairs);
});

Deno.test("random() draws MAC addresses from more than 32 bits", () => {
  const template = PacketTemplate.udp({
    ...UDP,
    vary: { srcMac: random("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff") },
  });
  const macs = take(template, 200, (packet) => packet.sourceMac);
  const [high, low] = [
    new Set(macs.map((m) => Math.floor(m / 2 ** 40))),
    new Set(macs.map((m) => m % 256)),
  ];
  assert.ok(high.size > 80 && low.size > 80);
});
