/**
 * A command that runs in this process, on an engine of the test's own.
 */

import assert from "node:assert/strict";
import { perform } from "../../cli/perform.ts";
import { sleep } from "../../cli/sleep.ts";
import type { CommandSpec, OptionValues } from "../../cli/table.ts";
import { MemoryContext, type MemoryContextOptions } from "./memory_context.ts";

/** Conditions are given up after this time. */
const WAIT_MS = 30_000;

/** What a command has left behind. */
export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** A command that runs. */
export class RunningCommand {
  readonly #context: MemoryContext;
  /** Its end. */
  readonly ended: Promise<Outcome>;
  #isOver = false;

  /** Starts it. */
  constructor(
    spec: CommandSpec,
    args: string[],
    context: MemoryContextOptions,
    options: OptionValues = {},
  ) {
    this.#context = new MemoryContext(context);
    // One that waits for ever is made to say what it has
    const timer = setTimeout(() => this.interrupt(), WAIT_MS);
    this.ended = perform(spec, options, args, this.#context).then((status) => {
      clearTimeout(timer);
      this.#isOver = true;
      return { status, out: this.out, err: this.err };
    });
  }

  /** Written to stdout so far. */
  get out(): string {
    return this.#context.stdout.text;
  }

  /** Written to stderr so far. */
  get err(): string {
    return this.#context.stderr.text;
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#context.interrupt();
  }

  /** Waits until something is so. */
  async until(what: string, condition: () => boolean): Promise<this> {
    for (const end = performance.now() + WAIT_MS; !condition(); await sleep(5)) {
      const isLate = this.#isOver || performance.now() >= end;
      assert.ok(
        !isLate || condition(),
        `Waited in vain until ${what}: ...${this.err.slice(-2000)}`,
      );
    }
    return this;
  }

  /** Waits until stderr has it. */
  says(pattern: RegExp): Promise<this> {
    return this.until(`it says ${pattern}`, () => pattern.test(this.err));
  }

  /** Ctrl-C, and its end. */
  async stop(): Promise<Outcome> {
    this.interrupt();
    return await this.ended;
  }
}
