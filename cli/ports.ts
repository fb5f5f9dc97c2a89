/**
 * `valet ports`: the ports of all bridges.
 *
 * @module
 */

import { type Netmap, NetmapError, type PortEntry } from "../mod.ts";
import { type Column, formatColumns } from "./columns.ts";
import type { TextWriter } from "./context.ts";
import { openNetmap } from "./open.ts";
import { type PortSample, portsOf, takeSample } from "./sample.ts";
import type { CommandSpec } from "./table.ts";

/** A port, as `--json` prints it; the kernel tells names and indices only. */
interface PortLine extends Pick<PortEntry, "name" | "interface"> {
  bridge?: string;
  bridgeIndex?: number;
  portIndex?: number;
  kind?: string;
  device?: string | undefined;
  opens?: number;
  txRings?: number;
  rxRings?: number;
  txSlots?: number;
  rxSlots?: number;
  memoryId?: number;
  memoryBytes?: number;
}

const COLUMNS: readonly Column[] = [
  { title: "PORT" },
  { title: "INDEX", align: "right" },
  { title: "KIND", spare: 1 },
  { title: "OPEN", align: "right", spare: 2 },
  { title: "RINGS", align: "right", spare: 3 },
  { title: "SLOTS", align: "right", spare: 3 },
  { title: "MEMORY", align: "right", spare: 4 },
];

/** `valet ports` */
export const portsCommand: CommandSpec = {
  name: "ports",
  description: "List the ports of all bridges\n\n" +
    "Persistent interfaces that are on none come last, without an INDEX. " +
    "RINGS and SLOTS are those for sending / receiving; the kernel tells names and indices only.",
  options: [{ flags: "--json", description: "Print JSON" }],
  examples: [["All ports", "valet ports"]],
  action: async (options, _args, context) => {
    using netmap = await openNetmap(context, { start: false });
    const ports = describeAll(netmap);
    if (options.json) {
      context.stdout.write(`${JSON.stringify({ backend: netmap.backend, ports })}\n`);
    } else if (ports.length === 0) {
      context.stderr.write(noPorts(netmap));
    } else {
      writeLines(context.stdout, formatColumns(COLUMNS, ports.map(cells), widthOf(context.stdout)));
    }
  },
};

/** What is said when there are none. */
export function noPorts({ backend }: Netmap): string {
  // An engine in this process has none, whatever others do
  return backend === "embedded"
    ? "No daemon runs, so there are no ports\n"
    : "There are no ports\n";
}

/** A terminal's width; what goes elsewhere is not cut. */
export function widthOf(writer: TextWriter): { width: number } {
  return { width: writer.isTerminal ? writer.columns : Infinity };
}

/** Writes lines in one piece. */
export function writeLines(writer: TextWriter, lines: readonly string[]): void {
  writer.write(lines.map((line) => `${line}\n`).join(""));
}

function describeAll(netmap: Netmap): PortLine[] {
  const entries = netmap.ports();
  // Asking the kernel about a persistent port makes it impossible to detach it (its issue 882)
  if (netmap.backend === "kernel") return entries;
  const sample = takeSample(netmap), samples = portsOf(sample);
  const unattached = sample.unattached.map(({ name }) => ({ name, interface: name }));
  return [...entries, ...unattached]
    .map((port) => describe(netmap, port, samples.get(port.name)))
    .filter((it) => it !== undefined);
}

/** Undefined when the port has gone meanwhile. */
function describe(
  netmap: Netmap,
  port: PortLine,
  sample: PortSample | undefined,
): PortLine | undefined {
  if (sample === undefined) return undefined;
  const { kind, device, opens } = sample.counters;
  try {
    const { txRings, rxRings, txSlots, rxSlots, memoryId, memoryBytes } = netmap.portInfo(
      port.name,
    );
    return {
      ...port,
      kind,
      device,
      opens,
      txRings,
      rxRings,
      txSlots,
      rxSlots,
      memoryId,
      memoryBytes,
    };
  } catch (error) {
    if (error instanceof NetmapError && error.code === "ENXIO") return undefined;
    throw error;
  }
}

function cells(port: PortLine): string[] {
  const pair = (tx?: number, rx?: number): string => tx === undefined ? "" : `${tx} / ${rx}`;
  return [
    port.name,
    port.portIndex === undefined ? "" : String(port.portIndex),
    [port.kind, port.device].filter((it) => it !== undefined).join(" "),
    port.opens === undefined ? "" : String(port.opens),
    pair(port.txRings, port.rxRings),
    pair(port.txSlots, port.rxSlots),
    port.memoryBytes === undefined ? "" : `${(port.memoryBytes / 2 ** 20).toFixed(1)} MiB`,
  ];
}
