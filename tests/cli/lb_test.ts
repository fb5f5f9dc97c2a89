// lb: netmap's load balancer on the embedded engine and through the daemon.

import assert from "node:assert/strict";
import { lbCommand } from "../../cli/lb.ts";
import { Netmap, PacketTemplate, type Port } from "../../mod.ts";
import { DaemonScene, until } from "./daemon_scene.ts";
import { RunningCommand } from "./running_command.ts";

let count = 0;

/** An engine of a test's own, and an lb on it. */
class Scene implements Disposable {
  readonly instance = `lb ${++count}`;
  readonly netmap = Netmap.open({ backend: "embedded", instance: this.instance });

  start(line: string): RunningCommand {
    return new RunningCommand(lbCommand, line.split(" "), {
      program: "lb",
      instance: this.instance,
    });
  }

  [Symbol.dispose](): void {
    this.netmap.close();
  }
}

/** A frame of a flow; its payload tells its number. */
function frame(flow: number, number = 0, back = false): Uint8Array<ArrayBuffer> {
  const a = `10.0.${flow >> 8}.${flow & 255}:${1000 + flow}`, b = "10.1.0.1:80";
  const payload = new Uint8Array([number, flow]);
  return PacketTemplate.udp({ src: back ? b : a, dst: back ? a : b, payload }).next().slice();
}

/** Waits until ports have so many frames together; returns the frames of each. */
async function receive(ports: Port[], frames: number): Promise<Uint8Array[][]> {
  const got: Uint8Array[][] = ports.map(() => []);
  await until(`there are ${frames} frames`, () => {
    ports.forEach((port, i) => got[i].push(...port.receiveFrames()));
    return got.flat().length >= frames;
  });
  return got;
}

function total(out: string): string | undefined {
  return /^\d+ packets forwarded\. {2}\d+ packets dropped\. Total \d+$/m.exec(out)?.[0];
}

