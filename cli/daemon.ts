/**
 * `valet daemon`: one switch for all processes, in the foreground or in the background.
 *
 * @module
 */

import { daemonPath, Netmap } from "../mod.ts";
import { plural } from "./columns.ts";
import { type Context, UsageError } from "./context.ts";
import { Host } from "./daemon/host.ts";
import { formatUptime, keepEntries, LiveTable } from "./daemon/live.ts";
import { formatPlain, isLogLevel, Log, LOG_LEVELS, type LogEntry, LogFile } from "./daemon/log.ts";
import {
  daemonStatus,
  IDLE_SECONDS,
  startDaemon,
  type StartOptions,
  stopDaemon,
} from "./daemon/start.ts";
import type { CommandSpec, OptionSpec, OptionValues } from "./table.ts";

const SOCKET: OptionSpec = {
  flags: "--socket <path:file>",
  description: "Where it listens; also VALET_SOCKET",
};

const RUN_OPTIONS: readonly OptionSpec[] = [
  SOCKET,
  {
    flags: "--threads <count:integer>",
    description: "Threads that forward packets; 0: as many as fit",
    default: 0,
  },
  { flags: "--log <path:file>", description: "Append the log to a file, as lines of JSON" },
  {
    flags: "--log-level <level:string>",
    description: `Mildest level: ${LOG_LEVELS.join(", ")}`,
    default: "info",
  },
];

const JSON_OPTION: OptionSpec = { flags: "--json", description: "Print JSON" };

/** `valet daemon start` */
const startCommand: CommandSpec = {
  name: "start",
  description: "Start the daemon in the background, unless it runs\n\n" +
    "Returns when it answers. Its log is beside the socket.",
  options: [
    ...RUN_OPTIONS,
    {
      flags: "--idle <seconds:number>",
      description: "End it after being idle for so long; 0: never",
      default: IDLE_SECONDS,
    },
    JSON_OPTION,
  ],
  action: async (options, _args, context) => {
    useSocket(options, context);
    const { pid, log, started } = await startDaemon(startOptions(options, context));
    context.stdout.write(
      options.json
        ? `${JSON.stringify({ pid, log, started, socket: daemonPath() })}\n`
        : `${started ? "Started" : "Runs already"}: process ${pid}, socket ${daemonPath()}` +
          `${log === undefined ? "" : `, log ${log}`}\n`,
    );
  },
};

/** `valet daemon stop` */
const stopCommand: CommandSpec = {
  name: "stop",
  description:
    "Stop the daemon\n\nIts ports and bridges are gone then, and programs that use them get errors.",
  options: [SOCKET, JSON_OPTION],
  action: async (options, _args, context) => {
    useSocket(options, context);
    const pid = await stopDaemon();
    context.stdout.write(
      options.json
        ? `${JSON.stringify({ stopped: pid !== undefined, pid, socket: daemonPath() })}\n`
        : pid === undefined
        ? `No daemon runs (socket ${daemonPath()})\n`
        : `Stopped: process ${pid}\n`,
    );
  },
};

/** `valet daemon status` */
const statusCommand: CommandSpec = {
  name: "status",
  description:
    "Tell whether the daemon runs, and how busy it is\n\nExit status: 0 it runs, 1 it does not.",
  options: [SOCKET, JSON_OPTION],
  action: (options, _args, context) => {
    useSocket(options, context);
    const status = daemonStatus();
    if (options.json) {
      const facts = status ?? { socket: daemonPath() };
      const { ok: _, ...answer } = facts as Record<string, unknown>;
      context.stdout.write(`${JSON.stringify({ running: status !== undefined, ...answer })}\n`);
    } else if (status === undefined) {
      context.stdout.write(`No daemon runs (socket ${daemonPath()})\n`);
    } else {
      const upSeconds = (Date.now() - Date.parse(status.since)) / 1000;
      const lines = [
        ["process", String(status.pid)],
        ["socket", status.socket],
        ["log", status.log === undefined ? "none" : `${status.log} (${status.logLevel})`],
        ["up", formatUptime(upSeconds)],
        ["idle", idleText(status.idleMs, status.idleLimitMs)],
        ["clients", plural(status.connections, "connection")],
        ["ports", `${status.ports} open, ${plural(status.persistent, "persistent interface")}`],
        ["engines", String(status.engines)],
        ["hooks", String(status.hooks)],
        ["refused", plural(status.refused, "connection or message", "connections and messages")],
      ];
      context.stdout.write(lines.map(([key, value]) => `${key.padEnd(8)} ${value}\n`).join(""));
    }
    return status === undefined ? 1 : 0;
  },
};

