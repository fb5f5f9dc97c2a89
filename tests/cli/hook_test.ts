// Hooks: lookups that the daemon loads by file, seen from other processes.

import assert from "node:assert/strict";
import type { HookInfo, HookStats } from "../../cli/daemon/answers.ts";
import { DaemonScene, until } from "./daemon_scene.ts";

const IPV4_TO_1 = `
  let asked = 0;
  export default (packet) => {
    asked++;
    return packet.etherType === 0x0800 ? 1 : 254;
  };
  export const stats = () => ({ asked });
`;

const C_TO_1 = `
  #include "valet_hook.h"
  static uint32_t to_1(struct valet_packet *packet, uint32_t source)
  {
    (void)source;
    return valet_u16(packet, 12) == 0x0800 ? 1 : VALET_BROADCAST;
  }
  VALET_LOOKUP_PACKET(to_1)
`;

/** Tables and constants, which the hook's functions and the script around it share. */
function withTables(scene: DaemonScene): string {
  const mod = new URL("../../mod.ts", import.meta.url);
  return write(
    scene,
    "tables.ts",
    `import { BROADCAST, type LookupPacket, LookupTable } from "${mod}";
    export const constants = { OTHERS: BROADCAST };
    export const tables = {
      routes: new LookupTable({ key: [32] }),
      seen: new LookupTable({ key: [32, 16], kind: "counters" }),
    };
    const { OTHERS } = constants, { routes, seen } = tables;
    routes.set(0, 1);
    export default function (packet: LookupPacket): number {
      seen.count([packet.port, packet.etherType], 1);
      return packet.isIpv4 ? routes.get(packet.port) ?? OTHERS : OTHERS;
    }
    export const stats = () => seen.size;`,
  );
}

/** Interfaces vi0, vi1, vi2 on vale0. */
async function attach(scene: DaemonScene): Promise<void> {
  for (const name of ["vi0", "vi1", "vi2"]) {
    await scene.ok("vale-ctl", "-n", name, "-C", "256");
    await scene.ok("vale-ctl", "-a", `vale0:${name}`);
  }
}

async function detach(scene: DaemonScene): Promise<void> {
  for (const name of ["vi0", "vi1", "vi2"]) await scene.ok("vale-ctl", "-d", `vale0:${name}`);
}

/** Packets that each interface would have got, if somebody had it open. */
async function arrived(scene: DaemonScene): Promise<number[]> {
  const { ports } = await scene.json<{ ports: { drops: Record<string, number> }[] }>(
    "stats",
    "vale0",
  );
  return ports.map(({ drops }) => drops.notOpen);
}

function write(scene: DaemonScene, name: string, text: string): string {
  Deno.writeTextFileSync(scene.path(name), text);
  return name;
}

async function hooks(scene: DaemonScene): Promise<HookInfo[]> {
  return (await scene.json<{ hooks: HookInfo[] }>("hook", "list")).hooks;
}

Deno.test("a hook decides for packets of other processes, until it is unloaded", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 10, 10], "the learning bridge floods");

  const file = write(scene, "hook.ts", IPV4_TO_1);
  const loaded = await scene.json("hook", "load", "vale0", file);
  assert.deepEqual(loaded, {
    bridge: "vale0",
    instance: "",
    file: scene.path(file),
    form: "TypeScript",
    state: "active",
    stuck: false,
  });
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 20, 10], "IPv4 is for port 1 only");
  const all = "ff:ff:ff:ff:ff:ff";
  await scene.script("send_frames.ts", "vale0:vi0", "5", "02:00:00:00:00:01", all, "60", "arp");
  assert.deepEqual(await arrived(scene), [0, 25, 15], "ARP still floods");

  const stats = await scene.json<HookStats>("hook", "stats", "vale0");
  assert.deepEqual([stats.packets, stats.errors, stats.own], [15, 0, { asked: 15 }]);
  const { batches = 0, busyMs = 0 } = stats;
  assert.ok(batches >= 2 && batches <= 15 && busyMs > 0);
  const [listed] = await hooks(scene);
  assert.deepEqual([listed.bridge, listed.state, listed.packets], ["vale0", "active", 15]);

  const text = await scene.ok("hook", "unload", "vale0");
  assert.equal(text, `${scene.path(file)} is unloaded: it was asked about 15 packets\n`);
  assert.deepEqual(await hooks(scene), []);
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 35, 25], "it learns again");
});

