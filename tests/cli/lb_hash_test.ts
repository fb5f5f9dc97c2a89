// The hash by which lb chooses a pipe: that of netmap's lb, and the same both ways.

import assert from "node:assert/strict";
import { flowHash } from "../../cli/lb/hash.ts";
import { PacketTemplate } from "../../mod.ts";

/** Frames, and what the function of netmap's lb (89607e14) says about them. */
const KNOWN: readonly [what: string, hex: string, hash: number][] = [
  [
    "UDP",
    "ffffffffffff02000000000108004500001c00000000401166cf0a0000010a01000104d200500008e6b9000000000000000000000000000000000000",
    7471218,
  ],
  [
    "TCP",
    "ffffffffffff0200000000010800450000280000000040067d44c0a807095db8d8229c4101bb00000000000000005010ffff144c0000000000000000",
    2378534341,
  ],
  [
    "ICMP",
    "ffffffffffff02000000000108004500001c00000000400166cf0a0000010a01000104d200500008e6b9000000000000000000000000000000000000",
    2661195422,
  ],
  [
    "UDP over IPv6",
    "ffffffffffff02000000000186dd600000000008114020010db8000000000000000000000001fe800001000000000000000000000002138800350008bfe3",
    2682036188,
  ],
  [
    "UDP in a VLAN",
    "ffffffffffff0200000000018100000708004500001c00000000401166cf0a0000010a01000104d200500008e6b9000000000000000000000000000000000000",
    7471218,
  ],
  [
    "IP in IP",
    "ffffffffffff02000000000108004500001c00000000400466cf0a0000010a0100014500001c00000000401166cf0a0000010a01000104d200500008e6b9000000000000000000000000000000000000",
    7471218,
  ],
  [
    "GRE",
    "ffffffffffff02000000000108004500001c00000000402f66cf0a0000010a010001000008004500001c00000000401166cf0a0000010a01000104d200500008e6b9000000000000000000000000000000000000",
    7471218,
  ],
  [
    "ARP",
    "ffffffffffff020000001122080600010800060400010200000011220a0000010000000000000a000002000000000000000000000000000000000000",
    2935795452,
  ],
  [
    "a header that is none",
    "ffffffffffff02000000000108004400001c00000000401166cf0a0000010a01000104d200500008e6b9000000000000000000000000000000000000",
    0,
  ],
];

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

for (const [what, hex, hash] of KNOWN) {
  Deno.test(`lb: the hash of ${what} is netmap's`, () => {
    const bytes = bytesOf(hex);
    assert.equal(flowHash(bytes, 0, bytes.length), hash);
    // Wherever the frame lies
    const moved = new Uint8Array(bytes.length + 7);
    moved.set(bytes, 7);
    assert.equal(flowHash(moved, 7, bytes.length), hash);
  });
}

Deno.test("lb: the hash is the same for both directions, and spreads flows", () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 1000; i++) {
    const src = `10.${i % 7}.${i % 251}.${i % 13}:${1024 + i * 37}`,
      dst = `192.168.${i % 11}.9:443`;
    const there = PacketTemplate.tcp({ src, dst }).next().slice();
    const back = PacketTemplate.tcp({ src: dst, dst: src }).next().slice();
    const hash = flowHash(there, 0, there.length);
    assert.equal(flowHash(back, 0, back.length), hash);
    counts[hash % 4]++;
  }
  for (const count of counts) assert.ok(count > 150, `${counts}`);
});

Deno.test("lb: frames of any length have a hash, and nothing behind their end counts", () => {
  for (const [, hex] of KNOWN) {
    const bytes = bytesOf(hex);
    for (let length = 0; length <= bytes.length; length++) {
      const other = Uint8Array.from(bytes, (byte, i) => i < length ? byte : ~byte);
      assert.equal(flowHash(bytes, 0, length), flowHash(other, 0, length));
    }
  }
});
