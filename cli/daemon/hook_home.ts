/**
 * Where hooks live: one in TypeScript in a process of its own, which can be ended whatever its code does
 * (nothing interrupts a Worker that loops); machine code in the daemon's process, with a Worker that keeps
 * it in place.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { libraryPath } from "../../mod.ts";
import { linesOf, RECORD } from "./hook_lines.ts";
import type { HookCommand, HookEvent } from "./hook_messages.ts";

/** What a hook says, and that it has ended by itself. */
export interface HookListener {
  /** It has said something. */
  event(event: HookEvent): void;
  /** It has ended, and why. */
  ended(reason: string): void;
}

/** Where a hook lives. */
export interface HookHome {
  /** Says something to it. */
  send(command: HookCommand): void;
  /** Ends it, whatever it does. Returns false where that cannot be done while its code loops. */
  end(): Promise<boolean>;
}

/** A Worker of the daemon's. */
export class HookWorker implements HookHome {
  readonly #worker = new Worker(new URL("./hook_worker.ts", import.meta.url), { type: "module" });

  constructor(listener: HookListener) {
    this.#worker.onmessage = ({ data }: MessageEvent<HookEvent>) => listener.event(data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // else it would end the daemon
      listener.ended(event.message);
    };
  }

  send(command: HookCommand): void {
    this.#worker.postMessage(command);
  }

  end(): Promise<boolean> {
    this.#worker.terminate();
    return Promise.resolve(false);
  }
}

/** A process of its own, a client of the daemon as any other. It ends when the daemon does. */
export class HookProcess implements HookHome {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #done: Promise<unknown>;

  /** @param socket where the daemon listens */
  constructor(listener: HookListener, socket: string) {
    const main = new URL("./hook_process.ts", import.meta.url);
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "-A"]
        .concat(main.protocol === "file:" ? fileURLToPath(main) : main.href, `${Deno.pid}`),
      env: { VALET_SOCKET: socket, VALET_LIB: libraryPath(), NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    const log = (level: "info" | "warn", message: string): void =>
      listener.event({ type: "log", level, message, fields: {} });
    const said = linesOf(this.#child.stdout, (line) => {
      const event = eventOf(line);
      if (event === undefined) log("info", line);
      else listener.event(event);
    });
    const written = linesOf(this.#child.stderr, (line) => log("warn", line));
    this.#done = Promise.all([this.#child.status, said, written]).then(([{ code, signal }]) =>
      listener.ended(
        signal === null ? `Its process ended with status ${code}` : `Its process got ${signal}`,
      )
    );
  }

  send(command: HookCommand): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(command)}\n`);
    this.#stdin.write(bytes).catch(() => {}); // it has ended, which is told elsewhere
  }

  async end(): Promise<boolean> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already
    }
    await this.#done;
    return true;
  }
}

/** The event that a line is; undefined when the hook's own code has written it. */
function eventOf(line: string): HookEvent | undefined {
  if (!line.startsWith(RECORD)) return undefined;
  try {
    const event: unknown = JSON.parse(line.slice(RECORD.length));
    return typeof event === "object" && event !== null ? event as HookEvent : undefined;
  } catch {
    return undefined;
  }
}
