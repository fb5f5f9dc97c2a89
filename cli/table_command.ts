/**
 * `valet table`: the stations that a learning bridge knows.
 *
 * @module
 */

import { type Column, formatColumns, plural } from "./columns.ts";
import { openNetmap } from "./open.ts";
import { widthOf, writeLines } from "./ports.ts";
import type { CommandSpec } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { title: "STATION" },
  { title: "PORT" },
  { title: "AGE", align: "right" },
];

/** `valet table` */
export const tableCommand: CommandSpec = {
  name: "table",
  description: "Show the stations that a bridge has learned\n\n" +
    "AGE is how long ago a station was heard, where the bridge forgets silent ones. The " +
    "kernel does not show its table.",
  arguments: "<bridge:string>",
  options: [
    { flags: "--flush", description: "Forget them all, instead" },
    { flags: "--json", description: "Print JSON" },
  ],
  examples: [
    ["Who is behind which port", "valet table vale0"],
    ["Start anew", "valet table --flush vale0"],
  ],
  action: async (options, [name], context) => {
    using netmap = await openNetmap(context, { start: false });
    using bridge = netmap.bridge(name);
    const info = bridge.info();
    if (options.flush) {
      bridge.flushTable();
      const forgotten = info.tableEntries;
      context.stdout.write(
        options.json
          ? `${JSON.stringify({ bridge: bridge.name, forgotten })}\n`
          : `${bridge.name} has forgotten ${plural(forgotten, "station")}\n`,
      );
      return;
    }
    const names = new Map(bridge.ports().map((port) => [port.portIndex, port.interface]));
    const entries = bridge.table().map((entry) => ({ ...entry, interface: names.get(entry.port) }));
    if (options.json) {
      const { tableBuckets: buckets, ageingMs, lookup } = info;
      const line = { bridge: bridge.name, lookup, buckets, ageingMs, entries };
      context.stdout.write(`${JSON.stringify(line)}\n`);
    } else if (entries.length === 0) {
      context.stderr.write(
        `${bridge.name} knows no stations` +
          (info.lookup === "learning" ? "\n" : ": a lookup decides there, so it does not learn\n"),
      );
    } else {
      const rows = entries.map(({ mac, port, interface: name, ageMs }) => [
        mac,
        name ?? String(port),
        info.ageingMs === 0 ? "" : `${(ageMs / 1000).toFixed(1)} s`,
      ]);
      writeLines(context.stdout, formatColumns(COLUMNS, rows, widthOf(context.stdout)));
    }
  },
};
