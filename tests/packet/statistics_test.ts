import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Counter,
  ETHERNET_OVERHEAD,
  formatDuration,
  formatRate,
  Histogram,
  PacketTemplate,
  PacketView,
  ProtocolCounter,
  Rate,
} from "../../packet/mod.ts";

Deno.test("Counter counts packets and bytes", () => {
  const counter = new Counter();
  counter.add(60);
  assert.equal(`${counter}`, "1 packet, 60 bytes");
  counter.addMany(9, 541);
  assert.deepEqual([counter.packets, counter.bytes], [10, 601]);
  counter.reset();
  assert.equal(`${counter}`, "0 packets, 0 bytes");
});

Deno.test("Rate gives the rates of each interval and of the whole time", () => {
  let ms = 1000;
  const rate = new Rate({ overheadBytes: ETHERNET_OVERHEAD, now: () => ms });
  rate.addMany(1000, 60_000);
  ms += 500;
  const first = rate.sample();
  assert.deepEqual(first, {
    seconds: 0.5,
    packets: 1000,
    bytes: 60_000,
    pps: 2000,
    bitsPerSecond: 2000 * 84 * 8,
  });
  ms += 500;
  rate.add(100);
  const second = rate.sample();
  assert.deepEqual([second.packets, second.bytes, second.seconds], [1, 100, 0.5]);
  assert.equal(rate.total().pps, 1001);
  assert.equal(rate.format(first), "2.000 Kpps, 1.344 Mbit/s");
  rate.reset();
  assert.deepEqual(rate.total(), { seconds: 0, packets: 0, bytes: 0, pps: 0, bitsPerSecond: 0 });
  assert.throws(() => new Rate({ overheadBytes: -1 }), RangeError);
});

Deno.test("Rate counts no overhead by default and takes the machine's clock", () => {
  const rate = new Rate();
  rate.addMany(10, 600);
  const sample = rate.sample();
  assert.ok(sample.seconds >= 0 && sample.seconds < 60);
  assert.ok(Math.abs(sample.bitsPerSecond - sample.pps * 480) <= sample.pps);
});

for (
  const [rate, text] of [
    [0, "0 pps"],
    [999.94, "999.9 pps"],
    [999.96, "1.000 Kpps"],
    [9_999.6, "10.00 Kpps"],
    [99_996, "100.0 Kpps"],
    [999_949, "999.9 Kpps"],
    [1_488_095, "1.488 Mpps"],
    [14_880_952, "14.88 Mpps"],
    [148_809_524, "148.8 Mpps"],
    [2e9, "2.000 Gpps"],
    [NaN, "- pps"],
  ] as const
) {
  Deno.test(`formatRate() writes ${rate} as ${text}`, () => assert.equal(formatRate(rate), text));
}

Deno.test("formatDuration() picks the unit", () => {
  const texts = [0, 999, 999.6, 12_340, 999_500, 1_500_000, 2.5e9, 3.6e12].map((ns) =>
    formatDuration(ns)
  );
  assert.deepEqual(texts, [
    "0 ns",
    "999 ns",
    "1 us",
    "12.3 us",
    "1 ms",
    "1.5 ms",
    "2.5 s",
    "3600 s",
  ]);
});

const value = fc.oneof(
  fc.nat(1000),
  fc.nat(),
  fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }),
  fc.integer({ min: 2 ** 32 - 3, max: 2 ** 32 + 3 }),
  fc.maxSafeNat(),
);
const values = fc.array(value, { minLength: 1, maxLength: 50 });
const bits = fc.integer({ min: 1, max: 12 });

Deno.test("Histogram.percentile() stays within the error that its bits state", () => {
  fc.assert(fc.property(values, bits, fc.integer({ min: 0, max: 100 }), (values, bits, percent) => {
    const histogram = new Histogram({ bits });
    for (const value of values) histogram.record(value);
    const sorted = values.toSorted((a, b) => a - b);
    const rank = Math.max(1, Math.ceil(sorted.length * percent / 100));
    const exact = sorted[rank - 1], found = histogram.percentile(percent);
    assert.ok(found >= exact, `${found} is below ${exact}`);
    assert.ok(found === exact || found - exact < exact / 2 ** bits, `${found} for ${exact}`);
  }));
});

Deno.test("Histogram keeps count, minimum and maximum exactly, and its buckets hold all", () => {
  fc.assert(fc.property(values, bits, (values, bits) => {
    const histogram = new Histogram({ bits });
    for (const value of values) histogram.record(value);
    assert.equal(histogram.count, values.length);
    assert.equal(histogram.min, Math.min(...values));
    assert.equal(histogram.max, Math.max(...values));
    let last = -1, count = 0;
    for (const bucket of histogram.buckets()) {
      assert.ok(bucket.low > last && bucket.high >= bucket.low);
      last = bucket.high;
      const inside = values.filter((value) => value >= bucket.low && value <= bucket.high).length;
      assert.equal(bucket.count, inside);
      count += inside;
    }
    assert.equal(count, values.length);
  }));
});

