// valet replay: schedules, models, and the command on the embedded engine and through the daemon.

import assert from "node:assert/strict";
import {
  type CaptureRecord,
  type CaptureWriterOptions,
  Netmap,
  type Port,
  writeCapture,
} from "../../mod.ts";
import { parseBandwidth, parseDelay, parseLoss, parseRate } from "../../cli/replay/models.ts";
import { Schedule, type ScheduleOptions } from "../../cli/replay/schedule.ts";
import { DaemonScene, until } from "./daemon_scene.ts";
import { MemoryContext } from "./memory_context.ts";
import { runProgram } from "../../cli/commander.ts";
import { program } from "../../cli/program.ts";

const MS = 1e6;

/** All times at which a schedule sends. */
function timesOf(
  timesMs: number[],
  lengths: number[],
  options: Partial<ScheduleOptions> = {},
): { times: number[]; schedule: Schedule; indices: number[] } {
  const recorded = {
    timesNs: Float64Array.from(timesMs, (ms) => ms * MS),
    lengths: Uint32Array.from(lengths),
  };
  const schedule = new Schedule(recorded, {
    pace: { kind: "recorded", speed: 1 },
    delay: undefined,
    loss: undefined,
    loops: 1,
    seed: 1,
    ...options,
  });
  const times: number[] = [], indices: number[] = [];
  while (schedule.advance()) {
    times.push(schedule.dueNs / MS);
    indices.push(schedule.index);
  }
  return { times, schedule, indices };
}

Deno.test("a schedule keeps recorded times, scales them, and lets nothing overtake", () => {
  const lengths = [100, 100, 100, 100];
  assert.deepEqual(timesOf([0, 1, 5, 4], lengths).times, [0, 1, 5, 5]);
  const pace = { kind: "recorded", speed: 2 } as const;
  assert.deepEqual(timesOf([0, 1, 5, 6], lengths, { pace }).times, [0, 0.5, 2.5, 3]);
});

Deno.test("a schedule's passes follow each other, with the mean gap between", () => {
  const { times, indices } = timesOf([0, 10, 20], [100, 100, 100], { loops: 2 });
  assert.deepEqual(times, [0, 10, 20, 30, 40, 50]);
  assert.deepEqual(indices, [0, 1, 2, 0, 1, 2]);
  assert.deepEqual(timesOf([0], [100], { loops: 2 }).times, [0, 0]);
});

Deno.test("a schedule has fixed rates in packets and in bits, with framing or without", () => {
  const pps = { kind: "packets", perSecond: 500 } as const;
  assert.deepEqual(timesOf([0, 0, 0], [60, 60, 60], { pace: pps }).times, [0, 2, 4]);
  const bits = { kind: "bits", perSecond: 8e6, framingBytes: 0 } as const;
  assert.deepEqual(timesOf([0, 0, 0], [1000, 500, 60], { pace: bits }).times, [0, 1, 1.5]);
  const ether = { ...bits, framingBytes: 24 };
  assert.deepEqual(timesOf([0, 0], [976, 500], { pace: ether }).times, [0, 1]);
});

