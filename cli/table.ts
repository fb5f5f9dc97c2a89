/**
 * The shape of the command table: what each command file exports, and what the front ends
 * (`main.ts` on commander, `cliffy.ts` on Cliffy) and the getopt programs are made from.
 *
 * Options and arguments are written as Cliffy writes them:
 *
 * | notation | means |
 * | --- | --- |
 * | `"-v, --verbose"` | a switch: `options.verbose` is true when given |
 * | `"-r, --rate <pps:number>"` | takes a value: `options.rate` is a number |
 * | `"--color [when:string]"` | may take a value: true without one |
 * | `"--no-check"` | `options.check` is true unless given |
 * | `"<bridge:string> [file:file]"` | arguments: the first is required |
 * | `"[command...:string]"` | the last argument may be given several times |
 *
 * Types: string, number, integer, boolean, file (a string that shells complete as a path). The key of an option
 * is its long name in camel case: `--idle-ms` is `options.idleMs`. Only options of getopt programs may have no
 * long name.
 *
 * Pure: types only.
 *
 * @module
 */

import type { Context } from "./context.ts";

/** One option of a command. */
export interface OptionSpec {
  /** As in the table above: "-i, --interface <port:string>". */
  readonly flags: string;
  /** A phrase, without a final period. */
  readonly description: string;
  /** Value when it is not given; shown in the help. */
  readonly default?: string | number | boolean | undefined;
  /** It has to be given. */
  readonly required?: boolean | undefined;
  /** It may be given several times; its value is an array. */
  readonly collect?: boolean | undefined;
  /** Not shown in the help. */
  readonly hidden?: boolean | undefined;
}

/** Values of the options, by key; absent when not given and without a default. */
export type OptionValues = Readonly<Record<string, unknown>>;

/**
 * What a command does. Never ends the process and never uses the console: it writes to the context.
 *
 * @param options values of the options, typed as the notation says
 * @param args the arguments in their order, as texts; what stands behind `--` included
 * @returns the exit status; nothing is 0
 * @throws {UsageError} if the command makes no sense: exit status 2
 * @throws anything else for failures: exit status 1, the message on stderr
 */
export type Action = (
  options: OptionValues,
  args: string[],
  context: Context,
) => void | number | Promise<void | number>;

/** A command. */
export interface CommandSpec {
  /** As it is typed: "doctor". */
  readonly name: string;
  /** First line: a phrase without a final period, for lists. Further lines: for its own help. */
  readonly description: string;
  /** The usage line without the name, when the one made from options and arguments does not do. */
  readonly usage?: string | undefined;
  /** Not shown in lists. */
  readonly hidden?: boolean | undefined;
  /** "<bridge:string> [file:file]", "[command...:string]". */
  readonly arguments?: string | undefined;
  /** Its options. */
  readonly options?: readonly OptionSpec[] | undefined;
  /** What it is for, and the line to type. */
  readonly examples?: readonly (readonly [title: string, line: string])[] | undefined;
  /** Its sub-commands. */
  readonly commands?: readonly CommandEntry[] | undefined;
  /**
   * Options end at the first argument; all that follows are arguments, dashes or not: for commands that
   * run another command.
   */
  readonly stopEarly?: boolean | undefined;
  /**
   * The action parses its arguments itself, by getopt(3): it gets all of them in `args` and no
   * options. The table's options are for help and completion.
   */
  readonly getopt?: boolean | undefined;
  /** What it does; absent when it only has sub-commands, then it shows its help. */
  readonly action?: Action | undefined;
}

/** A command whose file is imported when it is needed, so that the others start quickly. */
export interface LazyCommand extends Pick<CommandSpec, "name" | "hidden" | "getopt"> {
  /** First line of the command's description. */
  readonly description: string;
  /** Imports it. */
  readonly load: () => Promise<CommandSpec>;
}

/** A row of a table: a command, or where to get it from. */
export type CommandEntry = CommandSpec | LazyCommand;
