// The packets of pkt-gen: those of netmap's pkt-gen, and right in the eyes of tcpdump.
import assert from "node:assert/strict";
import { buildFrame, headerBytes, varyFrame } from "../../cli/pkt_gen/frame.ts";
import { OptionBit } from "../../cli/pkt_gen/options.ts";
import { parseMacRange } from "../../cli/pkt_gen/ranges.ts";
import { cutPacket } from "../../cli/pkt_gen/writers.ts";
import { PacketView, verifyChecksums, writeCapture } from "../../mod.ts";
import { KERNEL_FRAMES } from "./pkt_gen_kernel_frames.ts";
import { optionsOf } from "./pkt_gen_scene.ts";

/** The first packets that the options give. */
function packets(line: string, count: number, sequence = false): Uint8Array[] {
  const options = optionsOf(line);
  const { family, bytes, source, destination, destinationMac, bits, leastBytes } = options;
  const sourceMac = options.sourceMac ?? parseMacRange("0:0:0:0:0:0");
  const frame = { family, bytes, source, destination, sourceMac, destinationMac };
  const first = buildFrame({ ...frame, payload: "direct" });
  const template = varyFrame(first, { ...frame, payload: "direct" }, {
    randomSource: (bits & OptionBit.RANDOM_SOURCE) !== 0,
    randomDestination: (bits & OptionBit.RANDOM_DESTINATION) !== 0,
    ...(leastBytes > 0 ? { leastBytes } : {}),
    sequence,
    seed: 7,
  });
  return Array.from({ length: count }, () => template?.next() ?? first);
}

/** Hexadecimal digits without those of the UDP checksum. */
function withoutChecksum(hex: string, family: 4 | 6): string {
  const at = (headerBytes(family) - 2) * 2;
  return hex.slice(0, at) + "...." + hex.slice(at + 4);
}

for (const { line, frames, wrongChecksums } of KERNEL_FRAMES) {
  Deno.test(`packets are netmap's for "${line}"`, () => {
    const { family } = optionsOf(line);
    const ours = packets(line, frames.length).map((packet) => packet.toHex());
    const theirs = frames.map((frame) => frame.replaceAll("|", ""));
    const view = (hex: string): string => wrongChecksums ? withoutChecksum(hex, family) : hex;
    assert.deepEqual(ours.map(view), theirs.map(view));
    for (const hex of ours) {
      const packet = Uint8Array.fromHex(hex);
      if (packet.length < headerBytes(family)) continue;
      const { ipv4, transport } = verifyChecksums(packet);
      assert.deepEqual([ipv4 ?? true, transport], [true, true], hex);
    }
    // So that a netmap that is mended makes this test fail, and its rows change
    if (wrongChecksums) assert.notDeepEqual(ours, theirs);
  });

  Deno.test(`packets are cut as netmap cuts them for "${line}"`, () => {
    const options = optionsOf(line);
    const { fragments, bytes } = cutPacket(options.bytes, options, 2048);
    for (const frame of frames) {
      const slots = frame.split("|");
      assert.equal(slots.length, fragments);
      for (const slot of slots.slice(0, -1)) assert.equal(slot.length / 2, bytes);
    }
  });
}

Deno.test("cutPacket() makes more fragments when one would be too long", () => {
  const cut = (bytes: number, line: string, buffer = 2048): number[] => {
    const { fragments, bytes: each } = cutPacket(bytes, optionsOf(line), buffer);
    return [fragments, each];
  };
  // As observed on netmap: -l 1000 -F 2 -M 300, -l 5000
  assert.deepEqual(cut(1000, "-F 2 -M 300"), [4, 300]);
  assert.deepEqual(cut(5000, ""), [3, 2048]);
  assert.deepEqual(cut(60, "-F 3"), [3, 20]);
  assert.deepEqual(cut(62, "-F 3"), [3, 20]); // the last one has the rest
  assert.deepEqual(cut(2048, ""), [1, 2048]);
  assert.deepEqual(cut(2049, ""), [2, 2048]);
  assert.deepEqual(cut(65536, ""), [32, 2048]);
  assert.deepEqual(cut(60, "-M 60"), [1, 60]);
  assert.deepEqual(cut(60, "-M 59"), [2, 59]);
});

Deno.test("a packet of each length from 16 to 2000 bytes has right checksums, where it has them", () => {
  for (const family of [4, 6] as const) {
    for (let bytes = 16; bytes <= 2000; bytes++) {
      const [packet] = packets(`-${family} -l ${bytes}`, 1);
      assert.equal(packet.length, bytes);
      if (bytes < headerBytes(family)) continue;
      const { ipv4, transport } = verifyChecksums(packet);
      assert.deepEqual([ipv4 ?? true, transport], [true, true], `${bytes}`);
    }
  }
});

Deno.test("random lengths go from the second -l to below the first, and headers follow", () => {
  const lengths = new Set<number>();
  for (const packet of packets("-l 70 -l 60 -o 4096", 1000)) {
    lengths.add(packet.length);
    // As netmap's: the same bytes as a packet of that length
    assert.equal(packet.toHex(), packets(`-l ${packet.length}`, 1)[0].toHex());
  }
  assert.deepEqual([...lengths].sort(), [60, 61, 62, 63, 64, 65, 66, 67, 68, 69]);
  assert.equal(packets("-l 60 -l 60 -o 4096", 3)[2].length, 60);
});