Deno.test("delays are constant, uniform or exponential, the same for the same seed", () => {
  const count = 20_000;
  const times = Array.from({ length: count }, (_, i) => i * 1000), lengths = times.map(() => 60);
  const delays = (delay: ScheduleOptions["delay"]): number[] =>
    timesOf(times, lengths, { delay }).times.map((time, i) => time - times[i]);
  const mean = (all: number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;
  assert.ok(delays({ kind: "constant", ns: 20 * MS }).every((ms) => Math.abs(ms - 20) < 1e-6));
  const uniform = delays({ kind: "uniform", minNs: 10 * MS, maxNs: 30 * MS });
  assert.ok(uniform.every((ms) => ms >= 9.999 && ms <= 30.001));
  assert.ok(Math.abs(mean(uniform) - 20) < 0.2, `${mean(uniform)}`);
  const exponential = delays({ kind: "exponential", minNs: 10 * MS, meanNs: 15 * MS });
  assert.ok(exponential.every((ms) => ms >= 9.999));
  assert.ok(Math.abs(mean(exponential) - 15) < 0.2, `${mean(exponential)}`);
  // A third of all exponential delays are above the mean (1/e)
  const above = exponential.filter((ms) => ms > 15).length / count;
  assert.ok(Math.abs(above - Math.exp(-1)) < 0.02, `${above}`);
  assert.deepEqual(delays({ kind: "exponential", minNs: 10 * MS, meanNs: 15 * MS }), exponential);
});

Deno.test("losses are of packets or of bits, and leave the times of the others alone", () => {
  const times = Array.from({ length: 20_000 }, (_, i) => i), lengths = times.map(() => 125);
  const plr = timesOf(times, lengths, { loss: { kind: "packets", probability: 0.1 } });
  assert.ok(Math.abs(plr.schedule.lost / 20_000 - 0.1) < 0.01, `${plr.schedule.lost}`);
  assert.equal(plr.times.length, 20_000 - plr.schedule.lost);
  assert.ok(plr.times.every((time, i) => time === plr.indices[i]));
  // 1000 bits, each wrong with 0.0001
  const ber = timesOf(times, lengths, { loss: { kind: "bits", probability: 0.0001 } });
  const expected = 1 - (1 - 0.0001) ** 1000;
  assert.ok(Math.abs(ber.schedule.lost / 20_000 - expected) < 0.01, `${ber.schedule.lost}`);
  assert.equal(
    timesOf(times, lengths, { loss: { kind: "packets", probability: 1 } }).times.length,
    0,
  );
});

Deno.test("nmreplay's notation of links, delays and losses is read, and nothing else", () => {
  assert.deepEqual(parseBandwidth("real"), { kind: "recorded", speed: 1 });
  assert.deepEqual(parseBandwidth("real,2.5"), { kind: "recorded", speed: 2.5 });
  assert.deepEqual(parseBandwidth("10M"), { kind: "bits", perSecond: 1e7, framingBytes: 0 });
  assert.deepEqual(parseBandwidth("constant,1.5g"), {
    kind: "bits",
    perSecond: 1.5e9,
    framingBytes: 0,
  });
  assert.deepEqual(parseBandwidth("ether,1G"), { kind: "bits", perSecond: 1e9, framingBytes: 24 });
  assert.equal(parseRate("500k"), 500_000);
  assert.deepEqual(parseDelay("20m"), { kind: "constant", ns: 20 * MS });
  assert.deepEqual(parseDelay("constant,1"), { kind: "constant", ns: 1000 * MS });
  assert.deepEqual(parseDelay("uniform,10u,30u"), { kind: "uniform", minNs: 1e4, maxNs: 3e4 });
  const exponential = { kind: "exponential", minNs: 1e7, meanNs: 1.5e7 };
  assert.deepEqual(parseDelay("exp,15m,10m"), exponential);
  assert.deepEqual(parseDelay("exp,10m,15m"), exponential);
  assert.deepEqual(parseLoss("0.01"), { kind: "packets", probability: 0.01 });
  assert.deepEqual(parseLoss("plr,0.5"), { kind: "packets", probability: 0.5 });
  assert.deepEqual(parseLoss("ber,1e-6"), { kind: "bits", probability: 1e-6 });
  for (const text of ["", "fast", "real,0", "real,1,2", "10X", "ether", "constant,-1"]) {
    assert.throws(
      () => parseBandwidth(text),
      /^UsageError: Cannot use ".*" as -B: expected "real"/,
    );
  }
  for (const text of ["", "20x", "uniform,30m,10m", "uniform,1m", "gauss,1m,2m"]) {
    assert.throws(() => parseDelay(text), /^UsageError: Cannot use ".*" as -D: expected /);
  }
  for (const text of ["", "2", "ber", "burst,0.1"]) {
    assert.throws(() => parseLoss(text), /^UsageError: Cannot use ".*" as -L: expected /);
  }
  assert.throws(() => parseRate("0"), /Cannot use "0" as --rate/);
});

let count = 0;

/** An engine and a folder of a test's own. */
class Scene implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "valet-test-" });
  readonly instance = `replay ${++count}`;
  readonly netmap = Netmap.open({ backend: "embedded", instance: this.instance });

  /** Writes a capture of packets some milliseconds apart. */
  capture(
    name: string,
    frames: Uint8Array[],
    gapMs: number,
    format: "pcap" | "pcapng" = "pcap",
  ): void {
    const records = frames.map((data, i): CaptureRecord => ({
      data,
      timestamp: 1_700_000_000_000_000_000n + BigInt(Math.round(i * gapMs * MS)),
    }));
    Deno.writeFileSync(
      `${this.folder}/${name}`,
      writeCapture(records, { format } as CaptureWriterOptions),
    );
  }

  async run(line: string): Promise<{ status: number; out: string; err: string }> {
    const context = new MemoryContext({ instance: this.instance, cwd: this.folder });
    const status = await runProgram(program, ["replay", ...line.split(" ")], context);
    return { status, out: context.stdout.text, err: context.stderr.text };
  }

  [Symbol.dispose](): void {
    this.netmap.close();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

function frame(number: number, length = 60): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length).fill(number);
  bytes.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1]);
  return bytes;
}

async function receive(port: Port, frames: number): Promise<Uint8Array[]> {
  const got: Uint8Array[] = [];
  await until(`${port.name} has ${frames} frames`, () => {
    got.push(...port.receiveFrames());
    return got.length >= frames;
  });
  return got;
}

