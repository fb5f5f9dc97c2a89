/**
 * What comes out of a bridge between ports with different virtio-net headers, byte for byte: the
 * digests are those of the kernel's netmap (89607e14). Inputs that make the kernel do wrong are left
 * out; they are in vnet_header_test.ts.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { forEachBackend } from "./backends.ts";
import { fill, type SlotOptions } from "./frames.ts";
import {
  cut,
  headerBytes,
  ipPacket,
  joined,
  NEEDS_CHECKSUM,
  type PacketOptions,
  pseudoSum,
  Segment,
  take,
  type VnetHeader,
  vnetHeader,
} from "./vnet.ts";

/** Numbers that are the same each time (a linear congruential generator). */
class Numbers {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to one less than `limit`. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor(this.#state / 2 ** 32 * limit);
  }

  /** One of them. */
  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** Where to cut: slots of at most 2048 bytes, the first with all headers in it, even ones. */
function places(numbers: Numbers, length: number, first: number, isEven: boolean): number[] {
  const found: number[] = [];
  let at = first + numbers.below(Math.max(1, Math.min(1990 - first, length - first)));
  while (at < length) {
    found.push(isEven ? at - (at - first) % 2 : at);
    const rest = length - at;
    at += 2 + numbers.below(Math.min(rest, 1900));
  }
  const last = found.at(-1) ?? 0;
  return length - last > 2000
    ? [...found, last + 1000, last + 2000].filter((p) => p < length)
    : found;
}

function packetOf(numbers: Numbers): PacketOptions {
  const protocol = numbers.of(["tcp", "udp"] as const);
  return {
    family: numbers.of([4, 6] as const),
    protocol,
    payload: numbers.of([0, 1, 2, 46, 1000, 1460, 1500, 2900, 5000, 9000, 30000]) +
      numbers.below(20),
    tags: numbers.of([0, 0, 0, 1, 2]),
    tcpOptions: protocol === "tcp" ? numbers.of([0, 0, 12, 40]) : 0,
    seed: numbers.below(1000) * 2 + 1,
  };
}

/** A packet that a sender with such headers may send, in slots. */
function slotsOf(numbers: Numbers, header: number): SlotOptions[] {
  const options = packetOf(numbers);
  const packet = ipPacket(options);
  const [link, network, transport] = headerBytes(options);
  const headers = link + network + transport;
  const vnet: VnetHeader = {};
  const kind = numbers.below(10);
  if (kind < 4) {
    const v6 = options.family === 6 ? Segment.TCP6 : Segment.TCP4;
    vnet.type = (options.protocol === "udp" ? Segment.UDP : v6) | numbers.of([0, 0, Segment.ECN]);
  } else if (kind < 8) {
    vnet.flags = NEEDS_CHECKSUM;
    vnet.start = link + network;
    vnet.offset = options.protocol === "tcp" ? 16 : 6;
    new DataView(packet.buffer).setUint16(vnet.start + vnet.offset, pseudoSum(packet, link));
  } else if (kind === 8) {
    vnet.flags = numbers.of([0, 2, 4, 0x80]);
    vnet.type = numbers.of([0, 2, 5, 0x40]);
  }
  if (kind < 4 && numbers.below(8) === 0) {
    // Not what the header says, or cut short
    const bytes = packet.subarray(0, numbers.of([headers - 1, link + network + 3, link + 2, 20]));
    if (numbers.below(2) === 0) packet[link - 2] = 0x12;
    return cut(joined(vnetHeader(header, vnet), bytes));
  }
  // Headers of one byte more or less than 2 in a slot would make the kernel's sums wrong
  const isApart = numbers.below(4) === 0;
  const bytes = joined(vnetHeader(header, vnet), packet);
  const first = isApart ? header : header + headers;
  const rest = places(numbers, bytes.length, header + headers, true);
  return cut(bytes, ...(isApart && header > 0 ? [first] : []), ...rest);
}

/** Digests of the slots that the kernel delivers, by header lengths of sender and receiver. */
const KERNEL: Readonly<Record<string, string>> = {
  "0 0": "b09727516ba7a691dfbda35133d06f56",
  "0 10": "3be20c0ede90499e8563d2d407347ba1",
  "0 12": "a28d547c98f30d411a6259b5be361782",
  "10 0": "ee4d001342aa1b6ef8db5426d3ca08e8",
  "10 10": "f896094ae0779ac97ccb937734bf79fc",
  "10 12": "38a153096a3e2e366077ef6613c002fe",
  "12 0": "3e063e31c9ad5f1629c42b9efc43156b",
  "12 10": "d5124079926ad31d7cde400fa470f6d4",
  "12 12": "8a4594bc765c3c2146c156fec1363bff",
};

forEachBackend((backend) => {
  for (const from of [0, 10, 12]) {
    for (const to of [0, 10, 12]) {
      backend.test(`300 packets from a header of ${from} to one of ${to} bytes come as from the kernel`, (scene) => {
        using a = scene.port("a", { slots: 256 });
        using b = scene.port("b", { slots: 256 });
        a.headerLength = from;
        b.headerLength = to;
        const numbers = new Numbers(from * 100 + to + 1);
        const digest = createHash("sha256");
        let slots = 0;
        for (let i = 0; i < 300; i++) {
          fill(a.txRings[0], slotsOf(numbers, from));
          a.txSync();
          for (const { bytes, flags } of take(b)) {
            digest.update(`${slots++} ${bytes.length} ${flags}:`).update(bytes);
          }
          digest.update(`after ${i}\n`);
        }
        assert.ok(slots > 300, `${slots} slots`);
        assert.equal(digest.digest("hex").slice(0, 32), KERNEL[`${from} ${to}`]);
      });
    }
  }
});