Deno.test("a hook may take batches, and imports its own files", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  write(scene, "where.ts", "export const where: number = 2;");
  const file = write(
    scene,
    "hook.ts",
    `import { where } from "./where.ts";
    function lookup(batch) {
      for (let i = 0; i < batch.length; i++) batch.setDestination(i, where);
    }
    export default { lookup, batch: true };`,
  );
  await scene.ok("hook", "load", "vale0", file);
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 0, 10]);
});

Deno.test("loading again replaces a hook with the file as it is now", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  write(scene, "to.ts", "export const to = 1;");
  const file = write(scene, "hook.ts", 'import { to } from "./to.ts"; export default () => to;');
  await scene.ok("hook", "load", "vale0", file);
  await scene.script("send_frames.ts", "vale0:vi0", "3");
  write(scene, "to.ts", "export const to = 2;");
  const { replaced } = await scene.json("hook", "load", "vale0", file);
  assert.equal(replaced, scene.path(file));
  await scene.script("send_frames.ts", "vale0:vi0", "4");
  assert.deepEqual(await arrived(scene), [0, 3, 4]);
  const [hook, ...others] = await hooks(scene);
  assert.deepEqual([hook.packets, hook.state, others], [4, "active", []]);
});

for (const form of ["TypeScript", "compiled", "C"]) {
  const title = `while a hook (${form}) is replaced no packet is decided by the learning bridge`;
  Deno.test(title, () => replaceUnderTraffic(form));
}

async function replaceUnderTraffic(form: string): Promise<void> {
  await using scene = new DaemonScene();
  await attach(scene);
  const file = form === "C"
    ? write(scene, "hook.c", C_TO_1)
    : write(scene, "hook.ts", "export default () => 1;");
  const load = ["hook", "load", "vale0", file, ...(form === "compiled" ? ["--compile"] : [])];
  await scene.ok(...load);
  const sender = new URL("send_frames.ts", import.meta.url).pathname;
  const sending = scene.spawnProgram(Deno.execPath(), "run", "-A", sender, "vale0:vi0", "1e9");
  let before = 0;
  for (let round = 0; round < 5; round++) {
    await until("packets flow", async () => (await arrived(scene))[1] > before);
    await scene.ok(...load);
    [, before] = await arrived(scene);
  }
  sending.process.kill("SIGKILL");
  await sending.finish();
  const [, wanted, leaked] = await arrived(scene);
  assert.ok(wanted > 1000, `${wanted}`);
  assert.equal(leaked, 0);
}

Deno.test("a hook that cannot be loaded is reported, and the one before stays", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  await scene.ok("hook", "load", "vale0", write(scene, "good.ts", "export default () => 1;"));
  const faults: [string, RegExp][] = [
    ["export default () => {", /Expected '}'|Unexpected eof|<eof>/],
    ['throw new Error("at its top");', /Error: at its top/],
    ['import "./none.ts"; export default () => 1;', /Module not found ".*none\.ts"/],
    ["export default () => 1; export const fallback = -1;", /Its export `fallback` has to be/],
    ["export default () => 1; export const tables = [1];", /Its export `tables` has to be/],
    ["export const lookup = () => 1;", /Its default export has to be a lookup/],
    [
      "export default async () => 1;",
      /a function of kind AsyncFunction, which cannot decide at once/,
    ],
    ["export default { lookup: () => 1, batch: 1 };", /Its default export has to be a lookup/],
    ["export default () => 1; export const stats = 5;", /Its export `stats` has to be a function/],
  ];
  for (const [source, message] of faults) {
    const { code, stderr } = await scene.valet(
      "hook",
      "load",
      "vale0",
      write(scene, "bad.ts", source),
    );
    assert.equal(code, 1, source);
    assert.match(stderr, /^valet: Cannot load the hook ".*bad\.ts": /);
    assert.match(stderr, message);
  }
  const missing = await scene.valet("hook", "load", "vale0", "none.ts");
  assert.match(
    missing.stderr,
    /^valet: Cannot load the hook ".*none\.ts": there is no such file\n$/,
  );
  assert.equal((await hooks(scene))[0].file, scene.path("good.ts"));
  await scene.script("send_frames.ts", "vale0:vi0", "5");
  assert.deepEqual(await arrived(scene), [0, 5, 0]);
});

