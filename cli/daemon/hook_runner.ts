/**
 * A hook at work, in a process or Worker of its own: imports its file and keeps it in place as the bridge's
 * lookup.
 *
 * A loaded hook belongs to the name of a bridge. While nobody else's lookup is there, it decides:
 * also on a bridge that appears later, and on one that went with its last port and comes again. The
 * bridge is looked at every {@linkcode TICK_MS} ms; until then a new bridge learns.
 *
 * @module
 */

import { join } from "node:path";
import { type Bridge, DROP, type LookupBatch, Netmap, NetmapError } from "../../mod.ts";
import { BridgeCounts } from "./bridge_counts.ts";
import { describeTables, type HookFile, readHookFile } from "./hook_file.ts";
import {
  Count,
  HOOK_STATES,
  type HookCommand,
  type HookEvent,
  type HookLoad,
  type HookState,
} from "./hook_messages.ts";
import type { LogLevel } from "./log.ts";

/** How often the bridge is looked at. */
const TICK_MS = 250;

/** The lookup's errors are told at most so often. */
const ERROR_MS = 1000;

/** Where events go; see {@linkcode runHook}. */
let post: (event: HookEvent) => void;

/** In the order of {@linkcode Count}. */
const counts: number[] = new Array(Count.ALL).fill(0);
let countsTold = "";

/** The hook of this process or Worker. */
class Hook {
  readonly #netmap: Netmap;
  readonly #bridge: Bridge;
  readonly #file: HookFile;
  /** Of machine code. */
  readonly #seen: BridgeCounts | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Set since the bridge has last been missing. */
  #placed = false;
  #errorAt = -Infinity;

  constructor({ bridge, instance }: HookLoad, file: HookFile) {
    this.#file = file;
    this.#netmap = Netmap.open({ backend: "daemon", instance });
    try {
      this.#bridge = this.#netmap.bridge(bridge);
      if (file.native !== undefined) this.#seen = new BridgeCounts(this.#bridge);
      this.#set("waiting");
      this.#place();
    } catch (error) {
      this.#netmap.close();
      throw error;
    }
    this.#timer = setInterval(() => {
      this.check();
      tellCounts();
    }, TICK_MS);
  }

  /** Looks at the bridge, and sets the lookup where nobody else's is. */
  check(): void {
    try {
      const kind = this.#bridge.info().lookup;
      if (kind === "learning") this.#place();
      else if (!this.#placed || kind !== this.#kind) this.#set("replaced");
      else {
        this.#set("active");
        this.#count();
      }
    } catch (error) {
      this.#missing(error);
    }
  }

  /** What the hook says about itself. */
  stats(): unknown {
    return this.#file.stats?.();
  }

  /** What is in its tables. */
  tables(): ReturnType<typeof describeTables> {
    return describeTables(this.#file.tables);
  }

  /** Takes the lookup back. */
  close(): void {
    clearInterval(this.#timer);
    try {
      this.check(); // for the last counts
    } finally {
      this.#netmap.close();
    }
  }

  get #kind(): "native" | "script" {
    return this.#file.native === undefined ? "script" : "native";
  }

  #place(): void {
    try {
      const { native } = this.#file;
      if (native !== undefined) this.#bridge.setLookup(native);
      else this.#bridge.setLookup(this.#decide, { batch: true });
      this.#placed = true;
      this.#seen?.start();
      this.#set("active");
    } catch (error) {
      this.#missing(error);
    }
  }

  /** Machine code: by what the ports have counted. */
  #count(): void {
    if (this.#seen === undefined) return;
    this.#seen.update();
    counts[Count.PACKETS] = this.#seen.packets;
    counts[Count.ERRORS] = this.#seen.failed;
  }

  #missing(error: unknown): void {
    if (!(error instanceof NetmapError) || !/^(ENXIO|ENOENT)$/.test(error.code)) throw error;
    this.#placed = false;
    this.#set("waiting");
  }

  #set(state: HookState): void {
    counts[Count.STATE] = HOOK_STATES.indexOf(state);
  }

  #decide = (batch: LookupBatch): void => {
    const begin = performance.now();
    counts[Count.PACKETS] += batch.length;
    counts[Count.BATCHES]++;
    try {
      this.#file.decide!(batch, this.#caught);
    } catch (error) {
      const port = this.#caught(error);
      if (this.#file.fallback === undefined) throw error;
      batch.decideRest(port);
    } finally {
      counts[Count.BUSY_MS] += performance.now() - begin;
    }
  };

  #caught = (error: unknown): number => {
    counts[Count.ERRORS]++;
    const now = performance.now();
    if (now - this.#errorAt > ERROR_MS) {
      this.#errorAt = now;
      tell({ type: "error", error: describe(error) });
    }
    return this.#file.fallback ?? DROP;
  };
}

