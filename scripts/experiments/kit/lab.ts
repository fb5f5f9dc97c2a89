/**
 * What an experiment measures with.
 *
 * @module
 */

import { type BackendName, Netmap } from "../../../mod.ts";
import type { Lab } from "./experiment.ts";
import type { Options } from "./options.ts";
import type { Progress } from "./progress.ts";

/** A laboratory on one backend. */
export class Laboratory implements Lab, Disposable {
  readonly backend: BackendName;
  readonly quick: boolean;
  readonly lengthMs: number;
  readonly guest: string | undefined;
  readonly instance: string;
  /** What was left out, a line for each. */
  readonly missing: string[] = [];
  readonly #progress: Progress;
  readonly #title: string;
  readonly #closing = new DisposableStack();

  constructor(
    backend: BackendName,
    options: Pick<Options, "quick" | "lengthMs" | "guest"> & { title: string; progress: Progress },
  ) {
    this.backend = backend;
    this.quick = options.quick;
    this.lengthMs = options.lengthMs;
    this.guest = options.guest;
    this.#title = options.title;
    this.#progress = options.progress;
    this.instance = `experiment ${Deno.pid}`;
  }

  lacks(what: string, why: string): void {
    const line = `${this.backend}, ${what}: ${why.replaceAll("\n", " ")}`;
    if (!this.missing.includes(line)) this.missing.push(line);
  }

  pick<T>(quick: T, full: T): T {
    return this.quick ? quick : full;
  }

  bridge(number = 0): string {
    // On the kernel bridges of all programs have one name space
    return `valex${Deno.pid % 1000}${String.fromCharCode(97 + number % 26)}${
      number < 26 ? "" : Math.floor(number / 26)
    }`;
  }

  open(): Netmap {
    return this.#closing.use(Netmap.open({ backend: this.backend, instance: this.instance }));
  }

  *steps<T>(settings: readonly T[], name: (setting: T) => string = String): Generator<T> {
    try {
      for (const [done, setting] of settings.entries()) {
        const what = `${this.#title}, ${this.backend}: ${name(setting)}`;
        this.#progress.show(done, settings.length, what);
        yield setting;
      }
    } finally {
      this.#progress.clear();
    }
  }

  [Symbol.dispose](): void {
    this.#closing.dispose();
  }
}