Deno.test("random addresses: those asked for change, the others do not", () => {
  const view = new PacketView();
  const seen = (line: string): string[] => {
    const values = packets(line, 64).map((packet) => {
      assert.deepEqual(verifyChecksums(packet).transport, true);
      view.attach(new DataView(packet.buffer), 0, packet.length);
      return [
        view.sourceAddress,
        view.sourcePort,
        view.destinationAddress,
        view.destinationPort,
      ];
    });
    return [0, 1, 2, 3].map((i) =>
      new Set(values.map((value) => value[i])).size > 32 ? "many" : "1"
    );
  };
  assert.deepEqual(seen("-z"), ["many", "many", "1", "1"]);
  assert.deepEqual(seen("-Z"), ["1", "1", "many", "many"]);
  assert.deepEqual(seen("-z -Z"), ["many", "many", "many", "many"]);
  assert.deepEqual(seen("-o 1536"), ["many", "many", "many", "many"]);
  assert.deepEqual(seen("-6 -l 80 -z"), ["many", "many", "1", "1"]);
  assert.deepEqual(seen("-6 -l 80 -Z -d 2@[2001:db8:0::1]:5"), ["1", "1", "many", "many"]);
  // A random source goes with a range of destinations
  assert.deepEqual(seen("-z -d 10.1.0.0:1-10.1.0.255:1"), ["many", "many", "many", "1"]);
});

Deno.test("random IPv6 addresses keep all groups but the one that counts", () => {
  for (const packet of packets("-6 -l 80 -z -s 3@[2001:db8:1:2:3:4:5:6]:7", 32)) {
    assert.match(packet.toHex().slice(44, 76), /^20010db80001....0003000400050006$/);
  }
});

Deno.test("a range in each group of an IPv6 address counts in that group only", () => {
  for (let group = 0; group < 8; group++) {
    const groups = [1, 2, 3, 4, 5, 6, 7, 8];
    const text = (groups: number[]): string => groups.map((group) => group.toString(16)).join(":");
    const end = groups.with(group, groups[group] + 2);
    const found = packets(`-6 -l 80 -s ${group}@[${text(groups)}]:7-[${text(end)}]:7`, 4)
      .map((packet) => {
        assert.equal(verifyChecksums(packet).transport, true);
        return packet.toHex().slice(44, 76).match(/..../g)!.map((text) => parseInt(text, 16));
      });
    const expected = [0, 1, 2, 0].map((i) => groups.with(group, groups[group] + i));
    assert.deepEqual(found, expected);
  }
});

Deno.test("ranges of MAC addresses step with each packet", () => {
  const macs = packets("-S 2:0:0:0:0:9-2:0:0:0:0:b -D 2:0:0:0:1:ff-2:0:0:0:2:0", 6)
    .map((packet) => [packet.toHex().slice(12, 24), packet.toHex().slice(0, 12)]);
  assert.deepEqual(macs.map(([source]) => source.slice(-2)), ["09", "0a", "0b", "09", "0a", "0b"]);
  assert.deepEqual(macs.map(([, to]) => to.slice(-4)), [
    "01ff",
    "0200",
    "01ff",
    "0200",
    "01ff",
    "0200",
  ]);
});

Deno.test("the sequence of txseq is netmap's, with its checksums", () => {
  // -f txseq on netmap 89607e14
  const numbered = packets("", 12, true).map((packet) => packet.toHex().slice(80, 92));
  assert.deepEqual(numbered.slice(0, 3), ["f85200000000", "f85100000001", "f85000000002"]);
  assert.equal(numbered[11], "f8470000000b");
});

const missing = await whyNotTcpdump();

async function whyNotTcpdump(): Promise<string | undefined> {
  try {
    await new Deno.Command("tcpdump", { args: ["--version"], stdout: "null" }).output();
    return undefined;
  } catch (error) {
    return `tcpdump cannot be started: ${(error as Error).message}`;
  }
}

Deno.test({
  name: "tcpdump finds nothing wrong with packets" + (missing ? ` (skipped: ${missing})` : ""),
  ignore: missing !== undefined,
  async fn(): Promise<void> {
    const lines = [
      "",
      "-l 1500 -s 10.0.0.1:1-10.0.0.3:9 -d 10.1.0.1:1-10.1.0.9:2",
      "-l 100 -l 42 -o 4096",
      "-z -Z",
      "-6 -l 100 -s [2001:db8::1]:1-[2001:db8::9]:3 -d 4@[2001:db8::]:5-[2001:db8:0:0:5::]:6",
      "-6 -l 100 -z -Z",
    ];
    const data = lines.flatMap((line) => packets(line, 50));
    const file = await Deno.makeTempFile({ suffix: ".pcap" });
    try {
      await Deno.writeFile(file, writeCapture(data.map((data) => ({ data }))));
      const { code, stdout } = await new Deno.Command("tcpdump", {
        args: ["-n", "-vv", "-r", file],
        stderr: "null",
      }).output();
      assert.equal(code, 0);
      const text = new TextDecoder().decode(stdout);
      assert.doesNotMatch(text, /bad/);
      assert.equal(text.match(/udp sum ok/g)?.length, data.length);
      // What it reads is what was asked for
      assert.match(text, /10\.0\.0\.3\.9 > 10\.1\.0\.1\.1: \[udp sum ok\]/);
      assert.match(text, /2001:db8::9\.3 > 2001:db8::\.5: \[udp sum ok\]/);
    } finally {
      await Deno.remove(file);
    }
  },
});
