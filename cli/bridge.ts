/**
 * `bridge`: netmap's program that joins two ports, with its options and its output lines, on every
 * backend. See bridge(8) of netmap; what differs stands in docs/differences.md.
 *
 * @module
 */

import { parsePortName } from "../mod.ts";
import { type BridgeOptions, runBridge } from "./bridge/run.ts";
import { type Context, ExitStatus, UsageError } from "./context.ts";
import { wholeNumber } from "./getopt.ts";
import { readArguments } from "./getopt_command.ts";
import { logLine, nowMs } from "./log_line.ts";
import type { CommandSpec } from "./table.ts";

const BURST = 1024, MOST_BURST = 8192;
const WAIT_SECONDS = 4, MOST_WAIT_SECONDS = 100;

/** `bridge`. */
export const bridgeCommand: CommandSpec = {
  name: "bridge",
  description: "Join two ports: netmap's bridge\n\n" +
    "Whatever one port receives, the other sends. Packets move without a copy where both " +
    "have one memory: pipes of one port, ports opened with @share. It ends with Ctrl-C.",
  usage: "[-v] [-c] [-L] [-b burst] [-w seconds] -i <port> [-i <port>]",
  getopt: true,
  options: [
    {
      flags: "-i <port:string>",
      description: 'Port: "vale0:a", "netmap:eth0", with all of libnetmap\'s notation; twice.\n' +
        "Once: the interface and its host rings. Ports may also stand without -i",
      collect: true,
    },
    {
      flags: "-b <packets:integer>",
      description: "Most packets from one ring to another at once, 1 to 8192 (default: 1024)",
    },
    { flags: "-w <seconds:integer>", description: "Wait for the links (default: 4)" },
    { flags: "-c", description: "Copy, also where the memory is shared" },
    { flags: "-L", description: "With one port: send what it receives back into it" },
    { flags: "-v", description: "Say what is moved; twice: each packet" },
    { flags: "-h", description: "Show this help" },
  ],
  examples: [
    ["Join two switches", "valet bridge -w 0 -i vale0:x -i vale1:x"],
    ["A NIC and its host", "valet bridge -i netmap:eth0"],
    ["Two pipes of one port, without a copy", "valet bridge -w 0 -i vale0:p{0 -i vale0:p{1"],
  ],
  action: (_, args, context) => bridge(args, context),
};

async function bridge(args: readonly string[], context: Context): Promise<number> {
  const read = readArguments(bridgeCommand, args, context);
  if (read === undefined) return ExitStatus.DONE;
  const { options, operands } = read;
  const values = (letter: string): string[] =>
    options.filter((option) => option.letter === letter).map(({ value }) => value);
  const log = (where: string, text: string): void =>
    context.stderr.write(logLine(where, text, nowMs()));
  const number = (letter: string, fallback: number, given = values(letter).at(-1)): number =>
    wholeNumber(letter, given, fallback, 0, 2 ** 31 - 1);

  const [first, second = first] = portNames(values("i"), operands, log);
  let burst = number("b", BURST, operands[2] ?? values("b").at(-1));
  let waitSeconds = number("w", WAIT_SECONDS);
  if (burst < 1 || burst > MOST_BURST) {
    log("main [261]", `invalid burst ${burst}, set to ${BURST}`);
    burst = BURST;
  }
  if (waitSeconds > MOST_WAIT_SECONDS) {
    log("main [265]", `invalid wait_link ${waitSeconds}, set to ${WAIT_SECONDS}`);
    waitSeconds = WAIT_SECONDS;
  }
  const run: BridgeOptions = {
    first,
    second,
    loop: values("L").length > 0,
    burst,
    zeroCopy: values("c").length === 0,
    waitSeconds,
    verbose: values("v").length,
  };
  await runBridge(run, context);
  return ExitStatus.DONE;
}

/** The ports that -i and the arguments name; arguments win, as in netmap's bridge. */
function portNames(
  given: readonly string[],
  operands: readonly string[],
  log: (where: string, text: string) => void,
): [first: string, second?: string] {
  for (const name of given.slice(2)) {
    log("main [226]", `${name} ignored, already have 2 interfaces`);
  }
  if (operands.length > 3) throw new UsageError(`Unexpected argument '${operands[3]}'`);
  const first = operands[0] ?? given[0], second = operands[1] ?? given[1];
  if (first === undefined) {
    throw new UsageError('missing interface\nHint: -i names a port: "-i vale0:a -i vale1:a"');
  }
  parsePortName(first); // throws if it is none
  if (second === undefined) return [first];
  parsePortName(second);
  return [first, second];
}
