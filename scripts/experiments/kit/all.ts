/**
 * All experiments, one after the other, and one HTML page with every plot: `deno task experiments`.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Backends } from "./backends.ts";
import { makeFolder, write } from "./main.ts";
import { checked, OPTIONS, readOptions } from "./options.ts";
import { type Failure, renderPage } from "./page.ts";
import { Progress } from "./progress.ts";
import { formatReport, type Report } from "./report.ts";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));

const HELP = `Runs the experiments, and writes one HTML page with every plot.

usage: deno task experiments [options]
  --only NAME      only this one, or those whose names begin so; may be repeated
${OPTIONS.replace("default)\n", "default): about five minutes for all\n")}
The default of --backend is "all". The experiments are ${experimentNames().join(", ")}.
`;

/** Names of all experiments: the scripts of the folder. */
export function experimentNames(): string[] {
  return [...Deno.readDirSync(FOLDER)]
    .filter(({ name, isFile }) => isFile && name.endsWith(".ts"))
    .map(({ name }) => name.slice(0, -".ts".length))
    .sort();
}

function chosen(only: readonly string[]): string[] {
  const names = experimentNames();
  for (const asked of only) {
    if (!names.some((name) => name.startsWith(asked))) {
      throw new TypeError(
        `Cannot run "${asked}": there is no such experiment\nHint: They are ${names.join(", ")}`,
      );
    }
  }
  return only.length === 0
    ? names
    : names.filter((name) => only.some((asked) => name.startsWith(asked)));
}

/** Runs one in a process of its own: it starts with fresh memory, and takes nobody down with it. */
async function run(name: string, args: readonly string[]): Promise<Report | Failure> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-A", join(FOLDER, `${name}.ts`), ...args, "--json"],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (code === 0) return JSON.parse(decoder.decode(stdout));
  return { name, error: decoder.decode(stderr).trim() || `it ended with status ${code}` };
}

async function all(args: readonly string[]): Promise<boolean> {
  const options = checked(readOptions(args, "all", true));
  if (options.help) {
    write(HELP, Deno.stdout);
    return true;
  }
  const names = chosen(options.only);
  // Children use the daemon that is started here
  await using _backends = await Backends.find(options.backend);
  const out = resolve(options.out);
  makeFolder(out);
  const childArgs = ["--backend", options.backend, "--out", out]
    .concat("--ms", `${options.lengthMs}`, options.quick ? "--quick" : "--full")
    .concat(options.guest === undefined ? [] : ["--guest", options.guest]);
  const reports: Report[] = [], failures: Failure[] = [];
  const progress = new Progress();
  for (const [done, name] of names.entries()) {
    progress.show(done, names.length, name);
    const result = await run(name, childArgs);
    progress.clear();
    if ("error" in result) failures.push(result);
    else reports.push(result);
    if (options.json) continue;
    const text = "error" in result ? `${name} failed: ${result.error}` : formatReport(result);
    write(`${text}\n\n`, Deno.stdout);
  }
  const page = join(out, "index.html");
  await Deno.writeTextFile(page, renderPage(out, reports, failures));
  if (options.json) write(`${JSON.stringify({ page, reports, failures }, null, 2)}\n`, Deno.stdout);
  else write(`Wrote ${page}\n`, Deno.stdout);
  return failures.length === 0;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await all(Deno.args) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    write(`${error.message}\n`, Deno.stderr);
    Deno.exitCode = 2;
  }
}
