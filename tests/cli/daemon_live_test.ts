// What the live table shows of a state that is given: a pure function; and once the real thing, on a
// terminal.

import assert from "node:assert/strict";
import type { DropCause } from "../../mod.ts";
import type { StatusAnswer } from "../../cli/daemon/answers.ts";
import { formatUptime, type LiveState, renderLive } from "../../cli/daemon/live.ts";
import { DaemonScene, until } from "./daemon_scene.ts";
import { port, sample } from "./samples.ts";

const STATUS: StatusAnswer = {
  connections: 3,
  ports: 2,
  persistent: 1,
  engines: 2,
  idleMs: 0,
  refused: 0,
  pid: 4711,
  socket: "/run/user/1000/valet.sock",
  logLevel: "info",
  since: "2026-01-01T00:00:00.000Z",
  idleLimitMs: 0,
  threads: 0,
  hooks: 1,
};

const dropping = { drops: { ringFull: 500, notOpen: 20 } as Record<DropCause, number> };

/** Two seconds pass between the samples. */
const STATE: LiveState = {
  status: STATUS,
  nowMs: Date.parse("2026-01-02T03:04:05.999Z"),
  before: sample(1000, port("a"), port("b")),
  now: sample(
    3000,
    port("a", { txPackets: 2_000_000, txBytes: 120_000_000 }),
    port("b", { rxPackets: 1_999_480, rxBytes: 119_968_800, ...dropping }),
  ),
  log: [{
    time: "2026-01-01T00:00:00.000Z",
    level: "info",
    message: "Daemon started",
    fields: { pid: 1 },
  }],
};

Deno.test("the live table shows rates since the picture before", () => {
  assert.deepEqual(renderLive(STATE, { columns: 120, rows: 12 }), [
    "valet daemon, process 4711, up 1 d 03:04:05, 3 connections, 2 ports, 1 persistent, 1 hook, " +
    "1 other engine not shown",
    "/run/user/1000/valet.sock · Ctrl-C ends it",
    "",
    "vale0  learning, 2 ports, 7 stations",
    "  PORT    KIND        OPEN        SENT                  RECEIVED                   DROPPED  CAUSE",
    "  a       ephemeral      1  1.000 Mpps  480.0 Mbit/s       0 pps       0 bit/s       0 pps",
    "  b       ephemeral      1       0 pps       0 bit/s  999.7 Kpps  479.9 Mbit/s     260 pps  ringFull",
    "",
    "",
    "",
    "",
    "2026-01-01T00:00:00.000Z info  Daemon started pid=1",
  ]);
});

Deno.test("the live table leaves columns out where there is little room", () => {
  const titles = (columns: number): string => renderLive(STATE, { columns, rows: 12 })[4];
  assert.equal(titles(80), "  PORT    KIND        OPEN        SENT    RECEIVED     DROPPED  CAUSE");
  assert.equal(titles(65), "  PORT    OPEN        SENT    RECEIVED     DROPPED  CAUSE");
  assert.equal(titles(45), "  PORT          SENT    RECEIVED     DROPPED");
  for (let columns = 1; columns < 130; columns++) {
    for (const line of renderLive(STATE, { columns, rows: 12 })) {
      assert.ok(line.length <= columns, line);
    }
  }
});

Deno.test("the live table never has more lines than there are, and says how many are missing", () => {
  const ports = Array.from({ length: 50 }, (_, i) => port(`p${i}`));
  const state = { ...STATE, before: undefined, now: sample(1000, ...ports) };
  for (let rows = 1; rows < 80; rows++) {
    assert.ok(renderLive(state, { columns: 80, rows }).length <= rows);
  }
  const lines = renderLive(state, { columns: 80, rows: 20 });
  const more = lines.findIndex((line) => line.startsWith("…"));
  const hidden = Number(/and (\d+) lines more/.exec(lines[more])![1]);
  const shown = lines.slice(0, more).filter((line) => /^ {2}p\d+ /.test(line)).length;
  assert.equal(shown + hidden, 50);
  assert.match(lines.at(-1)!, /Daemon started/, "the log keeps its place");
});

Deno.test("the live table says what to do where there are no ports", () => {
  const lines = renderLive({ ...STATE, now: { atMs: 0, bridges: [], unattached: [] } }, {
    columns: 80,
    rows: 10,
  });
  assert.match(lines[3], /^No ports\. Try: vale-ctl -n vi0/);
});

Deno.test("a port whose counters went back is a new one, and counts from zero", () => {
  const before = sample(1000, port("a", { txPackets: 5000, txBytes: 5000 }));
  const now = sample(2000, port("a", { txPackets: 10, txBytes: 1250 }));
  const [, , , , , line] = renderLive({ ...STATE, before, now }, { columns: 120, rows: 12 });
  assert.match(line, / 10 pps {2}10\.00 Kbit\/s /);
});

Deno.test("drops are red and the rest is plain where colours are welcome", () => {
  const lines = renderLive(STATE, { columns: 120, rows: 12 }, true);
  assert.ok(lines[6].startsWith("\x1b[31m  b "));
  assert.ok(lines[5].startsWith("  a "));
});

Deno.test("formatUptime() shows days only where there are some", () => {
  assert.equal(formatUptime(59.9), "00:00:59");
  assert.equal(formatUptime(86_399), "23:59:59");
  assert.equal(formatUptime(3 * 86_400 + 3661), "3 d 01:01:01");
});

/** script(1) of util-linux gives a program a terminal. */
const hasScript = new Deno.Command("script", {
  args: ["--version"],
  stdout: "null",
  stderr: "null",
});

function isInstalled(command: Deno.Command): boolean {
  try {
    return command.outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "valet daemon draws its table on a terminal, and gives the terminal back",
  ignore: !isInstalled(hasScript),
  async fn(): Promise<void> {
    await using scene = new DaemonScene({ TERM: "xterm" });
    const line = `${Deno.execPath()} run -A ${
      new URL("../../cli/main.ts", import.meta.url).pathname
    } daemon`;
    const terminal = scene.spawnProgram("script", "-qec", line, "/dev/null");
    await until("there is a picture", () => terminal.stdout().includes("Ctrl-C ends it"));
    assert.ok(terminal.stdout().startsWith("\x1b[?1049h\x1b[?25l"), "a screen of its own");
    await scene.ok("vale-ctl", "-n", "vi0");
    await scene.ok("vale-ctl", "-a", "vale0:vi0");
    await until("the port is in the table", () => /vi0 +persistent +0 /.test(terminal.stdout()));
    Deno.kill((await scene.pid())!, "SIGINT");
    const { code, stdout } = await terminal.finish();
    assert.equal(code, 0);
    assert.ok(stdout.endsWith("\x1b[?25h\x1b[?1049lThe daemon has ended (signal).\r\n"));
  },
});
