/**
 * Lookups in TypeScript: a function that decides where each packet of a bridge goes.
 *
 * The engine calls once a batch of packets, on the thread that sends them. The descriptors of the
 * packets and the packets themselves are read where they are.
 *
 * @module
 */

import { LookupBatch } from "./lookup_batch.ts";
import { lookupState } from "./lookup_state.ts";
import { Region } from "./region.ts";
import { enterScriptLoop, leaveScriptLoop } from "./script_loop.ts";
import { show } from "./errors.ts";
import { LOOKUP_CALLBACK, type NativeFunctions } from "./symbols.ts";
import type { LookupPacket } from "./packet.ts";

/**
 * Decides about one packet: returns the index of the port that it goes to, `BROADCAST` or `DROP`.
 * Anything that is no such number drops the packet, and is counted as "garbage".
 *
 * It is called while packets are being sent, so it has to return at once: it cannot be async, and it
 * cannot send or close ports. If it throws, the rest of the batch is dropped and the call that sent
 * the packets throws a `NetmapError` with what was thrown as `cause`.
 */
export type Lookup = (packet: LookupPacket) => number;

/** Decides about all packets of a batch; those that it says nothing about are dropped. */
export type BatchLookup = (batch: LookupBatch) => void;

/** A lookup in machine code, where it is in this process. */
export interface NativeFunction {
  /** Of a `valet_lookup_function` of `c/valet_lookup.h`, which stays there until the process ends. */
  readonly address: bigint;
  /** What it is called with as its `context`. */
  readonly context: bigint;
}

/**
 * A lookup that can run as machine code, in the thread that sends: what `compile()` and `hookFromC()` of
 * `@valet/valet/hook` make.
 */
export interface NativeLookup {
  /** Makes it ready to run, if it is not yet, and says where it is. */
  native(): NativeFunction;
  /** The same for bridges of the kernel, if it can run there: loads it as eBPF. */
  kernel?(): KernelProgram;
}

/** A lookup in the kernel: an eBPF program of type XDP. */
export interface KernelProgram {
  /** Its file descriptor. */
  readonly fd: number;
}

/** A lookup as the engine is told of it. */
export interface EngineLookup extends NativeFunction {
  /** False for scripts. */
  readonly isNative: boolean;
  /** What it was made of. */
  readonly lookup: Lookup | BatchLookup | NativeLookup;
  /** Frees it. Nobody may be inside it, or call it again. */
  close(): void;
}

/** What becomes of packets at which a lookup throws. */
export interface LookupFallback {
  /** Index of a port, `BROADCAST`, `DROP` or `LEARN`. */
  readonly port: number;
  /** Called once, for the first error. Default: it is written to the console. */
  readonly onError?: ((error: unknown, packet: string) => void) | undefined;
}

/** Regions and tables that are mapped before they are all forgotten. */
const CACHE_LIMIT = 512;

const tables = new Map<number, Uint32Array>();
const regions = new Map<number, Region>();

/** Forgets the memory that lookups have seen, with all views of it: when a port closes. */
export function forgetLookupRegions(): void {
  if (lookupState.depth > 0) return;
  for (const region of regions.values()) region.close();
  regions.clear();
}

/** A lookup function as the engine calls it. */
export class ScriptLookup implements EngineLookup {
  readonly #functions: NativeFunctions;
  readonly #bridge: string;
  readonly #batch = new LookupBatch();
  readonly #decide: (batch: LookupBatch) => void;
  readonly #fallback: LookupFallback | undefined;
  #callback: Deno.UnsafeCallback<typeof LOOKUP_CALLBACK> | undefined;
  /** A script. */
  readonly isNative = false;
  /** It has none. */
  readonly context = 0n;
  /** The function that it was made of. */
  readonly lookup: Lookup | BatchLookup;
  /** How often it has thrown. */
  errors = 0;

  /** See {@linkcode checkLookup} for what the function has to be. */
  constructor(
    functions: NativeFunctions,
    bridge: string,
    lookup: Lookup | BatchLookup,
    isBatch: boolean,
    fallback?: LookupFallback,
  ) {
    this.#functions = functions;
    this.#bridge = bridge;
    this.lookup = lookup;
    this.#fallback = fallback;
    const caught = fallback === undefined ? undefined : this.#caught;
    this.#decide = isBatch
      ? lookup as BatchLookup
      : (batch) => batch.decideEach(lookup as Lookup, caught);
    enterScriptLoop(functions);
    this.#callback = new Deno.UnsafeCallback(LOOKUP_CALLBACK, this.#call);
  }