Deno.test("a hook waits for its bridge, and is there again when the bridge is", async () => {
  await using scene = new DaemonScene();
  const file = write(scene, "hook.ts", "export default () => 2;");
  const text = await scene.ok("hook", "load", "vale0", file);
  assert.match(text, /waits for the bridge "vale0", which does not exist yet\n$/);
  const stands = (state: string) => async (): Promise<boolean> =>
    (await hooks(scene))[0].state === state;
  for (let round = 1; round <= 2; round++) {
    await until("it waits", stands("waiting"));
    if (round === 1) await attach(scene);
    else {for (const name of ["vi0", "vi1", "vi2"]) {
        await scene.ok("vale-ctl", "-a", `vale0:${name}`);
      }}
    await until("it decides", stands("active"));
    const [, , before] = await arrived(scene);
    await until("packets go where it says", async () => {
      await scene.script("send_frames.ts", "vale0:vi0", "5");
      const [first, second, third] = await arrived(scene);
      assert.deepEqual([first, second], [0, 0], "and nowhere else");
      return third > before; // on a busy machine it may be too late for some
    });
    await detach(scene);
  }
  await until("it waits", stands("waiting"));
});

Deno.test("a hook that throws drops its packets, and the error is told", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  const source = 'export default (packet) => { throw new RangeError("port " + packet.port); };';
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", source));
  await scene.script("send_frames.ts", "vale0:vi0", "5").catch(() => {});
  await until("the error is known", async () => (await hooks(scene))[0].lastError !== undefined);
  const [hook] = await hooks(scene);
  assert.equal(hook.lastError, "RangeError: port 0");
  assert.ok(hook.errors >= 1);
  assert.deepEqual(await arrived(scene), [0, 0, 0]);
  assert.ok(
    scene.logLines().some(({ message, error }) =>
      message === "Hook failed" && error === "RangeError: port 0"
    ),
  );
});

Deno.test("what a hook writes to the console, and what fails in it later, is in the log", async () => {
  await using scene = new DaemonScene();
  const source = `
    console.log("hello", { from: "the hook" });
    console.error("bad");
    setTimeout(() => { throw new Error("in a timer"); }, 1);
    Promise.reject(new Error("in a promise"));
    export default () => 1;`;
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", source));
  const has = (level: string, text: string): boolean =>
    scene.logLines().some((line) =>
      line.level === level && (line.message === text || line.error === text)
    );
  await until(
    "all is logged",
    () =>
      has("info", 'hello { from: "the hook" }') && has("error", "bad") &&
      has("error", "Error: in a timer") && has("error", "Error: in a promise"),
  );
  assert.equal((await hooks(scene))[0].state, "waiting", "it goes on");
});

/** Processes of the daemon's hooks. */
async function hookProcesses(daemon: number | undefined): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line.endsWith(`hook_process.ts\0${daemon}\0`)) found.push(name);
  }
  return found;
}

const LOOPS = "export default () => { for (;;); };";

/** A hook that is inside its loop. */
async function loadLooping(scene: DaemonScene): Promise<void> {
  await attach(scene);
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", LOOPS));
  // The packet is dropped, so this is told that it has failed
  const { code, stderr } = await scene.spawnProgram(
    ...[Deno.execPath(), "run", "-A"] as const,
    new URL("send_frames.ts", import.meta.url).pathname,
    ...["vale0:vi0", "1"],
  ).finish();
  assert.equal(code, 1);
  assert.match(stderr, /ECANCELED/);
  await until("it is seen", async () => (await hooks(scene))[0].state === "silent");
}

Deno.test("a hook that never returns is shown as silent, and is killed when it is unloaded", async () => {
  await using scene = new DaemonScene();
  await loadLooping(scene);
  const daemon = await scene.pid();
  assert.equal((await hookProcesses(daemon)).length, 1);
  assert.match(await scene.ok("hook", "list"), /^vale0 +TypeScript +silent /m);
  const stats = await scene.json<HookStats>("hook", "stats", "vale0");
  assert.deepEqual([stats.state, stats.ownError], ["silent", "It does not answer"]);
  const { code, stderr } = await scene.valet("hook", "unload", "vale0");
  assert.deepEqual([code, stderr], [
    0,
    `${scene.path("hook.ts")} did not answer, and was killed\n`,
  ]);
  assert.deepEqual(await hooks(scene), []);
  assert.deepEqual(await hookProcesses(daemon), [], "nothing is left that takes a CPU");
  const before = await arrived(scene);
  await scene.script("send_frames.ts", "vale0:vi0", "5");
  assert.deepEqual(await arrived(scene), before.map((count, i) => count + (i === 0 ? 0 : 5)));
  assert.equal(await scene.pid(), daemon);
});

