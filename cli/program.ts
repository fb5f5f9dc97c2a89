/**
 * The table of all commands: `valet` and what stands behind it.
 *
 * A command's file is imported when the command is used or asked for help, so that each starts quickly
 * however many there are.
 *
 * @module
 */

import type { CommandEntry, CommandSpec, LazyCommand } from "./table.ts";

/**
 * A command's file. By a computed name: Deno reads whatever is imported by a name in the text before it
 * starts, used or not, which would be 150 files more.
 */
function file<Module>(name: string): Promise<Module> {
  return import(import.meta.resolve(name));
}

const COMMANDS: readonly LazyCommand[] = [
  {
    name: "daemon",
    description: "Run, start, stop or ask the process that hosts the switch for all others",
    load: async () => (await file<typeof import("./daemon.ts")>("./daemon.ts")).daemonCommand,
  },
  {
    name: "ports",
    description: "List the ports of all bridges",
    load: async () => (await file<typeof import("./ports.ts")>("./ports.ts")).portsCommand,
  },
  {
    name: "stats",
    description: "Show packets, rates and drops of ports",
    load: async () => (await file<typeof import("./stats.ts")>("./stats.ts")).statsCommand,
  },
  {
    name: "top",
    description: "Show live how fast ports send, receive and lose",
    load: async () => (await file<typeof import("./top.ts")>("./top.ts")).topCommand,
  },
  {
    name: "view",
    description: "Show bridges, ports and hooks live in a browser",
    load: async () => (await file<typeof import("./view.ts")>("./view.ts")).viewCommand,
  },
  {
    name: "table",
    description: "Show the stations that a bridge has learned",
    load: async () =>
      (await file<typeof import("./table_command.ts")>("./table_command.ts")).tableCommand,
  },
  {
    name: "hook",
    description: "Load a lookup written in TypeScript or C, or unload it",
    load: async () => (await file<typeof import("./hook.ts")>("./hook.ts")).hookCommand,
  },
  {
    name: "capture",
    description: "Show the packets of a port, or write them to a file",
    load: async () => (await file<typeof import("./capture.ts")>("./capture.ts")).captureCommand,
  },
  {
    name: "replay",
    description: "Send the packets of a capture file, at the times of their recording",
    load: async () => (await file<typeof import("./replay.ts")>("./replay.ts")).replayCommand,
  },
  {
    name: "doctor",
    description: "Tell what this machine has and lacks for netmap, and the mend",
    load: async () => (await file<typeof import("./doctor.ts")>("./doctor.ts")).doctorCommand,
  },
  {
    name: "run",
    description: "Run a netmap program with the daemon in place of /dev/netmap",
    load: async () => (await file<typeof import("./run.ts")>("./run.ts")).runCommand,
  },
  {
    name: "vale-ctl",
    description: "Control VALE bridges: netmap's vale-ctl",
    getopt: true,
    load: async () => (await file<typeof import("./vale_ctl.ts")>("./vale_ctl.ts")).valeCtlCommand,
  },
  {
    name: "pkt-gen",
    description: "Generate and receive packets: netmap's pkt-gen",
    getopt: true,
    load: async () => (await file<typeof import("./pkt_gen.ts")>("./pkt_gen.ts")).pktGenCommand,
  },
  {
    name: "bridge",
    description: "Join two ports: netmap's bridge",
    getopt: true,
    load: async () => (await file<typeof import("./bridge.ts")>("./bridge.ts")).bridgeCommand,
  },
  {
    name: "lb",
    description: "Spread the packets of a port over pipes: netmap's lb",
    getopt: true,
    load: async () => (await file<typeof import("./lb.ts")>("./lb.ts")).lbCommand,
  },
];

/** The whole program. */
export const program: CommandSpec = {
  name: "valet",
  description: "Script netmap and VALE: on the kernel's netmap, or on valet's own",
  examples: [
    ["Make two interfaces and a bridge", "vale-ctl -n vi0; vale-ctl -a vale0:vi0"],
    ["What is on the bridges", "valet ports"],
    ["Run netmap's own pkt-gen without netmap", "valet run -- pkt-gen -i vale0:a -f tx"],
  ],
  commands: COMMANDS,
};

/** The table's row for a command; undefined if there is none. */
export function findCommand(
  commands: readonly CommandEntry[] | undefined,
  name: string | undefined,
): CommandEntry | undefined {
  return commands?.find((command) => command.name === name);
}

/** The command itself, imported if it is not yet. */
export async function loadCommand(entry: CommandEntry): Promise<CommandSpec> {
  return "load" in entry ? await entry.load() : entry;
}

/** A command with all that is below it imported: for help and completion of everything. */
export async function loadAll(entry: CommandEntry): Promise<CommandSpec> {
  const spec = await loadCommand(entry);
  if (spec.commands === undefined) return spec;
  return { ...spec, commands: await Promise.all(spec.commands.map(loadAll)) };
}
