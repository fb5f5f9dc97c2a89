/** Ports with virtio-net headers among each other and with ports that have none: facts-netmap 2.5. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { assertDrops, type Backend, forEachBackend, type Scene } from "./backends.ts";
import { fill, frame, mac, type SlotOptions } from "./frames.ts";
import {
  cut,
  headerBytes,
  ipPacket,
  joined,
  MORE,
  NEEDS_CHECKSUM,
  type PacketOptions,
  pass,
  pseudoSum,
  type Received,
  Segment,
  sum16,
  take,
  vnetHeader,
} from "./vnet.ts";

/** Bytes of a frame that netmap cuts long packets into. */
const LONGEST = 1514;

/** A sender and a receiver with headers of those lengths. */
function pair(scene: Scene, from: number, to: number): [Port, Port] {
  const options = { slots: 128, rings: 1 };
  return [
    scene.port("a", { ...options, headerLength: from }),
    scene.port("b", { ...options, headerLength: to }),
  ];
}

/** A long packet with its header, in slots of at most 2048 bytes. */
function longPacket(header: number, options: PacketOptions, type: number): SlotOptions[] {
  const bytes = joined(vnetHeader(header, { type }), ipPacket(options));
  return cut(
    bytes,
    ...Array.from({ length: Math.ceil(bytes.length / 2048) - 1 }, (_, i) => 2048 * (i + 1)),
  );
}

/** Asserts that a frame's checksums are right. */
function assertSums(bytes: Uint8Array, options: PacketOptions): void {
  const [link, network] = headerBytes(options);
  if (options.family === 4) assert.equal(sum16(bytes.subarray(link, link + network)), 0xffff);
  assert.equal(sum16(bytes.subarray(link + network), pseudoSum(bytes, link)), 0xffff);
}

/** Asserts that frames are the segments of a packet. */
function assertSegments(found: readonly Received[], options: PacketOptions): void {
  const [link, network, transport] = headerBytes(options);
  const at = link + network, headers = at + transport;
  const packet = ipPacket(options), payload = LONGEST - headers;
  assert.equal(found.length, Math.ceil(options.payload / payload));
  found.forEach(({ bytes, flags }, i) => {
    const view = new DataView(bytes.buffer);
    const from = headers + i * payload, isLast = i === found.length - 1;
    assert.deepEqual(bytes.subarray(headers), packet.subarray(from, from + payload));
    assert.equal(flags, 0);
    if (options.family === 4) {
      assert.equal(view.getUint16(link + 2), bytes.length - link);
      assert.equal(view.getUint16(link + 4), 0xfffe + i & 0xffff);
    } else {
      assert.equal(view.getUint16(link + 4), bytes.length - at);
    }
    if (options.protocol === "tcp") {
      assert.equal(view.getUint32(at + 4), (0xffffff00 + i * payload) % 2 ** 32);
      assert.equal(bytes[at + 13], isLast ? 0x19 : 0x10);
    } else {
      assert.equal(view.getUint16(at + 4), bytes.length - at);
    }
    assertSums(bytes, options);
  });
}

const LONG: readonly [name: string, options: PacketOptions, type: number][] = [
  ["TCP/IPv4", { family: 4, protocol: "tcp", payload: 20_000, tcpOptions: 12 }, Segment.TCP4],
  ["TCP/IPv4 with ECN", { family: 4, protocol: "tcp", payload: 5000 }, Segment.TCP4 | Segment.ECN],
  ["TCP/IPv6", { family: 6, protocol: "tcp", payload: 20_001 }, Segment.TCP6],
  ["UDP/IPv4", { family: 4, protocol: "udp", payload: 9000 }, Segment.UDP],
  ["UDP/IPv6", { family: 6, protocol: "udp", payload: 9001 }, Segment.UDP],
  ["TCP/IPv4 in two VLANs", { family: 4, protocol: "tcp", payload: 4000, tags: 2 }, Segment.TCP4],
  ["short TCP/IPv4", { family: 4, protocol: "tcp", payload: 3 }, Segment.TCP4],
];

