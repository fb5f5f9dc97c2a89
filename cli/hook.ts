/**
 * `valet hook`: lookups that the daemon, or netmap's kernel module, loads by file.
 *
 * @module
 */

import type { ObjectOptions } from "../hook/mod.ts";
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
import type { HookForm } from "./daemon/hook_messages.ts";
import { checkNamespace } from "./daemon/network_namespace.ts";
import { daemonStatus, ensureDaemon } from "./daemon/start.ts";
import { formatHookTable } from "./hook_table.ts";
import {
  isObjectFile,
  listInKernel,
  loadInKernel,
  statsInKernel,
  unloadInKernel,
} from "./kernel_hook.ts";
import { widthOf, writeLines } from "./ports.ts";
import type { CommandSpec, OptionSpec } from "./table.ts";

/** The daemon gives a file ten seconds, or a minute when it is compiled. */
const LOAD_MS = 20_000;
const COMPILE_MS = 70_000;

const JSON_OPTION: OptionSpec = { flags: "--json", description: "Print JSON" };

const COLUMNS: readonly Column[] = [
  { title: "BRIDGE" },
  { title: "FORM" },
  { title: "STATE" },
  { title: "SINCE", spare: 1 },
  { title: "PACKETS", align: "right" },
  { title: "ERRORS", align: "right" },
  { title: "FILE" },
];

