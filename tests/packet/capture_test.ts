import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type CapturedPacket,
  CaptureEncoderStream,
  CaptureError,
  type CaptureRecord,
  type CaptureWriterOptions,
  LinkType,
  PacketTemplate,
  PcapngWriter,
  PcapWriter,
  readCapture,
  readCaptureStream,
  writeCapture,
} from "../../packet/mod.ts";

const RECORD = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next();

/** What a reader gives back, as plain values. */
function plain(packet: CapturedPacket): Record<string, unknown> {
  const { data, timestamp, originalLength, linkType, interfaceId, comment } = packet;
  return { data: data.toHex(), timestamp, originalLength, linkType, interfaceId, comment };
}

/** What a reader gives before the error, and the error. */
function readAll(file: Uint8Array): { packets: CapturedPacket[]; error: CaptureError | undefined } {
  const packets: CapturedPacket[] = [];
  try {
    for (const packet of readCapture(file)) packets.push(packet);
  } catch (error) {
    assert.ok(error instanceof CaptureError, String(error));
    return { packets, error };
  }
  return { packets, error: undefined };
}

/** A file in chunks of the given sizes, the last one repeated. */
function chunked(file: Uint8Array, sizes: number[]): ReadableStream<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < file.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)];
    chunks.push(file.subarray(at, at + size));
    at += size;
  }
  return ReadableStream.from(chunks);
}

/** Each 32- or 16-bit field of a file turned around: what a machine of other byte order writes. */
function swap(file: Uint8Array, widths: number[]): Uint8Array {
  const swapped = file.slice();
  let at = 0;
  for (const width of widths) {
    if (width > 0) swapped.subarray(at, at + width).reverse();
    at += Math.abs(width);
  }
  return swapped;
}

const seconds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const record: fc.Arbitrary<CaptureRecord & { data: Uint8Array }> = fc.record({
  data: fc.uint8Array({ maxLength: 80 }),
  seconds,
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  more: fc.nat(3000),
}).map(({ data, seconds, nanoseconds, more }) => ({
  data,
  seconds,
  nanoseconds,
  originalLength: data.length + more,
}));
const records = fc.array(record, { maxLength: 6 });

function expected(record: CaptureRecord, unit = 1): Record<string, unknown> {
  const { data, seconds = 0, nanoseconds = 0, originalLength = data.length } = record;
  const rest = Math.floor(nanoseconds / unit) * unit;
  return {
    data: data.toHex(),
    timestamp: BigInt(seconds) * 1_000_000_000n + BigInt(rest),
    originalLength,
    linkType: LinkType.ETHERNET,
    interfaceId: record.interfaceId ?? 0,
    comment: record.comment,
  };
}

Deno.test("PcapWriter writes the bytes that the format prescribes", () => {
  const writer = new PcapWriter({ snapLength: 4 });
  writer.write({ data: Uint8Array.of(1, 2, 3, 4, 5), seconds: 0x01020304, nanoseconds: 7 });
  assert.equal(
    writer.take().toHex(),
    "4d3cb2a1" + "0200" + "0400" + "00000000" + "00000000" + "04000000" + "01000000" +
      "04030201" + "07000000" + "04000000" + "05000000" + "01020304",
  );
  const micro = new PcapWriter({ resolution: "microseconds", linkType: LinkType.RAW });
  micro.write({ data: Uint8Array.of(9), timestamp: 1_000_002_999n });
  assert.equal(
    micro.take().toHex(),
    "d4c3b2a1" + "0200" + "0400" + "00000000" + "00000000" + "00000400" + "65000000" +
      "01000000" + "02000000" + "01000000" + "01000000" + "09",
  );
});

Deno.test("PcapngWriter writes the bytes that the format prescribes", () => {
  const writer = new PcapngWriter({ interfaces: [{ name: "vi1", snapLength: 64 }] });
  writer.write({
    data: Uint8Array.of(1, 2, 3, 4, 5),
    timestamp: 0x0102030405060708n,
    comment: "c",
  });
  const section = "0a0d0d0a" + "2c000000" + "4d3c2b1a" + "01000000" + "ffffffffffffffff" +
    "0400" + "0500" + "76616c6574000000" + "00000000" + "2c000000";
  const description = "01000000" + "28000000" + "0100" + "0000" + "40000000" +
    "0200" + "0300" + "76693100" + "0900" + "0100" + "09000000" + "00000000" + "28000000";
  const packet = "06000000" + "34000000" + "00000000" + "04030201" + "08070605" + "05000000" +
    "05000000" + "0102030405000000" + "0100" + "0100" + "63000000" + "00000000" + "34000000";
  assert.equal(writer.take().toHex(), section + description + packet);
});