function longPackets(backend: Backend): void {
  for (const header of [10, 12]) {
    for (const [name, options, type] of LONG) {
      backend.test(`a long ${name} packet with a header of ${header} bytes comes as segments where there are none`, (scene) => {
        const [a, b] = pair(scene, header, 0);
        assertSegments(pass(a, b, longPacket(header, options, type)), options);
        assertDrops(b, {});
      });
    }
  }

  backend.test("a long packet stays one between ports with headers", (scene) => {
    const [a, b] = pair(scene, 12, 10);
    const [, options, type] = LONG[0];
    const found = pass(a, b, longPacket(12, options, type));
    assert.deepEqual(
      joined(...found.map(({ bytes }) => bytes)),
      joined(vnetHeader(10, { type }), ipPacket(options)),
    );
    assert.deepEqual(found.map(({ flags }) => flags), [
      ...Array(found.length - 1).fill(found.length << 8 | MORE),
      found.length << 8,
    ]);
  });

  backend.test("a long packet whose segments do not fit is dropped, a later short one comes", (scene) => {
    const a = scene.port("a", { slots: 64, headerLength: 12 }), b = scene.port("b", { slots: 8 });
    const [, options, type] = LONG[0];
    const short = cut(joined(vnetHeader(12), frame({ tag: 1 })));
    const long = longPacket(12, { ...options, payload: 10_000 }, type);
    const found = pass(a, b, [...short, ...long, ...short]);
    assert.deepEqual(found.map(({ bytes }) => bytes.length), [60, 60]);
    assertDrops(b, { ringFull: 1 });
  });

  backend.test("IPv4 options of a long packet count in the checksum of each segment", (scene) => {
    const [a, b] = pair(scene, 12, 0);
    const packet = ipPacket({ family: 4, protocol: "tcp", payload: 3000 });
    const withOptions = joined(
      packet.subarray(0, 34),
      Uint8Array.of(1, 1, 1, 0),
      packet.subarray(34),
    );
    withOptions[14] = 0x46;
    const bytes = joined(vnetHeader(12, { type: Segment.TCP4 }), withOptions);
    const found = pass(a, b, cut(bytes, 2000));
    assert.equal(found.length, 3);
    for (const { bytes } of found) {
      // The kernel sums 20 bytes, whatever the header's length
      const summed = backend.either({ engine: 24, kernel: 20 });
      assert.equal(sum16(bytes.subarray(14, 14 + summed)), 0xffff);
    }
  });

  backend.test("long packets that are not what their header says are dropped", (scene) => {
    const [a, b] = pair(scene, 10, 0);
    const good = ipPacket({ family: 4, protocol: "tcp", payload: 3000 });
    const sent = (type: number, change: (bytes: Uint8Array) => Uint8Array): SlotOptions[] =>
      cut(joined(vnetHeader(10, { type }), change(good.slice())), 2000);
    const short = (length: number): SlotOptions[] =>
      cut(joined(vnetHeader(10, { type: Segment.TCP4 }), good.subarray(0, length)));
    const wrong = [
      sent(2, (bytes) => bytes), // no such type
      sent(Segment.TCP4, (bytes) => bytes.fill(8, 12, 14)), // no such protocol
      short(33), // IPv4 cut off
      short(53), // TCP cut off
      short(54), // nothing to send
    ];
    assert.deepEqual(pass(a, b, wrong.flat()), []);
    assertDrops(b, { offload: wrong.length });
    assertDrops(a, {});
  });

  backend.test("headers that cannot be, or leave no room for a payload, are dropped", {
    skip: { kernel: "the kernel copies 4 GB, or writes into the headers" },
  }, (scene) => {
    const [a, b] = pair(scene, 10, 0);
    const tall = ipPacket({ family: 4, protocol: "tcp", payload: 300, tags: 370 });
    const ip = ipPacket({ family: 4, protocol: "tcp", payload: 3000 });
    const tcp = ip.slice();
    ip[14] = 0x44, tcp[46] = 0x40;
    for (const packet of [tall, ip, tcp]) {
      const bytes = joined(vnetHeader(10, { type: Segment.TCP4 }), packet);
      assert.deepEqual(pass(a, b, bytes.length > 2048 ? cut(bytes, 2000) : cut(bytes)), []);
    }
    assertDrops(b, { offload: 3 });
  });

  backend.test("who has had headers and has none now gets frames of 1514 bytes", (scene) => {
    const [a, b] = pair(scene, 12, 12);
    b.headerLength = 0;
    const found = pass(a, b, longPacket(12, { family: 4, protocol: "tcp", payload: 4000 }, 1));
    const lengths = found.map(({ bytes }) => bytes.length);
    // The kernel goes on to fill buffers, once there was a header, and takes as many slots as it was
    // sent: the third segment finds none, and the packet is lost
    assert.deepEqual(
      lengths,
      backend.either({ engine: [1514, 1514, 1134], kernel: [] }),
    );
  });
}

