/**
 * Files of hooks: what they export, and what is made of it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import {
  type BatchLookup,
  type Lookup,
  type LookupBatch,
  LookupTable,
  type NativeLookup,
} from "../../mod.ts";
import { compile, type HookConstants, hookFromC } from "../../hook/mod.ts";
import type { HookForm, HookTableStats } from "./hook_messages.ts";

/** Entries of a table that are shown. */
const ENTRIES = 20;

/** A hook that was read from a file. */
export interface HookFile {
  /** Decides about a batch; undefined for machine code. */
  readonly decide?: ((batch: LookupBatch, caught: (error: unknown) => number) => void) | undefined;
  /** Machine code, or a program for the kernel; undefined for what V8 runs. */
  readonly native?: NativeLookup | undefined;
  /** Where packets go at which `decide` throws; undefined: the batch is dropped. */
  readonly fallback?: number | undefined;
  /** Its own `stats()`. */
  readonly stats?: (() => unknown) | undefined;
  /** The tables that it exports. */
  readonly tables: Readonly<Record<string, LookupTable>>;
}

/** What files in TypeScript export, checked. */
interface HookModule {
  readonly lookup: Lookup | BatchLookup;
  readonly isBatch: boolean;
  readonly fallback: number | undefined;
  readonly stats: (() => unknown) | undefined;
  readonly constants: HookConstants | undefined;
  readonly tables: Readonly<Record<string, LookupTable>>;
}

/**
 * Reads a file.
 *
 * @param url where it is
 * @param form what to make of it; "eBPF" is the same as "compiled"
 * @param cache folder for machine code. Default: the user's usual one
 * @throws {Error} whatever is wrong with it
 */
export async function readHookFile(url: string, form: HookForm, cache?: string): Promise<HookFile> {
  if (form === "C") return { native: await hookFromC(fileURLToPath(url), { cache }), tables: {} };
  const module = checkModule(await import(url));
  const { lookup, isBatch, fallback, stats, constants, tables } = module;
  if (form === "TypeScript") {
    const decide: HookFile["decide"] = isBatch
      ? (batch) => (lookup as BatchLookup)(batch)
      : (batch, caught) =>
        batch.decideEach(lookup as Lookup, fallback === undefined ? undefined : caught);
    return { decide, fallback, stats, tables };
  }
  if (isBatch) {
    throw new TypeError(
      "It takes batches, which cannot be compiled: export a lookup of one packet, (packet) => port",
    );
  }
  return {
    native: await compile(lookup as Lookup, { constants, tables, cache, file: url }),
    stats,
    tables,
  };
}

/** The default export, a lookup or `{ lookup, batch }`, and what stands beside it. */
function checkModule(module: Record<string, unknown>): HookModule {
  const { default: main, stats, fallback, constants, tables = {} } = module;
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
  if (fallback !== undefined && (typeof fallback !== "number" || fallback >>> 0 !== fallback)) {
    throw new TypeError(
      "Its export `fallback` has to be the index of a port, BROADCAST, DROP or LEARN",
    );
  }
  const isRecord = typeof tables === "object" && tables !== null;
  if (!isRecord || !Object.values(tables).every((table) => table instanceof LookupTable)) {
    throw new TypeError("Its export `tables` has to be an object of LookupTables");
  }
  return {
    lookup: lookup as Lookup | BatchLookup,
    isBatch: batch,
    fallback,
    stats: stats as HookModule["stats"],
    constants: constants as HookModule["constants"],
    tables: tables as HookModule["tables"],
  };
}

/** What is shown of tables. */
export function describeTables(
  tables: Readonly<Record<string, LookupTable>>,
): Record<string, HookTableStats> | undefined {
  const described = Object.entries(tables).map(([name, table]): [string, HookTableStats] => {
    const { kind, size, capacity } = table;
    const entries: [number | readonly number[], number][] = [];
    for (const entry of table) {
      if (entries.push(entry) === ENTRIES) break;
    }
    return [name, { kind, size, capacity, entries }];
  });
  return described.length === 0 ? undefined : Object.fromEntries(described);
}