  /** Where C finds it. */
  get address(): bigint {
    return BigInt(Deno.UnsafePointer.value(this.#callback!.pointer));
  }

  /** Frees what C calls. Nobody may be inside it, or call it again. */
  close(): void {
    if (this.#callback === undefined) return;
    this.#callback.close();
    this.#callback = undefined;
    leaveScriptLoop(this.#functions);
  }

  // Whatever happens, C gets a number: an exception that C does not see is lost, or ends the process
  #call = (batchId: number, regionId: number, count: number, source: number): number => {
    const batch = this.#batch;
    lookupState.depth++;
    try {
      batch.begin(this.#table(batchId), this.#region(regionId), count, source);
      this.#decide(batch);
      return 0;
    } catch (error) {
      if (this.#fallback !== undefined) {
        batch.decideRest(this.#caught(error));
        return 0;
      }
      this.#failed(error);
      return -1;
    } finally {
      batch.end();
      lookupState.depth--;
    }
  };

  /** With a fallback: counts the error, reports the first, and says where its packet goes. */
  #caught = (error: unknown): number => {
    const { port, onError } = this.#fallback!;
    this.errors++;
    if (this.errors === 1) report(onError, error, this.#bridge, this.#batch.current());
    return port;
  };

  #failed(error: unknown): void {
    this.errors++;
    const failure = { bridge: this.#bridge, error, packet: this.#batch.current() };
    if (lookupState.calls > 0) lookupState.failure ??= failure;
    else lookupState.foreignFailure ??= failure;
  }

  #table(id: number): Uint32Array {
    let table = tables.get(id);
    if (table === undefined) {
      const pointer = this.#functions.valet_batch_address(id);
      if (pointer === null) throw new RangeError(`Unknown batch ${id}`);
      table = new Uint32Array(
        Deno.UnsafePointerView.getArrayBuffer(pointer, LookupBatch.BYTES),
      );
      if (tables.size >= CACHE_LIMIT) tables.clear();
      tables.set(id, table);
    }
    return table;
  }

  #region(id: number): Region {
    let region = regions.get(id);
    if (region === undefined) {
      // While a lookup runs inside another one's call, the outer one still needs its region
      if (regions.size >= CACHE_LIMIT && lookupState.depth === 1) {
        for (const old of regions.values()) old.close();
        regions.clear();
      }
      region = Region.ofId(this.#functions, id);
      regions.set(id, region);
    }
    return region;
  }
}

/** After the batch: what is done with the error may throw, and must not send from inside the lookup. */
function report(
  onError: LookupFallback["onError"],
  error: unknown,
  bridge: string,
  packet: string,
): void {
  queueMicrotask(() => {
    if (onError !== undefined) return onError(error, packet);
    // deno-lint-ignore no-console -- Somebody has to hear of it, and the packets go on
    console.error(`The lookup of "${bridge}" threw at packet ${packet}:`, error);
  });
}

/** True for lookups that can run as machine code. */
export function isNativeLookup(lookup: unknown): lookup is NativeLookup {
  return typeof lookup === "object" && lookup !== null &&
    typeof (lookup as Partial<NativeLookup>).native === "function";
}

/** A lookup in machine code as the engine calls it. Its code stays, so there is nothing to free. */
export function engineLookup(lookup: NativeLookup): EngineLookup {
  const { address, context } = lookup.native();
  if (typeof address !== "bigint" || address === 0n || typeof context !== "bigint") {
    throw new TypeError("Cannot use an object as a lookup: its native() gives no address");
  }
  return { isNative: true, lookup, address, context, close(): void {} };
}

/**
 * Checks that a value can be a lookup in a script.
 *
 * @throws {TypeError} if it is no function, or one that returns before it has decided
 */
export function checkLookup(lookup: unknown): void {
  if (typeof lookup !== "function") {
    throw new TypeError(
      `Cannot use ${
        show(lookup)
      } as a lookup: expected a function, a compiled hook, null or "learning"`,
    );
  }
  const kind = Object.prototype.toString.call(lookup).slice(8, -1);
  if (kind === "Function") return;
  throw new TypeError(
    `Cannot use a function of kind ${kind} as a lookup: packets wait for its decision, ` +
      "so it has to return a number at once",
  );
}
