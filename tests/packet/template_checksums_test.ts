import assert from "node:assert/strict";
import fc from "fast-check";
import {
  fillChecksums,
  formatIpv6,
  increment,
  list,
  PacketTemplate,
  random,
  range,
  type Variation,
  type VaryOptions,
  verifyChecksums,
} from "../../packet/mod.ts";

/** Any variation with values of `bits` bits that lie in [low, high]. */
function variationOf(low: number, high: number): fc.Arbitrary<Variation> {
  const value = fc.integer({ min: low, max: high });
  const every = fc.integer({ min: 1, max: 3 });
  return fc.oneof(
    fc.tuple(value, value, every).map(([a, b, every]) => range(a, b, { every })),
    fc.tuple(fc.array(value, { minLength: 1, maxLength: 5 }), every)
      .map(([values, every]) => list(values, { every })),
    fc.tuple(value, value, fc.nat()).map(([a, b, seed]) =>
      random(Math.min(a, b), Math.max(a, b), { seed })
    ),
    low === 0 ? value.map((start) => increment(start, 12345)) : value.map((start) => list([start])),
  );
}

const port = variationOf(0, 0xffff), word = variationOf(0, 0xffff_ffff);
const ipv6List = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), {
  minLength: 1,
  maxLength: 4,
}).map((all) => list(all.map((bytes) => formatIpv6(bytes))));
const lengths = variationOf(150, 400);
const payload = fc.record({
  offset: fc.integer({ min: 0, max: 12 }),
  bits: fc.constantFrom(8 as const, 16 as const, 32 as const),
  values: variationOf(0, 255),
});
const some = { requiredKeys: [] as [] };
const vary4 = fc.record({
  src: word,
  dst: word,
  ttl: variationOf(0, 255),
  id: port,
  length: lengths,
  payload,
}, some);
const vary6 = fc.record({
  src: ipv6List,
  dst: ipv6List,
  flowLabel: variationOf(0, 0xfffff),
  length: lengths,
  payload,
}, some);
const ports = fc.record({ srcPort: port, dstPort: port }, some);
const numbers = fc.record({ sequence: word, acknowledgment: word }, some);
const echo = fc.record({ sequence: port, identifier: port }, some);
const text = fc.uint8Array({ minLength: 16, maxLength: 40 });
const tag = fc.option(fc.integer({ min: 0, max: 4095 }), { nil: undefined });

/** Templates of all kinds with any fields varying. */
const templates = fc.oneof(...[vary4, vary6].flatMap((vary, i) => {
  const address = i === 0
    ? { src: "10.0.0.1", dst: "10.0.0.2" }
    : { src: "2001:db8::1", dst: "2001:db8::2" };
  const make = (
    kind: "udp" | "tcp" | "icmpEcho",
    more: fc.Arbitrary<VaryOptions>,
  ): fc.Arbitrary<PacketTemplate> =>
    fc.tuple(vary as fc.Arbitrary<VaryOptions>, more, text, tag).map(([vary, more, payload, tag]) =>
      PacketTemplate[kind]({
        ...address,
        payload,
        ...(tag === undefined ? {} : { vlan: tag }),
        vary: { ...vary, ...more },
      })
    );
  return [
    make("udp", ports),
    make("tcp", fc.tuple(ports, numbers).map(([a, b]) => ({ ...a, ...b }))),
    make("icmpEcho", echo),
  ];
}));

