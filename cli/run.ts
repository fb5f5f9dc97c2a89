/**
 * `valet run`: runs a netmap program with the daemon in place of /dev/netmap, by LD_PRELOAD.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { daemonPath, libraryPath } from "../mod.ts";
import { type Context, UsageError } from "./context.ts";
import { ensureDaemon } from "./daemon/start.ts";
import { findProgram, obstacle } from "./run/program_file.ts";
import type { CommandSpec } from "./table.ts";

/** Passed on to the program. */
const SIGNALS = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
] as const;

/** Those that a terminal sends to all processes in its foreground. */
const TERMINAL_SIGNALS: readonly string[] = ["SIGINT", "SIGQUIT"];

/** `valet run` */
export const runCommand: CommandSpec = {
  name: "run",
  description: "Run a netmap program with the daemon in place of /dev/netmap\n\n" +
    "For dynamically linked programs: a library that is loaded before the others (LD_PRELOAD) " +
    "stands in for opening /dev/netmap and what follows. The exit status is the program's.",
  arguments: "[command...:string]",
  usage: "[--] <command> [argument...]",
  stopEarly: true,
  examples: [
    ["netmap's own pkt-gen", "valet run pkt-gen -i vale0:a -f rx"],
    ["A program that is not on the PATH", "valet run -- ./bridge -i vale0:a -i vale0:b"],
  ],
  action: async (_options, args, context) => {
    const [command, ...rest] = args[0] === "--" ? args.slice(1) : args;
    if (command === undefined) throw new UsageError("Cannot run nothing: a command is missing");
    const file = findProgram(command, context);
    const why = await obstacle(file);
    if (why !== undefined) throw new Error(`Cannot run "${file}" with valet: ${why}`);
    const preload = preloadPath();
    await ensureDaemon(context);
    return await runProgram(command, file, rest, preload, context);
  },
};

/**
 * The library that stands in for /dev/netmap, beside the C library.
 *
 * @throws {Error} if it is not there
 */
export function preloadPath(): string {
  const path = join(dirname(libraryPath()), "libvalet-preload.so");
  try {
    if (Deno.statSync(path).isFile) return path;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
  throw new Error(
    `Cannot find the preload library "${path}"\n` +
      'Hint: In a checkout, "deno task build" builds it; it belongs beside libvalet.so',
  );
}

async function runProgram(
  command: string,
  file: string,
  args: readonly string[],
  preload: string,
  { cwd }: Context,
): Promise<number> {
  const others = Deno.env.get("LD_PRELOAD") ?? "";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(file, {
      args: [...args],
      cwd,
      env: {
        LD_PRELOAD: others === "" ? preload : `${preload}:${others}`,
        // Where this process has found the daemon; a relative path would mean something else there
        VALET_SOCKET: daemonPath(),
      },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot run "${command}": ${why}`, { cause });
  }
  using _forwarding = forwardSignals(child);
  const { code } = await child.status;
  return code; // of a program that a signal has ended 128 + its number, as shells report it
}

/** Passes signals on until it is disposed of. */
function forwardSignals(child: Deno.ChildProcess): Disposable {
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      if (TERMINAL_SIGNALS.includes(signal) && isForeground()) return; // it has got it, too
      try {
        child.kill(signal);
      } catch {
        // It has ended
      }
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return {
    [Symbol.dispose](): void {
      for (const remove of listeners) remove();
    },
  };
}

/**
 * This process belongs to the foreground of its terminal, as does the program that it runs:
 * proc(5).
 */
function isForeground(): boolean {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const [, , group, , , terminalGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return group === terminalGroup;
}
