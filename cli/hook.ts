/**
 * `valet hook`: lookups in TypeScript that the daemon loads by file.
 *
 * @module
 */

import { formatDuration, Netmap } from "../mod.ts";
import { type Column, formatColumns, plural } from "./columns.ts";
import type { Context } from "./context.ts";
import {
  ask,
  type HookInfo,
  type HookLoaded,
  type HookStats,
  type HookUnloaded,
} from "./daemon/answers.ts";
import { ensureDaemon } from "./daemon/start.ts";
import { widthOf, writeLines } from "./ports.ts";
import type { CommandSpec, OptionSpec } from "./table.ts";

/** The daemon gives an import ten seconds. */
const LOAD_MS = 20_000;

const JSON_OPTION: OptionSpec = { flags: "--json", description: "Print JSON" };

const COLUMNS: readonly Column[] = [
  { title: "BRIDGE" },
  { title: "STATE" },
  { title: "SINCE", spare: 1 },
  { title: "PACKETS", align: "right" },
  { title: "ERRORS", align: "right" },
  { title: "FILE" },
];

const loadCommand: CommandSpec = {
  name: "load",
  description: "Load a file as the lookup of a bridge, in place of what is there\n\n" +
    "Its default export is a lookup, (packet) => port, or { lookup, batch: true }; what its " +
    "export `stats`, a function, returns is shown by `valet hook stats`. The hook decides " +
    "whenever the bridge exists and nobody else has set a lookup there: if there is no such " +
    "bridge yet, it waits for it. Load the file again after changing it.",
  arguments: "<bridge:string> <file:file>",
  options: [JSON_OPTION],
  examples: [["Load a hook", "valet hook load vale0 ./firewall.ts"]],
  action: async (options, [bridge, file], context) => {
    const path = existing(file, context);
    requireEngine(context);
    await ensureDaemon(context);
    const { instance } = context;
    const answer = ask<HookLoaded>(
      { ask: "hook-load", bridge: bridgeOf(bridge), file: path, instance },
      { timeoutMs: LOAD_MS },
    );
    if (answer.stuck) context.stderr.write(stuckNote(String(answer.replaced)));
    if (options.json) return writeJson(context, answer);
    const state = answer.state === "waiting"
      ? `waits for the bridge "${answer.bridge}", which does not exist yet`
      : `decides on "${answer.bridge}"`;
    const replaced = answer.replaced === undefined ? "" : `, in place of ${answer.replaced}`;
    context.stdout.write(`${answer.file} ${state}${replaced}\n`);
  },
};

const unloadCommand: CommandSpec = {
  name: "unload",
  description: "Take the hook of a bridge back: the bridge learns again",
  arguments: "<bridge:string>",
  options: [JSON_OPTION],
  action: (options, [bridge], context) => {
    const { instance } = context;
    const answer = ask<HookUnloaded>({ ask: "hook-unload", bridge: bridgeOf(bridge), instance });
    if (answer.stuck) context.stderr.write(stuckNote(answer.file));
    if (options.json) return writeJson(context, answer);
    const { file, packets, errors } = answer;
    context.stdout.write(
      `${file} is unloaded: it was asked about ${plural(packets, "packet")}` +
        `${errors > 0 ? `, and failed ${plural(errors, "time")}` : ""}\n`,
    );
  },
};

const listCommand: CommandSpec = {
  name: "list",
  description: "List the hooks that are loaded",
  options: [JSON_OPTION],
  action: (options, _args, context) => {
    const { hooks } = ask<{ hooks: HookInfo[] }>({ ask: "hook-list" });
    if (options.json) return writeJson(context, { hooks });
    if (hooks.length === 0) return context.stderr.write("No hooks are loaded\n");
    const rows = hooks.map(({ bridge, instance, state, since, packets, errors, file }) => [
      instance === "" ? bridge : `${bridge} (${instance})`,
      state,
      since.slice(0, 19).replace("T", " "),
      String(packets),
      String(errors),
      file,
    ]);
    writeLines(context.stdout, formatColumns(COLUMNS, rows, widthOf(context.stdout)));
  },
};

const statsCommand: CommandSpec = {
  name: "stats",
  description: "Show what the hook of a bridge has done, and what it says about itself",
  arguments: "<bridge:string>",
  options: [JSON_OPTION],
  action: (options, [bridge], context) => {
    const { instance } = context;
    const question = { ask: "hook-stats", bridge: bridgeOf(bridge), instance };
    const { hook } = ask<{ hook: HookStats }>(question);
    if (options.json) return writeJson(context, hook);
    const each = hook.packets > 0 ? formatDuration(hook.busyMs * 1e6 / hook.packets) : "-";
    const lines: [string, string][] = [
      ["file", hook.file],
      ["state", hook.state],
      ["since", hook.since],
      ["packets", `${hook.packets} in ${plural(hook.batches, "call")}, ${each} each`],
      [
        "errors",
        hook.errors === 0 ? "0" : `${hook.errors}, the last: ${hook.lastError ?? "not told"}`,
      ],
    ];
    if (hook.ownError !== undefined) lines.push(["stats()", `failed: ${hook.ownError}`]);
    else if (hook.own !== undefined) lines.push(["stats()", JSON.stringify(hook.own)]);
    writeLines(context.stdout, lines.map(([key, value]) => `${key.padEnd(8)} ${value}`));
  },
};

/** `valet hook` */
export const hookCommand: CommandSpec = {
  name: "hook",
  description: "Load a lookup written in TypeScript into the daemon, or unload it\n\n" +
    "A hook decides where the packets of a bridge go, for all processes that use the daemon.",
  examples: [
    ["Load a hook", "valet hook load vale0 ./firewall.ts"],
    ["What it has done", "valet hook stats vale0"],
    ["Go back to learning", "valet hook unload vale0"],
  ],
  commands: [loadCommand, unloadCommand, listCommand, statsCommand],
};

function stuckNote(file: string): string {
  return `${file} does not end: if it loops, it takes a CPU until the daemon is stopped\n` +
    'Hint: "valet daemon stop" ends it, and all ports with it\n';
}

/** "vale0:" is "vale0". */
function bridgeOf(name: string): string {
  return name.replace(/:$/, "");
}

/** An absolute path of a file that is there, or a URL. */
function existing(file: string, context: Context): string {
  if (/^[a-z][a-z0-9+.-]+:/i.test(file)) return file;
  const path = context.path(file);
  try {
    if (Deno.statSync(path).isFile) return path;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(`Cannot load the hook "${path}": there is no such file`, { cause });
  }
  throw new Error(`Cannot load the hook "${path}": it is no file`);
}

/** The kernel's bridges call no TypeScript, and a hook in the daemon would be on other bridges. */
function requireEngine({ backend, instance }: Context): void {
  if (backend === "daemon") return;
  using netmap = Netmap.open({ backend, instance });
  if (netmap.backend !== "kernel") return;
  throw new Error(
    "Cannot load a hook: the bridges here are those of netmap's kernel module, which calls no " +
      "TypeScript\nHint: With VALET_BACKEND=daemon, this command and all others use valet's daemon",
  );
}

function writeJson({ stdout }: Context, answer: object): void {
  const { ok: _, ...facts } = answer as Record<string, unknown>;
  stdout.write(`${JSON.stringify(facts)}\n`);
}
