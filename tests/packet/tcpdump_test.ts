// The same files and packets through tcpdump: skipped, with the reason, where it is not installed.
import assert from "node:assert/strict";
import {
  type CaptureRecord,
  type CaptureWriterOptions,
  increment,
  PacketTemplate,
  random,
  range,
  readCapture,
  summary,
  writeCapture,
} from "../../packet/mod.ts";

const missing = await whyNotTcpdump();

async function whyNotTcpdump(): Promise<string | undefined> {
  const permission = await Deno.permissions.query({ name: "run", command: "tcpdump" });
  if (permission.state !== "granted") return "needs --allow-run=tcpdump";
  try {
    await new Deno.Command("tcpdump", { args: ["--version"], stdout: "null" }).output();
    return undefined;
  } catch (error) {
    return `tcpdump cannot be started: ${(error as Error).message}`;
  }
}

function testWithTcpdump(name: string, run: (directory: string) => Promise<void>): void {
  const title = missing === undefined ? name : `${name} (skipped: ${missing})`;
  Deno.test({
    name: title,
    ignore: missing !== undefined,
    async fn(): Promise<void> {
      const directory = await Deno.makeTempDir();
      try {
        await run(directory);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

/** What tcpdump prints about a file, line by line. */
async function tcpdump(file: string, ...options: string[]): Promise<string[]> {
  const command = new Deno.Command("tcpdump", { args: ["-n", ...options, "-r", file] });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout).trimEnd().split("\n");
}

const v4 = { src: "10.0.0.1:4000", dst: "10.0.0.2:5000" };
const v6 = { src: "[2001:db8::1]:4000", dst: "[2001:db8::2]:5000" };
const hosts4 = { src: "10.0.0.1", dst: "10.0.0.2" };
const hosts6 = { src: "2001:db8::1", dst: "2001:db8::2" };

/** Packets that summary() and tcpdump have the same words for. */
const frames: Uint8Array[] = [
  PacketTemplate.udp({ ...v4, length: 60 }).next(),
  PacketTemplate.udp({ ...v4, payload: "odd", vlan: 7 }).next(),
  PacketTemplate.udp({ ...v6, payload: "odd" }).next(),
  ...["", "S", "SA", "FA", "PA", "R", "RA", "A", "SEC", "FSRPAUEC"].flatMap((flags) => [
    PacketTemplate.tcp({ ...v4, flags, sequence: 7, acknowledgment: 9, window: 100 }).next(),
    PacketTemplate.tcp({ ...v6, flags, sequence: 0xffff_fff0, payload: "x".repeat(99) }).next(),
  ]),
  PacketTemplate.icmpEcho({ ...hosts4, identifier: 77, sequence: 5, payload: "odd" }).next(),
  PacketTemplate.icmpEcho({ ...hosts4, reply: true }).next(),
  PacketTemplate.icmpEcho({ ...hosts6, identifier: 77, sequence: 5, payload: "odd" }).next(),
  PacketTemplate.icmpEcho({ ...hosts6, reply: true }).next(),
  PacketTemplate.arp(hosts4).next(),
  PacketTemplate.arp({ ...hosts4, targetMac: "02:00:00:00:00:09" }).next(),
  PacketTemplate.arp({ ...hosts4, operation: "reply", dstMac: "02:00:00:00:00:09" }).next(),
  dns("1234010000010000000000" + "00" + "076578616d706c6503636f6d0000010001", "10.0.0.2:53"),
  dns(
    "1234818000010002000000" + "00" + "076578616d706c6503636f6d0000010001" +
      "c00c00050001000000050006" + "03777777c00c" + "c029001c0001000000050010" +
      "20010db8000000000000000000000009",
    "10.0.0.2:4000",
  ),
  tcpOptions("020405b4" + "0402" + "080a0000000700000000" + "01" + "030307"),
  tcpOptions("0101" + "050a0000000100000002" + "00" + "000000" + "00000000"),
  unreachable(),
  unreachable6(),
];

function dns(message: string, dst: string): Uint8Array {
  const src = dst.endsWith(":53") ? "10.0.0.1:4000" : "10.0.0.1:53";
  return PacketTemplate.udp({ src, dst, payload: Uint8Array.fromHex(message) }).next();
}

/** A SYN with 20 bytes of options. */
function tcpOptions(options: string): Uint8Array {
  const frame = PacketTemplate.tcp({
    ...v4,
    flags: "S",
    payload: Uint8Array.fromHex(options),
  }).next();
  frame[46] = 0xa0;
  return frame;
}

/** "Port unreachable" about a UDP packet, made out of an echo message. */
function unreachable(): Uint8Array {
  const about = PacketTemplate.udp({ ...v4, payload: "x" }).next().subarray(14, 43);
  const frame = PacketTemplate.icmpEcho({ ...hosts4, payload: about }).next();
  frame.set([3, 3], 34);
  return frame;
}

/** The same over IPv6. */
function unreachable6(): Uint8Array {
  const about = PacketTemplate.udp({ ...v6, payload: "x" }).next().subarray(14);
  const frame = PacketTemplate.icmpEcho({ ...hosts6, payload: about }).next();
  frame.set([1, 4], 54);
  frame.set([0, 0, 0, 0], 58);
  return frame;
}

const formats: [string, CaptureWriterOptions][] = [
  ["pcap with nanoseconds", {}],
  ["pcap with microseconds", { resolution: "microseconds" }],
  ["pcapng", { format: "pcapng", interfaces: [{ name: "vale0:a" }] }],
];

for (const [name, options] of formats) {
  testWithTcpdump(`summary() writes tcpdump's lines, read from ${name}`, async (directory) => {
    const file = `${directory}/capture`;
    await Deno.writeFile(file, writeCapture(frames.map((data) => ({ data })), options));
    const lines = frames.map((frame) => summary(frame).replace(/^vlan \d+, /, ""));
    assert.deepEqual(await tcpdump(file, "-t", "-S"), lines);
  });
}

testWithTcpdump("tcpdump finds the times of a nanosecond capture", async (directory) => {
  const records: CaptureRecord[] = [
    { data: frames[0], seconds: 1_700_000_000, nanoseconds: 1 },
    { data: frames[0], seconds: 2 ** 31 - 1, nanoseconds: 999_999_999 },
  ];
  for (const format of ["pcap", "pcapng"] as const) {
    const file = `${directory}/capture`;
    await Deno.writeFile(file, writeCapture(records, { format }));
    const lines = await tcpdump(file, "-tt", "--nano");
    assert.deepEqual(lines.map((line) => line.split(" ")[0]), [
      "1700000000.000000001",
      "2147483647.999999999",
    ]);
  }
});

testWithTcpdump("tcpdump finds all checksums of varying packets correct", async (directory) => {
  const vary = {
    srcPort: increment(4000),
    dst: range("10.0.0.1", "10.0.0.9"),
    id: random(0, 65535),
    length: random(60, 1514),
    payload: { offset: 3, bits: 32 as const, values: random(0, 2 ** 32 - 1) },
  };
  const packets = [
    ...PacketTemplate.udp({ ...v4, payload: "seven bytes", vary }).packets(200),
    ...PacketTemplate.tcp({
      ...v4,
      payload: "seven bytes",
      vary: { ...vary, length: range(80, 200) },
    })
      .packets(200),
    ...PacketTemplate.udp({
      ...v6,
      payload: "seven bytes",
      vary: { src: random("2001:db8::", "2001:db8::ffff"), length: random(90, 200) },
    }).packets(200),
  ];
  const file = `${directory}/capture`;
  await Deno.writeFile(file, writeCapture(packets.map((data) => ({ data }))));
  const text = (await tcpdump(file, "-vv")).join("\n");
  assert.doesNotMatch(text, /bad|incorrect|truncated|trailing/i);
  assert.equal(text.match(/udp sum ok|\(correct\)/g)?.length, 600);
});

testWithTcpdump("readCapture() reads a file that tcpdump has written", async (directory) => {
  const records = frames.map((data, seconds) => ({ data, seconds, nanoseconds: 123_456_789 }));
  const [from, to] = [`${directory}/from`, `${directory}/to`];
  await Deno.writeFile(from, writeCapture(records));
  for (
    const [option, nanoseconds] of [["--nano", 123_456_789], ["--micro", 123_456_000]] as const
  ) {
    await tcpdump(from, option, "-w", to);
    const packets = [...readCapture(await Deno.readFile(to))];
    assert.deepEqual(packets.map((packet) => packet.data.toHex()), frames.map((f) => f.toHex()));
    packets.forEach((packet, i) => {
      assert.deepEqual([packet.seconds, packet.nanoseconds], [i, nanoseconds]);
    });
  }
});
