/**
 * A command table with everything that a table can have; its actions print what they get.
 */

import type { Context } from "../../cli/context.ts";
import { UsageError } from "../../cli/context.ts";
import type { CommandSpec, OptionValues } from "../../cli/table.ts";

function show(options: OptionValues, args: string[], context: Context): number {
  context.stdout.write(`${JSON.stringify({ program: context.program, options, args })}\n`);
  return args.includes("seven") ? 7 : 0;
}

function fail(options: OptionValues): void {
  if (options.how === "usage") throw new UsageError("The command makes no sense");
  if (options.how === "value") throw new RangeError("Cannot use -1 as slots");
  throw new Error("Cannot open it: there is none\nHint: Make one");
}

/** The program. */
export const frontTable: CommandSpec = {
  name: "valet",
  description: "A program with everything",
  commands: [
    {
      name: "options",
      description: "Every kind of option\n\nThe second paragraph is for its own help.",
      options: [
        { flags: "-s, --switch", description: "A switch" },
        { flags: "--no-check", description: "A switch that is on" },
        { flags: "-r, --rate <pps:number>", description: "A number", default: 1.5 },
        { flags: "--idle-ms <ms:integer>", description: "A whole number" },
        { flags: "--log <file:file>", description: "A file" },
        { flags: "--color [when:string]", description: "A value that may be left out" },
        { flags: "-e, --each <name:string>", description: "Several times", collect: true },
        { flags: "--secret", description: "Not shown", hidden: true },
      ],
      examples: [["As it is used", "valet options -s -r 3"]],
      action: show,
    },
    {
      name: "arguments",
      description: "Arguments, and an option that has to be given",
      arguments: "<bridge:string> [files...:file]",
      options: [{ flags: "-n, --need <count:integer>", description: "Needed", required: true }],
      action: show,
    },
    {
      name: "run",
      description: "Options end at the first argument",
      arguments: "[command...:string]",
      options: [{ flags: "-v, --verbose", description: "Tell more" }],
      stopEarly: true,
      action: show,
    },
    {
      name: "getopt",
      description: "Parses itself",
      usage: "[-h <port>] [-v]",
      options: [
        { flags: "-h <port:string>", description: "Not help" },
        { flags: "-v", description: "Tell more" },
      ],
      getopt: true,
      action: show,
    },
    {
      name: "group",
      description: "Has sub-commands",
      commands: [
        { name: "first", description: "The first", arguments: "<file:file>", action: show },
        { name: "second", description: "The second", hidden: true, action: show },
      ],
    },
    {
      name: "fail",
      description: "Fails",
      options: [{ flags: "--how <way:string>", description: "usage, value or other" }],
      action: fail,
    },
  ],
};
