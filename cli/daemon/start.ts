/**
 * Starting the daemon in the background, and stopping it.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { daemonPath, libraryPath, NetmapError } from "../../mod.ts";
import type { Context } from "../context.ts";
import { sleep } from "../sleep.ts";
import { ask, type StatusAnswer } from "./answers.ts";
import type { LogLevel } from "./log.ts";

/** A daemon is idle for so long before it ends itself, unless told otherwise. */
export const IDLE_SECONDS = 60;

/** A daemon that does not answer after this time does not run properly. */
const START_MS = 15_000;

/** How long it may take to answer that it is there. */
const STATUS_MS = 2000;

const POLL_MS = 10;

/** Daemons that are started until one answers. */
const TRIES = 5;

/** Lines of the log that an error shows. */
const TAIL_LINES = 12;

/** A log that is larger when a daemon is started is set aside. */
const LOG_BYTES = 1024 * 1024;

/** What a daemon is started with. */
export interface StartOptions {
  /** It ends itself after being idle for so many seconds; 0: never. Default: 60. */
  readonly idleSeconds?: number | undefined;
  /** Threads that forward packets. Default: as many as fit the machine. */
  readonly threads?: number | undefined;
  /** File of its log. Default: beside the socket. */
  readonly logFile?: string | undefined;
  /** Mildest level that is logged. Default: "info". */
  readonly logLevel?: LogLevel | undefined;
}

/** A daemon that runs. */
export interface RunningDaemon {
  /** Its process. */
  readonly pid: number;
  /** File of its log, if it has one. */
  readonly log: string | undefined;
  /** It did not run before. */
  readonly started: boolean;
}

