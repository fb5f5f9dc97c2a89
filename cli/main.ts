/**
 * The program: `valet`, and by its first argument `vale-ctl`, `pkt-gen`, `bridge` and `lb`.
 *
 *     deno run -A cli/main.ts ports
 *     deno run -A cli/main.ts vale-ctl -a vale0:vi0
 *
 * The front end on commander is in `commander.ts`. Programs with getopt's options do without it.
 *
 * @module
 */

import { ExitStatus, processContext } from "./context.ts";
import { perform } from "./perform.ts";
import { findCommand, loadCommand, program } from "./program.ts";

/** Runs the command that the arguments name; returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  const entry = findCommand(program.commands, first);
  if (entry?.getopt) {
    return await perform(await loadCommand(entry), {}, rest, processContext(entry.name));
  }
  const context = processContext(program.name);
  let front: typeof import("./commander.ts");
  try {
    // By a computed name: npm's packages would be resolved at each start otherwise
    front = await import(import.meta.resolve("./commander.ts"));
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const [reason] = message.split("\n");
    if (code !== "ERR_MODULE_NOT_FOUND" || !reason.includes('"commander"')) throw error;
    context.stderr.write(
      `valet: Cannot load commander, which reads the command line: ${reason}\n` +
        "Hint: It comes from npm once, and needs the network for that; vale-ctl and pkt-gen do " +
        "without it\n",
    );
    return ExitStatus.FAILED;
  }
  return await front.runProgram(program, args, context);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