/** A packet that asks for its checksum. */
function unfinished(options: PacketOptions): Uint8Array<ArrayBuffer> {
  const [link, network] = headerBytes(options);
  const start = link + network, offset = options.protocol === "tcp" ? 16 : 6;
  const packet = ipPacket(options);
  new DataView(packet.buffer).setUint16(start + offset, pseudoSum(packet, link));
  return joined(vnetHeader(12, { flags: NEEDS_CHECKSUM, start, offset }), packet);
}

function checksums(backend: Backend): void {
  for (const family of [4, 6] as const) {
    for (const protocol of ["tcp", "udp"] as const) {
      backend.test(`a ${protocol} checksum over IPv${family} is finished where there is no header`, (scene) => {
        const [a, b] = pair(scene, 12, 0);
        const options: PacketOptions = { family, protocol, payload: 1001, tags: 1 };
        const packet = unfinished(options);
        for (const slots of [cut(packet), cut(packet, 12), cut(packet, 312, 714)]) {
          const found = joined(...pass(a, b, slots).map(({ bytes }) => bytes));
          const [link, network] = headerBytes(options);
          assert.equal(sum16(found.subarray(link + network), pseudoSum(found, link)), 0xffff);
        }
        assertDrops(b, {});
      });
    }
  }

  backend.test("a checksum stays unfinished between ports with headers", (scene) => {
    const [a, b] = pair(scene, 12, 10);
    const packet = unfinished({ family: 4, protocol: "tcp", payload: 100 });
    const [{ bytes }] = pass(a, b, cut(packet));
    assert.deepEqual(bytes, joined(packet.subarray(0, 10), packet.subarray(12)));
  });

  backend.test("a checksum is right after slots of an odd number of bytes", (scene) => {
    const [a, b] = pair(scene, 12, 0);
    const packet = unfinished({ family: 4, protocol: "udp", payload: 100 });
    const found = joined(...pass(a, b, cut(packet, 67, 70)).map(({ bytes }) => bytes));
    const isRight = sum16(found.subarray(34), pseudoSum(found, 14)) === 0xffff;
    // The kernel sums each slot as if it began at an even place
    assert.equal(isRight, backend.either({ engine: true, kernel: false }));
  });

  backend.test("a checksum of 0 is sent as all ones: in UDP 0 would mean none", (scene) => {
    const [a, b] = pair(scene, 12, 0);
    const packet = unfinished({ family: 4, protocol: "udp", payload: 2 });
    const view = new DataView(packet.buffer);
    view.setUint16(54, 0);
    view.setUint16(54, 0xffff - sum16(packet.subarray(46)));
    const [{ bytes }] = pass(a, b, cut(packet));
    const sum = new DataView(bytes.buffer).getUint16(40);
    assert.equal(sum, backend.either({ engine: 0xffff, kernel: 0 }));
  });

  backend.test("a checksum that does not lie in the first slot is left as it is", (scene) => {
    const [a, b] = pair(scene, 12, 0);
    for (const [start, offset] of [[14, 1000], [60, 50]]) {
      const packet = joined(
        vnetHeader(12, { flags: NEEDS_CHECKSUM, start, offset }),
        frame({ tag: 7 }),
      );
      assert.deepEqual(pass(a, b, cut(packet)).map(({ bytes }) => bytes), [frame({ tag: 7 })]);
    }
  });

  backend.test("flags that nobody knows drop the packet", (scene) => {
    const [a, b] = pair(scene, 12, 0);
    for (const flags of [4, 8, 0x80]) {
      assert.deepEqual(pass(a, b, cut(joined(vnetHeader(12, { flags }), frame()))), []);
    }
    assertDrops(b, { offload: 3 });
    // Who has headers gets them as they are
    b.headerLength = 12;
    assert.equal(pass(a, b, cut(joined(vnetHeader(12, { flags: 4 }), frame()))).length, 1);
  });
}

