import assert from "node:assert/strict";
import fc from "fast-check";
import {
  EtherType,
  PacketTemplate,
  PacketView,
  parseIpv4,
  Protocol,
  readCapture,
  summary,
  TcpFlag,
  verifyChecksums,
  writeCapture,
} from "../../packet/mod.ts";

const attach = PacketView.of;

/** All getters of a view, by name. */
function readAll(packet: PacketView): Record<string, unknown> {
  const names = Object.entries(Object.getOwnPropertyDescriptors(PacketView.prototype))
    .filter(([name, { get }]) => get !== undefined && name !== "view" && name !== "headers")
    .map(([name]) => name as keyof PacketView);
  return Object.fromEntries(names.map((name) => [name, packet[name]]));
}

/** Frames with a valid beginning, so that the walk gets deep before the end is cut off. */
const frames: Uint8Array[] = [
  PacketTemplate.udp({ src: "10.0.0.1:1234", dst: "10.1.0.1:53", vlan: 7, payload: "payload" }),
  PacketTemplate.tcp({ src: "10.0.0.1:1", dst: "10.1.0.1:2", flags: "SA", payload: "payload" }),
  PacketTemplate.icmpEcho({ src: "10.0.0.1", dst: "10.1.0.1", payload: "payload" }),
  PacketTemplate.udp({ src: "[2001:db8::1]:1", dst: "[2001:db8::2]:2", payload: "payload" }),
  PacketTemplate.icmpEcho({ src: "2001:db8::1", dst: "2001:db8::2", payload: "payload" }),
  PacketTemplate.arp({ src: "10.0.0.1", dst: "10.1.0.1" }),
].map((template) => template.next());

Deno.test("PacketView reads each field of a tagged UDP packet", () => {
  const packet = attach(
    PacketTemplate.udp({
      src: "10.0.0.1:1234",
      dst: "10.1.0.1:53",
      srcMac: "02:00:00:00:00:07",
      dstMac: "02:00:00:00:00:09",
      vlan: 100,
      ttl: 9,
      payload: "twelve bytes",
    }).next(),
  );
  assert.deepEqual(readAll(packet), {
    offset: 0,
    length: 60,
    destinationMac: 0x0200_0000_0009,
    sourceMac: 0x0200_0000_0007,
    isBroadcast: false,
    isMulticast: false,
    etherType: EtherType.IPV4,
    vlan: 100,
    isArp: false,
    isIpv4: true,
    isIpv6: false,
    isFragment: false,
    protocol: Protocol.UDP,
    ttl: 9,
    sourceIpv4: parseIpv4("10.0.0.1"),
    destinationIpv4: parseIpv4("10.1.0.1"),
    sourceAddress: "10.0.0.1",
    destinationAddress: "10.1.0.1",
    sourcePort: 1234,
    destinationPort: 53,
    tcpFlags: 0,
    arpOperation: 0,
    networkOffset: 18,
    transportOffset: 38,
    payloadOffset: 46,
    payloadLength: 12,
  });
});

Deno.test("PacketView reads IPv6, TCP flags and addresses of packets anywhere in the memory", () => {
  const frame = PacketTemplate.tcp({ src: "[2001:db8::1]:7", dst: "[::2]:80", flags: "FA" }).next();
  const memory = new Uint8Array(4096);
  memory.set(frame, 2049);
  // A view that does not begin where its buffer does
  const packet = new PacketView().attach(new DataView(memory.buffer, 1), 2048, frame.length);
  assert.equal(packet.isIpv6, true);
  assert.equal(packet.sourceAddress, "2001:db8::1");
  assert.equal(packet.destinationAddress, "::2");
  assert.equal(packet.tcpFlags, TcpFlag.FIN | TcpFlag.ACK);
  assert.equal(packet.transportOffset, 2048 + 54);
  assert.deepEqual(packet.copy(), frame);
  assert.equal(`${packet}`, summary(frame));
});

Deno.test("PacketView reads ARP", () => {
  const packet = attach(frames[5]);
  assert.equal(packet.isArp, true);
  assert.equal(packet.arpOperation, 1);
  assert.equal(packet.sourceAddress, "10.0.0.1");
  assert.equal(packet.destinationIpv4, parseIpv4("10.1.0.1"));
  assert.equal(packet.isBroadcast && packet.isMulticast, true);
  assert.equal(packet.isIpv4, false);
});

