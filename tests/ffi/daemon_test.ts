// Being the daemon, asking it, and how both fail.

import assert from "node:assert/strict";
import {
  askDaemon,
  askDaemonAsync,
  type DaemonAnswer,
  daemonPath,
  DaemonServer,
  NetmapError,
  type PendingQuestion,
} from "../../mod.ts";

/** A private folder with a place for a socket; VALET_SOCKET names it meanwhile. */
class Place implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly socket = `${this.folder}/valet.sock`;
  readonly #before = Deno.env.get("VALET_SOCKET");

  constructor() {
    Deno.env.set("VALET_SOCKET", this.socket);
  }

  [Symbol.dispose](): void {
    if (this.#before === undefined) Deno.env.delete("VALET_SOCKET");
    else Deno.env.set("VALET_SOCKET", this.#before);
    Deno.removeSync(this.folder, { recursive: true });
  }
}

function codeOf(action: () => unknown): string {
  try {
    action();
    return "";
  } catch (error) {
    assert.ok(error instanceof NetmapError, String(error));
    return error.code;
  }
}

/** A process that runs some TypeScript, in which "MOD" stands for mod.ts. */
function codeProcess(source: string, ...args: string[]): Deno.Command {
  const code = source.replace('"MOD"', JSON.stringify(import.meta.resolve("../../mod.ts")));
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  return new Deno.Command(Deno.execPath(), { args: ["run", "-A", url, ...args] });
}

/** Asks from another process, as the thread that answers cannot. */
async function ask(question: string): Promise<DaemonAnswer & { failed?: string }> {
  const { stdout } = await codeProcess(
    `import { askDaemon } from "MOD";
    try {
      console.log(JSON.stringify(askDaemon(JSON.parse(Deno.args[0]), { timeoutMs: 10_000 })));
    } catch (error) {
      console.log(JSON.stringify({ ok: false, failed: error.code, error: error.message }));
    }`,
    question,
  ).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Answers all questions until the server is closed. */
async function answerAll(
  server: DaemonServer,
  answer: (pending: PendingQuestion) => void,
): Promise<void> {
  for await (const pending of server.questions()) answer(pending);
}

Deno.test("daemonPath() is VALET_SOCKET, else in XDG_RUNTIME_DIR, else in a folder of /tmp", () => {
  using place = new Place();
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  try {
    assert.equal(daemonPath(), place.socket);
    Deno.env.set("VALET_SOCKET", "");
    Deno.env.set("XDG_RUNTIME_DIR", "/run/user/7");
    assert.equal(daemonPath(), "/run/user/7/valet.sock");
    Deno.env.delete("XDG_RUNTIME_DIR");
    assert.equal(daemonPath(), `/tmp/valet-${Deno.uid()}/valet.sock`);
  } finally {
    if (runtime !== undefined) Deno.env.set("XDG_RUNTIME_DIR", runtime);
  }
});

Deno.test("askDaemon() throws ENOENT where no daemon is, ECONNREFUSED where one was", () => {
  using place = new Place();
  assert.equal(codeOf(() => askDaemon({ ask: "status" })), "ENOENT");
  assert.throws(
    () => askDaemon({ ask: "status" }),
    /^NetmapError: Cannot ask ".*": No such file or directory \(ENOENT\)\nHint: No daemon runs: "valet daemon start"/,
  );
  // A killed daemon leaves its socket behind
  codeProcess(
    'import { DaemonServer } from "MOD"; DaemonServer.start(); Deno.kill(Deno.pid, "SIGKILL");',
  ).outputSync();
  assert.ok(Deno.lstatSync(place.socket).isSocket);
  assert.equal(codeOf(() => askDaemon({ ask: "status" })), "ECONNREFUSED");
});

Deno.test("askDaemonAsync() waits beside the event loop: the process that answers may ask", async () => {
  using _place = new Place();
  const rejected = async (code: string, timeoutMs?: number): Promise<void> =>
    await assert.rejects(askDaemonAsync({ ask: "late" }, { timeoutMs }), { code });
  await rejected("ENOENT");
  using server = DaemonServer.start();
  const answering = answerAll(server, ({ question, answer }) => {
    if (question.ask !== "late") answer({ ok: true, asked: question.ask });
  });
  const answers = await Promise.all(["a", "b"].map((ask) => askDaemonAsync({ ask })));
  assert.deepEqual(answers, [{ ok: true, asked: "a" }, { ok: true, asked: "b" }]);
  await rejected("ETIMEDOUT", 50);
  server.close();
  await answering;
});

Deno.test("askDaemon() refuses what is no question, and times that are none", () => {
  assert.throws(
    () => askDaemon(null as never),
    /^TypeError: Cannot ask the daemon null: expected an object/,
  );
  assert.throws(() => askDaemon({} as never), TypeError);
  assert.throws(() => askDaemon({ ask: "x" }, { timeoutMs: -1 }), RangeError);
  assert.throws(() => askDaemon({ ask: "x" }, { timeoutMs: "1" as never }), TypeError);
});

Deno.test("DaemonServer.start() refuses values that are none", () => {
  assert.throws(() => DaemonServer.start({ path: 1 as never }), TypeError);
  assert.throws(() => DaemonServer.start({ threads: -1 }), RangeError);
  assert.throws(() => DaemonServer.start({ threads: 65 }), RangeError);
  assert.throws(() => DaemonServer.start({ path: "a\0b" }), SyntaxError);
  assert.equal(
    codeOf(() => DaemonServer.start({ path: `/tmp/${"x".repeat(200)}` })),
    "ENAMETOOLONG",
  );
});

Deno.test("a process is one daemon: the second start throws EADDRINUSE, after close() it works", () => {
  using place = new Place();
  const first = DaemonServer.start({ threads: 1 });
  assert.equal(first.path, place.socket);
  assert.equal(codeOf(() => DaemonServer.start({ path: `${place.folder}/b.sock` })), "EADDRINUSE");
  first.close();
  first.close();
  assert.ok(first.closed);
  using second = DaemonServer.start({ path: `${place.folder}/b.sock`, threads: 1 });
  assert.equal(second.path, `${place.folder}/b.sock`);
});

Deno.test("DaemonServer.start() throws EACCES for a folder that others may write to", () => {
  using place = new Place();
  Deno.chmodSync(place.folder, 0o777);
  assert.equal(codeOf(() => DaemonServer.start()), "EACCES");
});

Deno.test("status() counts connections of other processes, and throws EBADF after close()", async () => {
  using _place = new Place();
  using server = DaemonServer.start({ threads: 1 });
  const idle = server.status();
  assert.deepEqual({ ...idle, idleMs: 0 }, {
    connections: 0,
    ports: 0,
    persistent: 0,
    engines: 0,
    idleMs: 0,
    refused: 0,
  });
  let during = idle;
  const answering = answerAll(server, ({ answer }) => {
    during = server.status();
    answer({ ok: true });
  });
  assert.deepEqual(await ask('{"ask":"x"}'), { ok: true });
  assert.equal(during.connections, 1);
  assert.equal(during.idleMs, 0);
  server.close();
  await answering;
  assert.equal(codeOf(() => server.status()), "EBADF");
});

Deno.test("questions and answers arrive as they were, in any order", async () => {
  using _place = new Place();
  using server = DaemonServer.start({ threads: 1 });
  const kept: PendingQuestion[] = [];
  const answering = answerAll(server, (pending) => {
    kept.push(pending);
    // The first is answered last
    if (kept.length === 3) {
      for (const { question, answer } of kept.reverse()) answer({ ok: true, echo: question });
    }
  });
  const questions = [1, 2, 3].map((n) => ({
    ask: "echo",
    n,
    text: "äöü €\n\u0000😀",
    deep: { a: [null, 1.5] },
  }));
  const answers = await Promise.all(
    questions.map((question) => ask(JSON.stringify(question))),
  );
  assert.deepEqual(answers, questions.map((echo) => ({ ok: true, echo })));
  server.close();
  await answering;
});

Deno.test("a question can be answered once", async () => {
  using _place = new Place();
  using server = DaemonServer.start({ threads: 1 });
  let error: unknown;
  const answering = answerAll(server, ({ answer }) => {
    answer({ ok: false, error: "no", code: "ENXIO" });
    try {
      answer({ ok: true });
    } catch (thrown) {
      error = thrown;
    }
  });
  assert.deepEqual(await ask('{"ask":"x"}'), { ok: false, error: "no", code: "ENXIO" });
  assert.match(String(error), /the question was answered already/);
  server.close();
  await answering;
});

Deno.test("an answer that is too long becomes an error, not silence", async () => {
  using _place = new Place();
  using server = DaemonServer.start({ threads: 1 });
  const answering = answerAll(server, ({ question, answer }) => {
    answer({ ok: true, text: "x".repeat(Number(question.bytes)) });
  });
  const fits = await ask('{"ask":"x","bytes":130000}');
  assert.equal(String((fits as { text?: string }).text).length, 130_000);
  const answer = await ask('{"ask":"x","bytes":140000}');
  assert.ok(!answer.ok && answer.code === "EMSGSIZE");
  server.close();
  await answering;
});

Deno.test("whoever waits for an answer is told at once when the daemon ends", async () => {
  using _place = new Place();
  using server = DaemonServer.start({ threads: 1 });
  const asked = Promise.withResolvers<void>();
  const answering = answerAll(server, () => asked.resolve());
  const begin = performance.now();
  const answer = ask('{"ask":"never answered"}');
  await asked.promise;
  server.close();
  assert.equal((await answer).failed, "ECONNRESET");
  assert.ok(performance.now() - begin < 9000, "not when the time is up");
  await answering;
});

Deno.test("questions() ends with its signal, and the server goes on", async () => {
  using _place = new Place();
  using server = DaemonServer.start({ threads: 1 });
  const controller = new AbortController();
  const first = (async () => {
    for await (const { answer } of server.questions({ signal: controller.signal })) {
      answer({ ok: true });
    }
  })();
  controller.abort();
  await first;
  const second = answerAll(server, ({ answer }) => answer({ ok: true, by: "the second loop" }));
  assert.deepEqual(await ask('{"ask":"x"}'), { ok: true, by: "the second loop" });
  server.close();
  await second;
});
