// ping and pong: probes, answers, and what became of each.
import assert from "node:assert/strict";
import fc from "fast-check";
import { buildFrame, headerBytes } from "../../cli/pkt_gen/frame.ts";
import { parseAddressRange, parseMacRange } from "../../cli/pkt_gen/ranges.ts";
import { probeOffset, Probes, writeProbe } from "../../cli/pkt_gen/probe.ts";
import { sleep } from "../../cli/sleep.ts";
import { PacketTemplate, type Port, verifyChecksums } from "../../mod.ts";
import { PktGenScene } from "./pkt_gen_scene.ts";

/** The figures of the last line. */
function figures(err: string): number[] {
  const match =
    /ping_body \[1566\] Answered (\d+) of (\d+): (\d+) lost (\d+) duplicates (\d+) out of order (\d+) other packets$/m
      .exec(err);
  assert.ok(match !== null, err);
  return match.slice(1).map(Number);
}

/** Takes what has come, waiting until there is something. */
async function frames(port: Port): Promise<Uint8Array[]> {
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(2)) {
    const found = port.receiveFrames();
    if (found.length > 0) return found;
  }
  return assert.fail("No frame has come");
}

Deno.test("ping and pong: a short run sums up all of its round trips (D9)", async () => {
  using scene = new PktGenScene();
  const pong = await scene.start("-i vale0:b -f pong").ready();
  const { out, err } = await scene.ok("-i vale0:a -f ping -n 20");
  assert.equal(out, "Working on vale0:a: 1 queues, 1 threads and 1 cpus.\n");
  const match = /ping_body \[1566\] RTT over 20 packets: min (\d+) av (\d+) ns$/m.exec(err);
  assert.ok(match !== null, err);
  const [min, mean] = match.slice(1).map(Number);
  assert.ok(min > 0 && mean >= min && mean < 60e9, match[0]);
  assert.match(err, /RTT percentiles: 50 \d+ 90 \d+ 99 \d+ 99\.9 \d+ max \d+ ns$/m);
  assert.deepEqual(figures(err), [20, 20, 0, 0, 0, 0]);
  const answered = await pong.stop();
  assert.equal(answered.status, 0);
  assert.equal(answered.out, "Working on vale0:b: 1 queues, 1 threads and 1 cpus.\n");
});

Deno.test("ping writes netmap's two lines each second", async () => {
  using scene = new PktGenScene();
  const pong = await scene.start("-i vale0:b -f pong").ready();
  const ping = await scene.start("-i vale0:a -f ping -R 1000").ready();
  await ping.says(/ping_body \[1549\]/);
  const { err } = await ping.stop();
  assert.match(err, /^\d{3}\.\d{6} ping_body \[1533\] count \d+ RTT: min \d+ av \d+ ns$/m);
  assert.match(err, /^\d{3}\.\d{6} ping_body \[1549\] k: \d+ \.\. \d+\n\t( +\d+)+$/m);
  await pong.stop();
});

Deno.test("pong -n ends after so many answers, and ping misses the others", async () => {
  using scene = new PktGenScene();
  const pong = await scene.start("-i vale0:b -f pong -n 3").ready();
  const { err } = await scene.ok("-i vale0:a -f ping -n 5 -b 5");
  assert.deepEqual(figures(err), [3, 5, 2, 0, 0, 0]);
  assert.match(err, /RTT over 3 packets/);
  assert.equal((await pong.ended).status, 0);
});

Deno.test("a probe is netmap's, and an answer that netmap would send counts", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const before = Math.floor(Date.now() / 1000);
  const ping = await scene.start("-i vale0:a -f ping -n 2").ready();
  for (let number = 0; number < 2; number++) {
    const [probe, ...more] = await frames(port);
    assert.equal(more.length, 0);
    assert.equal(
      probe.subarray(0, 42).toHex(),
      "ffffffffffff00000000000008004510002e00004000401126ad0a0000010a01000104d204d2001a1580",
    );
    const view = new DataView(probe.buffer);
    assert.equal(view.getUint32(42, true), number);
    const seconds = view.getUint32(46, true);
    assert.ok(seconds >= before && seconds <= before + 600);
    assert.ok(view.getUint32(50, true) < 1e9);
    assert.equal(probe.subarray(54).toHex(), "656e20444952");
    const answer = probe.slice();
    answer.set(probe.subarray(6, 12), 0);
    answer.set(probe.subarray(0, 6), 6);
    answer.set(probe.subarray(30, 34), 26);
    answer.set(probe.subarray(26, 30), 30);
    port.send(answer);
  }
  assert.deepEqual(figures((await ping.ended).err), [2, 2, 0, 0, 0, 0]);
});

Deno.test("answers that are lost, doubled, out of order or no answers are counted as such", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const ping = await scene.start("-i vale0:a -f ping -n 5 -b 5").ready();
  const probes = await frames(port);
  assert.equal(probes.length, 5);
  const [first, second, third, , fifth] = probes;
  const foreign = first.slice();
  foreign[42] = 77; // the number of a probe that was not sent
  const old = third.slice();
  old[50] ^= 1; // another time than was sent with it
  const arp = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next();
  port.sendMany([arp, foreign, old, second, first, second, fifth, third]);
  const { err } = await ping.ended;
  assert.deepEqual(figures(err), [4, 5, 1, 1, 2, 3]);
  assert.match(err, /RTT over 4 packets/);
});

Deno.test("an answer after more than 2.1 seconds is not negative (D9)", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const ping = await scene.start("-i vale0:a -f ping -n 1").ready();
  const [probe] = await frames(port);
  await sleep(2300);
  port.send(probe);
  const { err } = await ping.ended;
  const match = /RTT over 1 packets: min (\d+) av (\d+) ns/.exec(err);
  assert.ok(match !== null && Number(match[1]) > 2_200_000_000, err);
});

