// bridge: netmap's bridge on the embedded engine and through the daemon.

import assert from "node:assert/strict";
import { bridgeCommand } from "../../cli/bridge.ts";
import { Netmap, type Port } from "../../mod.ts";
import { DaemonScene, until } from "./daemon_scene.ts";
import { RunningCommand } from "./running_command.ts";

let count = 0;

/** An engine of a test's own, and a bridge command on it. */
class Scene implements Disposable {
  readonly instance = `bridge ${++count}`;
  readonly netmap = Netmap.open({ backend: "embedded", instance: this.instance });

  start(line: string): RunningCommand {
    return new RunningCommand(bridgeCommand, line.split(" "), {
      program: "bridge",
      instance: this.instance,
    });
  }

  [Symbol.dispose](): void {
    this.netmap.close();
  }
}

/** A frame whose bytes tell its number. */
function frame(number: number, length = 60): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length).fill(number);
  bytes.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1]);
  return bytes;
}

/** Waits until a port has received so many frames; returns them. */
async function receive(port: Port, frames: number): Promise<Uint8Array[]> {
  const got: Uint8Array[] = [];
  await until(`${port.name} has ${frames} frames`, () => {
    got.push(...port.receiveFrames());
    return got.length >= frames;
  });
  return got;
}

Deno.test("bridge joins two switches, with frames of any length, both ways", async () => {
  using scene = new Scene();
  using a = scene.netmap.open("vale0:a"), b = scene.netmap.open("vale1:b");
  const running = await scene.start("-w 0 -i vale0:x -i vale1:x").says(/Ready to go/);
  const sent = [60, 255, 256, 257, 1514, 2048, 9000].map((length, i) => frame(i + 1, length));
  for (const bytes of sent) a.send(bytes);
  assert.deepEqual(await receive(b, sent.length), sent);
  for (const bytes of sent) b.send(bytes);
  assert.deepEqual(await receive(a, sent.length), sent);
  const { status, out, err } = await running.stop();
  assert.deepEqual([status, out], [0, ""]);
  assert.equal(
    err.replace(/^\d{3}\.\d{6} /gm, ""),
    "main [292] ------- zerocopy NOT supported\n" +
      "main [299] Wait 0 secs for link to come up...\n" +
      "main [301] Ready to go, vale0:x 0x0/1 <-> vale1:x 0x0/1.\n",
  );
});

for (const [option, zeroCopy] of [["", true], [" -c", false]] as const) {
  Deno.test(`bridge${option} ${zeroCopy ? "exchanges the buffers of" : "copies between"} pipes of one port`, async () => {
    using scene = new Scene();
    using _parent = scene.netmap.open("vale0:p");
    using a = scene.netmap.open("vale0:p}0"), b = scene.netmap.open("vale0:p}1");
    const running = await scene.start(`-w 0${option} -i vale0:p{0 -i vale0:p{1`).says(/Ready/);
    assert.equal(/zerocopy supported/.test(running.err), zeroCopy);
    const slot = a.txRings[0].head, buffer = a.txRings[0].bufferIndex(slot);
    a.send(frame(7));
    await until("it has come", () => {
      b.rxSync();
      return b.waiting === 1;
    });
    const ring = b.rxRings[0];
    assert.deepEqual(ring.bytes(ring.head).subarray(0, 60), frame(7));
    assert.equal(ring.bufferIndex(ring.head) === buffer, zeroCopy);
    assert.equal((await running.stop()).status, 0);
  });
}

Deno.test("bridge moves packets between switches without a copy where the ports share memory", async () => {
  using scene = new Scene();
  using a = scene.netmap.open("vale0:a"), b = scene.netmap.open("vale1:b");
  // x and y are told to share the memory of a port that is there already
  using _owner = scene.netmap.open("vale2:owner");
  const running = await scene.start("-w 0 vale0:x@share=vale2:owner vale1:y@share=vale2:owner")
    .says(/Ready/);
  assert.match(running.err, /------- zerocopy supported\n/);
  const sent = Array.from({ length: 3000 }, (_, i) => frame(i & 255, 60 + i % 1400));
  for (let at = 0; at < sent.length; at += 300) {
    const part = sent.slice(at, at + 300);
    for (const bytes of part) a.send(bytes);
    assert.deepEqual(await receive(b, part.length), part);
  }
  assert.equal((await running.stop()).status, 0);
});

