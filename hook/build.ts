/**
 * Builds hooks with the system's C compiler, once for each content.
 *
 * @module
 */

import { join } from "node:path";

import { contentHash, defaultCache, HookCache } from "./cache.ts";
import { HookBuildError } from "./errors.ts";

const FLAGS = [
  "-std=gnu11",
  "-O3",
  "-shared",
  "-fPIC",
  "-fvisibility=hidden",
  // Deno unloads what a Worker has loaded when the Worker ends; the engine may still call it
  "-Wl,-z,nodelete",
  "-Wall",
  "-Wextra",
  "-fdiagnostics-color=never",
];
const MEND = 'Install one: "apt-get install gcc" (Debian, Ubuntu), "dnf install gcc" (Fedora), ' +
  '"apk add gcc musl-dev" (Alpine)';

/** How hooks are built. */
export interface BuildOptions {
  /** The C compiler. Default: "cc". */
  compiler?: string | undefined;
  /** Folder for what is built. Default: `valet/hooks` in the user's cache folder. */
  cache?: string | undefined;
}

/** A hook in C. */
export type CSource =
  /** A file; `#include "..."` finds what is beside it. */
  | { readonly path: string }
  /** A text, and how messages call it. */
  | { readonly text: string; readonly name: string };

/** What came of building. */
export interface BuiltHook {
  /** The shared object. */
  readonly path: string;
  /** False if it was there already. */
  readonly isNew: boolean;
  /** What the compiler warned of; empty if it was there already. */
  readonly warnings: string;
}

/**
 * Builds a hook, unless the same one has been built before.
 *
 * @param include folder of `valet_hook.h`
 * @param again build it even so
 * @throws {HookBuildError} without a compiler, and for errors in the source: `output` has its words
 */
export function buildHook(
  source: CSource,
  include: string,
  { compiler = "cc", cache }: BuildOptions = {},
  again = false,
): BuiltHook {
  using kept = new HookCache(cache ?? defaultCache());
  const { folder, work } = kept;
  const [file, cwd] = "path" in source ? [source.path, undefined] : [source.name, work];
  if (!("path" in source)) Deno.writeTextFileSync(join(work, source.name), source.text);
  const input = [`-I${include}`, "-x", "c", file];
  const complete = run(compiler, ["-std=gnu11", "-E", "-P", ...input], cwd);
  const version = run(compiler, ["--version"], cwd).stdout;
  const hash = contentHash([complete.stdout, version, Deno.build.arch, ...FLAGS]);
  const path = join(folder, `${hash}.so`);
  if (!again && kept.isOwnFile(path)) return { path, isNew: false, warnings: "" };
  const output = join(work, "hook.so");
  const { stderr } = run(compiler, [...FLAGS, ...input, "-o", output], cwd);
  Deno.chmodSync(output, 0o700);
  // Whoever builds the same at the same time puts the same there
  Deno.renameSync(output, path);
  return { path, isNew: true, warnings: stderr };
}

function run(
  compiler: string,
  args: readonly string[],
  cwd: string | undefined,
): { stdout: string; stderr: string } {
  let result: Deno.CommandOutput;
  try {
    result = new Deno.Command(compiler, {
      args: [...args],
      stdin: "null",
      ...(cwd === undefined ? {} : { cwd }),
    }).outputSync();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new HookBuildError(`Cannot build a hook: there is no C compiler "${compiler}"`, {
      cause,
      hint: MEND,
    });
  }
  const text = new TextDecoder();
  const stdout = text.decode(result.stdout), stderr = text.decode(result.stderr).trim();
  if (result.success) return { stdout, stderr };
  throw new HookBuildError(`Cannot build a hook: "${compiler}" refused it`, { output: stderr });
}
