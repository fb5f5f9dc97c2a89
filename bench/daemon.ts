/** The daemon that a row is measured through: `valet daemon`, in a process and a folder of its own. */

import { fileURLToPath } from "node:url";
import { atSignal } from "./at_signal.ts";
import type { Built } from "./build.ts";

/** It ends itself after so many seconds without a client: should this process be killed. */
const IDLE_SECONDS = 20;

/** Longest time that it may take to end, in milliseconds. */
const PATIENCE_MS = 5000;

/** A running daemon. */
export class Daemon implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "valet-bench-" });
  readonly #child: Deno.ChildProcess;
  readonly #forget: () => void;
  /** The end of what it has to say. */
  #rest: Promise<void> | undefined;
  /** Environment for its clients. */
  readonly env: Record<string, string>;

  private constructor(built: Built) {
    this.env = { VALET_SOCKET: `${this.#folder}/valet.sock`, VALET_LIB: built.library };
    const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", main, "daemon", "--idle", `${IDLE_SECONDS}`],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      env: this.env,
    }).spawn();
    this.#forget = atSignal(() => {
      this.#child.kill("SIGKILL");
      Deno.removeSync(this.#folder, { recursive: true });
    });
  }

  /**
   * Starts it. Returns when it answers.
   *
   * @throws {Error} if it does not
   */
  static async start(built: Built): Promise<Daemon> {
    const daemon = new Daemon(built);
    const reader = daemon.#child.stdout.getReader();
    // It says so in a line of its log
    const { done } = await reader.read();
    daemon.#rest = (async () => {
      while (!(await reader.read()).done);
    })();
    if (!done) return daemon;
    await daemon[Symbol.asyncDispose]();
    throw new Error("Cannot start a daemon: it has ended");
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    try {
      this.#child.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.#rest;
    await this.#child.status;
    clearTimeout(timer);
    this.#forget();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
