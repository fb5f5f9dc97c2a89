/**
 * Hooks: lookups that the daemon loads by file, each in a process of its own. What is machine code runs in the
 * threads that forward packets, and has a Worker here that keeps it in place, and has its tables.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { type DaemonAnswer, Netmap, NetmapError } from "../../mod.ts";
import { type HookHome, HookProcess, HookWorker } from "./hook_home.ts";
import {
  Count,
  HOOK_STATES,
  type HookCommand,
  type HookEvent,
  type HookForm,
} from "./hook_messages.ts";
import type { HookInfo, HookStats } from "./answers.ts";
import type { Log } from "./log.ts";

/** A file that has not been imported after this time is given up. */
const LOAD_MS = 10_000;

/** The same for files that are compiled. */
const COMPILE_MS = 60_000;

/** A hook that does not answer within this time is stuck in its code. */
const ANSWER_MS = 1500;

/** Whether hooks answer is looked at so often. */
const WATCH_MS = 5000;

/** A hook that is loaded. */
class LoadedHook {
  readonly #home: HookHome;
  readonly #log: Log;
  readonly #since = new Date().toISOString();
  readonly #waiting = new Map<HookEvent["type"], (event: HookEvent) => void>();
  #lastError: string | undefined;
  #counts: readonly number[] = new Array(Count.ALL).fill(0);
  #ended = false;
  #silent = false;
  #watch: ReturnType<typeof setInterval> | undefined;
  #asked = 0;
  /** "vale0" */
  readonly bridge: string;
  /** Which engine. */
  readonly instance: string;
  /** As it was given. */
  readonly file: string;
  /** What runs. */
  readonly form: HookForm;
  /** See {@linkcode HookLoad}. */
  readonly place: number;

  constructor(source: HookSource, place: number, socket: string, log: Log) {
    const { bridge, instance, file, form } = source;
    this.bridge = bridge;
    this.instance = instance;
    this.file = file;
    this.form = form;
    this.place = place;
    this.#log = log;
    const listener = {
      event: (event: HookEvent): void => this.#event(event),
      ended: (reason: string): void => this.#endedBy(reason),
    };
    this.#home = form === "TypeScript"
      ? new HookProcess(listener, socket)
      : new HookWorker(listener);
  }

  /** Imports the file and sets the lookup. Throws, with the hook ended, if that fails. */
  async load(): Promise<void> {
    const { bridge, instance, form, place } = this;
    const limitMs = form === "TypeScript" ? LOAD_MS : COMPILE_MS;
    const loaded = this.#next(["loaded", "failed"], limitMs);
    this.#send({ type: "load", url: urlOf(this.file), bridge, instance, form, place });
    const event = await loaded;
    if (event?.type === "loaded") {
      this.#watch = setInterval(() => this.look(), WATCH_MS);
      return;
    }
    this.#ended = true;
    await this.#home.end();
    throw new Error(
      event?.type === "failed"
        ? event.error
        : `It has not been loaded after ${
          limitMs / 1000
        } s: does it wait or loop at its top level?`,
    );
  }

  /** Has it look at its bridge now. */
  check(): void {
    this.#send({ type: "check" });
  }

  /** Asks whether it is there, which brings its counts up to date. */
  async look(): Promise<void> {
    if (this.#silent) return; // what it was asked is to be answered yet
    const id = ++this.#asked;
    const answer = this.#next(["looked"], ANSWER_MS);
    this.#send({ type: "look", id });
    if (await answer === undefined) this.#isSilent();
  }

  /** Takes the lookup back and ends the hook, whatever its code does. */
  async close(): Promise<HookEnd> {
    clearInterval(this.#watch);
    const closed = this.#next(["closed"], this.#silent ? 0 : ANSWER_MS);
    this.#send({ type: "close" });
    const isTakenBack = await closed !== undefined;
    const { bridge, file } = this;
    const hadEnded = this.#ended;
    this.#ended = true;
    const isOver = await this.#home.end();
    if (isTakenBack || hadEnded) return { isTakenBack, killed: undefined, stuck: false };
    // Deno (2.9) does not interrupt a Worker that loops: its thread goes on, for nothing
    this.#log.warn(isOver ? "Hook did not answer, and was killed" : "Hook is stuck", {
      bridge,
      file,
    });
    return { isTakenBack, killed: isOver || undefined, stuck: !isOver };
  }

