/** Programs that run beside a measurement, and end with it. */

import { atSignal } from "../at_signal.ts";

/** Longest time that one may take to end, in milliseconds. */
const PATIENCE_MS = 3000;

/** A program that runs until it is disposed of. */
export class Service implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reading: Promise<void>;
  readonly #forget: () => void;
  #output = "";
  #ended = false;

  /** Starts it. */
  constructor([program, ...args]: readonly string[], env: Record<string, string> = {}) {
    this.#child = new Deno.Command(program, {
      args,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#forget = atSignal(() => this.#kill("SIGKILL"));
    this.#writer = this.#child.stdin.getWriter();
    const streams = [this.#child.stdout, this.#child.stderr];
    this.#reading = Promise.all(streams.map((stream) => this.#read(stream))).then(() => {
      this.#ended = true;
    });
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Writes a line to its stdin. */
  async write(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /**
   * Waits until what it prints, from the character `from` on, has the pattern.
   *
   * @throws {Error} if it ends before, with what it has printed
   */
  async prints(pattern: RegExp, from = 0, patienceMs = 20_000): Promise<RegExpExecArray> {
    for (const end = performance.now() + patienceMs;;) {
      const match = pattern.exec(this.#output.slice(from));
      if (match !== null) return match;
      if (this.#ended || performance.now() > end) {
        throw new Error(`Waited in vain for ${pattern}:\n${this.#output.slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Stops it where it is, so that it takes no CPU while others are measured. */
  pause(): void {
    this.#kill("SIGSTOP");
  }

  /** Lets it go on. */
  resume(): void {
    this.#kill("SIGCONT");
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    const timer = setTimeout(() => this.#kill("SIGKILL"), PATIENCE_MS);
    await this.#writer.close().catch(() => {});
    this.#kill("SIGTERM");
    await this.#reading;
    await this.#child.status;
    clearTimeout(timer);
    this.#forget();
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#output += text;
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
  }
}
