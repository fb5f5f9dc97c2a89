// What pkt-gen's options mean, and which of them make no sense.
import assert from "node:assert/strict";
import { UsageError } from "../../cli/context.ts";
import { getopt } from "../../cli/getopt.ts";
import { getoptString } from "../../cli/notation.ts";
import { perform } from "../../cli/perform.ts";
import { pktGenCommand } from "../../cli/pkt_gen.ts";
import { cpuOf, OptionBit, type Options, readOptions } from "../../cli/pkt_gen/options.ts";
import { describeRange, parseAddressRange, parseMacRange } from "../../cli/pkt_gen/ranges.ts";
import { mostThreads, queuesOf, ringOf } from "../../cli/pkt_gen/rings.ts";
import { RegisterMode } from "../../mod.ts";
import { MemoryContext } from "./memory_context.ts";
import { optionsOf, words } from "./pkt_gen_scene.ts";

/** Command lines without -i, and what they set. */
const TABLE: readonly (readonly [line: string, expected: Partial<Options>])[] = [
  ["", {
    device: "netmap",
    name: "vale0:a",
    run: "rx",
    count: 0,
    bytes: 60,
    leastBytes: 0,
    burst: 512,
    isDefaultBurst: true,
    family: 4,
    sourceMac: undefined,
    bits: 0,
    cpu: undefined,
    cpus: 1,
    threads: 1,
    reportMs: 1000,
    waitSeconds: 0,
    leaveWhenSilent: false,
    ratePps: 0,
    headerBytes: 0,
    packetFile: undefined,
    fragments: 1,
    fragmentBytes: undefined,
    scaled: true,
    framingBits: 0,
    shape: undefined,
    verbose: 0,
  }],
  ["-f tx", { run: "tx" }],
  ["-ftx -n100", { run: "tx", count: 100 }],
  ["-f rx -n 18014398509", { count: 18014398509 }],
  ["-f ping", { run: "ping", burst: 1 }],
  ["-f pong", { run: "pong", burst: 1 }],
  ["-f ping -b 8", { burst: 8, isDefaultBurst: false }],
  ["-f txseq", { run: "txseq" }],
  ["-f rxseq -f tx", { run: "tx" }],
  ["-l 1500", { bytes: 1500, leastBytes: 0 }],
  ["-l 1500 -l 100", { bytes: 1500, leastBytes: 100 }],
  ["-l 1500 -l 100 -l 200", { bytes: 1500, leastBytes: 200 }],
  ["-b 32", { burst: 32, isDefaultBurst: false }],
  ["-b 0", { burst: 512, isDefaultBurst: true }],
  ["-6", { family: 6 }],
  ["-6 -4", { family: 4 }],
  ["-a 3 -c 2 -p 4", { cpu: 3, cpus: 2, threads: 4 }],
  ["-c 0", { cpus: 4 }],
  ["-T 100 -w 5 -W", { reportMs: 100, waitSeconds: 5, leaveWhenSilent: true }],
  // netmap's: burst = min(burst, rate / 300), at least 1
  ["-R 1000", { ratePps: 1000, burst: 3 }],
  ["-R 20000", { burst: 66 }],
  ["-R 100", { burst: 1 }],
  ["-R 1000000 -b 10", { burst: 10 }],
  ["-X -r -I -z -Z -A", { bits: 64 | 256 | 32 | 512 | 1024 | 2048 }],
  ["-o 4 -o 4096", { bits: OptionBit.COPY | OptionBit.UPDATE_CHECKSUM }],
  ["-o 12 -X", { bits: 76 }],
  ["-H 12", { headerBytes: 12 }],
  ["-f tx -P file.pcap", { packetFile: "file.pcap" }],
  ["-F 4 -M 100", { fragments: 4, fragmentBytes: 100 }],
  ["-N -B -vv", { scaled: false, framingBits: 192, verbose: 2 }],
  ["-C 64", { shape: { txSlots: 64, rxSlots: 64, txRings: 0, rxRings: 0 } }],
  ["-C 64,128", { shape: { txSlots: 64, rxSlots: 128, txRings: 0, rxRings: 0 } }],
  ["-C 64,128,2", { shape: { txSlots: 64, rxSlots: 128, txRings: 2, rxRings: 2 } }],
  ["-C 64,128,2,3", { shape: { txSlots: 64, rxSlots: 128, txRings: 2, rxRings: 3 } }],
  ["-i null -f tx", { device: "null", waitSeconds: 0 }],
  ["-i tap:x", { device: "tap", name: "x", waitSeconds: 2 }],
  ["-i tap0 -f tx", { device: "tap", name: "tap0" }],
  ["-i eth0", { device: "netmap", name: "netmap:eth0", givenName: "eth0", waitSeconds: 2 }],
  ["-i netmap:eth0-2/T", { device: "netmap", name: "netmap:eth0-2/T", waitSeconds: 2 }],
  ["-i netmap:tap0", { device: "netmap", name: "netmap:tap0" }],
  ["-i vale1:x{3@conf:slots=16", { name: "vale1:x{3@conf:slots=16", waitSeconds: 0 }],
];

