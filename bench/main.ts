/** Measures how fast valet is: `deno task bench --help`. */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildAll } from "./build.ts";
import { partsChart, sweepCharts } from "./charts.ts";
import { canCount, countable, countInstructions } from "./instructions.ts";
import { partsText } from "./parts.ts";
import type { Plot } from "../scripts/experiments/kit/plot.ts";
import { compare, readResults, type Result } from "./results.ts";
import type { PeerOutcome } from "./peers/run.ts";
import { FULL, PEERS, QUICK } from "./round.ts";
import type { Row } from "./row.ts";
import { isExtra, ROWS } from "./rows.ts";
import { measureRow } from "./run.ts";
import { tableHead, tableLine } from "./table.ts";

const HELP = `Measures valet on this machine, as ratios to a plain C loop that only copies frames.

usage: deno task bench [options]
  --only NAME      only this row, or those whose names begin so; may be repeated
  --all            the sweeps too: half an hour
  --quick          about a minute, and less exact
  --json           one JSON array instead of the table
  --save FILE      write that array to a file as well
  --plot FOLDER    draw the sweeps that were measured as SVG; with --instructions what they are for
  --compare FILE   say what is faster or slower than in an older file
  --peers          compare with other switches instead: DPDK's testpmd, Open vSwitch, Linux's bridge,
                   vde_switch; those that are not installed are skipped
  --netmap FOLDER  with --peers: netmap's pkt-gen is there, compare kernel VALE and pipes too
  --install        with --peers: install them from Debian's packages before
  --instructions   count instructions a packet instead, of the rows in C, with valgrind
  --no-pin         let the system choose the CPUs
  --list           the rows, and what they are

See bench/README.md for the method and how to read the numbers.
`;

interface Options {
  only: string[];
  all: boolean;
  quick: boolean;
  json: boolean;
  save: string | undefined;
  compare: string | undefined;
  plot: string | undefined;
  pin: boolean;
  instructions: boolean;
  peers: boolean;
  install: boolean;
  netmap: string | undefined;
}

function out(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Options of the command line; undefined when there is nothing more to do. */
function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", multiple: true, default: [] },
      all: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      save: { type: "string" },
      compare: { type: "string" },
      plot: { type: "string" },
      "no-pin": { type: "boolean", default: false },
      instructions: { type: "boolean", default: false },
      peers: { type: "boolean", default: false },
      install: { type: "boolean", default: false },
      netmap: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    out(HELP.trimEnd());
    return undefined;
  }
  if (values.list) {
    for (const row of ROWS) {
      out(`${row.name.padEnd(28)}${row.about}${isExtra(row) ? " (only with --all)" : ""}`);
    }
    return undefined;
  }
  const { only, all, quick, json, save, compare, plot, instructions, peers, install } = values;
  if (instructions && (save !== undefined || compare !== undefined)) {
    throw new Error("--instructions does not go with --save or --compare: it has other figures");
  }
  return {
    only,
    all,
    quick,
    json,
    save,
    compare,
    plot,
    pin: !values["no-pin"],
    instructions,
    peers,
    install,
    netmap: values.netmap,
  };
}

/** The rows that `--only` asks for, by name or by how names begin; without it those of every run, or all. */
function chosenRows({ only, all }: Pick<Options, "only" | "all">): readonly Row[] {
  if (only.length === 0) return all ? ROWS : ROWS.filter((row) => !isExtra(row));
  const chosen = new Set<Row>();
  for (const name of only) {
    const exact = ROWS.filter((row) => row.name === name);
    const rows = exact.length > 0 ? exact : ROWS.filter((row) => row.name.startsWith(name));
    if (rows.length === 0) {
      throw new Error(
        `Cannot measure "${name}": there is no such row\nHint: The rows are ` +
          ROWS.map((row) => row.name).join(", "),
      );
    }
    for (const row of rows) chosen.add(row);
  }
  return ROWS.filter((row) => chosen.has(row));
}

async function bench(options: Options): Promise<boolean> {
  const rows = chosenRows(options);
  const before = options.compare === undefined ? undefined : readResults(options.compare);
  const setting = { ...options.quick ? QUICK : FULL, built: buildAll(), pin: options.pin };
  const results: Result[] = [];
  if (!options.json) out(tableHead(before !== undefined));
  for (const row of rows) {
    const result = await measureRow(row, setting);
    results.push(result);
    const comparison = before && compare(before.get(row.name), result);
    if (!options.json) out(tableLine(result, comparison));
  }
  const text = JSON.stringify(results, null, 2);
  if (options.save !== undefined) Deno.writeTextFileSync(options.save, `${text}\n`);
  if (options.json) {
    out(
      before === undefined ? text : JSON.stringify(
        results.map((result) => ({ ...result, ...compare(before.get(result.name), result) })),
        null,
        2,
      ),
    );
  }
  if (options.plot !== undefined) await plot(options.plot, sweepCharts(results), options.json);
  return !results.some((result) => "error" in result);
}

/** Draws what was measured. Only then is the plotting library loaded. */
async function plot(folder: string, plots: readonly Plot[], isQuiet: boolean): Promise<void> {
  const file = "./plot.ts"; // so that it is not loaded before
  const { writePlots } = await import(file) as typeof import("./plot.ts");
  const paths = await writePlots(folder, plots);
  if (!isQuiet) out(paths.join("\n"));
}

/** Prints how other switches compare. Those that cannot be measured here are skipped in words. */
async function comparePeers(
  { only, quick, json, save, pin, install, netmap }: Options,
): Promise<boolean> {
  // Nobody else needs what it loads
  const { chosenGroups, measureGroup, peerHead, peerLine, peerNotes } = await import(
    "./peers/run.ts"
  );
  const groups = chosenGroups(only, netmap === undefined ? undefined : join(netmap, "pkt-gen"));
  if (install) await (await import("./peers/install.ts")).installPeers();
  const setting = { ...quick ? QUICK : PEERS, built: buildAll(), pin };
  const results: PeerOutcome[] = [];
  if (!json) out(peerHead());
  for (const group of groups) {
    const measured = await measureGroup(group, setting);
    results.push(...measured);
    if (!json) measured.forEach((result) => out(peerLine(result)));
  }
  const text = JSON.stringify(results, null, 2);
  if (save !== undefined) Deno.writeTextFileSync(save, `${text}\n`);
  out(json ? text : peerNotes(groups));
  return true;
}

/** Prints instructions a packet, or why there are none: that is no failure. */
async function count(options: Options): Promise<boolean> {
  const rows = countable(chosenRows(options));
  if (rows.length === 0) {
    throw new Error("Cannot count instructions of these rows: only of those in C, in one thread");
  }
  if (!canCount()) {
    out(options.json ? "[]" : "skipped: there is no valgrind to count instructions with");
    return true;
  }
  const built = buildAll();
  const counts = rows.map((row) => {
    const result = countInstructions(row, built);
    if (!options.json) {
      out(`${result.name.padEnd(28)}${result.instructions}`.padEnd(38) + "a packet");
    }
    return result;
  });
  out(options.json ? JSON.stringify(counts, null, 2) : `\n${partsText(counts)}`);
  if (options.plot !== undefined) {
    await plot(options.plot, [partsChart(counts)], options.json);
  }
  return true;
}

try {
  const options = readOptions(Deno.args);
  if (options !== undefined) {
    const isDone = options.instructions
      ? await count(options)
      : await (options.peers ? comparePeers : bench)(options);
    if (!isDone) Deno.exitCode = 1;
  }
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  Deno.stderr.writeSync(new TextEncoder().encode(`${message}\n`));
  Deno.exitCode = 1;
}
