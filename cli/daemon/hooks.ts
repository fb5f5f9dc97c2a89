/**
 * Hooks: lookups that the daemon loads by file, each in a Worker of its own. What is machine code runs in the
 * threads that forward packets; its Worker keeps it in place, and has its tables.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { type DaemonAnswer, Netmap, NetmapError } from "../../mod.ts";
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

/** A Worker that does not answer within this time is stuck in its hook's code. */
const ANSWER_MS = 1000;

/** A hook that is loaded. */
class LoadedHook {
  readonly #worker = new Worker(new URL("./hook_worker.ts", import.meta.url), { type: "module" });
  readonly #counts = new SharedArrayBuffer(Count.ALL * Float64Array.BYTES_PER_ELEMENT);
  readonly #log: Log;
  readonly #since = new Date().toISOString();
  readonly #waiting = new Map<HookEvent["type"], (event: HookEvent) => void>();
  #lastError: string | undefined;
  #ended = false;
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

  constructor({ bridge, instance, file, form }: HookSource, place: number, log: Log) {
    this.bridge = bridge;
    this.instance = instance;
    this.file = file;
    this.form = form;
    this.place = place;
    this.#log = log;
    this.#worker.onmessage = ({ data }: MessageEvent<HookEvent>) => this.#event(data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // else it would end the daemon
      this.#ended = true;
      this.#failed(event.message);
      this.#settle({ type: "failed", error: event.message });
    };
  }

  /** Imports the file and sets the lookup. Throws, with the Worker ended, if that fails. */
  async load(): Promise<void> {
    const { bridge, instance, form, place } = this;
    const limitMs = form === "TypeScript" ? LOAD_MS : COMPILE_MS;
    const loaded = this.#next(["loaded", "failed"], limitMs);
    const url = urlOf(this.file), counts = this.#counts;
    this.#send({ type: "load", url, bridge, instance, form, place, counts });
    const event = await loaded;
    if (event?.type === "loaded") return;
    this.#worker.terminate();
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

  /**
   * Takes the lookup back and ends the Worker, whatever the hook's code does. Returns false if the
   * Worker did not take it back: it is stuck, or has ended.
   */
  async close(): Promise<boolean> {
    const closed = this.#next(["closed"], ANSWER_MS);
    this.#send({ type: "close" });
    const isTakenBack = await closed !== undefined;
    if (!isTakenBack) {
      // Deno (2.9) does not interrupt a Worker that loops: its thread goes on, for nothing
      this.#log.warn("Hook is stuck", { bridge: this.bridge, file: this.file });
    }
    this.#ended = true;
    this.#worker.terminate();
    return isTakenBack;
  }

  /** What is known without asking the Worker. */
  info(): HookInfo {
    const counts = new Float64Array(this.#counts);
    const { bridge, instance, file, form } = this;
    return {
      bridge,
      instance,
      file,
      form,
      since: this.#since,
      state: this.#ended ? "ended" : HOOK_STATES[counts[Count.STATE]],
      packets: counts[Count.PACKETS],
      errors: counts[Count.ERRORS],
      lastError: this.#lastError,
    };
  }

  /** The same and what the Worker says. */
  async stats(): Promise<HookStats> {
    const counts = new Float64Array(this.#counts);
    const answer = this.#next(["stats"], ANSWER_MS);
    this.#send({ type: "stats", id: ++this.#asked });
    const event = await answer;
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
    if (!this.#ended) this.#worker.postMessage(command);
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
    if (event.type === "log") {
      this.#log.write(event.level, event.message, { bridge, ...event.fields });
    } else if (event.type === "error") this.#failed(event.error);
    else if (event.type !== "stats" || event.id === this.#asked) this.#settle(event);
    else this.#log.debug("Hook answered too late", { bridge, file });
  }

  #settle(event: HookEvent): void {
    this.#waiting.get(event.type)?.(event);
  }

  #failed(error: string): void {
    this.#lastError = error;
    this.#log.error("Hook failed", { bridge: this.bridge, file: this.file, error });
  }
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
  readonly #log: Log;
  readonly #hooks = new Map<string, LoadedHook>();
  /** One change after another. */
  #queue: Promise<unknown> = Promise.resolve();

  /** @param log for what hooks do and say */
  constructor(log: Log) {
    this.#log = log;
  }

  /** How many are loaded. */
  get size(): number {
    return this.#hooks.size;
  }

  /** All of them, by bridge. */
  list(): HookInfo[] {
    return [...this.#hooks.values()].map((hook) => hook.info())
      .sort((a, b) => compare(a.instance, b.instance) || compare(a.bridge, b.bridge));
  }

  /** Loads a file as the hook of a bridge, in place of the one that is there. */
  load(source: HookSource): Promise<DaemonAnswer> {
    const { bridge, instance, file, form } = source;
    return this.#change(async () => {
      const old = this.#hooks.get(keyOf(bridge, instance));
      const hook = new LoadedHook(source, old?.place === 0 ? 1 : 0, this.#log);
      try {
        await hook.load();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        return { ok: false, error: `Cannot load the hook "${file}": ${message}` };
      }
      this.#hooks.set(keyOf(bridge, instance), hook);
      const isStuck = await old?.close() === false;
      hook.check();
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
      return { ok: true, bridge, instance, file, form, state, replaced, stuck: isStuck };
    });
  }

  /** Takes the hook of a bridge back. */
  unload(bridge: string, instance: string): Promise<DaemonAnswer> {
    return this.#change(async () => {
      const hook = this.#hooks.get(keyOf(bridge, instance));
      if (hook === undefined) return noHook(bridge);
      this.#hooks.delete(keyOf(bridge, instance));
      const isStuck = !await hook.close();
      if (isStuck) resetLookup(bridge, instance);
      this.#log.info("Hook unloaded", { bridge, instance: instance || undefined, file: hook.file });
      return { ok: true, ...hook.info(), stuck: isStuck };
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