for (const [line, expected] of TABLE) {
  Deno.test(`pkt-gen reads "${line}"`, () => {
    const options = optionsOf(line);
    for (const key of Object.keys(expected) as (keyof Options)[]) {
      assert.deepEqual(options[key], expected[key], key);
    }
  });
}

/** Malformed command lines, without -i, and what is said. */
const MALFORMED: readonly (readonly [line: string, message: RegExp])[] = [
  ["-q", /^invalid option -- 'q'/],
  ["-n", /^option requires an argument -- 'n'/],
  ["--rate 5", /^invalid option -- 'rate'\nHint: Options have one letter/],
  ["-f foo", /^-f: unrecognised function foo\nHint: .*txseq/],
  ["-n 10k", /^-n: '10k' is not a whole number/],
  ["-n -1", /^-n: '-1' is not/],
  ["-n 1e6", /^-n/],
  ["-n 99999999999999999999", /^-n/],
  ["-l 8", /^-l: '8' is not a whole number from 16 to 65536/],
  ["-l 65537", /^-l/],
  ["-l 60 -l 61", /^-l: '61' is not a whole number from 16 to 60/],
  ["-b x", /^-b/],
  ["-d 10.0.0", /^Cannot parse address range '10\.0\.0'\nHint: It looks like/],
  ["-s 10.0.0.1:70000", /port '70000' is not from 0 to 65535/],
  ["-s 10.0.0.1-2", /^Cannot parse address range/],
  ["-s 2001:db8::1", /^Cannot (parse|use) /],
  ["-6 -s 10.0.0.1", /^Cannot parse address range/],
  ["-6 -s [2001:db8::1", /^Cannot parse address range/],
  ["-6 -s 8@2001:db8::1", /group 8 is not from 0 to 7/],
  ["-6 -s 2001:db8::1-2001:db8:1::2", /differ outside group 7\nHint: One group counts/],
  ["-6 -s 3@2001:db8::1-4@2001:db8::2", /the same group/],
  ["-D foo", /^Cannot parse MAC address 'foo'\nHint: It looks like/],
  ["-S 02:00:00:00:00", /^Cannot parse MAC address/],
  ["-D 02:00:00:00:00:01-x", /^Cannot parse MAC address/],
  ["-a 4", /^-a: '4' is not a whole number from 0 to 3/],
  ["-c 5", /^-c: '5' is not a whole number from 0 to 4/],
  ["-p 0", /^-p: '0' is not a whole number from 1/],
  ["-T 0", /^-T/],
  ["-w x", /^-w/],
  ["-R 1.5", /^-R: '1\.5' is not a whole number/],
  ["-H 11", /^-H: a virtio-net header has 0, 10 or 12 bytes, not 11/],
  ["-F 0", /^-F: '0' is not a whole number from 1 to 63/],
  ["-F 64", /^-F/],
  ["-f tx -l 16 -F 20", /^-F: 16 bytes cannot be cut into 20 fragments/],
  ["-f tx -l 100 -l 60 -F 2", /^-F: fragments and random lengths/],
  ["-f tx -I -F 2", /^-F: an indirect packet/],
  ["-M 0", /^-M/],
  ["-C 1,2,3,4,5", /^-C: '1,2,3,4,5' is not tx_slots/],
  ["-C x", /^-C/],
  ["-o 128", /^-o: there is no bit 128/],
  ["-o 8192", /^-o/],
  ["-f ping -p 2", /^-p: ping works with one thread/],
  ["-f pong -p 2", /^-p: pong/],
  ["-f txseq -p 2", /^-p: txseq/],
  ["-f ping -l 53", /^-l: ping needs at least 54 bytes/],
  ["-f ping -6", /^-l: ping with -6 needs at least 74 bytes/],
  ["-f txseq -l 45", /^-l: txseq needs at least 46 bytes/],
  ["-f txseq -6", /^-l: txseq with -6 needs at least 66 bytes/],
  ["-f txseq -P x", /^-P goes with -f tx/],
  ["-f tx -l 41 -s 10.0.0.1:1-10.0.0.1:2", /^-l: a range of ports needs at least 42 bytes/],
  ["-f tx -l 33 -z", /^-l: varying addresses need at least 34 bytes/],
  ["-f tx -l 65536 -z", /^-l: varying addresses need at most 65535 bytes/],
  ["-f tx -l 60 -l 41 -o 4096", /^-l: -o 4096 needs at least 42 bytes/],
  ["-f ping -i null", /^-f ping does not work on 'null'/],
  ["-f rxseq -i tap0", /^-f rxseq does not work on 'tap0'/],
  ["-p 2 -i tap0", /^-p: 'tap0' has one queue/],
  ["-i tap:abcdefghijklmnop", /longer than 15 bytes/],
];

