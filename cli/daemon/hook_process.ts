/**
 * The process of a hook in TypeScript, started by {@linkcode HookProcess}: hook_process.ts DAEMON_PID
 *
 * Commands come on stdin, one a line; events go to stdout as JSON text sequences (RFC 7464), and what
 * else is written there is the hook's own.
 *
 * @module
 */

import { endWithParent } from "./end_with_parent.ts";
import { linesOf, RECORD } from "./hook_lines.ts";
import type { HookCommand } from "./hook_messages.ts";
import { runHook } from "./hook_runner.ts";

// A hook that loops does not notice that stdin has ended
endWithParent(Number(Deno.args[0]));
const stdout = Deno.stdout, encoder = new TextEncoder();
const command = runHook((event) => {
  const bytes = encoder.encode(`${RECORD}${JSON.stringify(event)}\n`);
  for (let at = 0; at < bytes.length;) at += stdout.writeSync(bytes.subarray(at));
});
await linesOf(Deno.stdin.readable, (line) => command(JSON.parse(line) as HookCommand));
Deno.exit(0);
