// valet capture: packets of a port as lines and as files.

import assert from "node:assert/strict";
import { type CaptureRecord, readCapture } from "../../mod.ts";
import { formatTime, openOutput, type Rotation } from "../../cli/capture/files.ts";
import { DaemonScene, type Running, until } from "./daemon_scene.ts";
import { MemoryContext } from "./memory_context.ts";

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

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

Deno.test("valet capture --filter takes what matches, and refuses what is no filter", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const running = await startCapture(scene, "-c", "3", "-F", "arp", "vale0:tap", "out.pcap");
  const send = (...more: string[]): Promise<string> =>
    scene.script(
      "send_frames.ts",
      "vale0:a",
      "3",
      "02:00:00:00:00:0a",
      "ff:ff:ff:ff:ff:ff",
      ...more,
    );
  await send("100");
  await send("60", "arp");
  assert.equal((await running.finish()).code, 0);
  const records = read(scene.path("out.pcap"));
  assert.deepEqual(records.map(({ data }) => [data[12], data[13]]), [[8, 6], [8, 6], [8, 6]]);
  const { code, stderr } = await scene.valet("capture", "-F", "udp and or", "vale0:tap");
  assert.equal(code, 2);
  assert.match(stderr, /^valet: Cannot use the filter "udp and or": /);
});

Deno.test("valet capture shows what another port sends and receives, through a monitor", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const watched = scene.spawn("pkt-gen", "-i", "vale0:a", "-f", "rx");
  await until("it is there", async () => (await scene.ok("vale-ctl")).includes("vale0:a "));
  const running = scene.spawn("capture", "-c", "2", "vale0:a/rt", "out.pcap");
  // Again and again: the monitor opens when it likes
  const sending = scene.spawn("pkt-gen", "-i", "vale0:x", "-f", "tx", "-R", "50");
  const { code, stderr } = await running.finish();
  for (const { process } of [watched, sending]) process.kill("SIGINT");
  await Promise.all([watched.finish(), sending.finish()]);
  assert.equal(code, 0, stderr);
  assert.equal(read(scene.path("out.pcap")).length, 2);
});

