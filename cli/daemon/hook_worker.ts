/**
 * The Worker that a hook runs in: imports its file and keeps it in place as the bridge's lookup.
 *
 * A loaded hook belongs to the name of a bridge. While nobody else's lookup is there, it decides:
 * also on a bridge that appears later, and on one that went with its last port and comes again. The
 * bridge is looked at every {@linkcode TICK_MS} ms; until then a new bridge learns.
 *
 * @module
 */

import {
  type Bridge,
  type LookupBatch,
  type LookupPacket,
  Netmap,
  NetmapError,
} from "../../mod.ts";
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

/** What a hook's file exports. */
interface HookModule {
  decide: (batch: LookupBatch) => void;
  stats: (() => unknown) | undefined;
}

/** The hook of this Worker. */
class Hook {
  readonly #netmap: Netmap;
  readonly #bridge: Bridge;
  readonly #module: HookModule;
  readonly #counts: Float64Array;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Set since the bridge has last been missing. */
  #placed = false;
  #errorAt = -Infinity;

  constructor({ bridge, instance, counts }: HookLoad, module: HookModule) {
    this.#counts = new Float64Array(counts);
    this.#module = module;
    this.#netmap = Netmap.open({ backend: "daemon", instance });
    try {
      this.#bridge = this.#netmap.bridge(bridge);
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
      else this.#set(this.#placed && kind === "script" ? "active" : "replaced");
    } catch (error) {
      this.#missing(error);
    }
  }

  /** What the hook says about itself. */
  stats(): unknown {
    return this.#module.stats?.();
  }

  /** Takes the lookup back. */
  close(): void {
    clearInterval(this.#timer);
    this.#netmap.close();
  }

  #place(): void {
    try {
      this.#bridge.setLookup(this.#decide, { batch: true });
      this.#placed = true;
      this.#set("active");
    } catch (error) {
      this.#missing(error);
    }
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
      this.#module.decide(batch);
    } catch (error) {
      counts[Count.ERRORS]++;
      if (begin - this.#errorAt > ERROR_MS) {
        this.#errorAt = begin;
        scope.postMessage({ type: "error", error: describe(error) });
      }
      throw error;
    } finally {
      counts[Count.BUSY_MS] += performance.now() - begin;
    }
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
    hook = new Hook(command, readModule(await import(command.url)));
    scope.postMessage({ type: "loaded" });
  } catch (error) {
    scope.postMessage({ type: "failed", error: describe(error) });
  }
}

function stats(id: number): void {
  try {
    // By way of JSON, so that what cannot be sent fails here
    const text = JSON.stringify(hook?.stats());
    const value = text === undefined ? undefined : JSON.parse(text);
    scope.postMessage({ type: "stats", id, value });
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

/** The default export: a lookup, or `{ lookup, batch }`. */
function readModule(module: Record<string, unknown>): HookModule {
  const { default: main, stats } = module;
  const isObject = typeof main === "object" && main !== null;
  const { lookup, batch = false } = isObject ? main as Record<string, unknown> : { lookup: main };
  if (typeof lookup !== "function" || typeof batch !== "boolean") {
    throw new TypeError(
      "Its default export has to be a lookup, (packet) => port, or { lookup, batch: true } for " +
        "one that is called with batches",
    );
  }
  const kind = Object.prototype.toString.call(lookup).slice(8, -1);
  if (kind !== "Function") {
    throw new TypeError(`Its lookup is a function of kind ${kind}, which cannot decide at once`);
  }
  if (stats !== undefined && typeof stats !== "function") {
    throw new TypeError("Its export `stats` has to be a function");
  }
  return {
    decide: batch
      ? lookup as (batch: LookupBatch) => void
      : (batch) => batch.decideEach(lookup as (packet: LookupPacket) => number),
    stats: stats as (() => unknown) | undefined,
  };
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