Deno.test("readCapture() reads what writeCapture() wrote as pcap, nano- and microseconds", () => {
  fc.assert(fc.property(records, (records) => {
    for (const [resolution, unit] of [["nanoseconds", 1], ["microseconds", 1000]] as const) {
      const file = writeCapture(records, { resolution });
      const capture = readCapture(file);
      assert.equal(capture.format, "pcap");
      assert.deepEqual([...capture].map(plain), records.map((one) => expected(one, unit)));
      // A second walk gives the same
      assert.equal([...capture].length, records.length);
    }
  }));
});

Deno.test("readCapture() reads what writeCapture() wrote as pcapng, with interfaces and comments", () => {
  const more = fc.tuple(fc.integer({ min: 0, max: 1 }), fc.option(fc.string(), { nil: undefined }));
  const many = fc.array(fc.tuple(record, more), { maxLength: 6 }).map((all) =>
    all.map(([record, [interfaceId, comment]]) => ({
      ...record,
      interfaceId,
      comment: comment?.toWellFormed(),
    }))
  );
  fc.assert(fc.property(many, (records) => {
    const interfaces = [{ name: "a", description: "first" }, {}];
    const capture = readCapture(writeCapture(records, { format: "pcapng", interfaces }));
    assert.equal(capture.format, "pcapng");
    assert.deepEqual([...capture].map(plain), records.map((one) => expected(one)));
  }));
});

Deno.test("pcapng keeps the whole range of 64-bit nanoseconds exactly", () => {
  const time = fc.bigInt({ min: 0n, max: 18_446_744_072_999_999_999n });
  fc.assert(fc.property(time, (timestamp) => {
    const [packet] = readCapture(writeCapture([{ data: RECORD, timestamp }], { format: "pcapng" }));
    assert.equal(packet.timestamp, timestamp);
  }));
});

Deno.test("readCapture() reads pcap of the other byte order", () => {
  const records = [{ data: RECORD, seconds: 7, nanoseconds: 5000 }, { data: RECORD }];
  const widths = [4, 2, 2, 4, 4, 4, 4, ...[1, 2].flatMap(() => [4, 4, 4, 4, -RECORD.length])];
  for (const resolution of ["nanoseconds", "microseconds"] as const) {
    const file = writeCapture(records, { resolution });
    const other = swap(file, widths);
    assert.notDeepEqual(other, file);
    assert.deepEqual([...readCapture(other)].map(plain), [...readCapture(file)].map(plain));
  }
});

Deno.test("readCapture() reads pcapng of the other byte order", () => {
  const file = writeCapture([{ data: RECORD, timestamp: 5n }], { format: "pcapng" });
  const widths = [
    ...[4, 4, 4, 2, 2, 8, 2, 2, -8, 4, 4], // section: its type reads the same
    ...[4, 4, 2, 2, 4, 2, 2, -4, 4, 4],
    ...[4, 4, 4, 4, 4, 4, 4, -RECORD.length, 4],
  ];
  const [packet] = readCapture(swap(file, widths));
  assert.deepEqual(plain(packet), expected({ data: RECORD, nanoseconds: 5 }));
});

/** A little-endian block from its type and its body in hexadecimal. */
function block(type: number, body: string): string {
  const bytes = new Uint8Array(12 + body.length / 2);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  bytes.set(Uint8Array.fromHex(body), 8);
  view.setUint32(bytes.length - 4, bytes.length, true);
  return bytes.toHex();
}

const SECTION = block(0x0a0d0d0a, "4d3c2b1a" + "01000000" + "ffffffffffffffff");
/** An interface of a link type and a snap length with options. */
function description(linkType: string, snapLength = "00000000", options = ""): string {
  return block(1, linkType + "0000" + snapLength + options);
}
/** An enhanced packet block of the bytes 01 02 at a time of two words. */
function enhanced(interfaceId: string, high: string, low: string): string {
  return block(6, interfaceId + high + low + "02000000" + "02000000" + "01020000");
}

