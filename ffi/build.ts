/**
 * Builds the C library with make(1), in a checkout.
 *
 * @module
 */

const MEND =
  'Install them: "apt-get install gcc make" (Debian, Ubuntu), "dnf install gcc make" (Fedora), ' +
  '"apk add gcc make musl-dev linux-headers" (Alpine)';

/** The folder `c` beside these modules; undefined if they come from a URL. */
function sourceFolder(): string | undefined {
  const here = import.meta.dirname;
  return here && `${here.slice(0, here.lastIndexOf("/"))}/c`;
}

/** Where the library is built: `c/build/libvalet.so` beside these modules; undefined for a URL. */
export function builtLibraryPath(): string | undefined {
  const folder = sourceFolder();
  return folder && `${folder}/build/libvalet.so`;
}

/**
 * Builds the library unless it is up to date, and returns its path. Waits while another process
 * builds it.
 *
 * Permissions: run (make), read.
 *
 * @throws {Error} if this is no checkout, make or a compiler is missing, or the build fails; the
 * message has make's output
 */
export function buildLibrary(): string {
  const folder = sourceFolder(), library = builtLibraryPath();
  if (folder === undefined || library === undefined) {
    throw new Error("Cannot build the valet library: its modules were not loaded from a checkout");
  }
  using _lock = lock(`${folder}/Makefile`);
  let result: Deno.CommandOutput;
  try {
    result = new Deno.Command("make", {
      args: ["--no-print-directory", "-C", folder],
      stdin: "null",
    }).outputSync();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(`Cannot build the valet library: "make" is not installed\nHint: ${MEND}`, {
      cause,
    });
  }
  if (result.success) return library;
  const text = new TextDecoder();
  const output = (text.decode(result.stdout) + text.decode(result.stderr)).trim();
  // 127 is the shell's "command not found", which make passes on in its own words
  const missing = /\b(?:cc|gcc|clang): (?:command )?not found|No such file or directory.*\bcc\b/
    .test(output) || /Error 127\b/.test(output);
  throw new Error(
    `Cannot build the valet library: ${missing ? "a C compiler is not installed" : "make failed"}` +
      `\n${output}${missing ? `\nHint: ${MEND}` : ""}`,
  );
}

/** Holds other builds off; without the permission to read the file there is no lock. */
function lock(path: string): Disposable | null {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return null;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (cause) {
    throw new Error(`Cannot build the valet library: "${path}" cannot be read`, { cause });
  }
  file.lockSync(true);
  return {
    [Symbol.dispose](): void {
      file.close(); // which unlocks
    },
  };
}