Deno.test("PacketTemplate's incremental checksums equal a full computation after any variation", () => {
  fc.assert(
    fc.property(templates, (template) => {
      const buffer = new Uint8Array(2048);
      for (let i = 0; i < 8; i++) {
        // The first packet is written as a whole, the others are patched over it
        const length = i === 0 ? template.writeTo(buffer, 100) : template.patch(buffer, 100);
        const frame = buffer.slice(100, 100 + length);
        const full = frame.slice();
        fillChecksums(full);
        assert.equal(frame.toHex(), full.toHex());
        const { ipv4, transport } = verifyChecksums(frame);
        assert.ok(transport === true && ipv4 !== false);
        assert.ok(length >= template.minLength && length <= template.maxLength);
      }
      assert.ok(buffer.subarray(0, 100).every((byte) => byte === 0));
      assert.ok(buffer.subarray(100 + template.maxLength).every((byte) => byte === 0));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("PacketTemplate writes a UDP checksum that comes out as 0 as 0xffff", () => {
  const options = { src: "10.0.0.1:1", dst: "10.0.0.2:2", length: 60 };
  const sum = new DataView(PacketTemplate.udp(options).next().buffer).getUint16(40);
  // A payload of the checksum itself makes the sum all ones
  const payload = { offset: 0, bits: 16 as const, values: list([0, sum, 1]) };
  const found = [...PacketTemplate.udp({ ...options, vary: { payload } }).packets(3)];
  for (const frame of found) assert.equal(verifyChecksums(frame).transport, true);
  assert.deepEqual(found.map((frame) => new DataView(frame.buffer).getUint16(40)), [
    sum,
    0xffff,
    sum - 1,
  ]);
});

Deno.test("PacketTemplate.patch() gives the same packets as writeTo()", () => {
  fc.assert(fc.property(templates, (template) => {
    const written = [...template.packets(5)].map((frame) => frame.toHex());
    template.reset();
    const buffer = new Uint8Array(2048);
    template.writeTo(buffer);
    template.reset();
    const patched = Array.from({ length: 5 }, () => {
      const length = template.patch(buffer);
      return buffer.slice(0, length).toHex();
    });
    assert.deepEqual(patched, written);
  }));
});

Deno.test("PacketTemplate.patchAll() gives the same packets as patch()", () => {
  const counts = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(templates, counts, (template, counts) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const expected = [...template.packets(total + 1)].slice(0, -1).map((frame) => frame.toHex());
    template.reset();
    const buffer = new Uint8Array(40 * 512), lengths = new Uint32Array(40);
    const offsets = Int32Array.from(lengths, (_, i) => (39 - i) * 512 + i % 3);
    for (const offset of offsets) template.writeTo(buffer, offset);
    template.reset();
    const patched = counts.flatMap((count) => {
      template.patchAll(buffer, offsets, lengths, count);
      return Array.from(
        { length: count },
        (_, i) => buffer.slice(offsets[i], offsets[i] + lengths[i]).toHex(),
      );
    });
    assert.deepEqual(patched, expected);
    assert.equal(template.next().toHex(), lastOf(template, total), "the variation goes on");
  }));
});

function lastOf(template: PacketTemplate, packets: number): string {
  template.reset();
  return [...template.packets(packets + 1)][packets].toHex();
}

Deno.test("PacketTemplate.patchAll() counts up and down, around and up to an end", () => {
  const variations = [
    increment(0xfffe, 3),
    increment(1, -2),
    increment(65535, -1, 7),
    increment(1000, 10, 3),
    increment(5, 0),
    range(10, 3),
    range(0xffff, 0xffff),
  ];
  for (const srcPort of variations) {
    const make = (): PacketTemplate =>
      PacketTemplate.udp({
        src: "10.0.0.1:1",
        dst: "10.1.0.1:2",
        vary: { srcPort, dstPort: srcPort },
      });
    const template = make(), frame = template.next(), buffer = new Uint8Array(100 * 64);
    const lengths = new Uint32Array(100), offsets = Int32Array.from(lengths, (_, i) => i * 64);
    for (const offset of offsets) buffer.set(frame, offset);
    template.reset();
    template.patchAll(buffer, offsets, lengths, 100);
    const expected = [...make().packets(100)].map((bytes) => bytes.toHex());
    const found = [...offsets].map((at) => buffer.slice(at, at + frame.length).toHex());
    assert.deepEqual(found, expected);
  }
  const wide = increment("255.255.255.254", 0x8000_0001, undefined);
  const template = PacketTemplate.udp({
    src: "10.0.0.1:1",
    dst: "10.1.0.1:2",
    vary: { src: wide },
  });
  const expected = [...template.packets(9)].map((bytes) => bytes.toHex());
  template.reset();
  const buffer = new Uint8Array(9 * 64), lengths = new Uint32Array(9);
  const offsets = Int32Array.from(lengths, (_, i) => i * 64);
  for (const offset of offsets) template.writeTo(buffer, offset);
  template.reset();
  template.patchAll(buffer, offsets, lengths, 9);
  const found = [...offsets].map((at) => buffer.slice(at, at + template.maxLength).toHex());
  assert.deepEqual(found, expected);
});
