// The daemon in the background and in the foreground, as commands start, ask and stop it.

import assert from "node:assert/strict";
import { LOG_LEVELS } from "../../cli/daemon/log.ts";
import { DaemonScene, isRunning, until } from "./daemon_scene.ts";

interface Status {
  running: boolean;
  pid?: number;
  socket: string;
  connections?: number;
  persistent?: number;
  engines?: number;
}

Deno.test("valet daemon start starts a daemon that stays, status tells of it, stop ends it", async () => {
  await using scene = new DaemonScene();
  const before = await scene.valet("daemon", "status", "--json");
  assert.equal(before.code, 1);
  assert.deepEqual(JSON.parse(before.stdout), { running: false, socket: scene.socket });

  const started = await scene.json<{ pid: number; started: boolean; log: string }>(
    "daemon",
    "start",
  );
  assert.equal(started.started, true);
  assert.equal(started.log, scene.log);
  assert.ok(isRunning(started.pid));

  const status = await scene.json<Status>("daemon", "status");
  assert.equal(status.running, true);
  assert.equal(status.pid, started.pid);
  assert.equal(status.socket, scene.socket);
  assert.equal(status.connections, 0, "who asks is not counted");

  const stopped = await scene.json<{ stopped: boolean; pid: number }>("daemon", "stop");
  assert.deepEqual(stopped, { stopped: true, pid: started.pid, socket: scene.socket });
  assert.ok(!isRunning(started.pid), "stop returns when the process has ended");
  assert.deepEqual([...Deno.readDirSync(scene.folder)].map((entry) => entry.name).sort(), [
    "valet.log",
    "valet.sock.lock",
  ]);
});

Deno.test("socket and log of a daemon are for its user only", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  for (const path of [scene.socket, scene.log]) {
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600, path);
  }
});

Deno.test("valet daemon start leaves a daemon that runs as it is", async () => {
  await using scene = new DaemonScene();
  const first = await scene.json("daemon", "start");
  const second = await scene.json("daemon", "start");
  assert.deepEqual(second, { ...first, started: false });
});

Deno.test("valet daemon stop succeeds when none runs", async () => {
  await using scene = new DaemonScene();
  assert.match(await scene.ok("daemon", "stop"), /^No daemon runs/);
});

Deno.test("of daemons that are started at once one is left, and all starters get it", async () => {
  await using scene = new DaemonScene();
  const commands = Array.from({ length: 5 }, () => scene.spawn("daemon", "start", "--json"));
  const finished = await Promise.all(commands.map((command) => command.finish()));
  for (const { code, stderr } of finished) assert.equal(code, 0, stderr);
  const answers = finished.map(({ stdout }) => JSON.parse(stdout));
  assert.equal(new Set(answers.map(({ pid }) => pid)).size, 1);
  assert.equal(answers.filter(({ started }) => started).length, 1);
  const logged = scene.logLines().filter(({ message }) => message === "Daemon started");
  assert.deepEqual(logged.map(({ pid }) => pid), [answers[0].pid]);
});

Deno.test("the first command that needs the daemon starts it and says so in one line", async () => {
  await using scene = new DaemonScene();
  const first = await scene.valet("vale-ctl", "-n", "vi0");
  assert.equal(first.code, 0);
  assert.match(first.stderr, /^vale-ctl: started the valet daemon \(process \d+, log .*\)\n$/);
  const second = await scene.valet("vale-ctl", "-a", "vale0:vi0");
  assert.deepEqual(second, { code: 0, stdout: "", stderr: "" });
});

Deno.test("a daemon that is idle ends itself, unless something persistent is left", async () => {
  await using scene = new DaemonScene();
  // Long enough for the next command to start on a busy machine
  await scene.ok("daemon", "start", "--idle", "2", "--log-level", "debug");
  await scene.ok("vale-ctl", "-n", "vi0");
  const pid = (await scene.pid())!;
  // Twice its idle time without a connection
  assert.equal(JSON.parse(await scene.script("ask_when_idle.ts", "4000")).idleLimitMs, 2000);
  assert.equal(await scene.pid(), pid, "a persistent interface keeps it");
  await scene.ok("vale-ctl", "-r", "vi0");
  await until("the daemon has ended", () => !isRunning(pid));
  const reasons = scene.logLines().filter(({ message }) => message === "Daemon ends");
  assert.deepEqual(reasons.map(({ reason }) => reason), ["idle"]);
});

Deno.test("after kill -9 the next command starts a new daemon", async () => {
  await using scene = new DaemonScene();
  await scene.ok("vale-ctl", "-n", "vi0");
  const first = (await scene.pid())!;
  Deno.kill(first, "SIGKILL");
  await until("it is gone", () => !isRunning(first));
  const { code, stderr } = await scene.valet("vale-ctl", "-n", "vi0");
  assert.equal(code, 0, stderr);
  const second = (await scene.pid())!;
  assert.notEqual(second, first);
  assert.ok(isRunning(second));
});

Deno.test("a daemon that hangs is reported, not waited for", async () => {
  await using scene = new DaemonScene();
  const { pid } = await scene.json<{ pid: number }>("daemon", "start");
  Deno.kill(pid, "SIGSTOP");
  try {
    const { code, stderr } = await scene.valet("daemon", "status");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^valet: Cannot ask ".*valet\.sock": .* \(ETIMEDOUT\)\nHint: The daemon runs but/,
    );
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
});

