import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatMac,
  increment,
  list,
  PacketTemplate,
  PacketView,
  random,
  range,
  type UdpOptions,
  type Variation,
  type VaryOptions,
  verifyChecksums,
} from "../../packet/mod.ts";

const UDP: UdpOptions = { src: "10.0.0.1:1234", dst: "10.1.0.1:1234" };

function attach(frame: Uint8Array): PacketView {
  return new PacketView().attach(new DataView(frame.buffer), 0, frame.length);
}

/** One value of each of the next packets. */
function take<T>(template: PacketTemplate, count: number, read: (packet: PacketView) => T): T[] {
  return [...template.packets(count)].map((frame) => read(attach(frame)));
}

Deno.test("PacketTemplate.udp() writes the bytes of pkt-gen's default packet, but for the payload", () => {
  const template = PacketTemplate.udp({
    ...UDP,
    srcMac: "02:00:00:00:00:01",
    dstMac: "ff:ff:ff:ff:ff:ff",
    length: 60,
  });
  // IPv4 header checksum and UDP checksum computed by an independent script
  const expected = "ffffffffffff0200000000010800" + "4500002e00000000401166bd0a0000010a010001" +
    "04d204d2001ae213" + "00".repeat(18);
  assert.equal(template.next().toHex(), expected);
});

Deno.test("PacketTemplate.tcp() writes a SYN with all its options", () => {
  const frame = PacketTemplate.tcp({
    src: "10.0.0.1:4096",
    dst: "10.0.0.2:80",
    flags: "S",
    sequence: 0xdeadbeef,
    window: 1024,
    ttl: 5,
    id: 0x4242,
    dscp: 10,
    dontFragment: true,
  }).next();
  const ip = "4528002842424000050"; // version, DSCP, length, id, DF, ttl
  assert.ok(frame.toHex().slice(28).startsWith(ip));
  assert.equal(frame.subarray(34, 50).toHex(), "10000050deadbeef0000000050020400");
  assert.equal(frame.length, 60);
  assert.deepEqual(verifyChecksums(frame), { ipv4: true, transport: true });
});

Deno.test("PacketTemplate.arp() writes requests and replies", () => {
  const request = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next();
  assert.equal(
    request.subarray(0, 42).toHex(),
    "ffffffffffff0200000000010806" + "0001080006040001" + "0200000000010a000001" +
      "0000000000000a000002",
  );
  const reply = PacketTemplate.arp({
    operation: "reply",
    src: "10.0.0.2",
    dst: "10.0.0.1",
    srcMac: "02:00:00:00:00:02",
    dstMac: "02:00:00:00:00:01",
  }).next();
  assert.equal(
    reply.subarray(0, 42).toHex(),
    "0200000000010200000000020806" + "0001080006040002" + "0200000000020a000002" +
      "0200000000010a000001",
  );
});

Deno.test("PacketTemplate pads short packets behind the datagram, and fills up a given length", () => {
  const short = attach(PacketTemplate.udp({ ...UDP, payload: "hi" }).next());
  assert.deepEqual([short.length, short.payloadLength], [60, 2]);
  const long = attach(PacketTemplate.udp({ ...UDP, payload: "hi", length: 100 }).next());
  assert.deepEqual([long.length, long.payloadLength], [100, 58]);
  const exact = attach(PacketTemplate.udp({ ...UDP, length: 42 }).next());
  assert.deepEqual([exact.length, exact.payloadLength], [42, 0]);
});

