/**
 * What a command has of the world: where it writes, when to stop, where its files are, which netmap.
 *
 * @module
 */

import type { BackendName } from "../mod.ts";

/** Exit status of a command. */
export const ExitStatus = {
  /** Done. */
  DONE: 0,
  /** Failed; stderr says why and what helps. */
  FAILED: 1,
  /** Malformed command; stderr says what is wrong with it and how it is written. */
  USAGE: 2,
} as const;

/**
 * A malformed command: the exit status is 2, and a usage hint follows the message.
 *
 * Its message has a capital first letter and no final period; a "\nHint: ..." may follow.
 */
export class UsageError extends Error {
  /** "UsageError". */
  override readonly name = "UsageError";
}

/** A place to write texts to. */
export interface TextWriter {
  /** Writes all of the text, now. */
  write(text: string): void;
  /** It is shown to a person. */
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal; 80 when it is none. */
  readonly columns: number;
  /** Escape sequences for colours are welcome: a terminal, and NO_COLOR is not set. */
  readonly color: boolean;
}

/** What a command has of the world. */
export interface Context {
  /** How the program was called, for messages: "valet", "vale-ctl", "pkt-gen". */
  readonly program: string;
  /** For results. */
  readonly stdout: TextWriter;
  /** For everything else. */
  readonly stderr: TextWriter;
  /** Aborts at the first Ctrl-C or SIGTERM; the second ends the process. */
  readonly signal: AbortSignal;
  /** The user's working directory, which under `deno task` is not the process's. */
  readonly cwd: string;
  /** Which netmap was asked for: VALET_BACKEND, or "auto". */
  readonly backend: "auto" | BackendName;
  /** Which engine: VALET_INSTANCE; "" is the usual one. Tests use others. */
  readonly instance: string;
  /** An absolute path, of one that is relative to the user's working directory. */
  path(file: string): string;
  /** An environment variable; undefined also when it is empty. */
  env(name: string): string | undefined;
}

const encoder = new TextEncoder();

/** Standard output or standard error of this process. */
class StreamWriter implements TextWriter {
  readonly #stream: typeof Deno.stdout;

  constructor(stream: typeof Deno.stdout) {
    this.#stream = stream;
  }

  write(text: string): void {
    const bytes = encoder.encode(text);
    for (let done = 0; done < bytes.length;) {
      done += this.#stream.writeSync(bytes.subarray(done));
    }
  }

  get isTerminal(): boolean {
    return this.#stream.isTerminal();
  }

  get columns(): number {
    try {
      return this.isTerminal ? Deno.consoleSize().columns : 80;
    } catch {
      return 80; // a terminal, but not the one that the process is attached to
    }
  }

  get color(): boolean {
    return this.isTerminal && environment("NO_COLOR") === undefined;
  }
}

/** The real thing: this process. */
class ProcessContext implements Context {
  readonly program: string;
  readonly stdout: TextWriter = new StreamWriter(Deno.stdout);
  readonly stderr: TextWriter = new StreamWriter(Deno.stderr);
  readonly backend: "auto" | BackendName;
  readonly instance: string = environment("VALET_INSTANCE") ?? "";
  #signal: AbortSignal | undefined;

  constructor(program: string) {
    this.program = program;
    this.backend = (environment("VALET_BACKEND") ?? "auto") as BackendName;
  }

  /** Listens from the first look on: until then signals end the process, as usual. */
  get signal(): AbortSignal {
    return this.#signal ??= signalled();
  }

  get cwd(): string {
    return environment("INIT_CWD") ?? Deno.cwd();
  }

  path(file: string): string {
    return absolutePath(this.cwd, file);
  }

  env(name: string): string | undefined {
    return environment(name);
  }
}

/** As resolve() of node:path, which takes 15 ms to load: a tenth of what `vale-ctl` takes in all. */
export function absolutePath(folder: string, file: string): string {
  const names: string[] = [];
  for (const name of (file.startsWith("/") ? file : `${folder}/${file}`).split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

function environment(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

function signalled(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    Deno.removeSignalListener("SIGINT", stop);
    Deno.removeSignalListener("SIGTERM", stop);
    controller.abort();
  };
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
  return controller.signal;
}

/** The context of this process. */
export function processContext(program: string): Context {
  return new ProcessContext(program);
}