function headers(backend: Backend): void {
  const packet = frame({ tag: 5, length: 200 });
  const sent = vnetHeader(12, { flags: NEEDS_CHECKSUM, type: Segment.TCP4, start: 20, offset: 2 });
  const plain = vnetHeader(12);
  const rows: [from: number, to: number, header: Uint8Array, expected: Uint8Array][] = [
    [0, 10, new Uint8Array(0), new Uint8Array(10)],
    [0, 12, new Uint8Array(0), new Uint8Array(12)],
    [10, 12, sent.subarray(0, 10), joined(sent.subarray(0, 10), new Uint8Array(2))],
    [12, 10, sent, sent.subarray(0, 10)],
    [12, 12, sent, sent],
    [12, 0, plain, new Uint8Array(0)],
    [10, 0, plain.subarray(0, 10), new Uint8Array(0)],
  ];
  for (const [from, to, header, expected] of rows) {
    backend.test(`a header of ${from} bytes becomes one of ${to}`, (scene) => {
      const [a, b] = pair(scene, from, to);
      const whole = joined(header, packet);
      const [{ bytes, flags }] = pass(a, b, cut(whole));
      assert.deepEqual(bytes, joined(expected, packet));
      assert.equal(flags, 0x100);
      // In a slot of its own
      const found = pass(a, b, cut(whole, from));
      assert.deepEqual(
        found.map(({ bytes }) => bytes),
        from > 0 && to === 0 ? [packet] : [expected, packet],
      );
      const count = found.length;
      assert.deepEqual(
        found.map(({ flags }) => flags),
        count === 1 ? [0x100] : [0x220, 0x200],
      );
      assertDrops(a, {});
    });
  }

  backend.test("one broadcast reaches each port with a header of its length", (scene) => {
    const lengths = [12, 0, 10, 12];
    const ports = lengths.map((headerLength, i) =>
      scene.port(`p${i}`, { slots: 32, headerLength })
    );
    pass(ports[0], ports[1], cut(joined(plain, packet)));
    const found = ports.map((port, i) => i < 2 ? [] : take(port));
    assert.deepEqual(found[2].map(({ bytes }) => bytes), [joined(plain.subarray(0, 10), packet)]);
    assert.deepEqual(found[3].map(({ bytes }) => bytes), [joined(plain, packet)]);
  });

  backend.test("a header that is cut off, or without a frame, drops the packet", (scene) => {
    const [a, b] = pair(scene, 12, 0);
    const wrong = [
      cut(plain.subarray(0, 11)),
      cut(plain),
      cut(joined(plain, packet), 5),
      cut(joined(plain, packet.subarray(0, 13))),
      cut(joined(plain, packet), 12 + 13),
    ];
    assert.deepEqual(pass(a, b, wrong.flat()), []);
    assertDrops(a, { tooShort: wrong.length });
    assert.equal(pass(a, b, cut(joined(plain, packet.subarray(0, 14)))).length, 1);
  });

  backend.test("without headers, too, a frame may begin in the second slot", (scene) => {
    const [a, b] = pair(scene, 0, 0);
    const found = pass(a, b, cut(packet, 0));
    assert.deepEqual(found.map(({ bytes, flags }) => [bytes.length, flags]), [[0, 0x220], [
      200,
      0x200,
    ]]);
  });

  backend.test("a frame that does not fit behind the header comes as an empty slot", {
    skip: { kernel: "the kernel writes into the next buffer" },
  }, (scene) => {
    const [a, b] = pair(scene, 0, 12), most = scene.bufferBytes - 12;
    const packets = [most + 1, most].flatMap((length) => cut(frame({ length })));
    const found = pass(a, b, packets);
    assert.deepEqual(found.map(({ bytes, flags }) => [bytes.length, flags]), [
      [0, 0],
      [most + 12, 0x100],
    ]);
    assertDrops(b, { receiveBuffer: 1 });
  });

  backend.test("the bridge learns from the frame, not from its header", (scene) => {
    const [a, b] = pair(scene, 12, 10);
    using c = scene.port("c", { slots: 16 });
    pass(b, a, cut(joined(plain.subarray(0, 10), frame({ from: mac(2) }))));
    take(c);
    const found = pass(a, b, cut(joined(plain, frame({ to: mac(2) })), 12));
    assert.deepEqual(found.map(({ bytes }) => bytes.length), [10, 60]);
    assert.deepEqual(take(c), []);
  });
}

