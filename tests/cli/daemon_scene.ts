/**
 * A daemon of one test's own: a folder with its socket and its log, and commands as a user gives them, each
 * a process of its own.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sleep } from "../../cli/sleep.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = `${ROOT}cli/main.ts`;

/** Conditions are given up after this time. */
const WAIT_MS = 20_000;

/** What a command has left behind. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly process: Deno.ChildProcess;
  /** All that it has written to stdout so far. */
  readonly stdout: () => string;
  /** Waits for its end. */
  finish(): Promise<Finished>;
}

/** The place of a test; disposing of it stops the daemon. */
export class DaemonScene implements AsyncDisposable {
  /** Private folder. */
  readonly folder: string = Deno.makeTempDirSync({ prefix: "valet test " });
  /** Where the daemon listens. */
  readonly socket = `${this.folder}/valet.sock`;
  /** Its log. */
  readonly log = `${this.folder}/valet.log`;
  readonly #env: Record<string, string>;

  /** @param env more of the environment */
  constructor(env: Record<string, string> = {}) {
    this.#env = {
      VALET_SOCKET: this.socket,
      NO_COLOR: "1",
      VALET_BACKEND: "",
      INIT_CWD: "",
      ...env,
    };
  }

  /** The path of a file in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Starts `valet ARGS`. */
  spawn(...args: string[]): Running {
    return this.spawnProgram(Deno.execPath(), "run", "-A", MAIN, ...args);
  }

  /** Starts any program in the scene's environment. */
  spawnProgram(command: string, ...args: string[]): Running {
    const process = new Deno.Command(command, {
      args,
      env: this.#env,
      cwd: this.folder,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stdout = collect(process.stdout), stderr = collect(process.stderr);
    return {
      process,
      stdout: () => stdout.text,
      async finish(): Promise<Finished> {
        await Promise.all([stdout.done, stderr.done]);
        const { code } = await process.status;
        return { code, stdout: stdout.text, stderr: stderr.text };
      },
    };
  }

  /** Runs `valet ARGS`. */
  valet(...args: string[]): Promise<Finished> {
    return this.spawn(...args).finish();
  }

  /** Runs `valet ARGS`, which has to succeed; returns what it writes. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.valet(...args);
    assert.equal(code, 0, `valet ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs `valet ARGS --json`, which has to succeed. */
  async json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok(...args, "--json"));
  }

  /** Runs a module of the tests, which has to succeed; returns what it writes. */
  async script(name: string, ...args: string[]): Promise<string> {
    const file = fileURLToPath(new URL(name, import.meta.url));
    const { code, stdout, stderr } = await this.spawnProgram(
      Deno.execPath(),
      "run",
      "-A",
      file,
      ...args,
    )
      .finish();
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** The process of the daemon; undefined if none runs. */
  async pid(): Promise<number | undefined> {
    const { stdout } = await this.valet("daemon", "status", "--json");
    return JSON.parse(stdout).pid;
  }

  /** The log's lines. */
  logLines(): Record<string, unknown>[] {
    return Deno.readTextFileSync(this.log).trimEnd().split("\n").map((line) => JSON.parse(line));
  }

  /** Stops the daemon, removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.valet("daemon", "stop");
    Deno.removeSync(this.folder, { recursive: true });
  }
}

function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): { text: string; done: Promise<void> } {
  const collected = { text: "", done: Promise.resolve() };
  collected.done = (async () => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) collected.text += text;
  })();
  return collected;
}

/** Waits until a condition holds, and returns what it is then. */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | null | Promise<T | undefined | false | null>,
): Promise<T> {
  for (const end = performance.now() + WAIT_MS; performance.now() < end; await sleep(20)) {
    const value = await condition();
    if (value !== undefined && value !== false && value !== null) return value;
  }
  assert.fail(`Nothing came of waiting until ${what}`);
}

/** Whether a process runs; one that has ended but was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
