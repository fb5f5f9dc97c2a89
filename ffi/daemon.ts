/**
 * The daemon: a process that hosts valet's engine for all processes of a user, so that their ports
 * meet on one switch without a kernel module. How to find it, ask it, and be it.
 *
 * @module
 */

import { check, checkInteger, codeOf, NetmapError, show } from "./errors.ts";
import { cString } from "./descriptor.ts";
import { loadLibrary } from "./library.ts";
import type { NativeFunctions } from "./symbols.ts";

/**
 * Most bytes of a question or an answer: `WIRE_BYTES_MAX` of `c/wire.h`, which the header is part
 * of.
 */
const TEXT_BYTES = 128 * 1024;

/** Linux's PATH_MAX. */
const PATH_BYTES = 4096;

/** How long `askDaemon()` waits unless told otherwise. */
const ANSWER_MS = 5000;

/** The thread that waits for questions looks around at least so often. */
const SLICE_MS = 500;

/** Figures of `valet_serve_status()`. */
const FIGURES = 6;

const HINTS: Readonly<Record<string, string>> = {
  "ask ENOENT": 'No daemon runs: "valet daemon start" starts one',
  "ask ECONNREFUSED": 'No daemon runs any more: "valet daemon start" starts one',
  "ask EACCES": "That daemon is another user's; each user has a daemon of their own",
  "ask ETIMEDOUT":
    'The daemon runs but does not answer; its log may say why ("valet daemon status")',
  "ask ECONNRESET": "The daemon ended before it answered",
  "ask EMSGSIZE": `A question and its answer are at most ${TEXT_BYTES >> 10} KiB`,
  "ask EPROTO": "What answers there is no valet daemon, or one of another version",
  "serve EADDRINUSE": "A daemon runs there already, and a process can be only one",
  "serve EACCES": "The socket's folder has to belong to this user, and nobody else may write to it",
  "serve ENOENT": "The socket's folder does not exist",
  "serve ENAMETOOLONG":
    "The path of a Unix socket has at most 107 bytes; VALET_SOCKET can name another",
};

/**
 * A question to the program that hosts the daemon: what is asked, and what that takes.
 *
 * valet's own program answers "status", "stop", "log-level" (`level`), "hook-load" (`bridge`,
 * `file`, `instance`), "hook-unload" and "hook-stats" (`bridge`, `instance`), and "hook-list".
 */
export interface DaemonQuestion {
  /** What is asked. */
  readonly ask: string;
  /** What it takes: values that JSON has. */
  readonly [key: string]: unknown;
}

/** What the daemon answers: what was asked for, or why not. */
export type DaemonAnswer = DaemonSuccess | DaemonFailure;

/** It was done; here is what was asked for. */
export interface DaemonSuccess {
  /** True. */
  readonly ok: true;
  /** What was asked for: values that JSON has. */
  readonly [key: string]: unknown;
}

/** It was not done. */
export interface DaemonFailure {
  /** False. */
  readonly ok: false;
  /** Why, for people. */
  readonly error: string;
  /** Name of the error, "ENXIO", where it has one. */
  readonly code?: string | undefined;
}

/** Options of `askDaemon()` and `askDaemonAsync()`. */
export interface AskOptions {
  /** How long to wait for the answer, in milliseconds. Default: 5000. */
  timeoutMs?: number | undefined;
}

/** Options of `DaemonServer.start()`. */
export interface DaemonServerOptions {
  /** Where to listen. Default: `daemonPath()`. */
  path?: string | undefined;
  /** Threads that forward packets, 1 to 64; 0, the default: as many as fit the machine. */
  threads?: number | undefined;
  /** File of the C library, instead of looking for it. */
  library?: string | undefined;
}

/** Options of `server.questions()`. */
export interface QuestionsOptions {
  /** Ends the loop; the server goes on. */
  signal?: AbortSignal | undefined;
}

/** A question that waits for its answer. */
export interface PendingQuestion {
  /** What is asked. Only `ask` has been checked: it is a string. */
  readonly question: DaemonQuestion;
  /** Answers it, once; who asked may have gone, which is no error. */
  answer(answer: DaemonAnswer): void;
}

/** What a daemon counts. */
export interface DaemonStatus {
  /** Connections of other processes, those that only ask included. */
  connections: number;
  /** Descriptors that are bound to a port. */
  ports: number;
  /** Persistent interfaces, in all engines. */
  persistent: number;
  /** Engines. */
  engines: number;
  /** Milliseconds since the last connection of another process ended; 0 while there is one. */
  idleMs: number;
  /** Connections and messages that were refused. */
  refused: number;
}

