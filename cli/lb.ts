/**
 * `lb`: netmap's program that spreads the packets of a port over pipes, with its options, its statistics
 * and its output lines, on every backend. See lb(8) of netmap; what differs stands in docs/differences.md.
 *
 * @module
 */

import { type Context, ExitStatus, UsageError } from "./context.ts";
import { readArguments } from "./getopt_command.ts";
import { readLbOptions } from "./lb/options.ts";
import { runLb } from "./lb/run.ts";
import type { CommandSpec } from "./table.ts";

/** `lb`. */
export const lbCommand: CommandSpec = {
  name: "lb",
  description: "Spread the packets of a port over pipes: netmap's lb\n\n" +
    "Both directions of a connection go to the same pipe, without a copy. Programs open the other " +
    'ends: "vale0:in}0", "vale0:in}1". What several groups of pipes (-p twice) get is the same: ' +
    "a packet goes on to the next group when the one before has released it. It ends with Ctrl-C.",
  usage: "-i <port> [-p [prefix:]npipes]... [-B buffers] [options]",
  getopt: true,
  options: [
    { flags: "-i <port:string>", description: "Port whose packets are spread", required: true },
    {
      flags: "-p <group:string>",
      description:
        "[prefix:]npipes: a group of pipes; the prefix is the port that they are named\n" +
        "after, by default the one of -i (default: 2 pipes)",
      collect: true,
    },
    {
      flags: "-B <buffers:integer>",
      description: "Extra buffers: packets for which a pipe has no room wait in them (default: 0)",
    },
    {
      flags: "-b <slots:integer>",
      description: "Slots that are received before the port is synced (default: 2048)",
    },
    { flags: "-w <seconds:integer>", description: "Wait for the link (default: 2)" },
    { flags: "-W", description: "Look for packets all the time, which keeps a CPU busy" },
    { flags: "-s <seconds:integer>", description: "Seconds between statistics to syslog" },
    { flags: "-o <seconds:integer>", description: "Seconds between statistics on stdout, as JSON" },
    { flags: "-h", description: "Show this help" },
  ],
  examples: [
    ["Four pipes, statistics each second", "valet lb -i vale0:in -p 4 -o 1"],
    ["What one of them gets", "pkt-gen -i vale0:in}0 -f rx"],
    ["Two programs that see all, one with two pipes", "valet lb -i vale0:in -p ids:2 -p log:1"],
  ],
  action: (_, args, context) => lb(args, context),
};

async function lb(args: readonly string[], context: Context): Promise<number> {
  const read = readArguments(lbCommand, args, context);
  if (read === undefined) return ExitStatus.DONE;
  const { options, operands } = read;
  if (operands.length > 0) throw new UsageError(`Unexpected argument '${operands[0]}'`);
  await runLb(readLbOptions(options), context);
  return ExitStatus.DONE;
}