Deno.test("a hook that never returns can be replaced, and does not outlive a daemon that is killed", async () => {
  await using scene = new DaemonScene();
  await loadLooping(scene);
  const daemon = await scene.pid();
  const good = write(scene, "good.ts", "export default () => 1;");
  const { killed } = await scene.json("hook", "load", "vale0", good);
  assert.equal(killed, true);
  assert.equal((await hookProcesses(daemon)).length, 1);
  const before = await arrived(scene);
  await scene.script("send_frames.ts", "vale0:vi0", "5");
  assert.deepEqual(await arrived(scene), [before[0], before[1] + 5, before[2]]);

  await scene.ok("hook", "load", "vale0", "hook.ts");
  await scene.script("send_frames.ts", "vale0:vi0", "1").catch(() => {});
  Deno.kill(daemon!, "SIGKILL");
  await until("it is gone", async () => (await hookProcesses(daemon)).length === 0);
});

Deno.test("a hook whose process ends is shown as ended, and the daemon goes on", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  const source = "export default () => 1; export const stats = () => Deno.exit(3);";
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", source));
  await scene.valet("hook", "stats", "vale0");
  await until("it has ended", async () => (await hooks(scene))[0].state === "ended");
  assert.equal((await hooks(scene))[0].lastError, "Its process ended with status 3");
  await scene.script("send_frames.ts", "vale0:vi0", "5");
  assert.deepEqual(await arrived(scene), [0, 5, 5], "it learns again");
  assert.equal(await scene.ok("hook", "load", "vale0", "hook.ts").then(() => "loaded"), "loaded");
});

Deno.test("what a hook writes to stdout and stderr is in the log", async () => {
  await using scene = new DaemonScene();
  const source = `
    const text = new TextEncoder();
    Deno.stdout.writeSync(text.encode("to stdout\\n"));
    Deno.stdout.writeSync(text.encode("\\x1e{ no event\\n\\x1enull\\n"));
    Deno.stderr.writeSync(text.encode("to stderr\\n"));
    export default () => 1;`;
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", source));
  for (
    const [level, text] of [["info", "to stdout"], ["info", "\x1enull"], ["warn", "to stderr"]]
  ) {
    await until(
      text,
      () => scene.logLines().some((line) => line.level === level && line.message === text),
    );
  }
});

Deno.test("a daemon with a hook is not idle", async () => {
  await using scene = new DaemonScene();
  write(scene, "hook.ts", "export default () => 1;");
  // Another command may come too late for a daemon that ends so soon
  const pid = await scene.script("load_at_once.ts", "1", "vale0", scene.path("hook.ts"));
  await scene.script("ask_when_idle.ts", "1500");
  assert.equal(await scene.pid(), Number(pid));
});

Deno.test("valet hook stats and unload of a bridge without a hook fail", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  for (const action of ["stats", "unload"]) {
    const { code, stderr } = await scene.valet("hook", action, "vale0");
    assert.deepEqual([code, stderr], [
      1,
      'valet: Cannot find a hook on "vale0": none is loaded\n',
    ]);
  }
  assert.equal((await scene.valet("hook", "load", "vale0")).code, 2);
});