Deno.test("pong exchanges addresses, and leaves all else as it is", async () => {
  using scene = new PktGenScene();
  using port = scene.port("a");
  const pong = await scene.start("-i vale0:b -f pong").ready();
  const macs = { srcMac: "02:00:00:00:00:0a", dstMac: "ff:ff:ff:ff:ff:ff" };
  const udp = PacketTemplate.udp({
    ...macs,
    src: "1.2.3.4:5",
    dst: "6.7.8.9:10",
    payload: "hello",
  });
  const tcp = PacketTemplate.tcp({ ...macs, src: "[2001:db8::1]:5", dst: "[2001:db8::2]:6" });
  const arp = PacketTemplate.arp({ ...macs, src: "10.0.0.1", dst: "10.0.0.2" });
  const long = PacketTemplate.udp({ ...macs, src: "1.2.3.4:5", dst: "6.7.8.9:10", length: 5000 });
  for (const template of [udp, tcp, arp, long]) {
    const sent = template.next();
    port.send(sent);
    const [answer] = await frames(port);
    const expected = sent.slice();
    expected.set(sent.subarray(6, 12), 0);
    expected.set(sent.subarray(0, 6), 6);
    const [from, to, bytes] = template === tcp ? [22, 38, 16] : [26, 30, template === arp ? 0 : 4];
    expected.set(sent.subarray(to, to + bytes), from);
    expected.set(sent.subarray(from, from + bytes), to);
    assert.equal(answer.toHex(), expected.toHex());
    assert.deepEqual(verifyChecksums(answer), verifyChecksums(sent));
  }
  const { err } = await pong.stop();
  assert.match(err, /main_thread \[2781\]/);
});

Deno.test("ping -6 works", async () => {
  using scene = new PktGenScene();
  const pong = await scene.start("-i vale0:b -f pong").ready();
  const { err } = await scene.ok("-i vale0:a -f ping -6 -l 80 -n 5 -s 2001:db8::1 -d 2001:db8::2");
  assert.deepEqual(figures(err), [5, 5, 0, 0, 0, 0]);
  await pong.stop();
});

Deno.test("ping over a pipe loses nothing", async () => {
  using scene = new PktGenScene();
  const pong = await scene.start("-i vale0:x}1 -f pong").ready();
  const { err } = await scene.ok("-i vale0:x{1 -f ping -n 500 -b 50");
  assert.deepEqual(figures(err), [500, 500, 0, 0, 0, 0]);
  await pong.stop();
});

Deno.test("probeOffset() finds the payload of UDP packets only", () => {
  for (const family of [4, 6] as const) {
    const range = parseAddressRange(family === 4 ? "10.0.0.1" : "2001:db8::1", family);
    const mac = parseMacRange("2:0:0:0:0:1");
    const frame = buildFrame({
      family,
      bytes: 100,
      source: range,
      destination: range,
      sourceMac: mac,
      destinationMac: mac,
      payload: "direct",
    });
    const view = new DataView(frame.buffer), headers = headerBytes(family);
    assert.equal(probeOffset(view, 0, 100), headers);
    assert.equal(probeOffset(view, 0, headers + 12), headers);
    assert.equal(probeOffset(view, 0, headers + 11), -1);
    assert.equal(probeOffset(view, 0, 13), -1);
    writeProbe(view, headers, 1, 2, 3);
    assert.equal(frame.subarray(headers, headers + 12).toHex(), "010000000200000003000000");
    frame[family === 4 ? 23 : 20] = 6;
    assert.equal(probeOffset(view, 0, 100), -1);
  }
});

Deno.test("Probes counts as a simple model does, whatever comes back", () => {
  const event = fc.oneof(
    fc.constant("send" as const),
    fc.record({ number: fc.integer({ min: 0, max: 40 }), isForeign: fc.boolean() }),
  );
  fc.assert(fc.property(fc.array(event, { maxLength: 200 }), (events) => {
    const probes = new Probes();
    const answered = new Set<number>();
    let sent = 0, newest = -1, duplicates = 0, reordered = 0, strays = 0;
    const stamp = (number: number): number => (number * 7919) % 1e9;
    for (const event of events) {
      if (event === "send") {
        probes.send(stamp(sent++));
        continue;
      }
      const { number, isForeign } = event;
      const verdict = probes.receive(number, isForeign ? 999_999_999 : stamp(number));
      if (isForeign || number >= sent) {
        strays++;
        assert.equal(verdict, "stray");
      } else if (answered.has(number)) {
        duplicates++;
        assert.equal(verdict, "duplicate");
      } else {
        answered.add(number);
        assert.equal(verdict, number < newest ? "late" : "reply");
        if (number < newest) reordered++;
        newest = Math.max(newest, number);
      }
    }
    assert.deepEqual(
      [
        probes.sent,
        probes.answered,
        probes.lost,
        probes.duplicates,
        probes.reordered,
        probes.strays,
      ],
      [sent, answered.size, sent - answered.size, duplicates, reordered, strays],
    );
  }));
});

Deno.test("Probes knows the last 65,536 probes, beyond 2^32 too", () => {
  const probes = new Probes();
  for (let i = 0; i < 70_000; i++) probes.send(i);
  assert.equal(probes.receive(69_999, 69_999), "reply");
  assert.equal(probes.receive(4464, 4464), "late");
  assert.equal(probes.receive(4463, 4463), "stray");
  probes.sent = 2 ** 32 + 5;
  probes.send(11);
  assert.equal(probes.receive(5, 11), "reply");
  assert.equal(probes.receive(5, 11), "duplicate");
});