/** `valet daemon` */
export const daemonCommand: CommandSpec = {
  name: "daemon",
  description: "Run, start, stop or ask the process that hosts the switch for all others\n\n" +
    "Without a sub-command it runs in the foreground, with a live table on a terminal, until " +
    "Ctrl-C. Commands start one in the background when they need it; that ends itself when " +
    "nobody has used it for a while.",
  options: [
    ...RUN_OPTIONS,
    {
      flags: "--idle <seconds:number>",
      description: "End after being idle for so long; 0: never",
      default: 0,
    },
  ],
  examples: [
    ["In the foreground", "valet daemon"],
    ["In the background, for as long as the machine runs", "valet daemon start --idle 0"],
    ["How busy it is", "valet daemon status"],
  ],
  commands: [startCommand, stopCommand, statusCommand],
  action: (options, _args, context) => runInForeground(options, context),
};

async function runInForeground(options: OptionValues, context: Context): Promise<void> {
  useSocket(options, context);
  const { idleSeconds = 0, threads = 0, logFile, logLevel = "info" } = startOptions(
    options,
    context,
  );
  const { stdout, signal } = context;
  const entries: LogEntry[] = [];
  const isLive = stdout.isTerminal;
  const plain = (entry: LogEntry): void => stdout.write(formatPlain(entry));
  using file = logFile === undefined ? undefined : new LogFile(logFile);
  const log = new Log(
    logLevel,
    isLive ? keepEntries(entries) : plain,
    ...(file === undefined ? [] : [file.sink]),
  );
  const idleMs = idleSeconds * 1000;
  let reason: string;
  {
    await using host = Host.start({ socket: daemonPath(), threads, idleMs, log, logFile });
    using netmap = isLive ? Netmap.open({ backend: "daemon", instance: context.instance }) : null;
    using _table = netmap && new LiveTable(stdout, netmap, () => host.status(), entries);
    reason = await host.run(signal);
  }
  if (isLive) stdout.write(`The daemon has ended (${reason}).\n`);
}

/** The C library, and every process that this one starts, reads it from the environment. */
function useSocket(options: OptionValues, context: Context): void {
  if (typeof options.socket === "string") {
    Deno.env.set("VALET_SOCKET", context.path(options.socket));
  }
}

function startOptions(options: OptionValues, context: Context): StartOptions {
  const { threads, idle, log, logLevel } = options;
  if (!Number.isInteger(threads) || Number(threads) < 0 || Number(threads) > 64) {
    throw new UsageError(
      `Cannot use ${threads} as --threads: expected a whole number from 0 to 64`,
    );
  }
  if (typeof idle !== "number" || !(idle >= 0 && idle < 1e9)) {
    throw new UsageError(`Cannot use ${idle} as --idle: expected seconds, 0 or more`);
  }
  if (!isLogLevel(logLevel)) {
    throw new UsageError(`Cannot use "${logLevel}" as --log-level: it is ${LOG_LEVELS.join(", ")}`);
  }
  return {
    threads: Number(threads),
    idleSeconds: idle,
    logLevel,
    logFile: typeof log === "string" ? context.path(log) : undefined,
  };
}

function idleText(idleMs: number, limitMs: number): string {
  const limit = limitMs === 0 ? "does not end itself" : `ends itself after ${limitMs / 1000} s`;
  return idleMs === 0 ? limit : `for ${Math.floor(idleMs / 1000)} s; ${limit}`;
}
