/**
 * What is measured: a child process that measures once for each line that it is sent.
 *
 * A process each, so that code and memory of one do not change what another measures.
 */

import { fileURLToPath } from "node:url";
import type { Built } from "./build.ts";
import type { Measurable } from "./round.ts";

/** How to start a subject. */
export type Program =
  | { native: string; threads?: number } // a row of bench/c
  | { scene: string; args: readonly string[] } // one of several processes, in bench/c
  | { script: string; args?: readonly string[] }; // a file of bench/rows

/** Where a subject runs. */
export interface Surroundings {
  built: Built;
  /** Whether threads are bound to CPUs. */
  pin: boolean;
  /** The environment, besides what this process has. */
  env?: Record<string, string> | undefined;
  /** A command that runs it: `ip netns exec NAME`. */
  prefix?: readonly string[];
}

/** Longest time that a child may take to start or to answer, in milliseconds. */
const PATIENCE_MS = 60_000;

/** A running child process that measures. */
export class Subject implements Measurable {
  /** What it is, for errors. */
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;

  /** Starts it. */
  constructor(program: Program, { built, pin, env, prefix = [] }: Surroundings) {
    const [command, ...args] = [...prefix, ...commandOf(program, built)];
    this.name = nameOf(program);
    this.#child = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      env: { ...env, ...pin ? {} : { BENCH_PIN: "0" } },
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = linesOf(this.#child.stdout);
  }

  /**
   * Measures for so long.
   *
   * @returns its figures, the first of which mostly is millions of packets a second
   * @throws {Error} if the child gives up, or does not answer
   */
  async measure(milliseconds: number): Promise<number[]> {
    try {
      await this.#writer.write(new TextEncoder().encode(`${milliseconds / 1000}\n`));
    } catch {
      // It has ended; there is no answer then
    }
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`Cannot measure ${this.name}: it does not answer`)),
      PATIENCE_MS,
    );
    try {
      const { done, value } = await Promise.race([this.#lines.next(), promise]);
      const figures = `${value}`.split(" ").map(Number);
      if (done || !figures.every((figure) => figure >= 0)) {
        throw new Error(`Cannot measure ${this.name}: its process has failed`);
      }
      return figures;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 2000);
    while (!(await this.#lines.next()).done);
    await this.#child.status;
    clearTimeout(timer);
  }
}

function nameOf(program: Program): string {
  if ("native" in program) return program.native;
  const name = "scene" in program ? program.scene : program.script;
  return [name, ...program.args ?? []].join(" ");
}

function commandOf(program: Program, built: Built): string[] {
  if ("native" in program) return [built.program, program.native, `${program.threads ?? 1}`];
  if ("scene" in program) return [built.program, program.scene, ...program.args];
  const file = fileURLToPath(new URL(`rows/${program.script}.ts`, import.meta.url));
  return [Deno.execPath(), "run", "-A", "--quiet", file, ...program.args ?? []];
}

async function* linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