  /** What is known without asking it. */
  info(): HookInfo {
    const counts = this.#counts;
    const { bridge, instance, file, form } = this;
    return {
      bridge,
      instance,
      file,
      form,
      since: this.#since,
      state: this.#ended ? "ended" : this.#silent ? "silent" : HOOK_STATES[counts[Count.STATE]],
      packets: counts[Count.PACKETS],
      errors: counts[Count.ERRORS],
      lastError: this.#lastError,
    };
  }

  /** The same and what it says. */
  async stats(): Promise<HookStats> {
    const answer = this.#next(["stats"], this.#silent ? 0 : ANSWER_MS);
    if (!this.#silent) this.#send({ type: "stats", id: ++this.#asked });
    const event = await answer;
    if (event === undefined) this.#isSilent();
    const counts = this.#counts;
    const own = event?.type !== "stats"
      ? { ownError: "It does not answer" }
      : event.error !== undefined
      ? { ownError: event.error }
      : { own: event.value };
    const calls = this.form !== "TypeScript" ? {} : {
      batches: counts[Count.BATCHES],
      busyMs: Number(counts[Count.BUSY_MS].toFixed(3)),
    };
    const tables = event?.type === "stats" ? event.tables : undefined;
    return { ...this.info(), ...calls, ...own, tables };
  }

  #send(command: HookCommand): void {
    if (!this.#ended) this.#home.send(command);
  }

  /** The next event of one of these types; undefined when none comes in time. */
  #next(types: readonly HookEvent["type"][], timeoutMs: number): Promise<HookEvent | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(undefined), timeoutMs);
      const done = (event: HookEvent | undefined): void => {
        clearTimeout(timer);
        for (const type of types) this.#waiting.delete(type);
        resolve(event);
      };
      for (const type of types) this.#waiting.set(type, done);
    });
  }

  #event(event: HookEvent): void {
    const { bridge, file } = this;
    if (this.#silent && event.type !== "log") {
      this.#silent = false;
      this.#log.info("Hook answers again", { bridge, file });
    }
    if (event.type === "counts") this.#counts = event.counts;
    else if (event.type === "log") {
      this.#log.write(event.level, event.message, { bridge, ...event.fields });
    } else if (event.type === "error") this.#failed(event.error);
    else if (event.type !== "stats" || event.id === this.#asked) this.#settle(event);
    else this.#log.debug("Hook answered too late", { bridge, file });
  }

  #settle(event: HookEvent): void {
    this.#waiting.get(event.type)?.(event);
  }

  #isSilent(): void {
    if (this.#silent || this.#ended) return;
    this.#silent = true;
    const { bridge, file } = this;
    this.#log.warn("Hook does not answer: its packets are dropped", { bridge, file });
  }

  #endedBy(reason: string): void {
    clearInterval(this.#watch);
    if (this.#ended) return;
    this.#ended = true;
    this.#failed(reason);
    this.#settle({ type: "failed", error: reason });
  }

  #failed(error: string): void {
    this.#lastError = error;
    this.#log.error("Hook failed", { bridge: this.bridge, file: this.file, error });
  }
}

/** How a hook has ended. */
interface HookEnd {
  /** It has taken its lookup back itself. */
  readonly isTakenBack: boolean;
  /** It did not answer. */
  readonly killed: true | undefined;
  /** It goes on for nothing. */
  readonly stuck: boolean;
}

