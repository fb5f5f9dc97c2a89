/**
 * Puts `valet`, `vale-ctl`, `pkt-gen`, `vale-bridge` and `vale-lb` on the PATH: small shell scripts that run
 * this checkout, from any directory, with the Deno that installed them. (`bridge` alone is a program of
 * iproute2.)
 *
 *     deno task install [--to DIRECTORY] [--force]
 *     deno task uninstall [--to DIRECTORY]
 *
 * @module
 */

import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Context, ExitStatus, processContext, UsageError } from "./context.ts";
import { perform } from "./perform.ts";

/** The programs, and the first argument of `main.ts` that makes them. */
const PROGRAMS = {
  valet: "",
  "vale-ctl": "vale-ctl",
  "pkt-gen": "pkt-gen",
  "vale-bridge": "bridge",
  "vale-lb": "lb",
} as const;

/** By this line the scripts are known as ours. */
const MARK = '# Made by "deno task install" of valet';

/** The text of a program's script. */
function script(argument: string): string {
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  // An INIT_CWD of some deno task around it is not where the user is
  return `#!/bin/sh
${MARK}; "deno task uninstall" removes it
unset INIT_CWD
deno=${quote(Deno.execPath())}
[ -x "$deno" ] || deno=deno
exec "$deno" run --quiet --no-prompt -A ${quote(main)} ${argument && `${argument} `}"$@"
`;
}

/** As the shell reads it literally. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Where programs that Deno installs are. */
function defaultFolder(context: Context): string {
  const root = context.env("DENO_INSTALL_ROOT");
  if (root !== undefined) return join(root, "bin");
  const home = context.env("HOME");
  if (home === undefined) throw new UsageError("Cannot tell where to: HOME is not set; use --to");
  return join(home, ".deno", "bin");
}

function isOurs(file: string): boolean {
  try {
    return Deno.readTextFileSync(file).includes(MARK);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function exists(file: string): boolean {
  try {
    Deno.lstatSync(file);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Writes the scripts. */
function install(folder: string, force: boolean, context: Context): void {
  for (const name of Object.keys(PROGRAMS)) {
    const file = join(folder, name);
    if (force || !exists(file) || isOurs(file)) continue;
    throw new Error(
      `Cannot install "${file}": there is one that is not valet's\n` +
        "Hint: Choose another directory with --to, or replace it with --force",
    );
  }
  Deno.mkdirSync(folder, { recursive: true });
  for (const [name, argument] of Object.entries(PROGRAMS)) {
    const file = join(folder, name);
    // In one step, so that nobody runs half a script; and never through a link to something else
    Deno.writeTextFileSync(`${file}.new`, script(argument), { mode: 0o755 });
    Deno.chmodSync(`${file}.new`, 0o755);
    Deno.renameSync(`${file}.new`, file);
    context.stdout.write(`Installed ${file}\n`);
  }
  if (!(context.env("PATH") ?? "").split(delimiter).includes(folder)) {
    context.stderr.write(
      `Hint: ${folder} is not on the PATH: export PATH="${folder}:$PATH"\n`,
    );
  }
  fetchCommander(context);
}

/** Has what `valet` needs of npm on this machine, so that it runs without a network later. */
function fetchCommander({ stderr }: Context): void {
  const front = fileURLToPath(new URL("./commander.ts", import.meta.url));
  const { success, stderr: output } = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", front],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (success) return;
  stderr.write(
    "Hint: commander could not be had from npm; valet will try again when it is used. vale-ctl and " +
      `pkt-gen do not need it\n${new TextDecoder().decode(output)}`,
  );
}

/** Removes the scripts. */
function uninstall(folder: string, { stdout }: Context): void {
  const files = Object.keys(PROGRAMS).map((name) => join(folder, name)).filter(isOurs);
  for (const file of files) {
    Deno.removeSync(file);
    stdout.write(`Removed ${file}\n`);
  }
  if (files.length === 0) stdout.write(`There is nothing of valet in ${folder}\n`);
}

function run(args: string[], context: Context): number {
  let values: { to?: string | undefined; force?: boolean; uninstall?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args,
      options: {
        to: { type: "string" },
        force: { type: "boolean" },
        uninstall: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (cause) {
    throw new UsageError((cause as Error).message.split(". ")[0], { cause });
  }
  if (values.help) {
    context.stdout.write(
      "Usage: deno task install [--to DIRECTORY] [--force]\n" +
        "       deno task uninstall [--to DIRECTORY]\n\n" +
        "Puts valet, vale-ctl, pkt-gen, vale-bridge and vale-lb (netmap's bridge and lb) of this\n" +
        "checkout into a directory, by default ~/.deno/bin. --force replaces programs of these names\n" +
        "that are not valet's.\n",
    );
    return ExitStatus.DONE;
  }
  const folder = values.to === undefined ? defaultFolder(context) : context.path(values.to);
  if (values.uninstall) uninstall(folder, context);
  else install(folder, values.force ?? false, context);
  return ExitStatus.DONE;
}

if (import.meta.main) {
  const name = Deno.args.includes("--uninstall") ? "uninstall" : "install";
  const spec = {
    name,
    description: "",
    usage: name === "install" ? "[--to DIRECTORY] [--force]" : "[--to DIRECTORY]",
    action: (_: unknown, args: string[], context: Context) => run(args, context),
  };
  Deno.exit(await perform(spec, {}, Deno.args, processContext(name), `deno task ${name}`));
}