Deno.test("Histogram.merge() equals recording into one", () => {
  fc.assert(fc.property(values, values, (a, b) => {
    const one = new Histogram(), first = new Histogram(), second = new Histogram();
    for (const value of a) first.record(value), one.record(value);
    for (const value of b) second.record(value), one.record(value);
    first.merge(second);
    assert.deepEqual([...first.buckets()], [...one.buckets()]);
    assert.deepEqual([first.min, first.max, first.count], [one.min, one.max, one.count]);
    for (const p of [0, 50, 99, 100]) assert.equal(first.percentile(p), one.percentile(p));
  }));
});

Deno.test("Histogram refuses what it cannot count", () => {
  const histogram = new Histogram();
  for (const bad of [-1, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => histogram.record(bad), {
      name: "RangeError",
      message: `Cannot record ${bad}: expected 0 to 2^53 - 1`,
    });
  }
  assert.equal(histogram.count, 0);
  for (const bits of [0, 13, 1.5]) assert.throws(() => new Histogram({ bits }), RangeError);
  assert.throws(() => histogram.percentile(101), RangeError);
  assert.throws(() => histogram.merge(new Histogram({ bits: 3 })), RangeError);
  assert.throws(() => histogram.sparkline(0), RangeError);
});

Deno.test("Histogram without values has no figures", () => {
  const histogram = new Histogram();
  histogram.record(5);
  histogram.reset();
  assert.ok([histogram.min, histogram.max, histogram.mean].every(Number.isNaN));
  assert.ok(Number.isNaN(histogram.percentile(50)));
  assert.equal(`${histogram}`, "n 0");
  assert.equal(histogram.sparkline(), "");
  assert.equal(JSON.parse(JSON.stringify(histogram)).p99, null);
});

Deno.test("Histogram writes itself as a line, as JSON and as a sparkline", () => {
  const histogram = new Histogram();
  for (let ns = 1; ns <= 100; ns++) histogram.record(ns);
  histogram.record(1_000_000);
  assert.equal(`${histogram}`, "n 101, min 1 ns, p50 51 ns, p99 100 ns, p99.9 1 ms, max 1 ms");
  assert.deepEqual(histogram.toJSON(), {
    count: 101,
    min: 1,
    mean: (5050 + 1e6) / 101,
    p50: 51,
    p90: 91,
    p99: 100,
    p999: 1_000_000,
    max: 1_000_000,
  });
  const line = histogram.sparkline(10);
  assert.equal(line.length, 10);
  assert.match(line, /█.* .*▁$/);
});

Deno.test("ProtocolCounter splits packets up by protocol", () => {
  const v4 = { src: "10.0.0.1", dst: "10.0.0.2" }, v6 = { src: "::1", dst: "::2" };
  const counter = new ProtocolCounter();
  const frames = [
    PacketTemplate.arp(v4),
    PacketTemplate.udp({ ...v4, vlan: 5 }),
    PacketTemplate.udp({ ...v4, dst: "10.0.0.2:53" }),
    PacketTemplate.udp({ ...v6, src: "[::1]:53" }),
    PacketTemplate.tcp({ ...v4, dst: "10.0.0.2:53" }),
    PacketTemplate.tcp(v6),
    PacketTemplate.icmpEcho(v4),
    PacketTemplate.icmpEcho(v6),
  ].map((template) => template.next());
  const other = Uint8Array.fromHex("ffffffffffff02000000000188b50000");
  const cutIpv4 = frames[1].subarray(0, 30);
  counter.addAll([...frames, other, cutIpv4, new Uint8Array(3)].map((data) => ({ data })));
  assert.deepEqual(counter.toJSON(), {
    packets: 11,
    arp: 1,
    ipv4: 5,
    ipv6: 3,
    other: 2,
    icmp: 1,
    icmpv6: 1,
    udp: 3,
    tcp: 2,
    dns: 2,
  });
});

Deno.test("ProtocolCounter's network layers add up to all packets", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 80 })), (frames) => {
    const counter = new ProtocolCounter();
    const view = new PacketView();
    for (const frame of frames) {
      counter.addView(view.attach(new DataView(frame.buffer), 0, frame.length));
    }
    const { packets, arp, ipv4, ipv6, other } = counter;
    assert.equal(packets, frames.length);
    assert.equal(arp + ipv4 + ipv6 + other, packets);
  }));
});
