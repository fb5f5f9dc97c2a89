/**
 * How commands that are netmap's programs read their arguments.
 *
 * @module
 */

import type { Context } from "./context.ts";
import { type Getopt, getopt } from "./getopt.ts";
import { getoptString } from "./notation.ts";
import type { CommandSpec } from "./table.ts";
import { helpText } from "./usage.ts";

/**
 * Takes the arguments of a getopt program apart. Where help is asked for, by `-h` or a lone `--help`, it
 * is written, and the result undefined.
 *
 * @throws {UsageError} as getopt()
 */
export function readArguments(
  spec: CommandSpec,
  args: readonly string[],
  { stdout }: Context,
): Getopt | undefined {
  const isHelp = args.length === 1 && args[0] === "--help";
  const given = isHelp ? undefined : getopt(args, getoptString(spec));
  if (given !== undefined && !given.options.some(({ letter }) => letter === "h")) return given;
  stdout.write(helpText(spec));
  return undefined;
}
