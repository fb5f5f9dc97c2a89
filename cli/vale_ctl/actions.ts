/**
 * What vale-ctl's options do, and the lines that they print.
 *
 * @module
 */

import type { DeviceKind, InterfaceOptions, Netmap } from "../../mod.ts";
import { type Context, UsageError } from "../context.ts";
import { isAttachedToKernel, planMemory } from "./memory.ts";

/** What the command asks for. */
export interface Order {
  /** Letter of the action; "" to list everything. */
  readonly letter: string;
  /** Port or interface that it is about. */
  readonly name: string;
  /** Value of -C. */
  readonly config: string | undefined;
  /** Value of -m. */
  readonly memory: string | undefined;
  /** Value of -N. */
  readonly namespace?: string;
  /** Value of -t. */
  readonly device?: DeviceKind | undefined;
  /** Its paths. */
  readonly socket?: string | undefined;
  /** The same. */
  readonly peer?: string | undefined;
  /** -v was given. */
  readonly verbose: boolean;
}

/** One action. */
interface ValeAction {
  /** What stands in "failed to ... NAME". */
  readonly phrase: string;
  /** What its argument looks like. */
  readonly example: string;
  /** Checks the order, and returns what does it; that returns what is printed. */
  readonly plan: (order: Order, context: Context) => (netmap: Netmap) => string;
}

/** By letter. */
export const ACTIONS: Readonly<Record<string, ValeAction>> = {
  "": { phrase: "list all", example: "", plan: list },
  a: { phrase: "attach", example: "vale0:vi0", plan: attach },
  h: { phrase: "attach", example: "vale0:eth0", plan: attach },
  d: { phrase: "detach", example: "vale0:vi0", plan: detach },
  n: { phrase: "create", example: "vi0", plan: create },
  r: { phrase: "remove", example: "vi0", plan: remove },
  g: { phrase: "obtain info for", example: "vi0", plan: info },
  l: { phrase: "list", example: "vale0:vi0", plan: find },
  p: { phrase: "enable polling on", example: "vale0:eth0 -C 0,0", plan: startPolling },
  P: { phrase: "disable polling on", example: "vale0:eth0", plan: stopPolling },
};

function list(): (netmap: Netmap) => string {
  return (netmap) =>
    netmap.ports().map(({ name, bridgeIndex, portIndex }) =>
      `${name} bridge_idx ${bridgeIndex} port_idx ${portIndex}\n`
    ).join("");
}

function attach(order: Order, context: Context): (netmap: Netmap) => string {
  const { bridge, port } = split(order.name);
  const shape = planShape(order, context);
  const { namespace, device, socket, peer } = order;
  const hostRings = order.letter === "h";
  return (netmap) => {
    const options = { ...shape(netmap), hostRings, namespace, device, socket, peer };
    const index = netmap.bridge(bridge).attach(port, options);
    return order.verbose ? `port_index: ${index}\n${deviceLine(netmap, bridge, port)}` : "";
  };
}

/** How an interface of the system is reached; the kernel does that in its own way. */
function deviceLine(netmap: Netmap, bridge: string, port: string): string {
  if (netmap.backend === "kernel") return "";
  const { device, xdpMode } = netmap.bridge(bridge).counters()[port] ?? {};
  if (device === undefined) return "";
  return `device:     ${device}${xdpMode === undefined ? "" : ` (${xdpMode})`}\n`;
}

function detach({ name, verbose }: Order): (netmap: Netmap) => string {
  const { bridge, port } = split(name);
  return (netmap) => {
    const index = netmap.bridge(bridge).detach(port);
    return verbose ? `port_index: ${index}\n` : "";
  };
}

function create(order: Order, context: Context): (netmap: Netmap) => string {
  const shape = planShape(order, context);
  return (netmap) => {
    const made = netmap.createInterface(order.name, shape(netmap));
    if (!order.verbose) return "";
    return `tx_slots:   ${made.txSlots}\n` +
      `rx_slots:   ${made.rxSlots}\n` +
      `tx_rings:   ${made.txRings}\n` +
      `rx_ring:    ${made.rxRings}\n` +
      `mem_id:     ${made.memoryId}\n`;
  };
}

function remove({ name }: Order): (netmap: Netmap) => string {
  return (netmap) => {
    netmap.removeInterface(name);
    return "";
  };
}

/** The memory region of NICs; ports made by -n have others unless -m says so. */
const NIC_MEMORY = 1;

function info({ name }: Order, { stderr }: Context): (netmap: Netmap) => string {
  return (netmap) => {
    const attached = isAttachedToKernel(netmap, name);
    const found = netmap.portInfo(name);
    if (attached && found.memoryId !== NIC_MEMORY) {
      stderr.write(
        "Hint: If that is a port made by -n, netmap's module cannot detach it any more: being " +
          "asked about it is enough (its issue 882)\n",
      );
    }
    return `memsize:    ${found.memoryBytes}\n` +
      `tx_slots:   ${found.txSlots}\n` +
      `rx_slots:   ${found.rxSlots}\n` +
      `tx_rings:   ${found.txRings}\n` +
      `rx_rings    ${found.rxRings}\n` + // netmap's has no colon here
      `mem_id:     ${found.memoryId}\n`;
  };
}

function find({ name }: Order): (netmap: Netmap) => string {
  return (netmap) => {
    const { bridgeIndex, portIndex } = netmap.findPort(name);
    return `bridge_idx: ${bridgeIndex}\nport_idx:   ${portIndex}\n`;
  };
}

function startPolling({ name, config = "" }: Order): (netmap: Netmap) => string {
  const { bridge, port } = split(name);
  const numbers = parseNumbers(config);
  if (numbers.length === 0) throw new UsageError("invalid null/empty config: -p needs -C");
  const [multi, firstCpu = 0, cpus] = numbers;
  if (numbers.length > (multi === 0 ? 2 : 3)) {
    throw new UsageError(`too many numbers in '${config}'`);
  }
  if (multi !== 0 && cpus === undefined) throw new UsageError(`too few numbers in '${config}'`);
  return (netmap) => {
    const options = cpus === undefined ? { firstCpu } : { firstCpu, cpus };
    netmap.bridge(bridge).startPolling(port, options);
    return "";
  };
}

function stopPolling({ name }: Order): (netmap: Netmap) => string {
  const { bridge, port } = split(name);
  return (netmap) => {
    netmap.bridge(bridge).stopPolling(port);
    return "";
  };
}

/** "vale0:vi0" in its parts. */
function split(name: string): { bridge: string; port: string } {
  const colon = name.indexOf(":");
  if (colon < 0) {
    throw new SyntaxError(
      `Cannot use ${JSON.stringify(name)} as a port of a bridge: it has no bridge, as "vale0:${
        name || "vi0"
      }" has`,
    );
  }
  return { bridge: name.slice(0, colon), port: name.slice(colon + 1) };
}

/** What -C and -m ask for. */
function planShape(
  { config = "", memory }: Order,
  { stderr }: Context,
): (netmap: Netmap) => InterfaceOptions {
  const [txSlots, rxSlots = txSlots, txRings, rxRings = txRings, ...more] = parseNumbers(config);
  for (const number of more) stderr.write(`ignored config: ${number}\n`);
  const memoryId = planMemory(memory);
  return (netmap) => ({ txSlots, rxSlots, txRings, rxRings, memoryId: memoryId(netmap) });
}

function parseNumbers(config: string): number[] {
  return config.split(",").filter((text) => text !== "").map((text) => {
    if (/^\d+$/.test(text)) return Number(text);
    throw new UsageError(`Cannot use "${config}" with -C: "${text}" is no number`);
  });
}
