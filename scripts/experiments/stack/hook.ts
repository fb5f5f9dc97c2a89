/**
 * Setting a hook of `scripts/hooks/` in a form that a backend runs.
 *
 * @module
 */

import { compile, type HookConstants } from "../../../hook/mod.ts";
import {
  type BackendName,
  type Bridge,
  type Lookup,
  type LookupTable,
  NetmapError,
} from "../../../mod.ts";
import type { Lab } from "../kit/mod.ts";

/** A file of `scripts/hooks/`. */
export interface HookModule {
  readonly default: Lookup;
  readonly constants?: HookConstants | undefined;
  readonly tables?: Readonly<Record<string, LookupTable>> | undefined;
}

/** How hooks run. */
export type Form = "in V8" | "compiled";

/** Forms that a script can set on a backend: machine code runs in the process that forwards only. */
export const FORMS: Readonly<Record<BackendName, readonly Form[]>> = {
  embedded: ["in V8", "compiled"],
  daemon: ["in V8"],
  kernel: ["compiled"],
};

/**
 * Sets it.
 *
 * @throws {NetmapError} on the kernel without valet's lookup module
 */
export async function setHook(
  lab: Lab,
  bridge: Bridge,
  { default: lookup, constants, tables }: HookModule,
  form: Form = FORMS[lab.backend][0],
): Promise<void> {
  bridge.lookup = form === "in V8" ? lookup : await compile(lookup, { constants, tables });
}

/** Sets it, and tells whether that could be done: a kernel may lack valet's lookup module, which the lab notes. */
export async function trySetHook(
  lab: Lab,
  bridge: Bridge,
  hook: HookModule,
): Promise<boolean> {
  try {
    await setHook(lab, bridge, hook);
    return true;
  } catch (error) {
    if (!(error instanceof NetmapError && error.code === "ENOPKG")) throw error;
    lab.lacks("hooks", error.message);
    return false;
  }
}
