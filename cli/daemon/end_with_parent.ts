/**
 * Linux ends a process with the one that started it, if it asks for that.
 *
 * @module
 */

import { libraryPath } from "../../mod.ts";

// <linux/prctl.h>
const PR_SET_PDEATHSIG = 1;

const SIGKILL = 9;

/**
 * This process is killed when its parent ends, however that ends: prctl(2), which valet's library has
 * from the C library.
 *
 * @param pid the parent; when it has ended already, so does this process
 */
export function endWithParent(pid: number): void {
  const { symbols } = Deno.dlopen(libraryPath(), {
    prctl: { parameters: ["i32", "usize"], result: "i32" },
  });
  symbols.prctl(PR_SET_PDEATHSIG, BigInt(SIGKILL));
  if (Deno.ppid !== pid) Deno.exit(1);
}