Deno.test("PacketView looks through stacked VLAN tags and gives the outer identifier", () => {
  const inner = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", vlan: 20 }).next();
  const frame = new Uint8Array(inner.length + 4);
  frame.set(inner.subarray(0, 12));
  frame.set(Uint8Array.fromHex("88a8000a"), 12);
  frame.set(inner.subarray(12), 16);
  const packet = attach(frame);
  assert.equal(packet.vlan, 10);
  assert.equal(packet.etherType, EtherType.IPV4);
  assert.equal(packet.destinationPort, 2);
  assert.equal(summary(frame), "vlan 10, vlan 20, IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0");
});

Deno.test("PacketView gives identifier 0 of an outer priority tag, and both MACs of 12 bytes", () => {
  const frame = Uint8Array.fromHex("020000000001020000000002" + "8100a000" + "81000014" + "88b5");
  const packet = attach(frame);
  assert.deepEqual([packet.vlan, packet.etherType], [0, 0x88b5]);
  const cut = attach(frame.slice(0, 12));
  assert.deepEqual([cut.destinationMac, cut.sourceMac], [0x0200_0000_0001, 0x0200_0000_0002]);
  assert.equal(attach(frame.slice(0, 11)).sourceMac, 0);
});

Deno.test("PacketView follows IPv6 extension headers to the transport header", () => {
  // Hop-by-hop (8 bytes), destination options (16), routing (8), then UDP
  const extensions = Uint8Array.fromHex(
    "3c00010400000000" + "2b01010c" + "00".repeat(12) + "1100000000000000",
  );
  const plain = PacketTemplate.udp({ src: "[::1]:5", dst: "[::2]:6", payload: "x" }).next();
  const frame = new Uint8Array(plain.length + 32);
  frame.set(plain.subarray(0, 54));
  frame.set(extensions, 54);
  frame.set(plain.subarray(54), 86);
  frame[19] += 32;
  frame[20] = 0;
  const packet = attach(frame);
  assert.equal(packet.protocol, Protocol.UDP);
  assert.equal(packet.destinationPort, 6);
  assert.equal(packet.payloadLength, 1);
  assert.deepEqual(verifyChecksums(frame), { ipv4: undefined, transport: true });
});

Deno.test("PacketView follows 8 VLAN tags; a frame with more reads as one that is cut off", () => {
  const tagged = (tags: number): PacketView => {
    const plain = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" }).next();
    const tag = Array.from({ length: tags }, (_, i) => [0x81, 0, 0, i + 5]).flat();
    return attach(Uint8Array.from([...plain.subarray(0, 12), ...tag, ...plain.subarray(12)]));
  };
  const read = ({ vlan, etherType, destinationPort, networkOffset }: PacketView): unknown[] => [
    vlan,
    etherType,
    destinationPort,
    networkOffset,
  ];
  assert.deepEqual(read(tagged(8)), [5, EtherType.IPV4, 2, 46]);
  assert.deepEqual(read(tagged(9)), [5, 0, 0, -1]);
});

Deno.test("PacketView follows 8 IPv6 extension headers, and knows nothing behind more", () => {
  const extended = (headers: number): PacketView => {
    const plain = PacketTemplate.udp({ src: "[::1]:5", dst: "[::2]:6" }).next();
    const chain = Array.from(
      { length: headers },
      (_, i) => [i < headers - 1 ? 60 : 17, 0, 0, 0, 0, 0, 0, 0],
    ).flat();
    const bytes = Uint8Array.from([...plain.subarray(0, 54), ...chain, ...plain.subarray(54)]);
    bytes[19] += chain.length;
    bytes[20] = 60;
    return attach(bytes);
  };
  const read = ({ isIpv6, protocol, destinationPort }: PacketView): unknown[] => [
    isIpv6,
    protocol,
    destinationPort,
  ];
  assert.deepEqual(read(extended(8)), [true, 17, 6]);
  assert.deepEqual(read(extended(9)), [true, 0, 0]);
});

Deno.test("PacketView gives ports for the first fragment only", () => {
  const frame = PacketTemplate.udp({ src: "10.0.0.1:5", dst: "10.0.0.2:6", length: 80 }).next();
  frame[20] = 0x20;
  assert.deepEqual([attach(frame).isFragment, attach(frame).destinationPort], [true, 6]);
  frame[21] = 1;
  const later = attach(frame);
  assert.deepEqual([later.isFragment, later.protocol, later.destinationPort], [true, 17, 0]);
  assert.deepEqual([later.transportOffset, later.payloadOffset], [-1, 34]);
});

Deno.test("PacketView leaves Ethernet padding out of the payload", () => {
  const packet = attach(PacketTemplate.udp({ src: "10.0.0.1:5", dst: "10.0.0.2:6" }).next());
  assert.deepEqual([packet.length, packet.payloadLength], [60, 0]);
});

