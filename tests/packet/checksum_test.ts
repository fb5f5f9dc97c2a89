import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checksum,
  fillChecksums,
  onesComplementSum,
  PacketTemplate,
  pseudoHeaderSum,
  updateChecksum,
  updateChecksum32,
  verifyChecksums,
} from "../../packet/mod.ts";

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** RFC 1071, section 1, word by word with the carry added at once. */
function referenceSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i] * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

Deno.test("onesComplementSum() gives the sum of RFC 1071's example", () => {
  const bytes = Uint8Array.fromHex("0001f203f4f5f6f7");
  assert.equal(onesComplementSum(viewOf(bytes), 0, 8), 0xddf2);
});

Deno.test("onesComplementSum() agrees with a sum word by word for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (bytes, skip) => {
    const offset = Math.min(skip, bytes.length);
    const expected = referenceSum(bytes.slice(offset));
    assert.equal(onesComplementSum(viewOf(bytes), offset, bytes.length - offset), expected);
  }));
});

Deno.test("onesComplementSum() does not overflow on 64 KiB of ones", () => {
  const bytes = new Uint8Array(65535).fill(0xff);
  assert.equal(onesComplementSum(viewOf(bytes), 0, bytes.length), referenceSum(bytes));
});

Deno.test("onesComplementSum() throws a RangeError when the range leaves the view", () => {
  assert.throws(() => onesComplementSum(viewOf(new Uint8Array(8)), 4, 8), RangeError);
});

Deno.test("checksum() of a known IPv4 header is the one that stands in it", () => {
  const header = Uint8Array.fromHex("4500003c1c4640004006b1e6ac100a63ac100a0c");
  assert.equal(checksum(viewOf(header), 0, 20), 0);
  header[10] = header[11] = 0;
  assert.equal(checksum(viewOf(header), 0, 20), 0xb1e6);
});

Deno.test("pseudoHeaderSum() makes a UDP datagram over IPv6 sum up to its known checksum", () => {
  // Computed by hand: 2001:db8::1 to 2001:db8::2, ports 1 and 2, no payload
  const bytes = new Uint8Array(48);
  bytes.set(Uint8Array.fromHex("6000000000081140"), 0);
  bytes.set(Uint8Array.fromHex("20010db8000000000000000000000001"), 8);
  bytes.set(Uint8Array.fromHex("20010db8000000000000000000000002"), 24);
  bytes.set(Uint8Array.fromHex("0001000200080000"), 40);
  const view = viewOf(bytes);
  // 2 * (2001 + 0db8) + 1 + 2 + 17 + 8 + 1 + 2 + 8 = 0x5b99
  assert.equal(checksum(view, 40, 8, pseudoHeaderSum(view, 0, 17, 8)), ~0x5b99 & 0xffff);
});

Deno.test("updateChecksum() gives 0x0000 in RFC 1624's example", () => {
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});

Deno.test("updateChecksum() equals a full computation after any change of a word", () => {
  const word = fc.integer({ min: 0, max: 0xffff });
  fc.assert(fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), word, (bytes, value) => {
    bytes[0] = 0x45; // as in each IPv4 header, the words are not all zero
    const view = viewOf(bytes);
    const before = checksum(view, 0, 20), old = view.getUint16(8);
    view.setUint16(8, value);
    assert.equal(updateChecksum(before, old, value), checksum(view, 0, 20));
  }));
});

Deno.test("updateChecksum32() equals a full computation after any change of an address", () => {
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), word, (bytes, value) => {
    bytes[0] = 0x45;
    const view = viewOf(bytes);
    const before = checksum(view, 0, 20), old = view.getUint32(12);
    view.setUint32(12, value);
    assert.equal(updateChecksum32(before, old, value), checksum(view, 0, 20));
  }));
});

Deno.test("verifyChecksums() accepts a captured DNS query and notices each flipped bit", () => {
  // Recorded from the Linux stack: IPv4, UDP, query for example.com
  const frame = PacketTemplate.udp({
    src: "10.0.0.1:33333",
    dst: "10.0.0.2:53",
    payload: Uint8Array.fromHex("123401000001000000000000076578616d706c6503636f6d0000010001"),
  }).next();
  assert.deepEqual(verifyChecksums(frame), { ipv4: true, transport: true });
  for (let bit = 34 * 8; bit < frame.length * 8; bit++) {
    const damaged = frame.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    const isLength = bit >> 3 === 38 || bit >> 3 === 39;
    assert.equal(verifyChecksums(damaged).transport, isLength ? undefined : false, `bit ${bit}`);
  }
});

Deno.test("verifyChecksums() takes a UDP checksum of 0 for valid over IPv4 only", () => {
  const v4 = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" }).next();
  const v6 = PacketTemplate.udp({ src: "[::1]:1", dst: "[::2]:2" }).next();
  v4[40] =
    v4[41] =
    v6[60] =
    v6[61] =
      0;
  assert.equal(verifyChecksums(v4).transport, true);
  assert.equal(verifyChecksums(v6).transport, false);
});

Deno.test("verifyChecksums() says nothing about fragments and cut packets", () => {
  const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", length: 100 }).next();
  assert.equal(verifyChecksums(frame.subarray(0, 90)).transport, undefined);
  frame[20] = 0x20; // more fragments
  assert.equal(verifyChecksums(frame).transport, undefined);
  assert.deepEqual(verifyChecksums(new Uint8Array(60)), { ipv4: undefined, transport: undefined });
});

Deno.test("fillChecksums() repairs any damaged checksum of each protocol", () => {
  const frames = [
    PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", payload: "odd" }),
    PacketTemplate.tcp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", payload: "odd", vlan: 3 }),
    PacketTemplate.icmpEcho({ src: "10.0.0.1", dst: "10.0.0.2", payload: "odd" }),
    PacketTemplate.udp({ src: "[2001:db8::1]:1", dst: "[2001:db8::2]:2", payload: "odd" }),
    PacketTemplate.tcp({ src: "[2001:db8::1]:1", dst: "[2001:db8::2]:2", payload: "odd" }),
    PacketTemplate.icmpEcho({ src: "2001:db8::1", dst: "2001:db8::2", payload: "odd" }),
  ].map((template) => template.next());
  for (const frame of frames) {
    const original = frame.slice();
    const last = frame.lastIndexOf("d".charCodeAt(0));
    frame[last] ^= 0xff;
    assert.equal(verifyChecksums(frame).transport, false);
    fillChecksums(frame);
    assert.equal(verifyChecksums(frame).transport, true);
    frame[last] ^= 0xff;
    fillChecksums(frame);
    assert.deepEqual(frame, original);
  }
});

Deno.test("fillChecksums() writes a UDP checksum of 0 as 0xffff", () => {
  const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", length: 60 }).next();
  const view = viewOf(frame);
  // Put the complement of the sum into the payload: the checksum then comes out as 0
  view.setUint16(42, view.getUint16(40));
  fillChecksums(frame);
  assert.equal(view.getUint16(40), 0xffff);
  assert.equal(verifyChecksums(frame).transport, true);
});