Deno.test("PacketTemplate varies each field that a packet has, and nothing else", () => {
  const cases: [string, PacketTemplate, (packet: PacketView) => unknown, unknown[]][] = [];
  const add = (
    name: keyof VaryOptions,
    variation: Variation,
    read: (packet: PacketView) => unknown,
    expected: unknown[],
    options: Partial<UdpOptions> = {},
  ) => {
    const template = PacketTemplate.udp({ ...UDP, ...options, vary: { [name]: variation } });
    cases.push([name, template, read, expected]);
  };
  add("srcMac", list(["02:00:00:00:00:09", 7]), (p) => formatMac(p.sourceMac), [
    "02:00:00:00:00:09",
    "00:00:00:00:00:07",
  ]);
  add("dstMac", increment("02:ff:ff:ff:ff:ff"), (p) => formatMac(p.destinationMac), [
    "02:ff:ff:ff:ff:ff",
    "03:00:00:00:00:00",
  ]);
  add("vlan", range(4094, 4095), (p) => p.vlan, [4094, 4095], { vlan: 1, vlanPriority: 7 });
  add("src", range("10.0.0.255", "10.0.1.0"), (p) => p.sourceAddress, ["10.0.0.255", "10.0.1.0"]);
  add("dst", increment("255.255.255.255"), (p) => p.destinationAddress, [
    "255.255.255.255",
    "0.0.0.0",
  ]);
  add("srcPort", increment(65535), (p) => p.sourcePort, [65535, 0]);
  add("dstPort", increment(5, -5), (p) => p.destinationPort, [5, 0]);
  add("ttl", list([255, 1]), (p) => p.ttl, [255, 1]);
  add("id", increment(65535), (p) => p.getUint16(18), [65535, 0]);
  add("flowLabel", increment(0xfffff), (p) => p.getUint32(14), [0x6fcf_ffff, 0x6fc0_0000], {
    src: "::1",
    dst: "::2",
    dscp: 63,
  });
  add("src", range("2001:db8::ffff", "2001:db8::1:0"), (p) => p.sourceAddress, [
    "2001:db8::ffff",
    "2001:db8::1:0",
  ], { src: "::1", dst: "::2" });
  add("dst", list(["2001:db8::1", "fe80::1", "::1"]), (p) => p.destinationAddress, [
    "2001:db8::1",
    "fe80::1",
    "::1",
    "2001:db8::1",
  ], { src: "::1", dst: "::2" });
  for (const [name, template, read, expected] of cases) {
    assert.deepEqual(take(template, expected.length, read), expected, name);
    const changed = new Set<number>();
    const [first, ...others] = (template.reset(), [...template.packets(expected.length)]);
    for (const frame of others) frame.forEach((byte, i) => byte !== first[i] && changed.add(i));
    assert.ok(changed.size <= 20, name);
    for (const frame of [first, ...others]) assert.equal(verifyChecksums(frame).transport, true);
  }
});

Deno.test("PacketTemplate keeps the VLAN priority while the identifier varies", () => {
  const template = PacketTemplate.udp({
    ...UDP,
    vlan: 1,
    vlanPriority: 5,
    vary: { vlan: range(0, 4095) },
  });
  assert.deepEqual(take(template, 2, (packet) => packet.getUint16(14)), [0xa000, 0xa001]);
});

Deno.test("PacketTemplate varies TCP and ICMP numbers", () => {
  const options = { src: "10.0.0.1", dst: "10.0.0.2" };
  const tcp = PacketTemplate.tcp({
    ...options,
    vary: { sequence: increment(0xffff_ffff), acknowledgment: increment(9, 1460) },
  });
  assert.deepEqual(take(tcp, 2, (p) => [p.getUint32(38), p.getUint32(42)]), [
    [0xffff_ffff, 9],
    [0, 1469],
  ]);
  const icmp = PacketTemplate.icmpEcho({
    ...options,
    vary: { sequence: increment(65535), identifier: list([7, 8]) },
  });
  assert.deepEqual(take(icmp, 2, (p) => [p.getUint16(38), p.getUint16(40)]), [[7, 65535], [8, 0]]);
});

Deno.test("PacketTemplate.arp() varies the sender in both headers", () => {
  const template = PacketTemplate.arp({
    src: "10.0.0.1",
    dst: "10.0.0.2",
    vary: { srcMac: increment(5), src: increment("10.0.0.1"), dst: increment("10.0.0.9") },
  });
  template.next();
  const frame = template.next();
  assert.equal(frame.subarray(6, 12).toHex(), "000000000006");
  assert.equal(frame.subarray(22, 28).toHex(), "000000000006");
  assert.equal(frame.subarray(28, 32).toHex(), "0a000002");
  assert.equal(frame.subarray(38, 42).toHex(), "0a00000a");
  assert.equal(attach(frame).destinationMac, 0xffff_ffff_ffff);
});

