// pkt-gen on the daemon: each line a process of its own.
import assert from "node:assert/strict";
import { DaemonScene, type Finished, type Running, until } from "./daemon_scene.ts";
import { totals } from "./pkt_gen_scene.ts";

/** A daemon of the test's own, whatever this machine's kernel has. */
function daemonScene(): DaemonScene {
  return new DaemonScene({ VALET_BACKEND: "daemon" });
}

/** Starts a pkt-gen; returns when its port is open. */
async function start(scene: DaemonScene, line: string): Promise<Running> {
  const running = scene.spawn("pkt-gen", ...line.split(" "));
  await until(`"pkt-gen ${line}" has opened its port`, () => / queues, /.test(running.stdout()));
  return running;
}

/** Runs a pkt-gen that has to succeed. */
async function run(scene: DaemonScene, line: string): Promise<Finished> {
  const finished = await scene.valet("pkt-gen", ...line.split(" "));
  assert.equal(finished.code, 0, finished.stderr);
  return finished;
}

Deno.test("on the daemon, tx and rx in two processes agree, and a third port gets the packets too", async () => {
  await using scene = daemonScene();
  const rx = await start(scene, "-i vale0:vi1 -f rx -n 900");
  const third = await start(scene, "-i vale0:vi2 -f rx -n 900");
  const { stdout } = await run(scene, "-i vale0:vi0 -f tx -n 900 -l 100");
  assert.deepEqual([totals(stdout).packets, totals(stdout).bytes], [900, 90_000]);
  for (const running of [rx, third]) {
    const received = await running.finish();
    assert.equal(received.code, 0, received.stderr);
    assert.deepEqual(
      [totals(received.stdout).packets, totals(received.stdout).bytes],
      [900, 90_000],
    );
  }
  assert.equal(await scene.ok("vale-ctl"), "");
});

Deno.test("on the daemon, the first pkt-gen starts it and says so in one line", async () => {
  await using scene = daemonScene();
  const { stderr } = await run(scene, "-i vale0:a -f tx -n 1");
  assert.equal(stderr.match(/^pkt-gen: started the valet daemon /gm)?.length, 1);
  assert.doesNotMatch((await run(scene, "-i vale0:a -f tx -n 1")).stderr, /started/);
});

Deno.test("on the daemon, SIGINT and SIGTERM end a pkt-gen with its summary and exit status 0", async () => {
  await using scene = daemonScene();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const rx = await start(scene, "-i vale0:b -f rx");
    const tx = await start(scene, "-i vale0:a -f tx -R 1000");
    rx.process.kill(signal);
    tx.process.kill(signal);
    const [received, sent] = [await rx.finish(), await tx.finish()];
    assert.deepEqual([received.code, sent.code], [0, 0]);
    assert.match(received.stdout, /^Received /m);
    assert.match(sent.stdout, /^Sent /m);
  }
  assert.equal(await scene.ok("vale-ctl"), "");
});

Deno.test("on the daemon, ping and pong in two processes", async () => {
  await using scene = daemonScene();
  const pong = await start(scene, "-i vale0:b -f pong");
  const { stderr } = await run(scene, "-i vale0:a -f ping -n 200");
  assert.match(stderr, /RTT over 200 packets: min [1-9]\d* av [1-9]\d* ns$/m);
  assert.match(stderr, /Answered 200 of 200: 0 lost 0 duplicates 0 out of order 0 other packets$/m);
  pong.process.kill("SIGINT");
  assert.equal((await pong.finish()).code, 0);
});

Deno.test("on the daemon, txseq and rxseq over a pipe miss nothing", async () => {
  await using scene = daemonScene();
  const rx = await start(scene, "-i vale0:x{1 -f rxseq -W");
  const tx = await start(scene, "-i vale0:x}1 -f txseq -R 20000 -X");
  // Packets are shown as they are sent
  await until("some packets are sent", () => tx.stdout().length > 20_000);
  tx.process.kill("SIGINT");
  const [sent, received] = [await tx.finish(), await rx.finish()];
  assert.deepEqual([sent.code, received.code], [0, 0], sent.stderr + received.stderr);
  assert.equal(totals(received.stdout).packets, totals(sent.stdout).packets);
  assert.match(received.stderr, /Sequence: 0 missing in 0 gaps 0 out of order$/m);
});

Deno.test("on the daemon, several threads and rings", async () => {
  await using scene = daemonScene();
  const rx = await start(scene, "-i vale0:b@conf:rings=2 -f rx -n 801 -p 2");
  const { stdout } = await run(scene, "-i vale0:a@conf:rings=2 -f tx -n 801 -p 2");
  assert.equal(totals(stdout).packets, 801);
  assert.equal(totals((await rx.finish()).stdout).packets, 801);
});

Deno.test("a pkt-gen whose daemon is killed fails at once, with cause and exit status 1", async () => {
  await using scene = daemonScene();
  const rx = await start(scene, "-i vale0:b -f rx");
  const tx = await start(scene, "-i vale0:a -f tx -R 1000");
  const pid = await scene.pid();
  assert.ok(pid !== undefined);
  Deno.kill(pid, "SIGKILL");
  for (const running of [rx, tx]) {
    const { code, stdout, stderr } = await running.finish();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^pkt-gen: Cannot \w+ (from|on )?.*"vale0:[ab]": .*\(E\w+\)/m);
    assert.match(stdout, /^(Sent|Received) /m);
  }
});