/** Writes packets of 1000 bytes, some milliseconds apart, and returns what is in each file. */
function rotate(
  rotation: Partial<Rotation>,
  name: string,
  packets: number,
  gapMs: number,
): Record<string, number> {
  const folder = Deno.makeTempDirSync({ prefix: "valet-test-" });
  try {
    const context = new MemoryContext({ cwd: folder });
    const options = { format: "pcap", snapLength: 65_535, port: "vale0:a" } as const;
    const startMs = performance.timeOrigin + performance.now();
    {
      using output = openOutput(name, options, {
        bytes: Infinity,
        ms: Infinity,
        files: Infinity,
        ...rotation,
      }, context);
      for (let i = 0; i < packets; i++) {
        if (!output.write(new Uint8Array(1000), startMs + 1 + i * gapMs)) break;
      }
    }
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    return Object.fromEntries(files.map((file) => [file, read(`${folder}/${file}`).length]));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("valet capture -C begins a new file when one is full, named as tcpdump names them", () => {
  assert.deepEqual(rotate({ bytes: 2500 }, "a.pcap", 8, 1), {
    "a.pcap": 3,
    "a.pcap1": 3,
    "a.pcap2": 2,
  });
  assert.deepEqual(rotate({ bytes: 2500, files: 2 }, "a.pcap", 8, 1), {
    "a.pcap0": 2,
    "a.pcap1": 3,
  });
  assert.deepEqual(
    Object.keys(rotate({ bytes: 500, files: 11 }, "a.pcap", 3, 1)),
    ["a.pcap00", "a.pcap01", "a.pcap02"],
  );
});

Deno.test("valet capture -G begins a new file each so many seconds, and ends with -W", () => {
  assert.deepEqual(rotate({ ms: 60_000 }, "a.pcap", 5, 31_000), { "a.pcap": 1 });
  const files = rotate({ ms: 60_000 }, "a-%H%M.pcap", 6, 30_000);
  assert.equal(Object.keys(files).length, 3);
  assert.deepEqual(Object.values(files).sort(), [2, 2, 2]);
  const two = rotate({ ms: 60_000, files: 2 }, "a-%s.pcap", 6, 30_000);
  assert.deepEqual(Object.values(two), [2, 2]);
  const both = rotate({ ms: 60_000, bytes: 1500 }, "a-%s.pcap", 6, 20_000);
  assert.deepEqual(Object.values(both), [2, 1, 2, 1]);
  assert.match(Object.keys(both)[1], /^a-\d+\.pcap1$/);
  assert.equal(
    formatTime("%Y-%m-%d %F %T %%", new Date(2026, 0, 2, 3, 4, 5).getTime()),
    "2026-01-02 2026-01-02 03:04:05 %",
  );
  assert.throws(() => formatTime("%Q", 0), /^UsageError: Cannot use "%Q" in a file's name/);
});

Deno.test("valet capture refuses rotations that make no sense", async () => {
  await using scene = new DaemonScene();
  for (
    const [line, pattern] of [
      ["vale0:tap -C 1", /-C and -G need a file to write to/],
      ["vale0:tap - -C 1", /Cannot rotate standard output/],
      ["vale0:tap a.pcap -W 3", /-W goes with -C or -G/],
      ["vale0:tap a.pcap -C 0", /Cannot use 0 as --file-size: expected more than 0/],
    ] as const
  ) {
    const { code, stderr } = await scene.valet("capture", ...line.split(" "));
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  }
});

const EVERYBODY = "ff:ff:ff:ff:ff:ff";

for (const tool of ["tcpdump", "tshark"]) {
  const isThere = isInstalled(tool);
  Deno.test({
    name:
      `${tool} reads what valet capture writes: to files, also rotated ones, and to a pipe, cut or not${
        isThere ? "" : ` (skipped: there is no ${tool})`
      }`,
    ignore: !isThere,
    fn: async () => {
      await using scene = new DaemonScene();
      await scene.ok("daemon", "start");
      for (const format of ["pcap", "pcapng"]) {
        const running = await startCapture(scene, "-c", "5", "vale0:tap", `out.${format}`);
        await scene.script("send_frames.ts", "vale0:a", "5");
        assert.equal((await running.finish()).code, 0);
        const { code, stdout, stderr } = await scene.spawnProgram(
          tool,
          ...["-n", "-r", scene.path(`out.${format}`)],
        ).finish();
        assert.equal(code, 0, stderr);
        const lines = stdout.trimEnd().split("\n");
        assert.equal(lines.length, 5);
        for (const line of lines) {
          assert.match(line, /10\.0\.0\.1(\.1)? (>|→) 10\.0\.0\.2.* (UDP, length 18|Len=18)/);
        }
      }
      // Through a pipe, of each packet what its headers take
      const deno = `'${Deno.execPath()}' run -A '${
        new URL("../../cli/main.ts", import.meta.url).pathname
      }'`;
      const piped = scene.spawnProgram(
        "sh",
        "-c",
        `${deno} capture -c 5 -s 42 vale0:tap - | ${tool} -n -r -`,
      );
      await until("the port is there", async () => (await scene.ok("ports")).includes("vale0:tap"));
      await scene.script("send_frames.ts", "vale0:a", "5", "02:00:00:00:00:01", EVERYBODY, "1000");
      const { code, stdout, stderr } = await piped.finish();
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^(.*10\\.0\\.0\\.2.*(length 958|Len=958).*\n){5}$`));
      // Files that follow each other
      const rotated = await startCapture(scene, "-c", "5", "-C", "0.001", "vale0:tap", "big.pcap");
      await scene.script("send_frames.ts", "vale0:a", "5", "02:00:00:00:00:01", EVERYBODY, "1000");
      assert.equal((await rotated.finish()).code, 0);
      const files = [...Deno.readDirSync(scene.path("."))].filter(({ name }) =>
        /^big\.pcap/.test(name)
      );
      assert.ok(files.length > 2);
      let packets = 0;
      for (const { name } of files) {
        const read = await scene.spawnProgram(tool, "-n", "-r", scene.path(name)).finish();
        assert.equal(read.code, 0, read.stderr);
        packets += read.stdout.trimEnd().split("\n").length;
      }
      assert.equal(packets, 5);
    },
  });
}
