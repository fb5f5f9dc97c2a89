/**
 * A context that keeps what is written, so that commands can be tested without a process.
 */

import { resolve } from "node:path";
import type { Context, TextWriter } from "../../cli/context.ts";

class MemoryWriter implements TextWriter {
  text = "";
  readonly isTerminal: boolean;
  readonly columns = 80;
  readonly color = false;

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  write(text: string): void {
    this.text += text;
  }
}

/** What can be different from the usual. */
export interface MemoryContextOptions {
  program?: string;
  backend?: Context["backend"];
  /** Which embedded engine: a name of its own for each test. */
  instance?: string;
  cwd?: string;
  isTerminal?: boolean;
  env?: Record<string, string>;
}

/** Embedded by default. */
export class MemoryContext implements Context {
  readonly program: string;
  readonly stdout: TextWriter & { text: string };
  readonly stderr: TextWriter & { text: string };
  readonly cwd: string;
  readonly backend: Context["backend"];
  readonly instance: string;
  readonly #controller = new AbortController();
  readonly #env: Record<string, string>;

  constructor(options: MemoryContextOptions = {}) {
    const { program = "valet", backend = "embedded", instance = "", isTerminal = false } = options;
    this.program = program;
    this.backend = backend;
    this.instance = instance;
    this.cwd = options.cwd ?? Deno.cwd();
    this.stdout = new MemoryWriter(isTerminal);
    this.stderr = new MemoryWriter(isTerminal);
    this.#env = options.env ?? {};
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#controller.abort();
  }

  path(file: string): string {
    return resolve(this.cwd, file);
  }

  env(name: string): string | undefined {
    return this.#env[name];
  }
}
