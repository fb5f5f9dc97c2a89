/**
 * The Workers of a pkt-gen, seen from the main thread.
 *
 * @module
 */

import type { Context } from "../context.ts";
import { type Command, type Job, type News, type OpenedPort, Shared } from "./job.ts";

/** Threads that have ended get so long to let go of their ports, in milliseconds. */
const PATIENCE_MS = 2000;

/** When a thread has worked, in milliseconds since 1970. */
export interface WorkTime {
  /** Begin. */
  readonly startMs: number;
  /** End. */
  readonly endMs: number;
}

/** One Worker. */
class Member {
  readonly worker: Worker;
  readonly opened: PromiseWithResolvers<OpenedPort> = Promise.withResolvers();
  readonly done: PromiseWithResolvers<WorkTime> = Promise.withResolvers();

  constructor(job: Job, onText: (to: "stdout" | "stderr", text: string) => void) {
    // Whoever waits for them hears of failures; nobody may wait yet
    this.opened.promise.catch(() => {});
    this.done.promise.catch(() => {});
    this.worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data: news }: MessageEvent<News>) => {
      try {
        if (news.is === "ready") this.send({ do: "open", job });
        else if (news.is === "open") this.opened.resolve(news);
        else if (news.is === "text") onText(news.to, news.text);
        else if (news.is === "done") this.done.resolve(news);
        else this.fail(new Error(news.message));
      } catch (error) {
        this.fail(error); // such as: nobody reads stdout any more
      }
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(new Error(event.message));
    };
  }

  send(command: Command): void {
    this.worker.postMessage(command);
  }

  fail(error: unknown): void {
    this.opened.reject(error);
    this.done.reject(error);
  }
}

/** All Workers of a command. */
export class Crew {
  readonly shared: Shared;
  readonly #context: Context;
  readonly #members: Member[] = [];
  #started = false;

  /** Workers come with `open()`. */
  constructor(threads: number, context: Context) {
    this.shared = Shared.create(threads);
    this.#context = context;
  }

  /**
   * Adds a Worker that opens its port.
   *
   * @throws {Error} with what the Worker has thrown
   */
  async open(job: Job): Promise<OpenedPort> {
    const member = new Member(job, (to, text) => {
      this.#context[to].write(text);
      if (to === "stdout") this.shared.countWritten();
    });
    this.#members.push(member);
    return await member.opened.promise;
  }

  /** All begin. */
  start(): void {
    this.#started = true;
    for (const member of this.#members) member.send({ do: "start" });
  }

  /** Fulfilled when all have ended; rejected when one has failed. */
  async ended(): Promise<WorkTime[]> {
    return await Promise.all(this.#members.map(({ done }) => done.promise));
  }

  /** Ends all Workers, each after it has closed its port. */
  async close(): Promise<void> {
    this.shared.stop();
    if (this.#started) {
      const all = Promise.allSettled(this.#members.map(({ done }) => done.promise));
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => timer = setTimeout(resolve, PATIENCE_MS));
      await Promise.race([all, late]);
      clearTimeout(timer);
    }
    for (const { worker } of this.#members) worker.terminate();
  }
}