/**
 * Where the daemon listens for this user: the path that VALET_SOCKET names, else `valet.sock` in
 * XDG_RUNTIME_DIR, else in `/tmp/valet-UID`. It says nothing about whether one does.
 *
 * @throws {NetmapError} ENAMETOOLONG if VALET_SOCKET or XDG_RUNTIME_DIR is too long for a Unix socket
 *
 * @example
 * ```ts
 * import { daemonPath } from "@valet/valet";
 *
 * console.log(daemonPath()); // "/run/user/1000/valet.sock"
 * ```
 */
export function daemonPath(): string {
  const { functions } = loadLibrary();
  const path = new Uint8Array(PATH_BYTES);
  const length = functions.valet_daemon_path(path, path.length);
  check(length, "find", { port: "the daemon's socket", hint: HINTS["serve ENAMETOOLONG"] });
  return new TextDecoder().decode(path.subarray(0, length));
}

/**
 * Asks the program that hosts the daemon. Waits for the answer on this thread: the thread that
 * answers the questions must not ask.
 *
 * @throws {NetmapError} ENOENT or ECONNREFUSED if no daemon runs, EACCES if it is another user's, ETIMEDOUT,
 * ECONNRESET if it ended meanwhile, EMSGSIZE
 *
 * @example
 * ```ts
 * import { askDaemon, NetmapError } from "@valet/valet";
 *
 * try {
 *   console.log(askDaemon({ ask: "status" }));
 * } catch (error) {
 *   if (!(error instanceof NetmapError)) throw error;
 *   console.log(error.code); // "ENOENT": no daemon runs
 * }
 * ```
 */
export function askDaemon(
  question: DaemonQuestion,
  { timeoutMs = ANSWER_MS }: AskOptions = {},
): DaemonAnswer {
  const text = encodeQuestion(question, timeoutMs);
  const { functions } = loadLibrary();
  const answer = new Uint8Array(TEXT_BYTES);
  return decodeAnswer(
    functions.valet_daemon_ask(text, text.length, answer, answer.length, timeoutMs),
    answer,
  );
}

/**
 * The same as `askDaemon()` on a thread of its own: meanwhile the event loop goes on. So the process
 * that answers the questions may ask, too.
 *
 * @throws {NetmapError} as `askDaemon()`, as a rejection
 *
 * @example
 * ```ts
 * import { askDaemonAsync } from "@valet/valet";
 *
 * const asked = askDaemonAsync({ ask: "status" });
 * console.log(await asked.catch((error) => error.code)); // "ENOENT": no daemon runs
 * ```
 */
export async function askDaemonAsync(
  question: DaemonQuestion,
  { timeoutMs = ANSWER_MS }: AskOptions = {},
): Promise<DaemonAnswer> {
  const text = encodeQuestion(question, timeoutMs);
  const { functions } = loadLibrary();
  const answer = new Uint8Array(TEXT_BYTES);
  return decodeAnswer(
    await functions.valet_daemon_ask_async(text, text.length, answer, answer.length, timeoutMs),
    answer,
  );
}

function encodeQuestion(question: DaemonQuestion, timeoutMs: number): Uint8Array<ArrayBuffer> {
  if (typeof question !== "object" || question === null || typeof question.ask !== "string") {
    throw new TypeError(
      `Cannot ask the daemon ${show(question)}: expected an object with a string "ask"`,
    );
  }
  checkInteger("timeoutMs", timeoutMs, 0, 0x7fffffff);
  return new TextEncoder().encode(JSON.stringify(question));
}

/** @param bytes of the answer, or a negative errno */
function decodeAnswer(bytes: number, answer: Uint8Array): DaemonAnswer {
  if (bytes < 0) throw failure("ask", codeOf(bytes), daemonPath());
  const parsed = parseObject(answer.subarray(0, bytes));
  if (parsed?.ok === true) return parsed as unknown as DaemonSuccess;
  if (parsed?.ok === false && typeof parsed.error === "string") {
    return parsed as unknown as DaemonFailure;
  }
  throw failure("ask", "EPROTO", daemonPath());
}

/**
 * The daemon, in the process that hosts it. The C library listens and forwards in threads of its
 * own; what is left for the program is to answer questions.
 *
 * @example
 * ```ts
 * import { DaemonServer } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * const folder = Deno.makeTempDirSync();
 * using server = DaemonServer.start({ path: `${folder}/valet.sock`, threads: 1 });
 * assert.equal(server.status().connections, 0);
 * const answering = (async () => {
 *   for await (const { question, answer } of server.questions()) {
 *     answer({ ok: false, error: `Cannot answer "${question.ask}"` });
 *   }
 * })();
 * server.close(); // which ends the loop
 * await answering;
 * Deno.removeSync(folder, { recursive: true });
 * ```
 */