forEachBackend((backend) => {
  headers(backend);
  checksums(backend);
  longPackets(backend);

  backend.test("lookups see frames as without headers", {
    skip: { kernel: "the kernel has no lookups in TypeScript" },
  }, (scene) => {
    const [a, b] = pair(scene, 12, 0);
    const seen: unknown[] = [];
    scene.bridge.lookup = (packet) => {
      seen.push([packet.etherType, packet.length, packet.readableLength, packet.fragments]);
      return 1;
    };
    const packet = ipPacket({ family: 4, protocol: "udp", payload: 58 });
    const bytes = joined(vnetHeader(12), packet);
    const found = pass(a, b, [...cut(bytes), ...cut(bytes, 12), ...cut(bytes, 12, 72)]);
    assert.equal(found.length, 4);
    assert.deepEqual(seen, [[0x0800, 100, 100, 1], [0x0800, 100, 100, 2], [0x0800, 100, 60, 3]]);
  });

  backend.test("a lookup's copy is converted for the port that it goes to, as the packet is", {
    skip: { kernel: "copies of valet's lookup module: tests/hook/kernel_lookup_test.ts" },
  }, (scene) => {
    const a = scene.port("a", { headerLength: 12 });
    const [b, c] = [scene.port("b"), scene.port("c", { headerLength: 10 })];
    scene.bridge.lookup = (packet) => {
      packet.copyTo = packet.port === 2 ? 0 : 2;
      return 1;
    };
    const bytes = frame({ tag: 7 });
    fill(a.txRings[0], [{ bytes: joined(vnetHeader(12), bytes) }]);
    a.txSync();
    assert.deepEqual(take(b).map(({ bytes }) => bytes), [bytes]);
    assert.deepEqual(take(c).map(({ bytes }) => bytes), [joined(vnetHeader(10), bytes)]);
    fill(c.txRings[0], [{ bytes: joined(vnetHeader(10), bytes) }]);
    c.txSync();
    assert.deepEqual(take(a).map(({ bytes }) => bytes.subarray(12)), [bytes]);
    assert.deepEqual(take(b).map(({ bytes }) => bytes), [bytes]);
    // A long one is cut into frames for who has no headers, and whole for who has
    const options: PacketOptions = { family: 4, protocol: "udp", payload: 4000 };
    const { length } = take(b);
    assert.equal(length, 0);
    fill(a.txRings[0], longPacket(12, options, Segment.UDP));
    a.txSync();
    assert.equal(take(b).length, 3);
    assert.equal(
      joined(...take(c).map(({ bytes }) => bytes)).length,
      10 + ipPacket(options).length,
    );
    assertDrops(a, {});
  });
});
