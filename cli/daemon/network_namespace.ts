/**
 * Whose switch a daemon's hooks are for: each network namespace has bridges of its own.
 *
 * @module
 */

/** "net:[4026531840]"; undefined where it cannot be looked at. */
function namespaceOf(process: number | "self"): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${process}/ns/net`);
  } catch {
    return undefined;
  }
}

/**
 * Makes sure that a bridge which is named here is the one that the daemon's hooks are for.
 *
 * @param pid of the daemon
 * @param instance the switch that was chosen; "" is that of the network namespace
 * @throws {Error} if the daemon is in another network namespace, with what helps
 */
export function checkNamespace(pid: number, instance: string): void {
  const [ours, theirs] = [namespaceOf("self"), namespaceOf(pid)];
  if (instance !== "" || ours === undefined || theirs === undefined || ours === theirs) return;
  throw new Error(
    `Cannot reach the hooks of this network namespace: the daemon, process ${pid}, is in another one, ` +
      "and loads hooks for the bridges of that\n" +
      "Hint: VALET_INSTANCE=NAME, for this command and for all others, is a switch that network " +
      "namespaces share; or set the lookup in a script: bridge.setLookup()",
  );
}