for (const [line, message] of MALFORMED) {
  Deno.test(`pkt-gen refuses "${line}" with exit status 2`, async () => {
    assert.throws(() => optionsOf(line), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
    const context = new MemoryContext({ program: "pkt-gen" });
    const status = await perform(pktGenCommand, {}, words(`-i vale0:a -c 1 ${line}`), context);
    assert.equal(status, 2);
    assert.equal(context.stdout.text, "");
    assert.match(context.stderr.text, /^pkt-gen: .*\n(.*\n)*Usage: pkt-gen -i <port>/);
  });
}

Deno.test("pkt-gen has netmap's options", () => {
  const sorted = (text: string): string => text.match(/\w:?/g)!.sort().join(" ");
  const theirs = "46a:f:F:Nn:i:Il:d:s:D:S:b:c:o:p:T:w:WvR:XC:H:rP:zZAhBM:";
  assert.equal(sorted(getoptString(pktGenCommand)), sorted(theirs));
});

Deno.test("pkt-gen needs -i, and takes nothing else", async () => {
  for (
    const [line, message] of [["-f tx", /missing ifname/], ["-i a b", /Unexpected argument 'b'/]]
  ) {
    const context = new MemoryContext({ program: "pkt-gen" });
    assert.equal(await perform(pktGenCommand, {}, words(line as string), context), 2);
    assert.match(context.stderr.text, message as RegExp);
  }
});

Deno.test("pkt-gen refuses what is no port name with exit status 2", async () => {
  for (const name of ["vale0:", "vale0:a@conf:rings=x", "netmap:a b"]) {
    const context = new MemoryContext({ program: "pkt-gen" });
    assert.equal(await perform(pktGenCommand, {}, ["-i", name, "-f", "tx"], context), 2);
    assert.match(context.stderr.text, /^pkt-gen: Cannot parse port name: (.*\n)+Usage: pkt-gen/);
  }
});

Deno.test("pkt-gen -h shows all options on stdout and exits 0", async () => {
  for (const line of ["-h", "--help", "-i vale0:a -n 5 -h"]) {
    const context = new MemoryContext({ program: "pkt-gen" });
    assert.equal(await perform(pktGenCommand, {}, words(line), context), 0);
    for (const letter of getoptString(pktGenCommand).replaceAll(":", "")) {
      assert.match(context.stdout.text, new RegExp(`^  -${letter}[ \n]`, "m"));
    }
    assert.equal(context.stderr.text, "");
  }
});

Deno.test("pkt-gen -i pcap:x says that there is no libpcap, with exit status 1", async () => {
  const context = new MemoryContext({ program: "pkt-gen" });
  assert.equal(await perform(pktGenCommand, {}, words("-i pcap:eth0 -f tx"), context), 1);
  assert.match(context.stderr.text, /libpcap is not used here\nHint: .*"netmap:eth0"/);
});

Deno.test("options that go together with a letter are one", () => {
  const { options } = getopt(words("-i vale0:a -WvNn5"), getoptString(pktGenCommand));
  const read = readOptions(options, 1);
  assert.deepEqual([read.leaveWhenSilent, read.verbose, read.scaled, read.count], [
    true,
    1,
    false,
    5,
  ]);
});

Deno.test("threads take one CPU after the other, from -a on, as many as -c says", () => {
  const cpus = (line: string): number[] =>
    [0, 1, 2, 3, 4].map((thread) => cpuOf(thread, optionsOf(line), 4));
  assert.deepEqual(cpus("-a 2 -p 5"), [2, 3, 0, 1, 2]);
  assert.deepEqual(cpus("-a 2 -c 2 -p 5"), [2, 3, 2, 3, 2]);
  assert.deepEqual(cpus("-a 3 -c 1 -p 5"), [3, 3, 3, 3, 3]);
  assert.deepEqual(cpus("-a 1 -c 0 -p 5"), [1, 2, 3, 0, 1]);
});

Deno.test("each thread opens a ring; host rings only if the name asks for them", () => {
  const { ALL_NIC, NIC_SW, SW, ONE_NIC, ONE_SW } = RegisterMode;
  const rings = (mode: RegisterMode): string[] =>
    [0, 1, 2].map((thread) => {
      const { index, host } = ringOf(thread, mode, 2);
      return `${index}${host ? "^" : ""}`;
    });
  assert.deepEqual(rings(ALL_NIC), ["0", "1", "2"]);
  assert.deepEqual(rings(NIC_SW), ["0", "1", "0^"]);
  assert.deepEqual(rings(SW), ["0^", "1^", "2^"]);
  assert.deepEqual(ringOf(0, NIC_SW), { index: 0, host: false });
  const counts = { tx: 2, rx: 3, hostTx: 1, hostRx: 2 };
  const most = (isSender: boolean): number[] =>
    [ALL_NIC, ONE_NIC, NIC_SW, SW, ONE_SW].map((mode) =>
      mostThreads(queuesOf(counts, isSender), mode)
    );
  assert.deepEqual(most(true), [2, 2, 3, 1, 1]);
  assert.deepEqual(most(false), [3, 3, 5, 2, 2]);
});

Deno.test("ranges are described in netmap's words", () => {
  const rows: [text: string, family: 4 | 6, expected: string][] = [
    ["10.0.0.1", 4, "range is 10.0.0.1:1234 to 10.0.0.1:1234"],
    ["10.0.0.1:5", 4, "range is 10.0.0.1:5 to 10.0.0.1:5"],
    ["10.0.0.1:0x10", 4, "range is 10.0.0.1:16 to 10.0.0.1:16"],
    ["10.0.0.1:5-10.0.0.9", 4, "range is 10.0.0.1:5 to 10.0.0.9:5"],
    ["10.0.0.1-10.0.0.9:7", 4, "range is 10.0.0.1:7 to 10.0.0.9:1234"],
    ["10.0.0.3:9-10.0.0.1:7", 4, "range is 10.0.0.1:7 to 10.0.0.3:9"],
    ["2001:db8::1", 6, "range is 7@[2001:db8::1]:1234 to 7@[2001:db8::1]:1234"],
    ["[2001:db8::1]", 6, "range is 7@[2001:db8::1]:1234 to 7@[2001:db8::1]:1234"],
    [
      "5@[2001:db8:1:2:3:4:5:6]:7-[2001:db8:1:2:3:6:5:6]:8",
      6,
      "range is 5@[2001:db8:1:2:3:4:5:6]:7 to 5@[2001:db8:1:2:3:6:5:6]:8",
    ],
    ["[2001:db8::9]:8-[2001:db8::1]:7", 6, "range is 7@[2001:db8::1]:7 to 7@[2001:db8::9]:8"],
    ["::", 6, "range is 7@[::]:1234 to 7@[::]:1234"],
  ];
  for (const [text, family, expected] of rows) {
    assert.equal(describeRange(parseAddressRange(text, family)), expected);
  }
});

Deno.test("MAC addresses may be short, and ranges go upward", () => {
  const { text, first, last } = parseMacRange("2:0:0:0:0:ff-02:00:00:00:00:0a");
  assert.deepEqual([text, first, last], [
    "2:0:0:0:0:ff-02:00:00:00:00:0a",
    0x0200_0000_000a,
    0x0200_0000_00ff,
  ]);
});
