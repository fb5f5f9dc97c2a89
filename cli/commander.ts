/**
 * The front end on commander: `valet` as `main.ts` runs it.
 *
 * @module
 */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import config from "../deno.json" with { type: "json" };
import { type Context, ExitStatus } from "./context.ts";
import { parseArguments, parseFlags, type ValueType } from "./notation.ts";
import { perform, usageHint } from "./perform.ts";
import { loadAll } from "./program.ts";
import type { CommandEntry, CommandSpec, OptionSpec } from "./table.ts";
import { showValue, usageLine } from "./usage.ts";

/** What the mounted commands have in common. */
interface Run {
  readonly context: Context;
  status: number;
}

/**
 * Runs the program; returns the exit status.
 *
 * Only the command that the arguments name is imported.
 */
export async function runProgram(
  program: CommandSpec,
  args: readonly string[],
  context: Context,
): Promise<number> {
  const named = args.find((arg) => arg !== "help");
  const commands = await Promise.all(
    (program.commands ?? []).map((entry) => entry.name === named ? loadAll(entry) : entry),
  );
  const run: Run = { context, status: ExitStatus.DONE };
  const mounted = mountCommander({ ...program, commands }, run).version(config.version);
  try {
    await mounted.parseAsync(args, { from: "user" });
    return run.status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for has status 0; commander counts a missing command as 1
    return error.exitCode === 0 ? ExitStatus.DONE : ExitStatus.USAGE;
  }
}

/** A command of the table, and all below it, as one of commander's. */
export function mountCommander(entry: CommandEntry, run: Run, parent = ""): Command {
  const { name, description } = entry;
  const path = `${parent} ${name}`.trimStart();
  const command = new Command(name).description(description).summary(description.split("\n")[0]);
  command.exitOverride().showSuggestionAfterError().enablePositionalOptions();
  // Whether it is imported must not show
  command.configureHelp({ subcommandTerm: (below) => below.name() });
  const { stdout, stderr, program } = run.context;
  let hint = `Hint: "${path} --help" says more\n`;
  command.configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    getOutHelpWidth: () => stdout.columns,
    getErrHelpWidth: () => stderr.columns,
    getOutHasColors: () => stdout.color,
    getErrHasColors: () => stderr.color,
    outputError: (text, write) => write(text.replace(/^error: /, `${program}: `) + hint),
  });
  if ("load" in entry) return command;

  hint = usageHint(entry, path);
  const { options = [], examples = [], commands = [] } = entry;
  for (const option of options) command.addOption(mountOption(option));
  for (const value of parseArguments(entry.arguments)) {
    command.addArgument(new Argument(showValue(value)));
  }
  if (entry.usage !== undefined) command.usage(usageLine(entry, "").trimStart());
  if (entry.stopEarly) command.passThroughOptions();
  if (entry.getopt) command.helpOption(false);
  if (examples.length > 0) {
    const lines = examples.map(([title, line]) => `  ${title}:\n    ${line}\n`);
    command.addHelpText("after", `\nExamples:\n${lines.join("")}`.trimEnd());
  }
  for (const below of commands) {
    command.addCommand(mountCommander(below, run, path), { hidden: below.hidden ?? false });
  }
  if (entry.action !== undefined) {
    command.action(async () => {
      run.status = await perform(entry, command.opts(), command.args, run.context, path);
    });
  }
  return command;
}

function mountOption(spec: OptionSpec): Option {
  const { short, long, value } = parseFlags(spec);
  const names = [short === undefined ? "" : `-${short}`, long === undefined ? "" : `--${long}`];
  const flags = names.filter((name) => name !== "").join(", ");
  const option = new Option(
    value === undefined ? flags : `${flags} ${showValue(value)}`,
    spec.description,
  );
  if (value !== undefined) option.argParser(parser(value.type, spec.collect ?? false));
  else if (spec.collect) option.argParser((_, before: unknown) => [...asArray(before), true]);
  if (spec.default !== undefined) option.default(spec.default);
  return option.makeOptionMandatory(spec.required ?? false).hideHelp(spec.hidden ?? false);
}

function parser(type: ValueType, collect: boolean): (text: string, before: unknown) => unknown {
  return (text, before) => {
    const value = convert(text, type);
    return collect ? [...asArray(before), value] : value;
  };
}

function asArray(before: unknown): unknown[] {
  return Array.isArray(before) ? before : [];
}

/** A value of a type, as Cliffy reads it. */
function convert(text: string, type: ValueType): string | number | boolean {
  switch (type) {
    case "number":
      if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
      throw new InvalidArgumentError("It is no number.");
    case "integer":
      if (/^[+-]?\d+$/.test(text)) return Number(text);
      throw new InvalidArgumentError("It is no whole number.");
    case "boolean":
      if (/^(true|1)$/.test(text)) return true;
      if (/^(false|0)$/.test(text)) return false;
      throw new InvalidArgumentError('It is neither "true" nor "false".');
    case "string":
    case "file":
      return text;
  }
}
