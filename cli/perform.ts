/**
 * Performs an action of the command table and turns what comes of it into an exit status.
 *
 * @module
 */

import { type Context, ExitStatus, UsageError } from "./context.ts";
import type { CommandSpec, OptionValues } from "./table.ts";
import { usageLine } from "./usage.ts";

/** What shells report for a program that SIGPIPE has ended. */
const BROKEN_PIPE = 128 + 13;

/**
 * Performs a command's action.
 *
 * @param path how the command is called: "valet ports", "vale-ctl"
 * @returns the exit status; whatever goes wrong has been said on stderr
 */
export async function perform(
  spec: CommandSpec,
  options: OptionValues,
  args: string[],
  context: Context,
  path: string = context.program,
): Promise<number> {
  try {
    const { action } = spec;
    if (action === undefined) throw new UsageError("A sub-command is missing");
    return await action(options, args, context) ?? ExitStatus.DONE;
  } catch (error) {
    try {
      return reportFailure(error, context, usageHint(spec, path));
    } catch {
      return ExitStatus.FAILED; // nobody reads stderr any more
    }
  }
}

/**
 * Says what went wrong.
 *
 * @param hint what stands behind the message about a malformed command
 * @returns the exit status that goes with it
 */
export function reportFailure(error: unknown, context: Context, hint: string): number {
  const { stderr, program } = context;
  if (error instanceof Deno.errors.BrokenPipe) return BROKEN_PIPE; // "| head" has seen enough
  if (!(error instanceof Error)) {
    stderr.write(`${program}: ${String(error)}\n`);
    return ExitStatus.FAILED;
  }
  if (isMalformed(error)) {
    stderr.write(`${program}: ${error.message}\n${hint}`);
    return ExitStatus.USAGE;
  }
  stderr.write(`${program}: ${isMistakeOfOurs(error) ? error.stack : error.message}\n`);
  return ExitStatus.FAILED;
}

/** The two lines that stand behind the message about a malformed command. */
export function usageHint(spec: CommandSpec, path: string): string {
  return `Usage: ${usageLine(spec, path)}\nHint: "${path} --help" says more\n`;
}

/** The command was wrong, not the world: what our functions throw about the values in it. */
export function isMalformed(error: unknown): boolean {
  return error instanceof UsageError ||
    (error instanceof SyntaxError || error instanceof RangeError) && /^Cannot /.test(error.message);
}

/** A stack helps nobody but who mends the program. */
function isMistakeOfOurs(error: Error): boolean {
  return error instanceof TypeError || error instanceof ReferenceError ||
    error instanceof RangeError;
}

/**
 * What strerror(3) says about a failed operation: "Device or resource busy".
 *
 * @param error a NetmapError
 */
export function reasonOf(error: Error & { readonly code: string }): string {
  const [first] = error.message.split("\n");
  return first.slice(first.lastIndexOf(": ") + 2).replace(` (${error.code})`, "");
}