/** Which file is to be the hook of which bridge. */
export interface HookSource {
  /** "vale0" */
  readonly bridge: string;
  /** Which engine. */
  readonly instance: string;
  /** Path or URL. */
  readonly file: string;
  /** What to make of it. */
  readonly form: HookForm;
}

/** All hooks of the daemon. */
export class Hooks {
  readonly #socket: string;
  readonly #log: Log;
  readonly #hooks = new Map<string, LoadedHook>();
  /** One change after another. */
  #queue: Promise<unknown> = Promise.resolve();

  /**
   * @param socket where the daemon listens
   * @param log for what hooks do and say
   */
  constructor(socket: string, log: Log) {
    this.#socket = socket;
    this.#log = log;
  }

  /** How many are loaded. */
  get size(): number {
    return this.#hooks.size;
  }

  /** All of them, by bridge. */
  async list(): Promise<HookInfo[]> {
    const hooks = [...this.#hooks.values()];
    await Promise.all(hooks.map((hook) => hook.look()));
    return hooks.map((hook) => hook.info())
      .sort((a, b) => compare(a.instance, b.instance) || compare(a.bridge, b.bridge));
  }

  /** Loads a file as the hook of a bridge, in place of the one that is there. */
  load(source: HookSource): Promise<DaemonAnswer> {
    const { bridge, instance, file, form } = source;
    return this.#change(async () => {
      const old = this.#hooks.get(keyOf(bridge, instance));
      const hook = new LoadedHook(source, old?.place === 0 ? 1 : 0, this.#socket, this.#log);
      try {
        await hook.load();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        return { ok: false, error: `Cannot load the hook "${file}": ${message}` };
      }
      this.#hooks.set(keyOf(bridge, instance), hook);
      const { stuck = false, killed } = await old?.close() ?? {};
      hook.check();
      await hook.look();
      const { state } = hook.info();
      const replaced = old?.file;
      this.#log.info("Hook loaded", {
        bridge,
        instance: instance || undefined,
        file,
        form,
        state,
        replaced,
      });
      return { ok: true, bridge, instance, file, form, state, replaced, stuck, killed };
    });
  }

  /** Takes the hook of a bridge back. */
  unload(bridge: string, instance: string): Promise<DaemonAnswer> {
    return this.#change(async () => {
      const hook = this.#hooks.get(keyOf(bridge, instance));
      if (hook === undefined) return noHook(bridge);
      this.#hooks.delete(keyOf(bridge, instance));
      const { isTakenBack, killed, stuck } = await hook.close();
      if (!isTakenBack) resetLookup(bridge, instance);
      this.#log.info("Hook unloaded", { bridge, instance: instance || undefined, file: hook.file });
      return { ok: true, ...hook.info(), stuck, killed };
    });
  }

  /** All about the hook of a bridge. */
  stats(bridge: string, instance: string): Promise<DaemonAnswer> {
    return this.#change(async () => {
      const hook = this.#hooks.get(keyOf(bridge, instance));
      return hook === undefined ? noHook(bridge) : { ok: true, hook: await hook.stats() };
    });
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await this.#change(async () => {
      const hooks = [...this.#hooks.values()];
      this.#hooks.clear();
      await Promise.all(hooks.map((hook) => hook.close()));
    });
  }

  #change<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => {});
    return result;
  }
}

/** Has a bridge learn again whose lookup nobody else can take back. */
function resetLookup(bridge: string, instance: string): void {
  using netmap = Netmap.open({ backend: "daemon", instance });
  try {
    netmap.bridge(bridge).setLookup(null);
  } catch (error) {
    if (!(error instanceof NetmapError) || error.code !== "ENXIO") throw error; // it is gone
  }
}

function noHook(bridge: string): DaemonAnswer {
  return { ok: false, error: `Cannot find a hook on "${bridge}": none is loaded`, code: "ENOENT" };
}

function keyOf(bridge: string, instance: string): string {
  return `${instance} ${bridge}`;
}

function urlOf(file: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(file) ? file : pathToFileURL(file).href;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
