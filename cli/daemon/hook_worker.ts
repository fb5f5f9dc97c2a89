/**
 * The Worker that a hook runs in: imports its file and keeps it in place as the bridge's lookup.
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

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<HookCommand>) => void) | null;
  addEventListener(type: string, listener: (event: Event) => void): void;
  postMessage(event: HookEvent): void;
  close(): void;
};

/** The hook of this Worker. */
class Hook {
  readonly #netmap: Netmap;
  readonly #bridge: Bridge;
  readonly #file: HookFile;
  readonly #counts: Float64Array;
  /** Of machine code. */
  readonly #seen: BridgeCounts | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Set since the bridge has last been missing. */
  #placed = false;
  #errorAt = -Infinity;

  constructor({ bridge, instance, counts }: HookLoad, file: HookFile) {
    this.#counts = new Float64Array(counts);
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
    this.#timer = setInterval(() => this.check(), TICK_MS);
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
    this.#counts[Count.PACKETS] = this.#seen.packets;
    this.#counts[Count.ERRORS] = this.#seen.failed;
  }

  #missing(error: unknown): void {
    if (!(error instanceof NetmapError) || !/^(ENXIO|ENOENT)$/.test(error.code)) throw error;
    this.#placed = false;
    this.#set("waiting");
  }

  #set(state: HookState): void {
    this.#counts[Count.STATE] = HOOK_STATES.indexOf(state);
  }

  #decide = (batch: LookupBatch): void => {
    const counts = this.#counts;
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
    this.#counts[Count.ERRORS]++;
    const now = performance.now();
    if (now - this.#errorAt > ERROR_MS) {
      this.#errorAt = now;
      scope.postMessage({ type: "error", error: describe(error) });
    }
    return this.#file.fallback ?? DROP;
  };
}

let hook: Hook | undefined;

scope.onmessage = ({ data }) => {
  if (data.type === "load") load(data);
  else if (data.type === "check") hook?.check();
  else if (data.type === "stats") stats(data.id);
  else end();
};

async function load(command: HookLoad): Promise<void> {
  try {
    const { url, form, place } = command;
    hook = new Hook(command, await readHookFile(url, form, place === 0 ? undefined : otherCache()));
    scope.postMessage({ type: "loaded" });
  } catch (error) {
    scope.postMessage({ type: "failed", error: describe(error) });
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
    scope.postMessage({ type: "stats", id, value, tables: hook?.tables() });
  } catch (error) {
    scope.postMessage({ type: "stats", id, error: describe(error) });
  }
}

function end(): void {
  try {
    hook?.close();
  } catch (error) {
    scope.postMessage({ type: "error", error: describe(error) });
  }
  scope.postMessage({ type: "closed" });
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "something without a text";
  }
}

// What else fails in the file does not end the hook: packets go on being decided
for (const type of ["error", "unhandledrejection"]) {
  scope.addEventListener(type, (event) => {
    event.preventDefault();
    const { error, reason } = event as ErrorEvent & PromiseRejectionEvent;
    scope.postMessage({ type: "error", error: describe(error ?? reason) });
  });
}

const LEVELS = { error: "error", warn: "warn", info: "info", log: "info", debug: "debug" } as const;

// The daemon has no console; its log has lines for it
for (const [method, level] of Object.entries(LEVELS) as [keyof typeof LEVELS, LogLevel][]) {
  globalThis.console[method] = (...values: unknown[]): void => {
    const message = values.map((value) => typeof value === "string" ? value : Deno.inspect(value))
      .join(" ");
    scope.postMessage({ type: "log", level, message, fields: {} });
  };
}