Deno.test("PacketTemplate varies numbers in the payload at odd offsets and lengths at once", () => {
  const template = PacketTemplate.udp({
    ...UDP,
    payload: "0123456789abcdef",
    vary: {
      length: list([61, 62, 99]),
      payload: [
        { offset: 1, bits: 8, values: increment(200, 55) },
        { offset: 3, bits: 32, values: increment(0x1234_5678, 0x1111_1111) },
        { offset: 7, bits: 16, values: increment(0xfffe) },
      ],
    },
  });
  const frames = [...template.packets(4)];
  assert.deepEqual(frames.map((frame) => frame.length), [61, 62, 99, 61]);
  assert.deepEqual([frames[1][43], attach(frames[1]).getUint32(45)], [255, 0x2345_6789]);
  assert.deepEqual([frames[2][43], attach(frames[2]).getUint16(49)], [54, 0]);
  for (const frame of frames) {
    assert.deepEqual(verifyChecksums(frame), { ipv4: true, transport: true });
    assert.equal(attach(frame).payloadLength, frame.length - 42);
  }
});

Deno.test("PacketTemplate.raw() varies a given frame and keeps a wrong checksum wrong", () => {
  const frame = PacketTemplate.udp({ ...UDP, payload: "payload" }).next();
  const good = PacketTemplate.raw(frame, {
    vary: { dst: increment("10.1.0.1"), srcPort: increment(1) },
  });
  for (const packet of good.packets(3)) {
    assert.deepEqual(verifyChecksums(packet), { ipv4: true, transport: true });
  }
  frame[40] ^= 1;
  const bad = PacketTemplate.raw(frame, { vary: { dst: increment("10.1.0.1") } });
  for (const packet of bad.packets(3)) {
    assert.deepEqual(verifyChecksums(packet), { ipv4: true, transport: false });
  }
});

Deno.test("PacketTemplate.raw() leaves an absent UDP checksum absent and copies its bytes", () => {
  const frame = PacketTemplate.udp({ ...UDP, payload: "payload" }).next();
  frame[40] = frame[41] = 0;
  const template = PacketTemplate.raw(frame, { vary: { srcPort: increment(1) } });
  frame.fill(0);
  for (const packet of template.packets(3)) {
    assert.deepEqual([packet[40], packet[41]], [0, 0]);
    assert.equal(verifyChecksums(packet).transport, true);
  }
});

Deno.test("PacketTemplate.raw() without variation writes exactly the given bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 14, maxLength: 200 }), (frame) => {
    assert.deepEqual(PacketTemplate.raw(frame).next(), Uint8Array.from(frame));
  }));
});

Deno.test("PacketTemplate makes packets of all lengths from 14 to 65535", () => {
  for (const length of [14, 65535]) {
    assert.equal(PacketTemplate.raw(new Uint8Array(length).fill(1)).next().length, length);
  }
  const frame = PacketTemplate.udp({ ...UDP, length: 65535, payload: "x" }).next();
  assert.deepEqual(verifyChecksums(frame), { ipv4: true, transport: true });
});

Deno.test("PacketTemplate.raw() updates the checksum of a first fragment and of a cut packet", () => {
  const whole = PacketTemplate.udp({ ...UDP, payload: "x".repeat(100) }).next();
  const cut = PacketTemplate.raw(whole.slice(0, 80), { vary: { srcPort: list([9]) } }).next();
  const restored = whole.slice();
  restored.set(cut);
  assert.equal(verifyChecksums(restored).transport, true);
});

Deno.test("PacketTemplate.raw() varies the length of a frame with an unknown EtherType", () => {
  const frame = new Uint8Array(100);
  frame.set([0x88, 0xb5], 12);
  const template = PacketTemplate.raw(frame, { vary: { length: range(60, 62) } });
  assert.deepEqual([...template.packets(4)].map((bytes) => bytes.length), [60, 61, 62, 60]);
  assert.deepEqual([template.minLength, template.maxLength], [60, 62]);
});

Deno.test("PacketTemplate.reset() starts all variations again", () => {
  const template = PacketTemplate.udp({
    ...UDP,
    vary: { src: random("10.0.0.0", "10.255.255.255"), length: range(60, 70) },
  });
  const first = [...template.packets(20)];
  template.reset();
  assert.deepEqual([...template.packets(20)], first);
  assert.ok(template.isVarying);
  assert.ok(!PacketTemplate.udp(UDP).isVarying);
});
