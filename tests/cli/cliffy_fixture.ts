/**
 * Runs `front_table.ts` on the real Cliffy: a program for `front_test.ts`.
 */

import { type CliffyCommand, runCliffy } from "../../cli/cliffy_mount.ts";
import { processContext } from "../../cli/context.ts";
import { frontTable } from "./front_table.ts";

// By computed names, so that this file can be checked where Cliffy is not to be had
const { Command } = await import(["@cliffy", "command"].join("/"));
const { CompletionsCommand } = await import(["@cliffy", "command", "completions"].join("/"));

const run = { create: (): CliffyCommand => new Command(), contextFor: processContext, status: 0 };
const more = { completions: new CompletionsCommand() };
Deno.exit(await runCliffy(frontTable, "1.2.3", more, Deno.args, run));
