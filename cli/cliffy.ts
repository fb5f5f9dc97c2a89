/**
 * The front end on Cliffy: the same program as `main.ts`, with completions for bash, fish and zsh.
 *
 *     deno run -A cli/cliffy.ts ports
 *     source <(valet completions bash)
 *
 * Needs JSR, or a checkout of Cliffy in `.links/`.
 *
 * @module
 */

import { Command } from "@cliffy/command";
import { CompletionsCommand } from "@cliffy/command/completions";
import { HelpCommand } from "@cliffy/command/help";
import config from "../deno.json" with { type: "json" };
import { type CliffyCommand, runCliffy } from "./cliffy_mount.ts";
import { ExitStatus, processContext } from "./context.ts";
import { loadAll, program } from "./program.ts";

/** Runs the command that the arguments name; returns the exit status. */
export async function main(args: string[]): Promise<number> {
  const named = args.find((arg) => arg !== "help");
  const commands = await Promise.all(
    (program.commands ?? []).map((entry) =>
      named === "completions" || named === entry.name ? loadAll(entry) : entry
    ),
  );
  const more = { help: new HelpCommand(), completions: new CompletionsCommand() };
  return await runCliffy(
    { ...program, commands },
    config.version,
    more as unknown as Record<keyof typeof more, CliffyCommand>,
    args,
    {
      create: () => new Command() as unknown as CliffyCommand,
      contextFor: processContext,
      status: ExitStatus.DONE,
    },
  );
}

if (import.meta.main) Deno.exit(await main(Deno.args));
