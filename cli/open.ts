/**
 * Opens netmap for a command: the one that VALET_BACKEND names, else the kernel's if there is one, else
 * the daemon's, which is started if it does not run.
 *
 * @module
 */

import { Netmap, NetmapError } from "../mod.ts";
import type { Context } from "./context.ts";

/** So often a daemon is started before it is given up. */
const ATTEMPTS = 3;

const BACKENDS: readonly string[] = ["auto", "kernel", "daemon", "embedded"];

/** Options of `openNetmap()`. */
export interface OpenOptions {
  /** Start the daemon if it is needed and does not run. Default: true. */
  start?: boolean | undefined;
}

/**
 * Opens netmap. Where there is no netmap in the kernel and none is asked for by name, the daemon is started in
 * the background if none runs, which one line on stderr says: what a command makes inside an engine
 * of its own would be gone when it ends.
 *
 * @throws {NetmapError} if the backend that was asked for is not to be had
 * @throws {Error} if VALET_BACKEND names none, or the daemon does not start
 */
export async function openNetmap(
  context: Context,
  { start = true }: OpenOptions = {},
): Promise<Netmap> {
  checkBackend(context);
  const { backend, instance } = context;
  if (!start || backend === "kernel" || backend === "embedded") {
    return Netmap.open({ backend, instance });
  }
  for (let attempt = 0;; attempt++) {
    try {
      const netmap = Netmap.open({ backend: attempt === 0 ? backend : "daemon", instance });
      if (netmap.backend !== "embedded") return netmap;
      netmap.close();
    } catch (error) {
      // A daemon that was idle may have ended itself since it was found
      if (attempt === ATTEMPTS || !isGone(error)) throw error;
    }
    // By a computed name, so that it is not read where a daemon runs
    const start: typeof import("./daemon/start.ts") = await import(
      import.meta.resolve("./daemon/start.ts")
    );
    await start.ensureDaemon(context);
  }
}

/** @throws {Error} if VALET_BACKEND names none */
export function checkBackend({ backend }: Context): void {
  if (BACKENDS.includes(backend)) return;
  throw new Error(
    `Cannot use ${JSON.stringify(backend)} as VALET_BACKEND\nHint: It is "kernel", "daemon", ` +
      '"embedded", or "auto", which is the same as without it',
  );
}

/** Nobody listens at the daemon's socket, or no longer. */
function isGone(error: unknown): boolean {
  return error instanceof NetmapError && /^(ENOENT|ECONNREFUSED|ECONNRESET)$/.test(error.code);
}
