// valet ports, stats, table: what other processes have made and counted in the daemon.

import assert from "node:assert/strict";
import { DaemonScene, until } from "./daemon_scene.ts";

interface PortLine {
  name: string;
  kind: string;
  portIndex: number;
  txPackets: number;
  txBytes: number;
  rxPackets: number;
  dropped: number;
  drops: Record<string, number>;
  perSecond: { txPackets: number; txBits: number };
}

interface Ports {
  backend: string;
  ports: PortLine[];
}

/** Interfaces vi0, vi1 ... on vale0. */
async function attach(scene: DaemonScene, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await scene.ok("vale-ctl", "-n", `vi${i}`, "-C", "256");
    await scene.ok("vale-ctl", "-a", `vale0:vi${i}`);
  }
}

Deno.test("valet ports says so when there are none, and starts no daemon for that", async () => {
  await using scene = new DaemonScene();
  const { code, stdout, stderr } = await scene.valet("ports");
  assert.deepEqual({ code, stdout, stderr }, {
    code: 0,
    stdout: "",
    stderr: "No daemon runs, so there are no ports\n",
  });
  assert.deepEqual(await scene.json("ports"), { backend: "embedded", ports: [] });
  assert.equal(await scene.pid(), undefined);
});

Deno.test("valet ports lists what other processes have made, with its shape", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 2);
  const { backend, ports } = await scene.json<Ports>("ports");
  assert.equal(backend, "daemon");
  assert.deepEqual(ports.map(({ name, kind, portIndex }) => [name, kind, portIndex]), [
    ["vale0:vi0", "persistent", 0],
    ["vale0:vi1", "persistent", 1],
  ]);
  const [title, line] = (await scene.ok("ports")).split("\n");
  assert.match(title, /^PORT +INDEX +KIND +OPEN +RINGS +SLOTS +MEMORY$/);
  assert.match(line, /^vale0:vi0 +0 +persistent +0 +1 \/ 1 +256 \/ 256 +10\.8 MiB$/);

  await scene.ok("vale-ctl", "-d", "vale0:vi0");
  const lines = (await scene.ok("ports")).trimEnd().split("\n");
  assert.match(lines[1], /^vale0:vi1 +1 +persistent/);
  assert.match(lines[2], /^vi0 {2,}persistent +0 +1 \/ 1 +256 \/ 256 +10\.8 MiB$/, "on no bridge");
  const stats = await scene.json<{ ports: { name: string }[] }>("stats");
  assert.deepEqual(stats.ports.map(({ name }) => name), ["vale0:vi1", "vi0"]);
});

Deno.test("valet stats counts packets, bytes and drops by cause", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 2);
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  const { ports: [sender, receiver] } = await scene.json<Ports>("stats");
  assert.deepEqual([sender.txPackets, sender.txBytes, sender.dropped], [10, 600, 0]);
  assert.deepEqual([receiver.rxPackets, receiver.dropped, receiver.drops.notOpen], [0, 10, 10]);
  const lines = (await scene.ok("stats", "vale0:vi1")).trimEnd().split("\n");
  assert.equal(lines.length, 2);
  assert.match(lines[1], /^vale0:vi1 +0 +0 +0 +0 +10 +notOpen 10$/);
  assert.equal((await scene.json<Ports>("stats", "vale0")).ports.length, 2);
});

Deno.test("valet stats of what does not exist fails and says what helps", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 1);
  const { code, stderr } = await scene.valet("stats", "vale0:vi9");
  assert.equal(code, 1);
  assert.match(stderr, /^valet: Cannot show "vale0:vi9": there is no such port or bridge\nHint: /);
});

Deno.test("valet stats --watch shows what is added in each interval", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 2);
  await scene.script("send_frames.ts", "vale0:vi0", "5");
  const watching = scene.spawn("stats", "--watch", "--json", "--interval", "0.05");
  const lines = (): { seconds: number; ports: PortLine[] }[] =>
    watching.stdout().split("\n").slice(0, -1).map((line) => JSON.parse(line));
  await until("it watches", () => lines().length > 0);
  await scene.script("send_frames.ts", "vale0:vi0", "100");
  await until("the packets are seen", () => lines().at(-1)!.ports[0].txPackets === 105);
  watching.process.kill("SIGINT");
  const { code } = await watching.finish();
  assert.equal(code, 0, "Ctrl-C is how it ends");
  // What was there before is not counted, and nothing twice
  const added = lines().reduce(
    (sum, { seconds, ports }) => sum + ports[0].perSecond.txPackets * seconds,
    0,
  );
  assert.ok(Math.abs(added - 100) < 5, `${added}`);
});

Deno.test("valet stats --watch ends after --count intervals", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 1);
  const text = await scene.ok("stats", "--watch", "--interval", "0.01", "--count", "3");
  assert.equal(text.match(/^\d\d:\d\d:\d\d$/gm)?.length, 3);
  assert.equal(text.match(/^ {2}vale0:vi0 +0 pps/gm)?.length, 3);
});

Deno.test("valet table shows who is behind which port, and --flush forgets them", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 2);
  await scene.script("send_frames.ts", "vale0:vi1", "1", "02:00:00:00:00:0b");
  const table = await scene.json<{ entries: { mac: string; port: number; interface: string }[] }>(
    "table",
    "vale0",
  );
  assert.deepEqual(table.entries.map(({ mac, port, interface: name }) => [mac, port, name]), [
    ["02:00:00:00:00:0b", 1, "vi1"],
  ]);
  assert.match(await scene.ok("table", "vale0:"), /^02:00:00:00:00:0b {2}vi1$/m);
  assert.equal(await scene.ok("table", "--flush", "vale0"), "vale0 has forgotten 1 station\n");
  const { code, stdout, stderr } = await scene.valet("table", "vale0");
  assert.deepEqual([code, stdout, stderr], [0, "", "vale0 knows no stations\n"]);
});

Deno.test("valet table of a bridge that does not exist fails, of what is no bridge is malformed", async () => {
  await using scene = new DaemonScene();
  await attach(scene, 1);
  const missing = await scene.valet("table", "vale9");
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /^valet: Cannot read "vale9": .* \(ENXIO\)\nHint: A bridge exists while/,
  );
  assert.equal((await scene.valet("table", "eth0")).code, 2);
  assert.equal((await scene.valet("table")).code, 2);
});
