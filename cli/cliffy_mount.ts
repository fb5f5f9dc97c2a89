/**
 * The command table on Cliffy. Cliffy itself is handed in, so that this file needs nothing from JSR.
 *
 * @module
 */

import { type Context, ExitStatus } from "./context.ts";
import { perform, usageHint } from "./perform.ts";
import type { CommandEntry, CommandSpec, OptionSpec } from "./table.ts";
import { usageLine } from "./usage.ts";

/** What is used of Cliffy's `Command`. */
export interface CliffyCommand {
  /** Name of the program. */
  name(name: string): this;
  /** Version of the program. */
  version(version: string): this;
  /** First line for lists, all of it for its own help. */
  description(text: string): this;
  /** Usage line without the name. */
  usage(text: string): this;
  /** Not shown in lists. */
  hidden(): this;
  /** "<bridge:string> [file:file]". */
  arguments(args: string): this;
  /** Adds an option. */
  option(flags: string, description: string, options: Record<string, unknown>): this;
  /** Adds an example. */
  example(title: string, line: string): this;
  /** Adds a sub-command, and selects it: what is called next is about that, until `reset()`. */
  command(name: string, command: CliffyCommand): this;
  /** Selects this command again. */
  reset(): this;
  /** What the command does. */
  action(run: (options: Record<string, unknown>, ...args: unknown[]) => unknown): this;
  /** Options end at the first argument. */
  stopEarly(): this;
  /** All arguments are handed on as they stand. */
  useRawArgs(): this;
  /** How help is shown. */
  help(options: { colors: boolean }): this;
  /** No `--help`. */
  helpOption(enable: false): this;
  /** Nothing of the commands above. */
  noGlobals(): this;
  /** Errors are thrown, and nothing ends the process. */
  noExit(): this;
  /** Runs it. */
  parse(args: string[]): Promise<unknown>;
  /** The text of its help. */
  getHelp(): string;
  /** What stood behind `--`. */
  getLiteralArgs(): string[];
  /** "valet hook load". */
  getPath(): string;
}

/** What the mounted commands have in common. */
export interface CliffyRun {
  /** Cliffy's `Command`. */
  readonly create: () => CliffyCommand;
  /** For `valet`; the getopt programs get one with their own name. */
  readonly contextFor: (program: string) => Context;
  /** The exit status of the action; 0 at first. */
  status: number;
}

/**
 * Runs the program; returns the exit status.
 *
 * @param more commands of Cliffy's own
 */
export async function runCliffy(
  program: CommandSpec,
  version: string,
  more: Readonly<Record<string, CliffyCommand>>,
  args: string[],
  run: CliffyRun,
): Promise<number> {
  const context = run.contextFor(program.name);
  const root = mountCliffy(program, run).version(version).noExit();
  root.help({ colors: context.stdout.color });
  for (const [name, command] of Object.entries(more)) root.command(name, command).reset();
  try {
    await root.parse(args);
    return run.status;
  } catch (error) {
    return reportMalformed(error, context);
  }
}

/** What was mounted as what, for messages. */
const specs = new WeakMap<object, CommandSpec>();

/** A command of the table, and all below it, as one of Cliffy's. */
export function mountCliffy(entry: CommandEntry, run: CliffyRun): CliffyCommand {
  // The name first: command() selects the sub-command, which name() would rename
  const command = run.create().name(entry.name).description(entry.description);
  if (entry.hidden) command.hidden();
  if ("load" in entry) return command;

  specs.set(command, entry);
  const { options = [], examples = [], commands = [] } = entry;
  if (entry.getopt) command.useRawArgs().helpOption(false).noGlobals();
  if (entry.stopEarly) command.stopEarly();
  for (const option of options) mountOption(command, option);
  if (entry.arguments !== undefined) command.arguments(entry.arguments);
  if (entry.usage !== undefined) command.usage(usageLine(entry, "").trimStart());
  for (const [title, line] of examples) command.example(title, line);
  command.action(actionOf(entry, command, run));
  for (const below of commands) command.command(below.name, mountCliffy(below, run)).reset();
  return command;
}

function mountOption(command: CliffyCommand, spec: OptionSpec): void {
  const { flags, description, ...options } = spec;
  command.option(flags, description, options);
}

function actionOf(
  entry: CommandSpec,
  command: CliffyCommand,
  run: CliffyRun,
): (options: Record<string, unknown>, ...args: unknown[]) => Promise<void> {
  return async (options, ...args) => {
    const context = run.contextFor(entry.getopt ? entry.name : command.getPath().split(" ")[0]);
    if (entry.action === undefined) {
      context.stderr.write(command.getHelp());
      run.status = ExitStatus.USAGE;
      return;
    }
    const path = entry.getopt ? entry.name : command.getPath();
    const texts = [...args.map(String), ...(entry.getopt ? [] : command.getLiteralArgs())];
    run.status = await perform(entry, options, texts, context, path);
  };
}

/** Says what is wrong with a malformed command; returns the exit status. */
function reportMalformed(error: unknown, context: Context): number {
  if (!(error instanceof Error) || !("exitCode" in error)) throw error;
  const command = "cmd" in error ? error.cmd as CliffyCommand : undefined;
  const path = command?.getPath() ?? context.program;
  const spec = command && specs.get(command);
  const hint = spec === undefined ? `Hint: "${path} --help" says more\n` : usageHint(spec, path);
  context.stderr.write(`${context.program}: ${error.message}\n${hint}`);
  return ExitStatus.USAGE;
}
