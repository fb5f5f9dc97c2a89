/**
 * `valet stats`: packets, bytes and drops by port and cause.
 *
 * @module
 */

import { DROP_CAUSES, formatRate, type Netmap, type PortCounters } from "../mod.ts";
import { type Column, formatColumns } from "./columns.ts";
import type { Context } from "./context.ts";
import { openNetmap } from "./open.ts";
import { noPorts, widthOf, writeLines } from "./ports.ts";
import {
  type PortSample,
  portsOf,
  ratesOf,
  type Sample,
  samplePairs,
  samplingOptions,
  takeSample,
} from "./sample.ts";
import type { CommandSpec } from "./table.ts";

const TOTALS: readonly Column[] = [
  { title: "PORT" },
  { title: "SENT", align: "right" },
  { title: "BYTES", align: "right", spare: 1 },
  { title: "RECEIVED", align: "right" },
  { title: "BYTES", align: "right", spare: 1 },
  { title: "DROPPED", align: "right" },
  { title: "CAUSES" },
];

const RATES: readonly Column[] = [
  { title: "PORT" },
  { title: "SENT", align: "right" },
  { title: "", align: "right", spare: 1 },
  { title: "RECEIVED", align: "right" },
  { title: "", align: "right", spare: 1 },
  { title: "DROPPED", align: "right" },
  { title: "CAUSES" },
];

/** So that lines of `--watch` stay below each other. */
const RATE_WIDTHS = [10, 10, 11, 10, 11, 10];

/** `valet stats` */
export const statsCommand: CommandSpec = {
  name: "stats",
  description: "Show packets, rates and drops of ports\n\n" +
    "Counts since each port was made; with --watch, what is added each second. The kernel " +
    "counts nothing.\nDrops are counted at the sender, but notOpen, ringFull, receiveBuffer and " +
    "offload at the receiver.",
  arguments: "[port...:string]",
  options: [
    { flags: "-w, --watch", description: "Go on, with rates, until Ctrl-C" },
    {
      flags: "--interval <seconds:number>",
      description: "Seconds between two lines of --watch",
      default: 1,
    },
    { flags: "-c, --count <lines:integer>", description: "End --watch after so many intervals" },
    { flags: "--json", description: "Print JSON, with --watch a line each time" },
  ],
  examples: [
    ["All ports", "valet stats"],
    ["A bridge, each second", "valet stats --watch vale0"],
    ["One port, for a program", "valet stats --json vale0:vi0"],
  ],
  action: async (options, args, context) => {
    const { intervalMs, count } = samplingOptions(options);
    using netmap = await openNetmap(context, { start: false });
    const wanted = (port: PortSample): boolean => isWanted(port.name, args);
    if (options.watch) {
      await watch(netmap, wanted, intervalMs, count, Boolean(options.json), context);
    } else show(netmap, wanted, args, Boolean(options.json), context);
  },
};

/** "vale0" stands for all its ports. */
export function isWanted(name: string, args: readonly string[]): boolean {
  return args.length === 0 ||
    args.some((arg) => name === arg || name.startsWith(`${arg.replace(/:$/, "")}:`));
}

function show(
  netmap: Netmap,
  wanted: (port: PortSample) => boolean,
  args: readonly string[],
  isJson: boolean,
  { stdout, stderr }: Context,
): void {
  const ports = [...portsOf(takeSample(netmap)).values()].filter(wanted);
  if (ports.length === 0 && args.length > 0) {
    throw new Error(
      `Cannot show ${args.map((arg) => `"${arg}"`).join(", ")}: there is no such port or bridge\n` +
        'Hint: "valet ports" lists what is there',
    );
  }
  if (isJson) {
    const lines = ports.map(({ name, counters }) => ({ name, ...counters }));
    stdout.write(`${JSON.stringify({ backend: netmap.backend, ports: lines })}\n`);
  } else if (ports.length === 0) {
    stderr.write(noPorts(netmap));
  } else {
    writeLines(stdout, formatColumns(TOTALS, ports.map(totals), widthOf(stdout)));
  }
}

function totals({ name, counters }: PortSample): string[] {
  const { txPackets, txBytes, rxPackets, rxBytes, dropped } = counters;
  return [name, ...[txPackets, txBytes, rxPackets, rxBytes, dropped].map(String), causes(counters)];
}

/** "ringFull 12, notOpen 3" */
function causes({ drops }: PortCounters, before?: PortCounters): string {
  return DROP_CAUSES.map((cause) => [cause, drops[cause] - (before?.drops[cause] ?? 0)] as const)
    .filter(([, packets]) => packets > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, packets]) => `${cause} ${packets}`).join(", ");
}

async function watch(
  netmap: Netmap,
  wanted: (port: PortSample) => boolean,
  intervalMs: number,
  count: number,
  isJson: boolean,
  { stdout, signal }: Context,
): Promise<void> {
  let shown = 0;
  for await (const { before, now } of samplePairs(netmap, () => intervalMs, signal)) {
    const ports = [...portsOf(now).values()].filter(wanted);
    if (isJson) stdout.write(`${JSON.stringify(rateLine(before, now, ports))}\n`);
    else {
      const rows = ports.map((port) => rateCells(before, now, port));
      const time = new Date().toTimeString().slice(0, 8);
      writeLines(stdout, [
        time,
        ...formatColumns(RATES, rows, { ...widthOf(stdout), indent: "  ", least: RATE_WIDTHS }),
      ]);
    }
    if (++shown === count) return;
  }
}

function rateCells(before: Sample, now: Sample, port: PortSample): string[] {
  const old = portsOf(before).get(port.name)?.counters;
  const rates = ratesOf(old, port.counters, (now.atMs - before.atMs) / 1000);
  return [
    port.name,
    formatRate(rates.txPackets),
    formatRate(rates.txBits, "bit/s"),
    formatRate(rates.rxPackets),
    formatRate(rates.rxBits, "bit/s"),
    formatRate(rates.dropped),
    causes(port.counters, old),
  ];
}

/** What a line of JSON says: the counters, and how fast they have grown. */
export function rateLine(before: Sample, now: Sample, ports: readonly PortSample[]): unknown {
  const seconds = (now.atMs - before.atMs) / 1000;
  const old = portsOf(before);
  return {
    time: new Date().toISOString(),
    seconds: Number(seconds.toFixed(3)),
    ports: ports.map(({ name, counters }) => {
      const { cause: _, ...perSecond } = ratesOf(old.get(name)?.counters, counters, seconds);
      return { name, ...counters, perSecond };
    }),
  };
}
