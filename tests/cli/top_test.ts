// valet top: what the picture shows of counters that are given, and the real thing, with a terminal and without.

import assert from "node:assert/strict";
import type { DropCause } from "../../mod.ts";
import { renderTop, type SortKey, type TopState } from "../../cli/top/picture.ts";
import { DaemonScene, until } from "./daemon_scene.ts";
import { port, sample } from "./samples.ts";

const SETTINGS = { stopped: false, intervalMs: 500, hasKeys: true, timeMs: 0 };

const drops = { drops: { ringFull: 100, notOpen: 4 } as Record<DropCause, number> };

/** A second passes between the samples. */
function state(sort: SortKey, reversed = false): TopState {
  const names = ["a10", "a2", "b"];
  return {
    before: sample(0, ...names.map((name) => port(name))),
    now: sample(
      1000,
      port("a10", { txPackets: 500, txBytes: 30_000 }),
      port("a2", { rxPackets: 700, rxBytes: 42_000, ...drops }),
      port("b", { txPackets: 900, txBytes: 54_000 }),
    ),
    wanted: () => true,
    sort,
    reversed,
  };
}

/** The names, from the top down. */
function order(sort: SortKey, reversed = false): string[] {
  const lines = renderTop(state(sort, reversed), SETTINGS, { columns: 120, rows: 20 }, false);
  return lines.slice(4).map((line) => line.split(" ")[0].replace("vale0:", ""));
}

Deno.test("top shows rates, and sorts by them or by name", () => {
  const lines = renderTop(state("name"), SETTINGS, { columns: 120, rows: 20 }, false);
  assert.match(
    lines[0],
    /^valet top {2}\d\d:\d\d:\d\d {2}3 ports {2}1 bridge {2}by name {2}each 0\.5 s$/,
  );
  assert.match(lines[3], /^PORT +KIND +OPEN +SENT +RECEIVED +DROPPED {2}CAUSE$/);
  assert.match(
    lines[4],
    /^vale0:a2 +ephemeral +1 +0 pps +0 bit\/s +700 pps +336\.0 Kbit\/s +104 pps {2}ringFull$/,
  );
  assert.deepEqual(order("name"), ["a2", "a10", "b"]);
  assert.deepEqual(order("name", true), ["b", "a10", "a2"]);
  assert.deepEqual(order("sent"), ["b", "a10", "a2"]);
  assert.deepEqual(order("received")[0], "a2");
  assert.deepEqual(order("dropped")[0], "a2");
});

Deno.test("top fits its room: columns go first, then ports", () => {
  for (const [columns, rows] of [[120, 20], [60, 6], [20, 3], [5, 1]]) {
    const lines = renderTop(state("name"), SETTINGS, { columns, rows }, false);
    assert.ok(lines.length <= rows, `${rows}`);
    for (const line of lines) assert.ok(line.length <= columns, line);
  }
  const lines = renderTop(state("name"), SETTINGS, { columns: 60, rows: 6 }, false);
  for (const columns of [81, 60, 40, 6]) {
    const [, keys] = renderTop(state("name"), SETTINGS, { columns, rows: 6 }, false);
    assert.match(keys, /q quit$/, "it says how to leave");
  }
  assert.equal(lines.at(-1), "… and 2 ports more");
});

Deno.test("top colours lost packets, and says when it has stopped", () => {
  const lines = renderTop(
    state("name"),
    { ...SETTINGS, stopped: true },
    { columns: 120, rows: 9 },
    true,
  );
  assert.match(lines[0], /STOPPED/);
  assert.deepEqual(lines.slice(4).map((line) => line.startsWith("\x1b[31m")), [true, false, false]);
});

Deno.test("top without a terminal: tables, JSON, and malformed commands", async () => {
  await using scene = new DaemonScene();
  const nobody = await scene.valet("top", "--once");
  assert.deepEqual([nobody.code, nobody.stderr], [0, "No daemon runs, so there are no ports\n"]);
  await scene.ok("daemon", "start");
  const rx = scene.spawn("pkt-gen", "-i", "vale0:rx", "-f", "rx");
  const tx = scene.spawn("pkt-gen", "-i", "vale0:tx", "-f", "tx", "-R", "2000");
  await until("both are there", async () => /rx.*tx|tx.*rx/s.test(await scene.ok("vale-ctl")));
  const table = await scene.ok("top", "--once", "--interval", "0.2", "--sort", "sent", "vale0");
  const lines = table.trimEnd().split("\n");
  assert.match(lines[0], /^\d\d:\d\d:\d\d {2}2 ports$/);
  assert.match(lines[2], /^vale0:tx +ephemeral .*Kpps/);
  assert.match(lines[3], /^vale0:rx +ephemeral /);
  const json = await scene.ok("top", "--json", "-c", "2", "--interval", "0.1", "vale0:tx");
  const objects = json.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(objects.length, 2);
  assert.deepEqual(objects[1].ports.map(({ name }: { name: string }) => name), ["vale0:tx"]);
  assert.ok(objects[1].ports[0].perSecond.txPackets > 0);
  for (const args of [["--sort", "size"], ["--interval", "0"], ["--count", "0"]]) {
    const { code, stderr } = await scene.valet("top", ...args);
    assert.equal(code, 2);
    assert.match(stderr, /^valet: Cannot (sort by|use) /);
  }
  for (const { process } of [rx, tx]) process.kill("SIGINT");
  await Promise.all([rx.finish(), tx.finish()]);
});

Deno.test({
  name: `top on a terminal draws on a screen of its own, takes keys, and gives it back${
    hasScript() ? "" : " (skipped: there is no script(1))"
  }`,
  ignore: !hasScript(),
  fn: async () => {
    await using scene = new DaemonScene({ TERM: "xterm" });
    await scene.ok("daemon", "start");
    const rx = scene.spawn("pkt-gen", "-i", "vale0:rx", "-f", "rx");
    await until("it is there", async () => (await scene.ok("vale-ctl")).includes("vale0:rx"));
    const main = new URL("../../cli/main.ts", import.meta.url).pathname;
    const line = `'${Deno.execPath()}' run -A '${main}' top --interval 0.1`;
    const screen = scene.path("screen"), keys = scene.path("keys");
    // A named pipe as the keyboard: script(1) hands on what comes through it
    assert.ok((await new Deno.Command("mkfifo", { args: [keys] }).output()).success);
    const running = scene.spawnProgram(
      "sh",
      "-c",
      `script -qfec "${line}" '${screen}' < '${keys}'`,
    );
    const keyboard = await Deno.open(keys, { write: true });
    const press = (text: string): void => void keyboard.writeSync(new TextEncoder().encode(text));
    const shown = (): string => Deno.readTextFileSync(screen);
    await until("it shows the port", () => exists(screen) && /vale0:rx/.test(shown()));
    press("d");
    await until("it sorts", () => /by dropped/.test(shown()));
    press("q");
    await until("it ends", () => shown().includes("\x1b[?1049l"));
    keyboard.close();
    assert.equal((await running.finish()).code, 0);
    rx.process.kill("SIGINT");
    await rx.finish();
  },
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** script(1) of util-linux gives a program a terminal. */
function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}
