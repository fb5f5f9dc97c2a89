/**
 * The program around the daemon's server: answers questions, keeps hooks, and ends when it is told
 * to, or has been idle for long enough.
 *
 * @module
 */

import {
  type DaemonAnswer,
  type DaemonQuestion,
  DaemonServer,
  type DaemonStatus,
  type PendingQuestion,
} from "../../mod.ts";
import type { StatusAnswer } from "./answers.ts";
import type { HookForm } from "./hook_messages.ts";
import { Hooks } from "./hooks.ts";
import { isLogLevel, type Log, LOG_LEVELS } from "./log.ts";

/** How the daemon is to run. */
export interface HostOptions {
  /** Where to listen. */
  readonly socket: string;
  /** Threads that forward packets; 0: as many as fit the machine. */
  readonly threads: number;
  /** Ends itself after being idle for so many milliseconds; 0: never. */
  readonly idleMs: number;
  /** What happens is written there. */
  readonly log: Log;
  /** File of the log, for who asks. */
  readonly logFile?: string | undefined;
}

/** Idle time is looked at so often within it, and at least every {@linkcode IDLE_CHECK_MS}. */
const IDLE_CHECKS = 8;
const IDLE_CHECK_MS = 5000;

/** Why a daemon has ended. */
export type EndReason = "asked" | "idle" | "signal";

/** A running daemon. */
export class Host implements AsyncDisposable {
  readonly #options: HostOptions;
  readonly #server: DaemonServer;
  readonly #hooks: Hooks;
  readonly #since = new Date();
  readonly #end = Promise.withResolvers<EndReason>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #questions: Promise<void> = Promise.resolve();

  private constructor(options: HostOptions, server: DaemonServer) {
    this.#options = options;
    this.#server = server;
    this.#hooks = new Hooks(options.socket, options.log);
  }

  /**
   * Makes this process the daemon.
   *
   * @throws {NetmapError} EADDRINUSE if one runs there, EACCES ...
   */
  static start(options: HostOptions): Host {
    const { socket, threads, log } = options;
    const host = new Host(options, DaemonServer.start({ path: socket, threads }));
    log.info("Daemon started", { pid: Deno.pid, socket });
    return host;
  }

  /** What it answers to "status". */
  status(): StatusAnswer {
    const { socket, threads, idleMs: idleLimitMs, log, logFile } = this.#options;
    return {
      ...this.#server.status(),
      pid: Deno.pid,
      socket,
      log: logFile,
      logLevel: log.level,
      since: this.#since.toISOString(),
      idleLimitMs,
      threads,
      hooks: this.#hooks.size,
    };
  }

  /** Serves until it is to end, and returns why; to be closed then. */
  async run(signal: AbortSignal): Promise<EndReason> {
    const { log } = this.#options;
    const abort = (): void => this.#end.resolve("signal");
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    this.#timer = this.#watchIdle();
    this.#questions = this.#answerAll();
    // A loop that fails is a daemon that nobody can ask any more
    this.#questions.catch((error) => this.#end.reject(error));
    try {
      const reason = await this.#end.promise;
      log.info("Daemon ends", { reason });
      return reason;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends it: hooks first, then the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#hooks.close();
    this.#server.close();
    await this.#questions.catch(() => {});
    this.#options.log.info("Daemon ended", { pid: Deno.pid });
  }

  #watchIdle(): ReturnType<typeof setInterval> | undefined {
    const { idleMs } = this.#options;
    if (idleMs === 0) return undefined;
    return setInterval(() => {
      if (isIdle(this.#server.status(), this.#hooks.size, idleMs)) this.#end.resolve("idle");
    }, Math.min(IDLE_CHECK_MS, idleMs / IDLE_CHECKS));
  }

  async #answerAll(): Promise<void> {
    for await (const pending of this.#server.questions()) {
      const { question } = pending;
      this.#options.log.debug("Asked", { question });
      if (question.ask === "stop") {
        pending.answer({ ok: true, pid: Deno.pid });
        this.#end.resolve("asked");
      } else {
        this.#answer(pending);
      }
    }
  }

  /** Answers when it can; the next question need not wait for that. */
  async #answer({ question, answer }: PendingQuestion): Promise<void> {
    let result: DaemonAnswer;
    try {
      result = await this.#decide(question);
    } catch (error) {
      result = { ok: false, error: error instanceof Error ? error.message : String(error) };
    }
    if (!result.ok) this.#options.log.warn("Refused", { ask: question.ask, error: result.error });
    answer(result);
  }

  #decide(question: DaemonQuestion): DaemonAnswer | Promise<DaemonAnswer> {
    const { bridge, instance = "" } = question;
    switch (question.ask) {
      case "status":
        return { ok: true, ...withoutAsker(this.status()) };
      case "log-level":
        return this.#logLevel(question.level);
      case "hook-list":
        return this.#hooks.list().then((hooks) => ({ ok: true, hooks }));
      case "hook-load":
        return this.#hooks.load({
          bridge: text("bridge", bridge),
          instance: text("instance", instance),
          file: file(question),
          form: hookForm(question),
        });
      case "hook-unload":
        return this.#hooks.unload(text("bridge", bridge), text("instance", instance));
      case "hook-stats":
        return this.#hooks.stats(text("bridge", bridge), text("instance", instance));
      default:
        throw new Error(`Cannot answer "${question.ask}": this daemon does not know the question`);
    }
  }

  #logLevel(level: unknown): DaemonAnswer {
    const { log } = this.#options;
    if (level === undefined) return { ok: true, level: log.level };
    if (!isLogLevel(level)) {
      throw new Error(
        `Cannot use ${JSON.stringify(level)} as level: it is one of ${LOG_LEVELS.join(", ")}`,
      );
    }
    const before = log.level;
    log.level = level;
    return { ok: true, level, before };
  }
}

/**
 * Whether a daemon may end: nobody is connected, and nothing is left that somebody could come back
 * for.
 */
export function isIdle(status: DaemonStatus, hooks: number, idleMs: number): boolean {
  const { connections, persistent } = status;
  return connections === 0 && persistent === 0 && hooks === 0 && status.idleMs >= idleMs;
}

/** Whoever asks is connected while being answered, and not what was asked about. */
function withoutAsker(status: StatusAnswer): StatusAnswer {
  return { ...status, connections: Math.max(0, status.connections - 1) };
}

function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new Error(`Cannot use ${JSON.stringify(value)} as ${name}: expected a string`);
}

function hookForm({ form = "TypeScript" }: DaemonQuestion): HookForm {
  if (form === "TypeScript" || form === "compiled" || form === "C") return form;
  throw new Error(
    `Cannot use ${JSON.stringify(form)} as form: it is "TypeScript", "compiled" or "C"`,
  );
}

function file({ file }: DaemonQuestion): string {
  const path = text("file", file);
  if (path.startsWith("/") || /^[a-z][a-z0-9+.-]+:/i.test(path)) return path;
  throw new Error(`Cannot use "${path}" as file: the daemon needs an absolute path or a URL`);
}