Deno.test("readCapture() reads all kinds of packet blocks and skips all others", () => {
  const file = Uint8Array.fromHex(
    SECTION + description("0100", "03000000") +
      block(0x0bad, "00112233") + block(4, "00000000") + block(5, "00".repeat(12)) +
      block(3, "04000000" + "01020300") + // simple, cut at the snap length of 3
      block(2, "0000" + "0500" + "00000000" + "40420f00" + "02000000" + "03000000" + "aabb0000"),
  );
  assert.deepEqual([...readCapture(file)].map(plain), [
    { ...expected({ data: Uint8Array.of(1, 2, 3), originalLength: 4 }) },
    { ...expected({ data: Uint8Array.of(0xaa, 0xbb), seconds: 1, originalLength: 3 }) },
  ]);
});

Deno.test("readCapture() finds an option behind others of any length", () => {
  for (const name of ["", "a", "abcd", "abcde"]) {
    const writer = new PcapngWriter({ interfaces: [{ name, description: name + "!" }] });
    writer.write({ data: RECORD, timestamp: 1n, comment: name });
    const [packet] = readCapture(writer.take());
    // A resolution that was missed would show as microseconds
    assert.deepEqual([packet.timestamp, packet.comment], [1n, name]);
  }
});

Deno.test("readCapture() carries a pcap fraction of more than a second over", () => {
  const header = pcapHeader("d4c3b2a1") + "05000000" + "60e31600" + "01000000" + "01000000" + "ff";
  const [packet] = readCapture(Uint8Array.fromHex(header));
  assert.deepEqual([packet.seconds, packet.nanoseconds], [6, 500_000_000]);
});

Deno.test("readCapture() numbers the interfaces of each section anew", () => {
  const second = description("6500") + enhanced("00000000", "00000000", "01000000");
  const first = description("0100") + description("7100") +
    enhanced("01000000", "00000000", "01000000");
  const packets = [...readCapture(Uint8Array.fromHex(SECTION + first + SECTION + second))];
  assert.deepEqual(packets.map(({ interfaceId, linkType }) => [interfaceId, linkType]), [
    [1, LinkType.LINUX_SLL],
    [0, LinkType.RAW],
  ]);
});

// if_tsresol and if_tsoffset, and the timestamp of 3 * 2^32 + 5 units
for (
  const [name, options, timestamp] of [
    ["microseconds by default", "", 12_884_901_893_000n],
    ["milliseconds", "0900" + "0100" + "03000000", 12_884_901_893_000_000n],
    ["seconds", "0900" + "0100" + "00000000", 12_884_901_893_000_000_000n],
    ["nanoseconds", "0900" + "0100" + "09000000", 12_884_901_893n],
    ["picoseconds, cut to nanoseconds", "0900" + "0100" + "0c000000", 12_884_901n],
    ["2^-10 s", "0900" + "0100" + "8a000000", 12_884_901_893n * 1_000_000_000n / 1024n],
    ["an offset of -2 s", "0e00" + "0800" + "feffffffffffffff", 12_882_901_893_000n],
  ] as const
) {
  Deno.test(`readCapture() reads pcapng times in ${name}`, () => {
    const end = options === "" ? "" : "00000000";
    const file = SECTION + description("0100", "00000000", options + end) +
      enhanced("00000000", "03000000", "05000000");
    const [packet] = readCapture(Uint8Array.fromHex(file));
    assert.equal(packet.timestamp, timestamp);
  });
}

Deno.test("readCaptureStream() gives the same packets however the file is cut into chunks", async () => {
  const options: fc.Arbitrary<CaptureWriterOptions> = fc.constantFrom(
    {},
    { format: "pcapng" as const },
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
  await fc.assert(fc.asyncProperty(records, options, sizes, async (records, options, sizes) => {
    const file = writeCapture(records, options);
    const packets = await Array.fromAsync(readCaptureStream(chunked(file, sizes)));
    assert.deepEqual(packets.map(plain), records.map((one) => expected(one)));
  }));
});

Deno.test("readCaptureStream() cancels its source when the loop is left", async () => {
  let reason: unknown = "not cancelled";
  const file = writeCapture([{ data: RECORD }, { data: RECORD }]);
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(file),
    cancel: (why) => void (reason = why),
  }, { highWaterMark: 0 });
  for await (const packet of readCaptureStream(stream)) {
    assert.equal(packet.data.length, RECORD.length);
    break;
  }
  assert.equal(reason, undefined);
  assert.equal(stream.locked, false);
});

