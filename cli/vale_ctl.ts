/**
 * `vale-ctl`: netmap's program to control VALE bridges, with its options and its output lines, on every
 * backend. See vale-ctl(8); what differs stands in docs/differences.md.
 *
 * @module
 */

import type { Netmap, NetmapError } from "../mod.ts";
import { type Context, ExitStatus, UsageError } from "./context.ts";
import { getopt } from "./getopt.ts";
import { getoptString } from "./notation.ts";
import { openNetmap } from "./open.ts";
import { isMalformed, reasonOf } from "./perform.ts";
import type { CommandSpec } from "./table.ts";
import { helpText } from "./usage.ts";
import { ACTIONS, type Order } from "./vale_ctl/actions.ts";
import { parseDevice } from "./vale_ctl/device.ts";
import { shellHint } from "./vale_ctl/hints.ts";

/** `vale-ctl`. */
export const valeCtlCommand: CommandSpec = {
  name: "vale-ctl",
  description: "Control VALE bridges: netmap's vale-ctl\n\n" +
    "Without options it lists all ports of all bridges. If several actions are given, the last counts.",
  usage: "[-a|-h|-d|-l|-p|-P <port>] [-n|-r|-g <interface>] [-C <config>] [-m <memory>] " +
    "[-N <namespace>] [-t <device>] [-v]",
  getopt: true,
  options: [
    { flags: "-a <port:string>", description: 'Attach an interface to a bridge: "vale0:vi0"' },
    { flags: "-h <port:string>", description: "Attach an interface and its host rings" },
    { flags: "-d <port:string>", description: "Detach an interface" },
    { flags: "-n <interface:string>", description: "Create a persistent interface" },
    { flags: "-r <interface:string>", description: "Remove a persistent interface" },
    { flags: "-g <interface:string>", description: "Show rings, slots and memory" },
    { flags: "-l <port:string>", description: "Show the indices of a bridge and a port" },
    {
      flags: "-C <config:string>",
      description: "With -n, -a and -h: slots; tx_slots,rx_slots;\n" +
        "tx_slots,rx_slots,rings; or\n" +
        "tx_slots,rx_slots,tx_rings,rx_rings\n" +
        "With -p: 0,cpu: that CPU polls all rings;\n" +
        "1,first,count: so many CPUs poll one ring each",
    },
    { flags: "-p <port:string>", description: "Start polling an attached NIC; needs -C" },
    { flags: "-P <port:string>", description: "Stop polling" },
    {
      flags: "-m <memory:string>",
      description: "With -n, -a and -h: memory region, by its number\n" +
        'or as that of a port: "netmap:vi0"',
    },
    {
      flags: "-N <namespace:string>",
      description: "With -a and -h: the interface's network namespace, by name,\npath, or process",
    },
    {
      flags: "-t <device:string>",
      description:
        "With -a and -h: through af_xdp, af_packet, or tap, which\nmakes the interface.\n" +
        "With -a, a virtual machine's Unix socket, under any name:\n" +
        "stream,socket=PATH: listen there, as for QEMU's\n" +
        "-netdev stream; stream,peer=PATH: connect to it, as\n" +
        "to passt; dgram,socket=PATH[,peer=PATH]: datagrams",
    },
    { flags: "-v", description: "Print port indices, and what -n has made" },
  ],
  examples: [
    ["Make an interface and attach it", "vale-ctl -n vi0; vale-ctl -a vale0:vi0"],
    ["List all ports", "vale-ctl"],
    ["Take it all back", "vale-ctl -d vale0:vi0; vale-ctl -r vi0"],
    ["Wait for a virtual machine", "vale-ctl -a vale0:vm1 -t stream,socket=/run/vm1.sock"],
  ],
  action: (_, args, context) => valeCtl(args, context),
};

/** What the arguments ask for. */
function parse(args: readonly string[]): Order {
  const { options, operands } = getopt(args, getoptString(valeCtlCommand));
  let order: Order = { letter: "", name: "", config: undefined, memory: undefined, verbose: false };
  for (const { letter, value } of options) {
    if (letter === "C") order = { ...order, config: value };
    else if (letter === "m") order = { ...order, memory: value };
    else if (letter === "N") order = { ...order, namespace: value };
    else if (letter === "t") order = { ...order, ...parseDevice(value) };
    else if (letter === "v") order = { ...order, verbose: true };
    else order = { ...order, letter, name: value };
    if (letter === "l" && !value.startsWith("vale")) {
      throw new UsageError(`invalid vale port name: '${value}'`);
    }
  }
  if (operands.length > 0) throw new UsageError(`Unexpected argument '${operands[0]}'`);
  if (order.letter === "" && args.length > 0) {
    throw new UsageError("There is nothing to do: -C, -m, -N, -t and -v go with another option");
  }
  const { socket, peer, namespace } = order;
  if ((socket ?? peer) !== undefined && (order.letter === "h" || namespace !== undefined)) {
    throw new UsageError("A socket has no host's side and no network namespace: not with -h, -N");
  }
  return order;
}

async function valeCtl(args: readonly string[], context: Context): Promise<number> {
  const { stdout } = context;
  if (args.length === 1 && args[0] === "--help") {
    stdout.write(helpText(valeCtlCommand));
    return ExitStatus.DONE;
  }
  const order = parse(args);
  let netmap: Netmap | undefined;
  try {
    const act = ACTIONS[order.letter].plan(order, context);
    netmap = await openNetmap(context);
    stdout.write(act(netmap));
    return ExitStatus.DONE;
  } catch (error) {
    return reportOrder(error, order, context, netmap);
  } finally {
    netmap?.close();
  }
}

/** Says in netmap's words what failed, and what helps. */
function reportOrder(
  error: unknown,
  order: Order,
  context: Context,
  netmap: Netmap | undefined,
): number {
  const { stderr } = context;
  const { letter, name, memory } = order;
  // Asking for the memory of another port has words of its own
  const what = letter !== "g" && isNetmapError(error) && error.operation === "describe"
    ? `cannot get info for '${memory}'`
    : `failed to ${ACTIONS[letter].phrase}${name && ` ${name}`}`;
  if (netmap !== undefined && isNetmapError(error)) {
    const hint = shellHint(error, order, netmap.backend) ?? error.hint;
    stderr.write(`${what}: ${reasonOf(error)}\n${hint === undefined ? "" : `Hint: ${hint}\n`}`);
    return ExitStatus.FAILED;
  }
  if (isNetmapError(error) && error.port === "/dev/netmap") {
    stderr.write(`/dev/netmap: ${reasonOf(error)}\nHint: ${error.hint}\n`);
    return ExitStatus.FAILED;
  }
  if (!(error instanceof UsageError) && isMalformed(error)) {
    const [cause] = (error as Error).message.split("\n");
    stderr.write(`${what}: Invalid argument\nHint: ${cause}\n`);
    stderr.write(`Usage: vale-ctl -${letter} ${ACTIONS[letter].example}\n`);
    return ExitStatus.USAGE;
  }
  throw error;
}

function isNetmapError(error: unknown): error is NetmapError {
  return error instanceof Error && error.name === "NetmapError";
}