export class DaemonServer implements Disposable {
  readonly #functions: NativeFunctions;
  #closed = false;
  /** Where it listens. */
  readonly path: string;

  private constructor(functions: NativeFunctions, path: string) {
    this.#functions = functions;
    this.path = path;
  }

  /**
   * Makes this process the daemon, until `close()`.
   *
   * Permission: --allow-ffi.
   *
   * @throws {NetmapError} EADDRINUSE if a daemon listens there or this process is one already, EACCES if the
   * folder is not this user's alone, ENAMETOOLONG, ENOMEM ...
   */
  static start(options: DaemonServerOptions = {}): DaemonServer {
    const { path = "", threads = 0, library } = options;
    if (typeof path !== "string") {
      throw new TypeError(`Cannot use ${show(path)} as path: expected a string`);
    }
    checkInteger("threads", threads, 0, 64);
    const { functions } = loadLibrary({ path: library });
    const socket = path === "" ? daemonPath() : path;
    const result = functions.valet_serve_start(cString(socket), threads);
    if (result < 0) throw failure("serve", codeOf(result), socket);
    return new DaemonServer(functions, socket);
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * What other processes ask, as they ask it. The loop ends when the server is closed or the signal
   * aborts. A question may be answered after the next has come; what is no question is refused
   * here.
   */
  async *questions({ signal }: QuestionsOptions = {}): AsyncGenerator<PendingQuestion, void, void> {
    const id = new Uint32Array(1);
    const text = new Uint8Array(TEXT_BYTES);
    while (!this.#closed && signal?.aborted !== true) {
      const bytes = await this.#functions.valet_serve_wait_async(id, text, text.length, SLICE_MS);
      if (bytes === 0) continue;
      if (bytes < 0) {
        if (this.#closed) return;
        throw failure("serve", codeOf(bytes), this.path);
      }
      const pending = this.#pending(id[0], text.subarray(0, bytes));
      if (pending !== undefined) yield pending;
    }
  }

  #pending(id: number, text: Uint8Array): PendingQuestion | undefined {
    const question = parseObject(text);
    let answered = false;
    const answer = (value: DaemonAnswer): void => {
      if (answered) throw new Error("Cannot answer: the question was answered already");
      answered = true;
      this.#answer(id, value);
    };
    if (typeof question?.ask === "string") return { question: question as DaemonQuestion, answer };
    answer({
      ok: false,
      error: 'Cannot read the question: expected a JSON object with a string "ask"',
      code: "EINVAL",
    });
    return undefined;
  }

  #answer(id: number, value: DaemonAnswer): void {
    if (this.#closed) return;
    let bytes = new TextEncoder().encode(JSON.stringify(value));
    // The rest of a packet is the protocol's header
    if (bytes.length > TEXT_BYTES - 64) {
      const error = `Cannot answer: the answer takes ${bytes.length} bytes`;
      bytes = new TextEncoder().encode(JSON.stringify({ ok: false, error, code: "EMSGSIZE" }));
    }
    const result = this.#functions.valet_serve_answer(id, bytes, bytes.length);
    const code = result < 0 ? codeOf(result) : "";
    // Whoever asked may be gone, and the server closed meanwhile
    if (code !== "" && code !== "ENOENT" && code !== "EBADF") {
      throw failure("serve", code, this.path);
    }
  }

  /**
   * What it counts.
   *
   * @throws {NetmapError} EBADF after `close()`
   */
  status(): DaemonStatus {
    const figures = new BigUint64Array(FIGURES);
    const result = this.#closed ? -9 : this.#functions.valet_serve_status(figures);
    if (result < 0) throw failure("serve", codeOf(result), this.path);
    const [connections, ports, persistent, engines, idleMs, refused] = Array.from(figures, Number);
    return { connections, ports, persistent, engines, idleMs, refused };
  }

  /** Ends it: clients get errors, and their ports are gone. Further calls do nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#functions.valet_serve_stop();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** What `console.log(server)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    if (this.#closed) return `DaemonServer ${this.path} (closed)`;
    const { connections, ports } = this.status();
    return `DaemonServer ${this.path} (${connections} connections, ${ports} ports)`;
  }
}

function failure(operation: string, code: string, path: string): NetmapError {
  return new NetmapError(operation, code, { port: path, hint: HINTS[`${operation} ${code}`] });
}

function parseObject(text: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(text));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // no JSON
  }
  return undefined;
}