let hook: Hook | undefined;

/** Tells what has been counted since the last time. */
function tellCounts(): void {
  const text = counts.join();
  if (text === countsTold) return;
  countsTold = text;
  post({ type: "counts", counts });
}

function tell(event: HookEvent): void {
  tellCounts();
  post(event);
}

/**
 * Makes this process, or Worker, a hook's.
 *
 * @param send where events are to go
 * @returns what to call with each command
 */
export function runHook(send: (event: HookEvent) => void): (command: HookCommand) => void {
  post = send;
  goOnAfterErrors();
  logConsole();
  return (command) => {
    if (command.type === "load") load(command);
    else if (command.type === "check") hook?.check();
    else if (command.type === "look") tell({ type: "looked", id: command.id });
    else if (command.type === "stats") stats(command.id);
    else end();
  };
}

async function load(command: HookLoad): Promise<void> {
  try {
    const { url, form, place } = command;
    hook = new Hook(command, await readHookFile(url, form, place === 0 ? undefined : otherCache()));
    tell({ type: "loaded" });
  } catch (error) {
    tell({ type: "failed", error: describe(error) });
  }
}

/** A folder of hooks beside the usual one: the same code from there is another one in this process. */
function otherCache(): string {
  const { XDG_CACHE_HOME = "", HOME = "" } = Deno.env.toObject();
  const cache = XDG_CACHE_HOME.startsWith("/") ? XDG_CACHE_HOME : join(HOME, ".cache");
  return join(cache, "valet", "hooks-2");
}

function stats(id: number): void {
  try {
    // By way of JSON, so that what cannot be sent fails here
    const text = JSON.stringify(hook?.stats());
    const value = text === undefined ? undefined : JSON.parse(text);
    hook?.check();
    tell({ type: "stats", id, value, tables: hook?.tables() });
  } catch (error) {
    tell({ type: "stats", id, error: describe(error) });
  }
}

function end(): void {
  try {
    hook?.close();
  } catch (error) {
    tell({ type: "error", error: describe(error) });
  }
  tell({ type: "closed" });
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "something without a text";
  }
}

/** What else fails in the file does not end the hook: packets go on being decided. */
function goOnAfterErrors(): void {
  for (const type of ["error", "unhandledrejection"]) {
    globalThis.addEventListener(type, (event) => {
      event.preventDefault();
      const { error, reason } = event as ErrorEvent & PromiseRejectionEvent;
      tell({ type: "error", error: describe(error ?? reason) });
    });
  }
}

const LEVELS = { error: "error", warn: "warn", info: "info", log: "info", debug: "debug" } as const;

/** A hook has no console; the daemon's log has lines for it. */
function logConsole(): void {
  for (const [method, level] of Object.entries(LEVELS) as [keyof typeof LEVELS, LogLevel][]) {
    globalThis.console[method] = (...values: unknown[]): void => {
      const message = values.map((value) => typeof value === "string" ? value : Deno.inspect(value))
        .join(" ");
      tell({ type: "log", level, message, fields: {} });
    };
  }
}