Deno.test("readCaptureStream() passes an error of its source on", async () => {
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("disk on fire")),
  });
  await assert.rejects(Array.fromAsync(readCaptureStream(stream)), { message: "disk on fire" });
});

Deno.test("CaptureEncoderStream writes what writeCapture() writes, in chunks", async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.integer({ min: 1, max: 300 }), async (records, n) => {
      const stream = ReadableStream.from<CaptureRecord>(records)
        .pipeThrough(new CaptureEncoderStream({ format: "pcapng", chunkBytes: n }));
      const chunks = await Array.fromAsync(stream);
      const joined = chunks.map((chunk) => chunk.toHex()).join("");
      assert.equal(joined, writeCapture(records, { format: "pcapng" }).toHex());
      // Each chunk but the last has the size that was asked for
      for (const chunk of chunks.slice(0, -1)) assert.ok(chunk.length >= n);
    }),
  );
});

Deno.test("readCapture() delivers all packets before a cut and tells where the cut packet began", () => {
  const records = Array.from({ length: 3 }, (_, i) => ({ data: RECORD, seconds: i }));
  for (const format of ["pcap", "pcapng"] as const) {
    const file = writeCapture(records, { format });
    const size = format === "pcap" ? 16 + RECORD.length : 32 + RECORD.length;
    const start = file.length - 3 * size;
    for (let length = start; length < file.length; length++) {
      const { packets, error } = readAll(file.subarray(0, length));
      const whole = Math.floor((length - start) / size);
      assert.equal(packets.length, whole);
      if (length === start + whole * size) assert.equal(error, undefined);
      else assert.equal(error?.position, start + whole * size);
    }
  }
});

Deno.test("readCaptureStream() delivers all packets before the damage too", async () => {
  const file = writeCapture([{ data: RECORD }, { data: RECORD }]);
  const packets: CapturedPacket[] = [];
  await assert.rejects(async () => {
    for await (const packet of readCaptureStream(chunked(file.subarray(0, 150), [7]))) {
      packets.push(packet);
    }
  }, {
    name: "CaptureError",
    message: "Cannot read capture: the file ends inside packet 2 (76 bytes expected, 50 found) " +
      "at byte 100",
  });
  assert.equal(packets.length, 1);
});

Deno.test("readCapture() never throws anything but a CaptureError on random damage", () => {
  const files = (["pcap", "pcapng"] as const).map((format) =>
    writeCapture([{ data: RECORD }, { data: RECORD }, { data: RECORD }], { format })
  );
  const change = fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 }));
  const changes = fc.array(change, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...files), changes, fc.nat(320), (file, changes, length) => {
      const damaged = file.slice(0, length);
      for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
      const { packets, error } = readAll(damaged);
      for (const { data } of packets) assert.ok(data.length <= damaged.length);
      if (error !== undefined) assert.ok(error.position >= 0 && error.position <= damaged.length);
    }),
    { numRuns: 3000 },
  );
});

function pcapHeader(magic: string, version = "02000400"): string {
  return magic + version + "00".repeat(8) + "00000400" + "01000000";
}

