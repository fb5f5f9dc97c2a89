/**
 * The time that a thread was given.
 *
 * @module
 */

/** Milliseconds that this thread could have run, but other programs had the CPU; 0 where nobody says so. */
export function waitedMs(): number {
  try {
    return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[1]) / 1e6;
  } catch {
    return 0; // no permission, or a kernel that does not count it
  }
}
