/**
 * valet's commands as processes of their own, in a network namespace.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** Conditions are given up after this time. */
const WAIT_MS = 30_000;

/** A command that runs, until it is disposed of. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #ended: Promise<number>;
  /** Written to stdout so far. */
  out = "";
  /** Written to stderr so far. */
  err = "";

  /** Starts `valet ARGUMENTS` there; or another script than valet. */
  constructor(
    namespace: string,
    backend: string,
    args: string,
    { script = MAIN, env = {} }: { script?: string; env?: Record<string, string> } = {},
  ) {
    this.#child = new Deno.Command("ip", {
      args: ["netns", "exec", namespace, Deno.execPath(), "run", "-A", "--no-check", script]
        .concat(args.split(" ")),
      env: { VALET_BACKEND: backend, NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>, to: "out" | "err") => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this[to] += text;
    };
    this.#reading = Promise.all([read(this.#child.stdout, "out"), read(this.#child.stderr, "err")]);
    this.#ended = this.#child.status.then(({ code }) => code);
  }

  /** Waits until it has said something, and returns that. */
  async says(pattern: RegExp): Promise<string> {
    let over = false;
    this.#ended.then(() => over = true);
    for (const end = Date.now() + WAIT_MS;;) {
      const found = pattern.exec(this.err) ?? pattern.exec(this.out);
      if (found !== null) return found[0];
      assert.ok(!over && Date.now() < end, `It does not say ${pattern}: ${this.err}${this.out}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits for its end; its exit status. */
  async ends(): Promise<number> {
    await this.#reading;
    return await this.#ended;
  }

  /** Ctrl-C, and its exit status. */
  stop(): Promise<number> {
    try {
      this.#child.kill("SIGINT");
    } catch { /* it has ended */ }
    return this.ends();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await this.ends();
  }
}