Deno.test("each line of the log is JSON with time, level and message", async () => {
  await using scene = new DaemonScene();
  const begin = Date.now();
  await scene.ok("daemon", "start", "--log-level", "debug");
  await scene.ok("daemon", "stop");
  const lines = scene.logLines();
  assert.deepEqual(lines.map(({ message }) => message).filter((it) => it !== "Asked"), [
    "Daemon started",
    "Daemon ends",
    "Daemon ended",
  ]);
  assert.ok(lines.some(({ level }) => level === "debug"));
  for (const { time, level } of lines) {
    assert.ok(Date.parse(String(time)) >= begin - 1 && Date.parse(String(time)) <= Date.now());
    assert.ok(LOG_LEVELS.some((known) => known === level));
  }
});

Deno.test("valet daemon in the foreground logs plain lines and ends at SIGTERM", async () => {
  await using scene = new DaemonScene();
  const daemon = scene.spawn("daemon", "--log", "own.log");
  await until("it has started", () => daemon.stdout().includes("Daemon started"));
  assert.equal(await scene.pid(), daemon.process.pid);
  daemon.process.kill("SIGTERM");
  const { code, stdout, stderr } = await daemon.finish();
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n").map((line) => line.replace(/^\S+ /, ""));
  const pid = daemon.process.pid;
  assert.deepEqual(lines, [
    `info  Daemon started pid=${pid} socket=${JSON.stringify(scene.socket)}`,
    "info  Daemon ends reason=signal",
    `info  Daemon ended pid=${pid}`,
  ]);
  const written = Deno.readTextFileSync(scene.path("own.log")).trimEnd().split("\n");
  assert.deepEqual(written.map((line) => JSON.parse(line).message), [
    "Daemon started",
    "Daemon ends",
    "Daemon ended",
  ]);
});

Deno.test("a second daemon in the foreground says that one runs", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const { code, stderr } = await scene.valet("daemon");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^valet: Cannot serve ".*": .*\(EADDRINUSE\)\nHint: A daemon runs there already/,
  );
});

Deno.test("a daemon that cannot start is reported with the end of its log", async () => {
  await using scene = new DaemonScene();
  // What is in the way is found by the daemon only
  Deno.mkdirSync(`${scene.socket}.lock`);
  const { code, stderr } = await scene.valet("daemon", "start");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^valet: Cannot start the daemon: it ended with status 1\. The end of its log "/,
  );
  assert.match(stderr, /"message":"Daemon failed".*\(EISDIR\)/);
});

Deno.test("a folder that others can write to is refused", async () => {
  await using scene = new DaemonScene();
  Deno.chmodSync(scene.folder, 0o777);
  const { code, stderr } = await scene.valet("daemon", "start");
  assert.equal(code, 1);
  assert.match(stderr, /can be written by others\nHint: .*chmod 700/);
  const foreground = await scene.valet("daemon");
  assert.equal(foreground.code, 1);
  assert.match(
    foreground.stderr,
    /\(EACCES\)\nHint: The socket's folder has to belong to this user/,
  );
});

Deno.test("--socket names another daemon than VALET_SOCKET", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const other = ["--socket", "other.sock"];
  const { pid, socket } = await scene.json<{ pid: number; socket: string }>(
    "daemon",
    "start",
    ...other,
  );
  assert.equal(socket, scene.path("other.sock"));
  assert.notEqual(await scene.pid(), pid);
  assert.ok(Deno.statSync(scene.path("other.log")).isFile);
  await scene.ok("daemon", "stop", ...other);
  assert.ok(!isRunning(pid));
});

Deno.test("malformed options of valet daemon end with exit status 2", async () => {
  await using scene = new DaemonScene();
  for (
    const [option, value] of [["--threads", "-1"], ["--threads", "65"], ["--idle", "-1"], [
      "--log-level",
      "loud",
    ]]
  ) {
    const { code, stderr } = await scene.valet("daemon", "start", `${option}=${value}`);
    assert.equal(code, 2, stderr);
    assert.match(stderr, new RegExp(`Cannot use .* as ${option}`));
  }
  assert.equal((await scene.valet("daemon", "start", "--treads", "1")).code, 2);
  assert.equal(await scene.pid(), undefined);
});

Deno.test("the daemon refuses questions that it does not know, and goes on", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const ask = async (question: unknown): Promise<{ ok: boolean; error?: string }> =>
    JSON.parse(await scene.script("ask.ts", JSON.stringify(question)));
  const refusals: [unknown, RegExp][] = [
    [{ ask: "what" }, /does not know the question/],
    [{ ask: "hook-load", bridge: 1, file: "/x" }, /Cannot use 1 as bridge/],
    [{ ask: "hook-load", bridge: "vale0", file: "x.ts" }, /absolute path/],
    [{ ask: "hook-load", bridge: "vale0" }, /as file: expected a string/],
    [{ ask: "hook-unload", bridge: "vale0" }, /Cannot find a hook on "vale0"/],
    [{ ask: "log-level", level: "loud" }, /Cannot use "loud" as level/],
  ];
  for (const [question, error] of refusals) {
    const answer = await ask(question);
    assert.equal(answer.ok, false);
    assert.match(answer.error!, error);
  }
  assert.deepEqual(await ask({ ask: "log-level", level: "debug" }), {
    ok: true,
    level: "debug",
    before: "info",
  });
  assert.deepEqual(await ask({ ask: "log-level" }), { ok: true, level: "debug" });
});