const loadCommand: CommandSpec = {
  name: "load",
  description: "Load a file as the lookup of a bridge, in place of what is there\n\n" +
    "A file in TypeScript: its default export is a lookup, (packet) => port, or " +
    "{ lookup, batch: true }; where packets go at which it throws says its export `fallback`; what its " +
    "export `stats`, a function, returns is shown by `valet hook stats`, and so are its `tables`. With " +
    "--compile it runs as machine code; what the lookup names it exports as `constants` and `tables`.\n\n" +
    "A file in C, NAME.c, includes valet_hook.h. Machine code runs in the daemon itself: where it " +
    "crashes, the daemon and its ports go with it.\n\n" +
    "The hook decides whenever the bridge exists and nobody else has set a lookup there: if there is " +
    "no such bridge yet, it waits for it. Load the file again after changing it.\n\n" +
    "On bridges of netmap's kernel module, files in TypeScript are compiled to eBPF and run by " +
    "valet's module (c/module) in the kernel; and so are object files, NAME.o of clang -target bpf.",
  arguments: "<bridge:string> <file:file>",
  options: [
    { flags: "--compile", description: "Run it as machine code" },
    { flags: "--program <name:string>", description: "Of an object file: the function or section" },
    {
      flags: "--xdp",
      description: "Of an object file: it returns XDP_PASS, which is learned, or XDP_DROP",
    },
    JSON_OPTION,
  ],
  examples: [
    ["Load a hook", "valet hook load vale0 ./firewall.ts"],
    ["As machine code", "valet hook load --compile vale0 ./firewall.ts"],
    ["Written in C", "valet hook load vale0 ./firewall.c"],
    ["A program for network cards", "valet hook load --xdp vale0 ./firewall.o"],
  ],
  action: async (options, [bridge, file], context) => {
    const path = existing(file, context);
    const isKernel = onKernel(context);
    const form = formOf(path, options.compile === true, isKernel);
    const ofObject = objectOptions(path, options);
    const answer = isKernel
      ? await loadInKernel(bridgeOf(bridge), path, ofObject, context)
      : await loadInDaemon(bridgeOf(bridge), path, form, context);
    writeEnd(answer, String(answer.replaced), context);
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
    const answer = onKernel(context)
      ? unloadInKernel(bridgeOf(bridge), context)
      : askHere<HookUnloaded>({ ask: "hook-unload", bridge: bridgeOf(bridge), instance });
    writeEnd(answer, answer.file, context);
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
    const { hooks } = onKernel(context)
      ? { hooks: listInKernel(context) }
      : ask<{ hooks: HookInfo[] }>({ ask: "hook-list" });
    if (options.json) return writeJson(context, { hooks });
    if (hooks.length === 0) return context.stderr.write("No hooks are loaded\n");
    const rows = hooks.map(({ bridge, instance, form, state, since, packets, errors, file }) => [
      instance === "" ? bridge : `${bridge} (${instance})`,
      form,
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
    const { hook } = onKernel(context)
      ? { hook: statsInKernel(bridgeOf(bridge), context) }
      : askHere<{ hook: HookStats }>(question);
    if (options.json) return writeJson(context, hook);
    const { batches, busyMs } = hook;
    const each = hook.packets > 0 ? formatDuration((busyMs ?? 0) * 1e6 / hook.packets) : "-";
    const lines: [string, string][] = [
      ["file", hook.file],
      ["form", hook.form],
      ["state", hook.state],
      // The kernel does not tell
      ...(hook.since === "" ? [] : [["since", hook.since] as [string, string]]),
      [
        "packets",
        batches === undefined
          ? `${hook.packets}`
          : `${hook.packets} in ${plural(batches, "call")}, ${each} each`,
      ],
      [
        "errors",
        hook.errors === 0 ? "0" : `${hook.errors}, the last: ${hook.lastError ?? "not told"}`,
      ],
    ];
    if (hook.ownError !== undefined) lines.push(["stats()", `failed: ${hook.ownError}`]);
    else if (hook.own !== undefined) lines.push(["stats()", JSON.stringify(hook.own)]);
    for (const [name, table] of Object.entries(hook.tables ?? {})) {
      lines.push(["table", formatHookTable(name, table)]);
    }
    writeLines(context.stdout, lines.map(([key, value]) => `${key.padEnd(8)} ${value}`));
  },
};

/** `valet hook` */
export const hookCommand: CommandSpec = {
  name: "hook",
  description: "Load a lookup written in TypeScript or C, or unload it\n\n" +
    "A hook decides where the packets of a bridge go, for all processes that use it.",
  examples: [
    ["Load a hook", "valet hook load vale0 ./firewall.ts"],
    ["What it has done", "valet hook stats vale0"],
    ["Go back to learning", "valet hook unload vale0"],
  ],
  commands: [loadCommand, unloadCommand, listCommand, statsCommand],
};

/** What is to be said about how a hook has ended. */
function writeEnd(
  { stuck, killed }: Pick<HookUnloaded, "stuck" | "killed">,
  file: string,
  { stderr }: Context,
): void {
  if (killed) stderr.write(`${file} did not answer, and was killed\n`);
  if (!stuck) return;
  stderr.write(
    `${file} does not end: if it loops, it takes a CPU until the daemon is stopped\n` +
      'Hint: "valet daemon stop" ends it, and all ports with it\n',
  );
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

/** Whether the bridges are those of netmap's module. */
function onKernel({ backend, instance }: Context): boolean {
  if (backend === "daemon") return false;
  using netmap = Netmap.open({ backend, instance });
  return netmap.backend === "kernel";
}

/** What to make of a file, by how its name ends. */
function formOf(file: string, isCompiled: boolean, isKernel: boolean): HookForm {
  const daemon = "Hint: With VALET_BACKEND=daemon, this command and all others use valet's daemon";
  if (isObjectFile(file)) {
    if (isKernel) return "eBPF";
    throw new Error(
      `Cannot load the hook "${file}": it is eBPF, which only bridges of netmap's kernel module run, and ` +
        "the bridges here are the daemon's\n" +
        "Hint: Load its source, built against c/valet_hook.h (NAME.c), or a hook in TypeScript",
    );
  }
  if (!/\.c$/.test(file)) return isKernel ? "eBPF" : isCompiled ? "compiled" : "TypeScript";
  if (isKernel) {
    throw new Error(
      `Cannot load the hook "${file}": the bridges here are those of netmap's kernel module, which ` +
        `runs hooks as eBPF: in TypeScript, or object files of clang's\n${daemon}`,
    );
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(file) && !file.startsWith("file:")) {
    throw new Error(`Cannot load the hook "${file}": a hook in C has to be a file of this machine`);
  }
  return "C";
}

function objectOptions(file: string, { program, xdp }: Record<string, unknown>): ObjectOptions {
  if (!isObjectFile(file) && (program !== undefined || xdp === true)) {
    const option = program === undefined ? "--xdp" : "--program";
    throw new Error(
      `Cannot load the hook "${file}" with ${option}: it is no object file (NAME.o), which that is for`,
    );
  }
  return { program: program as string | undefined, results: xdp === true ? "xdp" : "ports" };
}

async function loadInDaemon(
  bridge: string,
  file: string,
  form: HookForm,
  context: Context,
): Promise<HookLoaded> {
  const { instance } = context, { pid } = await ensureDaemon(context);
  checkNamespace(pid, instance);
  const timeoutMs = form === "TypeScript" ? LOAD_MS : COMPILE_MS;
  return ask<HookLoaded>({ ask: "hook-load", bridge, file, form, instance }, { timeoutMs });
}

/** About a bridge of this network namespace, or of a switch with a name. */
function askHere<T>(question: { ask: string; bridge: string; instance: string }): T {
  const pid = daemonStatus()?.pid;
  if (pid !== undefined) checkNamespace(pid, question.instance);
  return ask<T>(question);
}

function writeJson({ stdout }: Context, answer: object): void {
  const { ok: _, ...facts } = answer as Record<string, unknown>;
  stdout.write(`${JSON.stringify(facts)}\n`);
}
