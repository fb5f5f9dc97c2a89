/** Builds what the benchmarks need in C: the library, and the programs of `bench/c/`. */

import { fileURLToPath } from "node:url";
import { buildLibrary } from "../ffi/build.ts";

/** Where the built files are. */
export interface Built {
  /** The C library that is measured. */
  library: string;
  /** What stands in for the kernel's netmap in other programs. */
  preload: string;
  /** The program for rows in C. */
  program: string;
  /** The same rows as a library, for scripts. */
  native: string;
}

/** The files' places, whether they are built or not. */
export function builtFiles(): Built {
  const path = (name: string): string =>
    fileURLToPath(new URL(`../c/build/${name}`, import.meta.url));
  return {
    library: path("libvalet.so"),
    preload: path("libvalet-preload.so"),
    program: path("bench/bench"),
    native: path("bench/libbench.so"),
  };
}

/**
 * Builds them unless they are up to date.
 *
 * @throws {Error} if make or a compiler is missing, with the packages to install, or the build fails
 */
export function buildAll(): Built {
  buildLibrary(); // which also says what to install when make or a compiler is missing
  const folder = fileURLToPath(new URL("c/", import.meta.url));
  using makefile = Deno.openSync(`${folder}Makefile`);
  makefile.lockSync(true); // two runs must not write the same files; closing unlocks
  const { success, stdout, stderr } = new Deno.Command("make", {
    args: ["--no-print-directory", "-C", folder],
    stdin: "null",
  }).outputSync();
  if (success) return builtFiles();
  const text = new TextDecoder();
  throw new Error(
    `Cannot build the benchmarks: make failed\n${text.decode(stdout)}${text.decode(stderr)}`
      .trimEnd() +
      '\nHint: They need gcc and make: "apt-get install gcc make" (Debian, Ubuntu)',
  );
}
