// What pkt-gen sends from end to end: fragments, captures, random lengths, whatever the buffers contain.
import assert from "node:assert/strict";
import { PacketTemplate, writeCapture } from "../../mod.ts";
import { KERNEL_FRAMES } from "./pkt_gen_kernel_frames.ts";
import { PktGenScene, totals } from "./pkt_gen_scene.ts";

Deno.test("what is sent arrives as netmap's packets", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const lines = KERNEL_FRAMES.filter(({ line }) =>
    /^(-l (4|6|1)|-s|-F|-S|-6 -s 2001:db8::1 -d|$)/.test(line)
  );
  assert.ok(lines.length > 8);
  for (const { line, frames, wrongChecksums } of lines) {
    const { out } = await scene.ok(`-i vale0:a -f tx -n ${frames.length} ${line}`);
    assert.equal(totals(out).packets, frames.length, line);
    const found = port.receiveFrames().map((frame) => frame.toHex());
    const expected = frames.map((frame) => frame.replaceAll("|", ""));
    // A bridge drops what is shorter than an Ethernet header; there is nothing shorter here
    if (wrongChecksums) {
      assert.deepEqual(found.map((hex) => hex.length), expected.map((hex) => hex.length), line);
    } else {
      assert.deepEqual(found, expected, line);
    }
  }
});

Deno.test("-F and -M make packets of several slots", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const rows: [line: string, bytes: number, slots: number][] = [
    ["-F 3", 60, 3],
    ["-l 1000 -F 2 -M 300", 1000, 4],
    ["-l 5000", 5000, 3],
    ["-l 5000 -s 10.0.0.1-10.0.0.9", 5000, 3],
    ["-l 65536", 65536, 32],
  ];
  for (const [line, bytes, slots] of rows) {
    const { out, err } = await scene.ok(`-i vale0:a -f tx -n 3 ${line}`);
    assert.deepEqual(totals(out), { packets: 3, bytes: 3 * bytes, events: 1 }, line);
    assert.match(err, new RegExp(`frags ${slots} frag_size `));
    const found: number[][] = [];
    for (const packet of port.receive()) found.push([packet.length, packet.fragments]);
    assert.deepEqual(found, Array.from({ length: 3 }, () => [bytes, slots]), line);
  }
  // rx counts packets, not slots
  const rx = await scene.start("-i vale0:c -f rx -n 3").ready();
  await scene.ok("-i vale0:a -f tx -n 3 -l 5000");
  const { packets, bytes } = totals((await rx.ended).out);
  assert.deepEqual([packets, bytes], [3, 15_000]);
});

Deno.test("a packet of more slots than netmap allows is refused with exit status 1", async () => {
  using scene = new PktGenScene();
  const { status, err, out } = await scene.run("-i vale0:a -f tx -n 1 -l 1500 -M 10");
  assert.equal(status, 1);
  assert.match(err, /^pkt-gen: Cannot send on "vale0:a": .*\(EMSGSIZE\)\nHint: .*150 slots.*64$/m);
  assert.match(out, /^Sent nothing\.$/m);
});

Deno.test("-X shows the packets of both sides", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:b -f rx -X -n 3").ready();
  const tx = await scene.ok("-i vale0:a -f tx -X -n 3 -F 2");
  const received = await rx.ended;
  const slots = (text: string): string[] =>
    [...text.matchAll(/^ring 0x[0-9a-f]+ cur +(\d+) \[buf +\d+ flags 0x(\w{4}) len +(\d+)\]$/gm)]
      .map((match) => match.slice(1).join(" "));
  assert.deepEqual(slots(tx.out), [
    "0 0020 30",
    "1 0000 30",
    "2 0020 30",
    "3 0000 30",
    "4 0020 30",
    "5 0000 30",
  ]);
  // The number of fragments is in the flags of what a bridge delivers
  assert.deepEqual(slots(received.out), [
    "0 0220 30",
    "1 0200 30",
    "2 0220 30",
    "3 0200 30",
    "4 0220 30",
    "5 0200 30",
  ]);
  const bytes = (text: string): string[] => text.match(/^ +\d+: .*$/gm)!;
  assert.deepEqual(bytes(tx.out), bytes(received.out));
  assert.match(tx.err, /--- SPECIAL OPTIONS:\n\n/);
});

Deno.test("-P sends the first packet of a capture file", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const folder = await Deno.makeTempDir();
  try {
    const first = PacketTemplate.tcp({ src: "1.2.3.4:5", dst: "6.7.8.9:10", length: 77 }).next();
    const file = `${folder}/packets.pcap`;
    for (const format of ["pcap", "pcapng"] as const) {
      await Deno.writeFile(
        file,
        writeCapture([{ data: first }, { data: new Uint8Array(60) }], { format }),
      );
      const { out } = await scene.ok(`-i vale0:a -f tx -n 2 -P ${file} -z`);
      assert.deepEqual(totals(out), { packets: 2, bytes: 154, events: 1 });
      assert.deepEqual(port.receiveFrames().map((frame) => frame.toHex()), [
        first.toHex(),
        first.toHex(),
      ]);
    }
    for (
      const [bytes, message] of [
        [new Uint8Array(100), /^pkt-gen: Cannot read packet file ".*": .*neither pcap nor pcapng/m],
        [writeCapture([]), /^pkt-gen: Cannot read packet file ".*": there is no packet in it$/m],
        [undefined, /^pkt-gen: Cannot read packet file ".*": No such file/m],
      ] as const
    ) {
      if (bytes === undefined) await Deno.remove(file);
      else await Deno.writeFile(file, bytes);
      const { status, err } = await scene.run(`-i vale0:a -f tx -n 2 -P ${file}`);
      assert.equal(status, 1);
      assert.match(err, message);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("random lengths are counted as they were sent, with and without headers that follow", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  for (const line of ["", "-o 4096", "-s 10.0.0.1-10.0.0.9", "-o 4096 -z"]) {
    const { out } = await scene.ok(`-i vale0:a -f tx -n 200 -b 10 -l 120 -l 60 ${line}`);
    const frames = port.receiveFrames();
    const lengths = frames.map((frame) => frame.length);
    assert.equal(totals(out).bytes, lengths.reduce((sum, length) => sum + length, 0), line);
    assert.ok(lengths.every((length) => length >= 60 && length < 120), line);
    assert.ok(new Set(lengths).size > 5, line);
    const follows = line.includes("4096");
    for (const frame of frames) {
      const ipLength = frame[16] << 8 | frame[17];
      assert.equal(ipLength, (follows ? frame.length : 120) - 14, line);
    }
  }
});

Deno.test("-r sends whatever the buffers contain", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const { err } = await scene.ok("-i vale0:a -f tx -n 2 -r -l 70");
  assert.deepEqual(port.receiveFrames().map((frame) => frame.toHex()), [
    "00".repeat(70),
    "00".repeat(70),
  ]);
  assert.match(err, /SPECIAL OPTIONS: rubbish /);
});

Deno.test("-o 4 copies the packet each time, with the same result", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  for (const line of ["-o 4", "-o 8", "-o 19"]) {
    await scene.ok(`-i vale0:a -f tx -n 3 ${line}`);
    assert.deepEqual(
      port.receiveFrames().map((frame) => frame.toHex()),
      new Array(3).fill(KERNEL_FRAMES[0].frames[0]),
    );
  }
});