const damages: [string, string, RegExp, number][] = [
  ["an empty file", "", /ends inside the file header \(4 bytes expected, 0 found\)/, 0],
  ["a text", "23212f62696e2f7368", /begins with 0x23212f62, which is neither pcap nor pcapng/, 0],
  ["a compressed file", "1f8b0800", /compressed: pipe it through new DecompressionStream/, 0],
  ["a short header", "d4c3b2a10200", /ends inside the file header \(24 bytes/, 0],
  ["another pcap version", pcapHeader("d4c3b2a1", "02000300"), /version 2\.3 is not 2\.4/, 4],
  [
    "a packet longer than possible",
    pcapHeader("d4c3b2a1") + "00".repeat(8) + "01000400" + "01000400",
    /packet 1 claims 262145 bytes, more than the 262144 that are possible/,
    24,
  ],
  ["an unknown byte order", block(0x0a0d0d0a, "11223344" + "00".repeat(12)), /mark 0x11223344/, 0],
  [
    "another pcapng version",
    block(0x0a0d0d0a, "4d3c2b1a" + "02000000" + "ff".repeat(8)),
    /version 2, not 1/,
    0,
  ],
  ["a block that is too short", SECTION + "0600000010000000" + "00".repeat(8), /length of 16/, 28],
  ["a block of odd length", SECTION + "9900000011000000" + "00".repeat(12), /length of 17/, 28],
  ["an endless block", SECTION + "99000000fcffffff00000000", /length of 4294967292/, 28],
  [
    "two lengths",
    SECTION + "990000001000000000000000" + "14000000",
    /type 153 has the lengths 16 and 20/,
    28,
  ],
  [
    "an interface that was not described",
    SECTION + enhanced("01000000", "00000000", "00000000"),
    /names interface 1, the section has described 0/,
    28,
  ],
  [
    "a packet larger than its block",
    SECTION + description("0100") +
    block(6, "00".repeat(12) + "05000000" + "05000000" + "00000000"),
    /claims 5 bytes, its block has room for 4/,
    48,
  ],
  [
    "an option larger than its block",
    SECTION + description("0100", "00000000", "0200" + "0900" + "00000000"),
    /option 2 of a block runs over its end/,
    28,
  ],
];

for (const [name, file, message, position] of damages) {
  Deno.test(`readCapture() names the damage and its place for ${name}`, () => {
    assert.throws(() => [...readCapture(Uint8Array.fromHex(file))], (error) => {
      assert.ok(error instanceof CaptureError && error instanceof SyntaxError);
      assert.match(error.message, message);
      assert.ok(error.message.endsWith(`at byte ${position}`));
      assert.equal(error.position, position);
      return true;
    });
  });
}

Deno.test("the writers refuse times, lengths and interfaces out of range, and write nothing", () => {
  const pcap = new PcapWriter(), pcapng = new PcapngWriter();
  const before = [pcap.pendingBytes, pcapng.pendingBytes];
  const bad: CaptureRecord[] = [
    { data: RECORD, seconds: -1 },
    { data: RECORD, seconds: 1.5 },
    { data: RECORD, seconds: 2 ** 40 },
    { data: RECORD, nanoseconds: 1e9 },
    { data: RECORD, timestamp: -1n },
    { data: RECORD, originalLength: RECORD.length - 1 },
  ];
  for (const record of bad) {
    assert.throws(() => pcap.write(record), RangeError);
    assert.throws(() => pcapng.write(record), RangeError);
  }
  assert.throws(() => pcap.write({ data: RECORD, seconds: 2 ** 32 }), RangeError);
  assert.throws(() => pcapng.write({ data: RECORD, interfaceId: 1 }), {
    name: "RangeError",
    message: "Cannot write to interface 1: the file has 1",
  });
  assert.throws(() => pcap.writeBytes(RECORD, 50, 20, 0, 0), RangeError);
  assert.deepEqual([pcap.pendingBytes, pcapng.pendingBytes], before);
  const [shortest] = readCapture(writeCapture([{ data: RECORD }], { snapLength: 1 }));
  assert.equal(shortest.data.length, 1);
  for (const snapLength of [0, -1, 262_145]) {
    assert.throws(() => new PcapWriter({ snapLength }), RangeError);
  }
  assert.throws(() => new PcapWriter({ linkType: 65536 }), RangeError);
  assert.throws(() => new PcapngWriter({ interfaces: [{ linkType: -1 }] }), RangeError);
});

Deno.test("take() hands bytes over for good and goes on behind them", () => {
  const writer = new PcapngWriter();
  const id = writer.addInterface({ name: "vale0:b" });
  const first = writer.take(), copy = first.slice();
  const memory = new Uint8Array(4096);
  memory.set(RECORD, 2048);
  writer.writeBytes(memory, 2048, RECORD.length, 1, 2, 100, id);
  const second = writer.take();
  assert.deepEqual(first, copy);
  assert.equal(writer.take().length, 0);
  const file = new Uint8Array([...first, ...second]);
  assert.deepEqual([...readCapture(file)].map(plain), [
    expected({ data: RECORD, seconds: 1, nanoseconds: 2, originalLength: 100, interfaceId: 1 }),
  ]);
});

Deno.test("CapturedPacket shows itself in one line", () => {
  const file = writeCapture([{ data: RECORD, seconds: 5, nanoseconds: 42 }]);
  const [packet] = readCapture(file);
  assert.equal(
    Deno.inspect(packet),
    "CapturedPacket { 5.000000042 ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46 }",
  );
  const [raw] = readCapture(writeCapture([{ data: RECORD }], { linkType: LinkType.RAW }));
  assert.equal(`${raw}`, "link type 101, length 60");
});
