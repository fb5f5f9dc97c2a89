/**
 * Loads built hooks into the process.
 *
 * They are never unloaded, as a thread of the engine could be inside one: they are linked with `-z nodelete`,
 * so that closing what Deno has opened leaves the code where it is.
 *
 * @module
 */

import { buildHook, type BuildOptions, type CSource } from "./build.ts";
import { HookBuildError } from "./errors.ts";

const SYMBOLS = {
  valet_hook_entry: { parameters: [], result: "pointer" },
  valet_hook_context: {
    parameters: ["buffer" /* addresses */],
    result: "pointer",
    optional: true,
  },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Addresses of lookups by path. */
const loaded = new Map<string, bigint>();

/** A hook in this process. */
export interface LoadedHook {
  /** Address of its `valet_lookup_function`. */
  readonly address: bigint;
  /** The shared object. */
  readonly path: string;
  /** What the compiler warned of, if it had to build it. */
  readonly warnings: string;
  /** Makes the context of a hook with tables, of the tables' addresses. */
  readonly contextOf: (tables: readonly bigint[]) => bigint;
}

/**
 * Builds a hook, unless that has been done before, and loads it.
 *
 * Permissions: run (the compiler), read and write (the cache), env (XDG_CACHE_HOME, HOME), ffi.
 *
 * @throws {HookBuildError} if it cannot be built or loaded
 */
export function loadHook(source: CSource, include: string, options: BuildOptions): LoadedHook {
  const built = buildHook(source, include, options);
  const { path, warnings } = built;
  let address = loaded.get(path);
  if (address === undefined) {
    const again = built.isNew ? undefined : () => buildHook(source, include, options, true);
    address = withLibrary(path, ({ valet_hook_entry }) => addressOf(valet_hook_entry()), again);
    loaded.set(path, address);
  }
  return {
    address,
    path,
    warnings,
    contextOf: (tables) =>
      withLibrary(path, ({ valet_hook_context }) => {
        return addressOf(valet_hook_context?.(BigUint64Array.from(tables)) ?? null);
      }),
  };
}

function addressOf(pointer: Deno.PointerValue): bigint {
  if (pointer === null) throw new HookBuildError("Cannot load a hook: there is no memory for it");
  return BigInt(Deno.UnsafePointer.value(pointer));
}

/** Opens a file for a moment; one that cannot be opened is built `again`, as it may have been cut short. */
function withLibrary<T>(
  path: string,
  use: (symbols: Library["symbols"]) => T,
  again?: () => void,
): T {
  let library: Library;
  try {
    library = Deno.dlopen(path, SYMBOLS);
  } catch (error) {
    if (again === undefined || error instanceof Deno.errors.NotCapable) {
      throw explained(error, path);
    }
    again();
    return withLibrary(path, use);
  }
  try {
    return use(library.symbols);
  } finally {
    library.close();
  }
}

function explained(cause: unknown, path: string): unknown {
  if (cause instanceof Deno.errors.NotCapable) return cause;
  const problem = cause instanceof Error ? cause.message : String(cause);
  if (/valet_hook_entry/.test(problem)) {
    return new HookBuildError("Cannot load a hook: its source does not say what decides", {
      cause,
      hint: 'End it with "VALET_LOOKUP_PACKET(function)" or "VALET_LOOKUP_BATCH(function)" of ' +
        '"valet_hook.h"',
    });
  }
  return new HookBuildError(`Cannot load the hook "${path}": ${problem}`, {
    cause,
    hint: "If its folder does not allow running programs (mount option noexec), set " +
      "XDG_CACHE_HOME to one that does",
  });
}
