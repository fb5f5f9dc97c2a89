/**
 * Setting a hook of `scripts/hooks/` in the form that a backend runs.
 *
 * @module
 */

import { compile, type HookConstants } from "../../../hook/mod.ts";
import { type Bridge, type Lookup, type LookupTable, NetmapError } from "../../../mod.ts";
import type { Lab } from "../kit/mod.ts";

/** A file of `scripts/hooks/`. */
export interface HookModule {
  readonly default: Lookup;
  readonly constants?: HookConstants | undefined;
  readonly tables?: Readonly<Record<string, LookupTable>> | undefined;
}

/**
 * Sets it: as eBPF on the kernel, else in V8.
 *
 * @returns why that cannot be; undefined if it was done
 */
export async function setHook(
  lab: Lab,
  bridge: Bridge,
  { default: lookup, constants, tables }: HookModule,
): Promise<string | undefined> {
  if (lab.backend !== "kernel") {
    bridge.lookup = lookup;
    return undefined;
  }
  try {
    bridge.lookup = await compile(lookup, { constants, tables });
    return undefined;
  } catch (error) {
    if (error instanceof NetmapError) return error.message.split("\n")[0];
    throw error;
  }
}
