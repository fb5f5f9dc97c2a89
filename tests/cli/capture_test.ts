// valet capture: packets of a port as lines and as files.

import assert from "node:assert/strict";
import { type CaptureRecord, readCapture } from "../../mod.ts";
import { DaemonScene, type Running, until } from "./daemon_scene.ts";

/** Starts a capture, and returns when its port is there. */
async function startCapture(scene: DaemonScene, ...args: string[]): Promise<Running> {
  const running = scene.spawn("capture", ...args);
  await until("the port is there", async () => {
    const { ports } = await scene.json<{ ports: { name: string }[] }>("ports");
    return ports.some(({ name }) => name === "vale0:tap");
  });
  return running;
}

function read(path: string): CaptureRecord[] {
  return [...readCapture(Deno.readFileSync(path))].map(({ data, originalLength, seconds }) => ({
    data: data.slice(),
    originalLength,
    seconds,
  }));
}

for (const format of ["pcap", "pcapng"]) {
  Deno.test(`valet capture writes a ${format} file, and ends after --count packets`, async () => {
    await using scene = new DaemonScene();
    await scene.ok("daemon", "start");
    const begin = Math.floor(Date.now() / 1000);
    const running = await startCapture(scene, "-c", "3", "-s", "64", "vale0:tap", `out.${format}`);
    await scene.script(
      "send_frames.ts",
      "vale0:a",
      "10",
      "02:00:00:00:00:0a",
      "ff:ff:ff:ff:ff:ff",
      "100",
    );
    const { code, stdout, stderr } = await running.finish();
    assert.deepEqual([code, stdout, stderr], [0, "", "3 packets captured\n"]);
    const records = read(scene.path(`out.${format}`));
    assert.deepEqual(records.map(({ data, originalLength }) => [data.length, originalLength]), [
      [64, 100],
      [64, 100],
      [64, 100],
    ]);
    for (const { data, seconds } of records) {
      assert.deepEqual([...data.subarray(0, 12)], [
        255,
        255,
        255,
        255,
        255,
        255,
        2,
        0,
        0,
        0,
        0,
        10,
      ]);
      assert.ok(seconds! >= begin && seconds! <= Date.now() / 1000);
    }
  });
}

Deno.test("valet capture shows packets as lines until Ctrl-C", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const running = await startCapture(scene, "vale0:tap");
  await scene.script("send_frames.ts", "vale0:a", "2");
  await until("both are shown", () => running.stdout().split("\n").length === 3);
  running.process.kill("SIGINT");
  const { code, stdout, stderr } = await running.finish();
  assert.deepEqual([code, stderr], [0, "2 packets captured\n"]);
  for (const line of stdout.trimEnd().split("\n")) {
    assert.match(
      line,
      /^\d\d:\d\d:\d\d\.\d{6} IP 10\.0\.0\.1\.1 > 10\.0\.0\.2\.2: UDP, length 18$/,
    );
  }
});

Deno.test("valet capture shows what another process receives, through a monitor", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const receiver = await startCapture(scene, "vale0:tap");
  const monitor = scene.spawn("capture", "-c", "2", "vale0:tap/r");
  await until("the monitor has seen two", async () => {
    await scene.script("send_frames.ts", "vale0:a", "1");
    return monitor.stdout().split("\n").length === 3;
  });
  assert.deepEqual((await monitor.finish()).stderr, "2 packets captured\n");
  receiver.process.kill("SIGINT");
  assert.equal((await receiver.finish()).code, 0);
});

Deno.test("valet capture - writes pcapng to a pipe, packet by packet", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const line = `'${Deno.execPath()}' run -A '${
    new URL("../../cli/main.ts", import.meta.url).pathname
  }' capture -c 1 vale0:tap - | cat > piped.pcapng`;
  const running = scene.spawnProgram("sh", "-c", line);
  await until("the port is there", async () => (await scene.ok("ports")).includes("vale0:tap"));
  await scene.script("send_frames.ts", "vale0:a", "1");
  assert.equal((await running.finish()).code, 0);
  assert.equal(read(scene.path("piped.pcapng")).length, 1);
});

Deno.test("valet capture ends after --seconds without packets", async () => {
  await using scene = new DaemonScene();
  const { code, stderr } = await scene.valet(
    "capture",
    "--seconds",
    "0.1",
    "vale0:tap",
    "none.pcap",
  );
  assert.equal(code, 0);
  assert.match(stderr, /0 packets captured\n$/);
  assert.deepEqual(read(scene.path("none.pcap")), []);
});

Deno.test("valet capture refuses what makes no sense, and says why a file cannot be written", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  assert.equal((await scene.valet("capture", "vale0:tap", "--format", "txt")).code, 2);
  assert.equal((await scene.valet("capture", "vale0:tap", "--snap", "0")).code, 2);
  assert.equal((await scene.valet("capture", "vale0:tap", "--count", "0")).code, 2);
  assert.equal((await scene.valet("capture", "not a port")).code, 2);
  const { code, stderr } = await scene.valet("capture", "vale0:tap", "no/such/folder.pcap");
  assert.equal(code, 1);
  assert.match(stderr, /Cannot write the capture ".*folder\.pcap": No such file/);
});