for (const compile of [false, true]) {
  const form = compile ? "compiled" : "TypeScript";
  Deno.test(`a hook (${form}) shares its tables with what shows them`, async () => {
    await using scene = new DaemonScene();
    await attach(scene);
    const options = compile ? ["--compile"] : [];
    const file = withTables(scene);
    const loaded = await scene.json("hook", "load", "vale0", file, ...options);
    assert.deepEqual([loaded.form, loaded.state], [form, "active"]);
    await scene.script("send_frames.ts", "vale0:vi0", "10");
    await scene.script("send_frames.ts", "vale0:vi2", "7");
    assert.deepEqual(await arrived(scene), [7, 17, 0]);
    const hook = await scene.json<HookStats>("hook", "stats", "vale0");
    assert.deepEqual([hook.form, hook.packets, hook.errors, hook.own], [form, 17, 0, 2]);
    assert.equal(hook.batches === undefined, compile);
    assert.deepEqual(hook.tables!.routes.entries, [[0, 1]]);
    const { kind, size, capacity, entries } = hook.tables!.seen;
    assert.deepEqual([kind, size, capacity], ["counters", 2, 1024]);
    assert.deepEqual(entries.toSorted(), [[[0, 0x800], 10], [[2, 0x800], 7]]);
    const text = await scene.ok("hook", "stats", "vale0");
    assert.match(text, new RegExp(`^form +${form}$`, "m"));
    assert.match(text, /^table +routes, 1 of 1024 values: 0: 1$/m);
    assert.match(await scene.ok("hook", "list"), new RegExp(`^vale0 +${form} +active `, "m"));
    assert.match(
      await scene.ok("hook", "unload", "vale0"),
      /is unloaded: it was asked about 17 packets\n$/,
    );
    const before = await arrived(scene);
    await scene.script("send_frames.ts", "vale0:vi0", "3");
    const after = await arrived(scene);
    assert.deepEqual(after, [before[0], before[1] + 3, before[2] + 3], "it learns again");
  });
}

Deno.test("a hook in C decides, waits for its bridge, and is unloaded", async () => {
  await using scene = new DaemonScene();
  const file = write(scene, "hook.c", C_TO_1);
  const { form, state } = await scene.json("hook", "load", "vale0", file);
  assert.deepEqual([form, state], ["C", "waiting"]);
  await attach(scene);
  await until("it decides", async () => (await hooks(scene))[0].state === "active");
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 10, 0]);
  const stats = await scene.json<HookStats>("hook", "stats", "vale0");
  assert.deepEqual([stats.packets, stats.errors, stats.tables], [10, 0, undefined]);
  await scene.ok("hook", "unload", "vale0");
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 20, 10]);
});

Deno.test("what cannot be compiled is refused with its place and the mend", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const faults: [string, string, RegExp][] = [
    [
      "half.ts",
      "export default (packet) => packet.port / 2;",
      /Cannot compile a division \(line 1, column \d+\)[^]*Hint: .*Math\.floor/,
    ],
    [
      "batch.ts",
      "export default { lookup: (batch) => {}, batch: true };",
      /It takes batches, which cannot be compiled/,
    ],
    ["bad.c", '#include "valet_hook.h"\nint x = y;', /hook: "cc" refused it[^]*bad\.c:2:9: error/],
    ["none.c", '#include "valet_hook.h"\n', /its source does not say what decides/],
    ["hook.o", "", /it is eBPF, which only bridges of netmap's kernel module run[^]*\nHint: /],
  ];
  for (const [name, source, message] of faults) {
    const file = write(scene, name, source);
    const { code, stderr } = await scene.valet("hook", "load", "vale0", file, "--compile");
    assert.equal(code, 1, name);
    assert.match(stderr, /^valet: Cannot load the hook "/);
    assert.match(stderr, message);
  }
  assert.deepEqual(await hooks(scene), []);
});

Deno.test("packets at which a hook throws go where its export `fallback` says", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  const source = `
    export const fallback = 2;
    let count = 0;
    export default () => { if (count++ % 2 === 0) throw new Error("even"); return 1; };`;
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", source));
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  assert.deepEqual(await arrived(scene), [0, 5, 5]);
  const stats = await scene.json<HookStats>("hook", "stats", "vale0");
  assert.deepEqual([stats.errors, stats.lastError], [5, "Error: even"]);
});

Deno.test("a batch hook's `fallback` is for what it has not decided about", async () => {
  await using scene = new DaemonScene();
  await attach(scene);
  const source = `
    export const fallback = 2;
    const lookup = (batch) => { batch.setDestination(0, 1); throw new Error("late"); };
    export default { lookup, batch: true };`;
  await scene.ok("hook", "load", "vale0", write(scene, "hook.ts", source));
  await scene.script("send_frames.ts", "vale0:vi0", "10");
  const [, first, rest] = await arrived(scene);
  const { errors } = await scene.json<HookStats>("hook", "stats", "vale0");
  assert.ok(first >= 1 && first === errors, `${first} ${errors}`);
  assert.equal(first + rest, 10);
});