for (const format of ["pcap", "pcapng"] as const) {
  Deno.test(`valet replay sends a ${format} file in its order, no faster than recorded`, async () => {
    using scene = new Scene();
    using rx = scene.netmap.open("vale0:rx");
    const frames = Array.from({ length: 100 }, (_, i) => frame(i, 60 + i * 30));
    scene.capture("a.cap", frames, 2, format);
    const { status, out, err } = await scene.run("a.cap vale0:tx --json");
    assert.deepEqual([status, err], [0, ""]);
    assert.deepEqual(await receive(rx, 100), frames);
    const { packets, bytes, lost, seconds, lateNs } = JSON.parse(out);
    assert.deepEqual([packets, bytes, lost, lateNs.count], [100, 154_500, 0, 100]);
    assert.ok(seconds >= 0.198, `${seconds}`);
    assert.ok(lateNs.min >= 0);
  });
}

Deno.test("valet replay: nmreplay's -f and -i, a speed, loops and losses", async () => {
  using scene = new Scene();
  using rx = scene.netmap.open("vale0:rx");
  scene.capture("a.pcap", Array.from({ length: 100 }, (_, i) => frame(i)), 1);
  const { status, err } = await scene.run(
    "-f a.pcap -i vale0:tx -B real,100 --loop 5 -L plr,0.2 --seed 7",
  );
  assert.equal(status, 0, err);
  const [, sent, lost] =
    /^(\d+) packets sent, .*\n(\d+) packets lost, as --loss says\nLate by: n \1, /
      .exec(err) ?? assert.fail(err);
  assert.equal(Number(sent) + Number(lost), 500);
  assert.ok(Number(lost) > 50 && Number(lost) < 150);
  assert.equal((await receive(rx, Number(sent))).length, Number(sent));
});

Deno.test("valet replay waits for room, and loses nothing at a pipe", async () => {
  using scene = new Scene();
  using _parent = scene.netmap.open("vale0:p@conf:slots=32");
  using rx = scene.netmap.open("vale0:p}0");
  const frames = Array.from({ length: 250 }, (_, i) => frame(i));
  scene.capture("a.pcap", frames, 0);
  const [{ status, err }, got] = await Promise.all([
    scene.run("a.pcap vale0:p{0"),
    receive(rx, frames.length),
  ]);
  assert.equal(status, 0, err);
  assert.deepEqual(got, frames);
});

Deno.test("valet replay refuses what makes no sense with 2, what cannot be done with 1", async () => {
  using scene = new Scene();
  scene.capture("a.pcap", [frame(1)], 0);
  for (
    const [line, pattern] of [
      ["a.pcap", /^valet: It takes a capture file and a port/],
      ["a.pcap vale0:a more", /^error: too many arguments|^valet: .*too many arguments/],
      ["-f a.pcap -i vale0:a more", /^valet: Unexpected argument "more"/],
      ["a.pcap vale0:a --pps 5 --rate 1M", /^valet: --pps and --rate say different things/],
      ["a.pcap vale0:a --speed 0", /^valet: Cannot use 0 as --speed/],
      ["a.pcap vale0:a -D 5x", /^valet: Cannot use "5x" as -D: expected/],
      ["a.pcap vale0:a -b 0", /^valet: Cannot use 0 as --batch: expected 1 to 8192/],
      ["a.pcap eth0", /^valet: Cannot parse port name/],
    ] as const
  ) {
    const { status, err } = await scene.run(line);
    assert.equal(status, 2, err);
    assert.match(err, pattern);
  }
  Deno.writeTextFileSync(`${scene.folder}/text.pcap`, "not a capture, but a text of some length");
  scene.capture("empty.pcap", [], 0);
  for (
    const [line, pattern] of [
      ["none.pcap vale0:a", /Cannot read the capture ".*none\.pcap": No such file/],
      ["text.pcap vale0:a", /Cannot read the capture ".*text\.pcap": /],
      ["empty.pcap vale0:a", /Cannot read the capture ".*": there is no packet in it/],
      ["a.pcap netmap:nosuch", /Cannot open "nosuch": .*\nHint: /],
    ] as const
  ) {
    const { status, err } = await scene.run(line);
    assert.equal(status, 1, err);
    assert.match(err, pattern);
  }
});

Deno.test("valet replay as a process, until Ctrl-C", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const records = Array.from({ length: 20 }, (_, i) => ({ data: frame(i), seconds: i }));
  Deno.writeFileSync(scene.path("a.pcapng"), writeCapture(records, { format: "pcapng" }));
  const running = scene.spawn("replay", "--loop", "0", "--pps", "500", "a.pcapng", "vale0:tx");
  const rx = scene.spawn("pkt-gen", "-i", "vale0:rx", "-f", "rx", "-n", "50");
  assert.match((await rx.finish()).stdout, /^Received 50 packets 3000 bytes/m);
  running.process.kill("SIGINT");
  const { code, stderr } = await running.finish();
  assert.equal(code, 0);
  assert.match(stderr, /^\d+ packets sent, \d+ bytes in [\d.]+ s: /m);
});
