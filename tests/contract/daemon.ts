/**
 * The daemon that the suite runs on: a process of its own, one for all test files of a run. It ends
 * itself when they are done with it.
 *
 * @module
 */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { startDaemon } from "../../cli/daemon/start.ts";
import { Netmap } from "../../mod.ts";

const IDLE_SECONDS = 10;

/** Folders of earlier runs, whose daemons have ended. */
function removeOld(): void {
  for (const { name } of Deno.readDirSync(tmpdir())) {
    const pid = /^valet-test-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const folder = join(tmpdir(), name);
    if (!existsSync(join(folder, "valet.sock"))) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Starts it unless it runs already, and has this process use it until the test file is done.
 *
 * @returns why there is none; undefined when it answers
 */
export async function useTestDaemon(): Promise<string | undefined> {
  const before = Deno.env.get("VALET_SOCKET");
  const folder = join(tmpdir(), `valet-test-${Deno.pid}`);
  removeOld();
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  Deno.env.set("VALET_SOCKET", join(folder, "valet.sock"));
  let use: Netmap | undefined;
  addEventListener("unload", () => {
    use?.close();
    if (before === undefined) Deno.env.delete("VALET_SOCKET");
    else Deno.env.set("VALET_SOCKET", before);
  });
  try {
    await startDaemon({ idleSeconds: IDLE_SECONDS });
    // Also while tests of other backends run, which takes long on a slow kernel
    use = Netmap.open({ backend: "daemon", instance: "contract" });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