Deno.test("PacketView reads nothing beyond the packet's end, whatever lies there", () => {
  for (const frame of frames) {
    for (let length = 0; length <= frame.length; length++) {
      // The same cut packet before zeros, before its own rest and before ones
      const views = [0, -1, 0xff].map((fill) => {
        const memory = new Uint8Array(frame.length + 64).fill(fill === -1 ? 0 : fill);
        memory.set(fill === -1 ? frame : frame.subarray(0, length));
        return new PacketView().attach(new DataView(memory.buffer), 0, length);
      });
      const [zeros, rest, ones] = views.map((view) => [readAll(view), view.toString()]);
      assert.deepEqual(rest, zeros);
      assert.deepEqual(ones, zeros);
    }
  }
});

Deno.test("PacketView has the stated nothing for each getter of an empty packet", () => {
  for (const packet of [new PacketView(), attach(frames[0]).detach()]) {
    const { offset: _, ...fields } = readAll(packet);
    for (const [name, value] of Object.entries(fields)) {
      const expected = name.endsWith("Offset")
        ? -1
        : name === "vlan"
        ? undefined
        : name.startsWith("is")
        ? false
        : name.endsWith("Address")
        ? ""
        : 0;
      assert.equal(value, expected, name);
    }
    assert.equal(packet.bytes().length, 0);
  }
});

Deno.test("PacketView and summary() never throw on random, cut and damaged packets", () => {
  const damaged = fc.record({
    frame: fc.constantFrom(...frames),
    length: fc.nat(80),
    changes: fc.array(fc.tuple(fc.nat(79), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
  }).map(({ frame, length, changes }) => {
    const bytes = frame.slice(0, length);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });
  const bytes = fc.oneof(damaged, fc.uint8Array({ maxLength: 120 }));
  fc.assert(
    fc.property(bytes, (bytes) => {
      const packet = attach(bytes);
      readAll(packet);
      summary(bytes);
      verifyChecksums(bytes);
      const { networkOffset, transportOffset, payloadOffset, payloadLength } = packet;
      for (const at of [networkOffset, transportOffset, payloadOffset]) {
        assert.ok(at === -1 || (at >= 14 && at <= bytes.length));
      }
      assert.ok(payloadLength >= 0 && Math.max(payloadOffset, 0) + payloadLength <= bytes.length);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("PacketView.attach() refuses a packet outside the view, moveTo() goes on in it", () => {
  const view = new DataView(new ArrayBuffer(128));
  assert.throws(() => new PacketView().attach(view, 100, 29), {
    name: "RangeError",
    message: "Cannot attach to 29 bytes at 100: the view has 128 bytes",
  });
  assert.throws(() => new PacketView().attach(view, -1, 10), RangeError);
  assert.throws(() => new PacketView().attach(view, 0, NaN), RangeError);
  const packet = new PacketView().attach(view, 0, 60);
  view.setUint16(64 + 12, 0x88b5);
  assert.equal(packet.etherType, 0);
  assert.equal(packet.moveTo(64, 60).etherType, 0x88b5);
  assert.equal(packet.getUint16(12), 0x88b5);
  view.setUint32(64 + 56, 0x01020304);
  assert.deepEqual([packet.getUint32(56), packet.getUint16(58)], [0x01020304, 0x0304]);
  assert.deepEqual([packet.getUint8(59), packet.moveTo(64, 14).etherType], [4, 0x88b5]);
  packet.moveTo(64, 60);
  assert.deepEqual([packet.getUint16(59), packet.getUint32(57), packet.getUint8(60)], [0, 0, 0]);
});

Deno.test("a notebook shows a packet's line and its bytes, whatever is in them", () => {
  const display = Symbol.for("Jupyter.display");
  const frame = PacketTemplate.udp({ src: "10.0.0.1:7", dst: "10.1.0.1:9", payload: "<b>&" })
    .next();
  const line = "IP 10.0.0.1.7 > 10.1.0.1.9: UDP, length 4";
  const captured = [...readCapture(writeCapture([{ data: frame, timestamp: 0n }]))][0];
  for (const packet of [PacketView.of(frame), captured]) {
    const forms = (packet as unknown as Record<symbol, () => Record<string, string>>)[display]();
    assert.equal(forms["text/plain"], line);
    const html = forms["text/html"];
    assert.match(
      html,
      /^<details><summary><code>IP 10\.0\.0\.1\.7 &gt; .*<\/code><\/summary><pre>/,
    );
    assert.ok(html.includes("3c 62 3e 26"), "the bytes");
    assert.ok(!html.includes("<b>"), "nothing of a packet is markup");
  }
});
