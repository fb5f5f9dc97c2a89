// Polling of attached interfaces (vale-ctl -p, -P): the threads of its queues, and the CPUs that they have.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Program } from "./program.ts";
import { type Scene, testNet, until } from "./scene.ts";

/** A thread between a queue and the bridge. */
interface Thread {
  /** CPUs that it may use: "0-1". */
  readonly cpus: string;
  /** CPU time that it has used, in ticks. */
  readonly ticks: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended
  }
}

/** Those of the engine, which is in this process, or in the daemon that it has started. */
function threads(scene: Scene): Thread[] {
  const parent = scene.netmap.backend === "daemon" ? Deno.pid : undefined;
  const processes = parent === undefined ? [`${Deno.pid}`] : [...Deno.readDirSync("/proc")]
    .map(({ name }) => name)
    .filter((pid) => read(`/proc/${pid}/status`).includes(`\nPPid:\t${parent}\n`));
  return processes.flatMap((pid) =>
    [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name)
      .map((task) => `/proc/${pid}/task/${task}`)
  )
    .filter((task) => read(`${task}/comm`) === "valet nic\n")
    .map((task) => ({
      cpus: /Cpus_allowed_list:\t(.*)/.exec(read(`${task}/status`))?.[1] ?? "",
      ticks: Number(read(`${task}/stat`).split(") ")[1]?.split(" ")[11] ?? 0) +
        Number(read(`${task}/stat`).split(") ")[1]?.split(" ")[12] ?? 0),
    }));
}

/** Whether those on so many CPUs use them all the time. */
async function areBusy(scene: Scene, cpus: string): Promise<void> {
  const used = (): number =>
    threads(scene).filter((thread) => thread.cpus === cpus)
      .reduce((sum, { ticks }) => sum + ticks, 0);
  const before = used();
  await until("half a second of the CPU is used", () => used() - before >= 50);
}

testNet(
  "polling: a queue's thread has its CPU, and keeps it busy until that is ended",
  async (scene) => {
    const [red, blue] = scene.joined(2, { device: "af_packet", queues: 2 });
    const all = threads(scene)[0].cpus;
    const allowed = (): string[] => threads(scene).map(({ cpus }) => cpus).sort();
    assert.deepEqual(allowed(), [all, all, all, all]);

    // One CPU for all queues of the interface
    scene.bridge.startPolling("p0", { firstCpu: 1 });
    assert.deepEqual(allowed(), [all, all, "1", "1"].sort());
    await areBusy(scene, "1");
    assert.equal(red.ping(blue.ip4), 3);
    scene.bridge.stopPolling("p0");
    assert.deepEqual(allowed(), [all, all, all, all]);

    // One for each of so many queues
    scene.bridge.startPolling("p0", { firstCpu: 0, cpus: 1 });
    assert.deepEqual(allowed(), [all, all, all, "0"].sort());
    await areBusy(scene, "0");
    assert.equal(red.ping(blue.ip4), 3);
    // It ends with the interface, too
    scene.bridge.detach("p0");
    assert.deepEqual(allowed(), [all, all]);
    scene.attach(red, { device: "af_packet" });
    assert.equal(red.ping(blue.ip4), 3);
  },
  () => navigator.hardwareConcurrency < 2 ? "polling leaves one CPU to others" : undefined,
);

testNet(
  "vale-ctl -p and -P begin and end polling",
  async (scene) => {
    const [red, blue] = scene.joined(2);
    const valeCtl = async (args: string): Promise<[status: number, err: string]> => {
      await using program = new Program(scene.namespace, "daemon", `vale-ctl ${args}`, {
        env: { VALET_INSTANCE: scene.instance },
      });
      return [await program.ends(), program.err];
    };
    const begin = "-p vale0:p0 -C 0,0";
    assert.deepEqual(await valeCtl(begin), [0, ""]);
    assert.ok(threads(scene).some(({ cpus }) => cpus === "0"));
    assert.equal((await valeCtl(begin))[0], 1);
    assert.equal(red.ping(blue.ip4), 3);
    assert.deepEqual(await valeCtl("-P vale0:p0"), [0, ""]);
    assert.ok(!threads(scene).some(({ cpus }) => cpus === "0"));
    assert.match(
      (await valeCtl("-P vale0:p0"))[1],
      /failed to disable polling on vale0:p0: Bad address/,
    );
    assert.equal(red.ping(blue.ip4), 3);
  },
  (backend) =>
    navigator.hardwareConcurrency < 2
      ? "polling leaves one CPU to others"
      : backend === "embedded"
      ? "no other process reaches an engine in this one"
      : undefined,
);