Deno.test("lb sends both directions of each flow to one pipe, in their order, unchanged", async () => {
  using scene = new Scene();
  using tx = scene.netmap.open("vale0:tx");
  const running = await scene.start("-w 0 -i vale0:in -p 3").says(/pipe #3/);
  const pipes = [0, 1, 2].map((i) => scene.netmap.open(`vale0:in}${i}`));
  const flows = Array.from({ length: 40 }, (_, i) => i);
  const sent = [0, 1, 2].flatMap((n) => flows.map((flow) => frame(flow, n, n === 1)));
  await running.until("it is there", () => scene.netmap.ports().length === 2);
  for (const bytes of sent) tx.send(bytes);
  const got = await receive(pipes, sent.length);
  for (const frames of got) {
    assert.ok(frames.length > 0);
    const mine = new Set(frames.map((bytes) => bytes[43]));
    assert.deepEqual(frames, sent.filter((bytes) => mine.has(bytes[43])));
  }
  const { status, out, err } = await running.stop();
  assert.deepEqual([status, out], [0, "120 packets forwarded.  0 packets dropped. Total 120\n"]);
  assert.match(err, /opening pipe named vale0:in\{0\/xT@\d+\n/);
  assert.match(err, /successfully opened pipe #1 vale0:in\{0\/xT@\d+ \(tx slots: 1024\)\n/);
});

Deno.test("lb keeps the fragments of a long frame together", async () => {
  using scene = new Scene();
  using tx = scene.netmap.open("vale0:tx");
  const running = await scene.start("-w 0 -i vale0:in -p 2").says(/pipe #2/);
  const pipes = [0, 1].map((i) => scene.netmap.open(`vale0:in}${i}`));
  const long = Uint8Array.from({ length: 9000 }, (_, i) => i);
  long.set(frame(5).subarray(0, 42));
  for (let i = 0; i < 20; i++) {
    tx.send(long);
    tx.send(frame(i));
  }
  const got = await receive(pipes, 40);
  assert.equal(got.flat().filter((bytes) => bytes.length === 9000).length, 20);
  for (const bytes of got.flat().filter(({ length }) => length === 9000)) {
    assert.deepEqual(bytes, long);
  }
  assert.equal(
    total((await running.stop()).out),
    "40 packets forwarded.  0 packets dropped. Total 40",
  );
});

Deno.test("lb: each group of pipes gets all packets, when the one before has released them", async () => {
  using scene = new Scene();
  using tx = scene.netmap.open("vale0:tx");
  const running = await scene.start("-w 0 -i vale0:in -p 2 -p ids:1 -p 1").says(/pipe #4/);
  assert.match(
    running.err,
    /pipe named vale0:in\{0\/.*vale0:in\{1\/.*netmap:ids\{0\/.*vale0:in\{2\//s,
  );
  const first = [0, 1].map((i) => scene.netmap.open(`vale0:in}${i}`));
  const rest = ["netmap:ids}0", "vale0:in}2"].map((name) => scene.netmap.open(name));
  const sent = Array.from({ length: 3000 }, (_, i) => frame(i % 50, i & 255));
  const key = (frames: Uint8Array[]): string[] => frames.map((bytes) => `${bytes}`).sort();
  for (let at = 0; at < sent.length; at += 500) {
    const part = sent.slice(at, at + 500);
    for (const bytes of part) tx.send(bytes);
    assert.deepEqual(key((await receive(first, part.length)).flat()), key(part));
    for (const port of rest) {
      assert.deepEqual(key((await receive([port], part.length))[0]), key(part));
    }
  }
  assert.equal(
    total((await running.stop()).out),
    "9000 packets forwarded.  0 packets dropped. Total 9000",
  );
});

Deno.test("lb drops what a pipe has no room for; with -B it waits in extra buffers", async () => {
  for (const [extra, forwarded] of [[0, 31], [100, 128], [1000, 200]]) {
    using scene = new Scene();
    using tx = scene.netmap.open("vale0:tx");
    const running = scene.start(`-w 0 -i vale0:in@conf:tx-slots=32 -p 1 -B ${extra} -o 1`);
    await running.says(/pipe #1/);
    using pipe = scene.netmap.open("vale0:in}0");
    const counts = (): Record<string, number> =>
      JSON.parse(running.out.trim().split("\n").at(-1) || "{}");
    for (let i = 0; i < 200; i++) tx.send(frame(1, i));
    await running.until("it says so", () => counts().packets_received === 200);
    const lines = running.out.trim().split("\n").map((line) => JSON.parse(line));
    const [last] = lines.slice(-2);
    assert.equal(last.packets_forwarded, 31);
    assert.equal(last.packets_dropped, 200 - forwarded);
    assert.equal(last.overflow_queue_size, forwarded - 31);
    assert.equal(counts().free_buffer_slots, extra - (forwarded - 31));
    const frames = (await receive([pipe], forwarded))[0];
    assert.equal(frames.length, forwarded);
    // What has waited longest is dropped first, as in netmap's lb
    assert.deepEqual(frames.slice(0, 31), Array.from({ length: 31 }, (_, i) => frame(1, i)));
    if (extra > 0) assert.deepEqual(frames.at(-1), frame(1, 199));
    const { err } = await running.stop();
    if (extra > 0) assert.match(err, new RegExp(`obtained ${extra} extra buffers\n`));
    assert.match(err, new RegExp(`added ${extra} buffers to netmap free list\n`));
  }
});

Deno.test("lb -o prints netmap's JSON, a line a pipe and one for all", async () => {
  using scene = new Scene();
  using tx = scene.netmap.open("vale0:tx");
  const running = await scene.start("-w 0 -i vale0:in -p 2 -o 1").says(/pipe #2/);
  await running.until("it is there", () => scene.netmap.ports().length === 2);
  for (let i = 0; i < 10; i++) tx.send(frame(i));
  const broken = frame(1);
  broken[14] = 0x44; // a header of 16 bytes
  tx.send(broken);
  await running.until("all are counted", () => running.out.includes('"packets_received":11'));
  const { out } = await running.stop();
  const lines = out.trim().split("\n").filter((line) => line.startsWith("{"));
  assert.equal(lines.length % 3, 0);
  const [pipe, , all] = lines.slice(-3);
  assert.match(
    pipe,
    /^\{"ts":\d+\.\d{6},"interface":"vale0:in\{0\/xT@\d+","output_ring":0,"packets_forwarded":\d+,"packets_dropped":0,"data_forward_rate_Mbps":\d+\.\d{4},"data_drop_rate_Mbps":0\.0000,"packet_forward_rate_kpps":\d+\.\d{4},"packet_drop_rate_kpps":0\.0000,"overflow_queue_size":0\}$/,
  );
  assert.match(
    all,
    /^\{"ts":\d+\.\d{6},"interface":"vale0:in","output_ring":null,"packets_received":11,"packets_forwarded":11,"packets_dropped":0,"non_ip_packets":1,"data_forward_rate_Mbps":\d+\.\d{4},"data_drop_rate_Mbps":0\.0000,"packet_forward_rate_kpps":\d+\.\d{4},"packet_drop_rate_kpps":0\.0000,"free_buffer_slots":0\}$/,
  );
});

Deno.test("lb: malformed commands have status 2, a pipe that is taken 1", async () => {
  using scene = new Scene();
  for (
    const [line, pattern] of [
      ["-w 0", /^lb: missing interface name\nHint: .*\nUsage: lb /],
      ["-i vale0:in -p 0", /^lb: -p: invalid number of pipes '0' \(must be at least 1\)\n/],
      ["-i vale0:in -p :2", /^lb: -p: missing prefix before ':' in ':2'\n/],
      ["-i vale0:in -B x", /^lb: -B: 'x' is not a whole number from 0 /],
      ["-i vale0:in more", /^lb: Unexpected argument 'more'\n/],
      ["-x", /^lb: invalid option -- 'x'\n/],
    ] as const
  ) {
    const { status, err } = await scene.start(line).ended;
    assert.equal(status, 2, err);
    assert.match(err, pattern);
  }
  using _in = scene.netmap.open("vale0:in");
  using _pipe = scene.netmap.open("vale0:in{1");
  const { status, err } = await scene.start("-w 0 -i vale0:in").ended;
  assert.equal(status, 1);
  assert.match(err, /lb: Cannot open "vale0:in\{1": .*EBUSY.*\nHint: /);
});

Deno.test("lb as a process spreads what another process sends to two more", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const running = scene.spawn("lb", "-w", "0", "-i", "vale0:in", "-B", "500");
  await until("it is there", async () => (await scene.ok("vale-ctl")).includes("vale0:in "));
  const line = ["pkt-gen", "-i", "vale0:tx", "-f", "tx", "-n", "400", "-R", "3000"];
  await scene.ok(...line, "-s", "10.0.0.1:1-10.0.0.100:1");
  const all = ["vale0:in}0", "vale0:in}1"].map((name) =>
    scene.spawn("pkt-gen", "-i", name, "-f", "rx", "-W", "-w", "0")
  );
  const received = (await Promise.all(all.map((rx) => rx.finish()))).map(({ stdout, stderr }) =>
    Number(/^Received (\d+) packets/m.exec(stdout)?.[1] ?? assert.fail(stderr))
  );
  assert.equal(received[0] + received[1], 400);
  running.process.kill("SIGINT");
  const { code, stdout } = await running.finish();
  assert.deepEqual([code, total(stdout)], [
    0,
    "400 packets forwarded.  0 packets dropped. Total 400",
  ]);
  assert.ok(received.every((packets) => packets > 100));
});

Deno.test("lb -W and -b pass everything on; -s hands its statistics to logger(1)", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "valet-lb-" });
  try {
    // There may be no syslog here, so what would write there notes what it is given
    const noted = `${folder}/noted`;
    Deno.writeTextFileSync(
      `${folder}/logger`,
      `#!/bin/sh\n{ echo "$@"; cat; } >>${noted}\n`,
      { mode: 0o755 },
    );
    await using scene = new DaemonScene({ PATH: `${folder}:${Deno.env.get("PATH")}` });
    await scene.ok("daemon", "start");
    const running = scene.spawn(
      ...["lb", "-w", "0", "-i", "vale0:in", "-p", "1", "-W", "-b", "1", "-s", "1"],
    );
    await until("it is there", async () => (await scene.ok("vale-ctl")).includes("vale0:in "));
    await scene.ok("pkt-gen", "-i", "vale0:tx", "-f", "tx", "-n", "50", "-R", "1000");
    const received = await scene.ok("pkt-gen", "-i", "vale0:in}0", "-f", "rx", "-W", "-w", "0");
    assert.match(received, /^Received 50 packets/m);
    const text = (): string => {
      try {
        return Deno.readTextFileSync(noted);
      } catch {
        return "";
      }
    };
    await until("it is told", () => Promise.resolve(text().includes('"packets_received":50')));
    running.process.kill("SIGINT");
    const { code, stdout } = await running.finish();
    assert.deepEqual([code, total(stdout)], [
      0,
      "50 packets forwarded.  0 packets dropped. Total 50",
    ]);
    assert.match(text(), /local1\.info/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