Deno.test("bridge loses nothing to a pipe that is slow to be read", async () => {
  using scene = new Scene();
  using _parent = scene.netmap.open("vale0:p@conf:slots=32");
  using a = scene.netmap.open("vale0:p}0"), b = scene.netmap.open("vale0:p}1");
  const running = await scene.start("-w 0 -b 3 vale0:p{0 vale0:p{1").says(/Ready/);
  const frames = Array.from({ length: 250 }, (_, i) => frame(i));
  const [sent, got] = await Promise.all([a.sendAll(frames), receive(b, frames.length)]);
  assert.equal(sent, frames.length);
  assert.deepEqual(got, frames);
  await running.stop();
});

Deno.test("bridge -L sends back what a port receives", async () => {
  using scene = new Scene();
  using a = scene.netmap.open("vale0:a");
  const running = await scene.start("-w 0 -L -i vale0:x").says(/Ready/);
  assert.match(running.err, /same interface, loopbacking traffic/);
  a.send(frame(3));
  assert.deepEqual(await receive(a, 1), [frame(3)]);
  await running.stop();
});

Deno.test("bridge -v says what it moves, -v -v each packet", async () => {
  using scene = new Scene();
  using a = scene.netmap.open("vale0:a"), b = scene.netmap.open("vale1:b");
  const running = await scene.start("-w 0 -vv vale0:x vale1:x").says(/Ready/);
  a.send(frame(3));
  await receive(b, 1);
  const { err } = await running.stop();
  assert.match(
    err,
    /rings_move \[104\] vale0:x:nic --> vale1:x:nic: fwd len 60, rx\[0\] -> tx\[0\]\n/,
  );
  assert.match(
    err,
    /rings_move \[131\] vale0:x:nic --> vale1:x:nic fwd 1 packets: rxring 0 --> txring 0\n/,
  );
});

Deno.test("bridge uses its defaults for a burst or a wait that cannot be, as netmap's does", async () => {
  using scene = new Scene();
  const running = scene.start("-b 9000 -w 101 -i vale0:x -i vale1:x -i vale2:x");
  await running.says(/Wait 4 secs/);
  const { status, err } = await running.stop();
  assert.equal(status, 0);
  assert.match(err, /vale2:x ignored, already have 2 interfaces\n/);
  assert.match(err, /invalid burst 9000, set to 1024\n/);
  assert.match(err, /invalid wait_link 101, set to 4\n/);
});

Deno.test("bridge: malformed commands have status 2, ports that are not to be had 1", async () => {
  using scene = new Scene();
  for (
    const [line, pattern] of [
      ["-w 0", /^bridge: missing interface\nHint: .*\nUsage: bridge /],
      ["-i vale0:x -b many", /^bridge: -b: 'many' is not a whole number from 0 /],
      ["-i eth0", /^bridge: Cannot parse port name: .*\n {2}eth0\n/],
      ["-q", /^bridge: invalid option -- 'q'\n/],
      ["a b 1 c", /^bridge: Unexpected argument 'c'/],
    ] as const
  ) {
    const { status, err } = await scene.start(line).ended;
    assert.equal(status, 2, err);
    assert.match(err, pattern);
  }
  const { status, err } = await scene.start("-w 0 -i vale0:x").ended;
  assert.equal(status, 1);
  assert.match(
    err,
    /endpoint 0 goes to host\nbridge: Cannot open "vale0:x": .*EINVAL.*\nHint: .*host rings/s,
  );
});

Deno.test("bridge as a process joins two switches of the daemon until Ctrl-C", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const running = scene.spawn("bridge", "-w", "0", "-i", "vale0:x", "-i", "vale1:x");
  const rx = scene.spawn("pkt-gen", "-i", "vale1:rx", "-f", "rx", "-n", "500");
  await until("both are there", async () => {
    const ports = await scene.ok("vale-ctl");
    return ["vale0:x ", "vale1:x ", "vale1:rx "].every((name) => ports.includes(name));
  });
  await scene.ok("pkt-gen", "-i", "vale0:tx", "-f", "tx", "-n", "500");
  const { code, stdout, stderr } = await rx.finish();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Received 500 packets 30000 bytes/m);
  running.process.kill("SIGINT");
  assert.equal((await running.finish()).code, 0);
});
