import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ExitStatus, UsageError } from "../../cli/context.ts";
import { perform, reasonOf } from "../../cli/perform.ts";
import type { CommandSpec } from "../../cli/table.ts";
import { NetmapError } from "../../mod.ts";
import { MemoryContext } from "./memory_context.ts";
import { type Outcome, runCommand, type RunOptions, valet } from "./valet_process.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What perform() makes of an action. */
async function outcome(action: NonNullable<CommandSpec["action"]>): Promise<Outcome> {
  const context = new MemoryContext();
  const spec = { name: "test", description: "", arguments: "<file:file>", action };
  const status = await perform(spec, {}, [], context, "valet test");
  return { status, out: context.stdout.text, err: context.stderr.text };
}

function throwing(error: unknown): Promise<Outcome> {
  return outcome(() => {
    throw error;
  });
}

Deno.test("perform() passes an action's status on; nothing is 0", async () => {
  assert.equal((await outcome(() => {})).status, ExitStatus.DONE);
  assert.equal((await outcome(() => 7)).status, 7);
  assert.equal((await outcome(() => Promise.resolve(1))).status, ExitStatus.FAILED);
});

Deno.test("perform() answers a malformed command with usage, hint and status 2", async () => {
  const usage = 'Usage: valet test <file>\nHint: "valet test --help" says more\n';
  for (const error of [new UsageError("It is wrong"), new SyntaxError("Cannot read it")]) {
    const { status, err } = await throwing(error);
    assert.equal(status, ExitStatus.USAGE);
    assert.equal(err, `valet: ${error.message}\n${usage}`);
  }
});

Deno.test("perform() shows cause and mend of a failure, with status 1", async () => {
  const { status, out, err } = await throwing(
    new NetmapError("open", "EBUSY", { port: "vale0:a" }),
  );
  assert.equal(status, ExitStatus.FAILED);
  assert.equal(out, "");
  assert.match(
    err,
    /^valet: Cannot open "vale0:a": Device or resource busy \(EBUSY\)\nHint: \S.*\n$/,
  );
});

Deno.test("perform() shows where a mistake of ours is", async () => {
  const { status, err } = await throwing(new TypeError("undefined is not a function"));
  assert.equal(status, ExitStatus.FAILED);
  assert.match(err, /^valet: TypeError: undefined is not a function\n {4}at .*front_main_test/);
});

Deno.test("perform() says nothing when the reader of a pipe has gone", async () => {
  const { status, err } = await throwing(new Deno.errors.BrokenPipe("Broken pipe"));
  assert.deepEqual([status, err], [141, ""]);
});

Deno.test("reasonOf() is strerror()'s text", () => {
  const reason = (code: string): string =>
    reasonOf(new NetmapError("attach", code, { port: "a: b" }));
  assert.equal(reason("EBUSY"), "Device or resource busy");
  assert.equal(reason("ENXIO"), "No such device or address");
});

Deno.test("vale-ctl needs nothing from npm; valet says what it lacks", async () => {
  const cache = Deno.makeTempDirSync({ prefix: "valet-test-" });
  try {
    const env = {
      DENO_DIR: cache,
      NPM_CONFIG_REGISTRY: "http://127.0.0.1:1", // nobody listens
      VALET_BACKEND: "embedded",
    };
    assert.deepEqual(await valet(["vale-ctl"], { env }), { status: 0, out: "", err: "" });
    const { status, err } = await valet(["ports"], { env });
    assert.equal(status, ExitStatus.FAILED);
    assert.match(err, /^valet: Cannot load commander, .*\nHint: It comes from npm once/);
  } finally {
    Deno.removeSync(cache, { recursive: true });
  }
});

function task(args: string[], options: RunOptions = {}): Promise<Outcome> {
  return runCommand(
    Deno.execPath(),
    ["task", "-q", "--config", `${ROOT}deno.json`, ...args],
    options,
  );
}

Deno.test("deno task vale-ctl: arguments and the exit status pass through", async () => {
  const env = { VALET_BACKEND: "embedded" };
  const made = await task(["vale-ctl", "-v", "-n", "vi0", "-C", "16"], { env });
  assert.equal(made.status, 0, made.err);
  assert.match(made.out, /^tx_slots: {3}16\n/);
  const odd = await task(["vale-ctl", "-r", "a 'b' $HOME *"], { env });
  assert.equal(odd.status, 1);
  assert.match(odd.err, /^failed to remove a 'b' \$HOME \*: No such device or address\n/);
  assert.equal((await task(["vale-ctl", "-h"], { env })).status, 2);
  assert.equal((await task(["valet", "nosuch"], { env })).status, 2);
  assert.equal((await task(["pkt-gen", "-q"], { env })).status, 2);
});

Deno.test("deno task valet: files are relative to the user's directory", async () => {
  const cwd = Deno.makeTempDirSync({ prefix: "valet-test-" });
  try {
    // Without an INIT_CWD, which a task that runs the tests has set: the task is to set its own
    const env: Record<string, string> = { ...Deno.env.toObject(), VALET_BACKEND: "embedded" };
    delete env.INIT_CWD;
    const args = ["valet", "capture", "--seconds", "0.05", "vale0:a", "out.pcap"];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "-q", "--config", `${ROOT}deno.json`, ...args],
      cwd,
      env,
      clearEnv: true,
      stdin: "null",
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.equal(Deno.readFileSync(`${cwd}/out.pcap`).length, 24);
  } finally {
    Deno.removeSync(cwd, { recursive: true });
  }
});

Deno.test("openNetmap() refuses a VALET_BACKEND that is none", async () => {
  const { status, err } = await valet(["vale-ctl"], { env: { VALET_BACKEND: "kernle" } });
  assert.equal(status, ExitStatus.FAILED);
  assert.match(err, /^vale-ctl: Cannot use "kernle" as VALET_BACKEND\nHint: It is "kernel"/);
});

Deno.test("context.signal aborts at the first signal, the second ends the process", async () => {
  const script = `
    import { processContext } from ${JSON.stringify(`${ROOT}cli/context.ts`)};
    const { signal, stdout } = processContext("test");
    setInterval(() => {}, 1000);
    signal.addEventListener("abort", () => stdout.write("aborted\\n"));
    stdout.write("ready\\n");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "ready\n");
  child.kill("SIGINT");
  assert.equal((await lines.next()).value, "aborted\n");
  child.kill("SIGTERM");
  assert.equal((await child.status).signal, "SIGTERM");
  assert.equal((await lines.next()).done, true);
});