/** What the daemon says about itself; undefined if none runs. */
export function daemonStatus(timeoutMs: number = STATUS_MS): StatusAnswer | undefined {
  try {
    return ask<StatusAnswer>({ ask: "status" }, { timeoutMs });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * Starts the daemon in the background unless one runs, and says so in one line on stderr.
 *
 * @throws {Error} if it does not come up; the message has the end of its log
 */
export async function ensureDaemon(
  context: Context,
  options: StartOptions = {},
): Promise<RunningDaemon> {
  const daemon = await startDaemon(options);
  if (daemon.started) {
    context.stderr.write(
      `${context.program}: started the valet daemon (process ${daemon.pid}, log ${daemon.log})\n`,
    );
  }
  return daemon;
}

/**
 * Starts the daemon in the background unless one runs: where several are started at once, one is
 * left, and all callers get that. Returns when it answers.
 *
 * @throws {Error} if it does not come up; the message has the end of its log
 */
export async function startDaemon(options: StartOptions = {}): Promise<RunningDaemon> {
  const status = daemonStatus();
  if (status !== undefined) return { pid: status.pid, log: status.log, started: false };
  const socket = daemonPath();
  privateFolder(dirname(socket));
  const log = options.logFile ?? logBeside(socket);
  const logBegin = prepareLog(log);
  const deadline = performance.now() + START_MS;
  for (let tries = 1;; tries++) {
    const child = spawn(socket, log, options);
    const found = await untilAnswer(child, deadline);
    if (found !== undefined) {
      return { pid: found.pid, log: found.log, started: found.pid === child.pid };
    }
    // It found that another one runs, which has gone before it answered: once more
    if (child.ended() === 0 && tries < TRIES && performance.now() < deadline) continue;
    throw new Error(notStarted(child, log, logBegin));
  }
}

/** Tells the daemon to end, and waits until it has. Returns its process; undefined if none runs. */
export async function stopDaemon(): Promise<number | undefined> {
  let pid: number;
  try {
    pid = ask<{ pid: number }>({ ask: "stop" }).pid;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  const deadline = performance.now() + START_MS;
  while (isAlive(pid)) {
    if (performance.now() > deadline) {
      throw new Error(
        `Cannot stop the daemon: process ${pid} still runs after ${START_MS / 1000} s\n` +
          `Hint: "kill -9 ${pid}" ends it`,
      );
    }
    await sleep(POLL_MS);
  }
  return pid;
}

/** The log of a background daemon that was not told where to: "valet.log" beside "valet.sock". */
export function logBeside(socket: string): string {
  return join(dirname(socket), `${basename(socket).replace(/\.sock$/, "")}.log`);
}

interface Child {
  readonly pid: number;
  /** Its exit status; undefined while it runs. */
  ended(): number | undefined;
}

function spawn(socket: string, log: string, options: StartOptions): Child {
  const { idleSeconds = IDLE_SECONDS, threads = 0, logLevel = "info" } = options;
  const main = new URL("./main.ts", import.meta.url);
  const line = [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A"]
    .concat(main.protocol === "file:" ? fileURLToPath(main) : main.href)
    .concat("--socket", socket, "--log", log, "--log-level", logLevel)
    .concat("--idle", String(idleSeconds), "--threads", String(threads));
  const child = new Deno.Command("/bin/sh", {
    // What is not logged, such as a crash, goes to the end of the log
    args: ["-c", 'exec "$@" >> "$0" 2>&1', log, ...line],
    cwd: "/",
    clearEnv: true,
    env: environment(),
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  let code: number | undefined;
  child.status.then((status) => code = status.code);
  return { pid: child.pid, ended: () => code };
}

/** The environment, without what would make the daemon a client of itself. */
function environment(): Record<string, string> {
  const { LD_PRELOAD = "", INIT_CWD: _, ...env } = Deno.env.toObject();
  const preload = LD_PRELOAD.split(/[\s:]+/).filter((file) => !/libvalet-preload/.test(file));
  // Where it was found from here, which may be a relative path
  env.VALET_LIB = libraryPath();
  return preload.join("") === "" ? env : { ...env, LD_PRELOAD: preload.join(":") };
}

async function untilAnswer(child: Child, deadline: number): Promise<StatusAnswer | undefined> {
  while (performance.now() < deadline) {
    const ended = child.ended();
    const status = daemonStatus();
    if (status !== undefined) return status;
    if (ended !== undefined) return undefined;
    await sleep(POLL_MS);
  }
  return undefined;
}

function notStarted(child: Child, log: string, logBegin: number): string {
  const code = child.ended();
  const what = code === undefined
    ? `it does not answer after ${START_MS / 1000} s`
    : `it ended with status ${code}`;
  const tail = tailOf(log, logBegin);
  return `Cannot start the daemon: ${what}` +
    (tail === ""
      ? `, and wrote nothing to its log "${log}"`
      : `. The end of its log "${log}":\n${tail}`);
}

function tailOf(log: string, begin: number): string {
  try {
    const bytes = Deno.readFileSync(log).subarray(begin);
    return new TextDecoder().decode(bytes).trimEnd().split("\n").slice(-TAIL_LINES)
      .map((line) => `  ${line}`.trimEnd()).join("\n").trimEnd();
  } catch {
    return "";
  }
}

/** Makes the log, for this user only, and returns where the daemon's part of it will begin. */
function prepareLog(log: string): number {
  try {
    const size = Deno.lstatSync(log).size;
    if (size > LOG_BYTES) Deno.renameSync(log, `${log}.1`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  using file = Deno.openSync(log, { append: true, create: true, mode: 0o600 });
  return file.statSync().size;
}

/**
 * Makes the socket's folder if need be; others must not be able to put anything there.
 *
 * @throws {Error} if it is somebody else's, or others may write to it
 */
function privateFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw folderError(folder, error);
  }
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  const isOurs = isDirectory && uid === Deno.uid() && ((mode ?? 0) & 0o022) === 0;
  if (isOurs) return;
  throw new Error(
    `Cannot start the daemon: the folder "${folder}" of its socket ` +
      (!isDirectory
        ? "is none"
        : uid === Deno.uid()
        ? "can be written by others"
        : "is another user's") +
      `\nHint: Make it private ("chmod 700 ${folder}"), or name another place with VALET_SOCKET`,
  );
}

function folderError(folder: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `Cannot start the daemon: the folder "${folder}" of its socket cannot be made: ${why}\n` +
      "Hint: Name another place with VALET_SOCKET",
    { cause },
  );
}

/** Nobody listens, or no longer. */
function isGone(error: unknown): boolean {
  return error instanceof NetmapError && /^(ENOENT|ECONNREFUSED|ECONNRESET)$/.test(error.code);
}

/** A zombie that nobody has waited for has ended, too. */
function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
