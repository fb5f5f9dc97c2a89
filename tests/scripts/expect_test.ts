/** What the tutorial expects: the model of a learning bridge, and the rule of the lookup. */

import assert from "node:assert/strict";
import { EtherType, PacketTemplate, parseMac } from "../../mod.ts";
import type { Frame } from "../../scripts/tutorial/capture.ts";
import { bucketOf, ipv4ToNextPort, isIpv4, LearningBridge } from "../../scripts/tutorial/expect.ts";

const A = "02:00:00:00:00:0a", B = "02:00:00:00:00:0b";
/** Two stations that netmap's hash puts into one bucket. */
const TWIN = "02:00:00:00:01:00", OTHER_TWIN = "02:00:00:00:03:1b";

function frame(srcMac: string, dstMac: string): Frame {
  const bytes = PacketTemplate.udp({ srcMac, dstMac, src: "10.0.0.1", dst: "10.0.0.2" }).next();
  const destination = parseMac(dstMac);
  return { bytes, source: parseMac(srcMac), destination, isGroup: (bytes[0] & 1) !== 0 };
}

/** Who receives each frame; each enters at the port beside it. */
function receivers(bridge: LearningBridge, ...sent: [number, Frame][]): string[] {
  return sent.map(([port, frame]) => {
    const { received } = bridge.replay([frame], () => port, 3);
    return received.flatMap((list, i) => list.length > 0 ? [i] : []).join();
  });
}

Deno.test("bucketOf() is netmap's hash", () => {
  const buckets: [string, number][] = [
    ["00:00:00:00:00:00", 269],
    ["02:00:00:00:00:01", 92],
    [A, 816],
    [B, 65],
    [TWIN, 578],
    [OTHER_TWIN, 578],
    ["52:54:00:12:34:56", 814],
    ["00:1b:21:aa:bb:cc", 428],
    ["fe:ff:ff:ff:ff:ff", 637],
  ];
  for (const [mac, bucket] of buckets) assert.equal(bucketOf(parseMac(mac)), bucket, mac);
});

Deno.test("LearningBridge floods the unknown, finds the known and drops what would go back", () => {
  const bridge = new LearningBridge(false);
  assert.deepEqual(
    receivers(bridge, [0, frame(A, B)], [1, frame(B, A)], [0, frame(A, B)], [1, frame(A, B)]),
    ["1,2", "0", "1", ""],
  );
  assert.deepEqual(bridge.table, [{ mac: A, port: 1 }, { mac: B, port: 1 }]);
});

Deno.test("LearningBridge learns no group address as a sender", () => {
  const bridge = new LearningBridge(false);
  receivers(bridge, [0, frame("03:00:00:00:00:0a", B)]);
  assert.deepEqual(bridge.table, []);
});

Deno.test("LearningBridge lets one station push another out of its bucket", () => {
  for (const isKernel of [false, true]) {
    const bridge = new LearningBridge(isKernel);
    const last = receivers(
      bridge,
      [0, frame(TWIN, A)],
      [1, frame(OTHER_TWIN, A)],
      [0, frame(TWIN, A)], // the kernel does not learn it again
      [2, frame(A, TWIN)],
    ).at(-1);
    assert.equal(last, isKernel ? "0,1" : "0");
  }
});

Deno.test("LearningBridge takes a station of zeros for port 0's only as the kernel does", () => {
  const toZero = frame(A, "00:00:00:00:00:00");
  assert.deepEqual(receivers(new LearningBridge(true), [1, toZero], [0, toZero]), ["0", ""]);
  assert.deepEqual(receivers(new LearningBridge(false), [1, toZero], [0, toZero]), ["0,2", "1,2"]);
});

Deno.test("isIpv4() looks behind VLAN tags and not into short frames", () => {
  const options = { src: "10.0.0.1", dst: "10.0.0.2" };
  const tagged = PacketTemplate.udp({ ...options, vlan: 5 }).next();
  assert.ok(isIpv4(PacketTemplate.udp(options).next()));
  assert.ok(isIpv4(tagged));
  assert.ok(!isIpv4(PacketTemplate.arp(options).next()));
  assert.ok(!isIpv4(tagged.subarray(0, 14)));
  const twice = new Uint8Array([
    ...tagged.subarray(0, 12),
    0x88,
    0xa8,
    0,
    1,
    ...tagged.subarray(12),
  ]);
  assert.ok(isIpv4(twice));
  assert.equal(EtherType.QINQ, 0x88a8);
});

Deno.test("ipv4ToNextPort() sends the rest to all but the sender", () => {
  const arp = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next();
  const frames = [frame(A, B), { ...frame(A, B), bytes: arp }];
  assert.deepEqual(ipv4ToNextPort(frames, 3).received, [[], [0, 1], [1]]);
});
