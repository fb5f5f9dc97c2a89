/**
 * Writing to the system's log.
 *
 * @module
 */

/**
 * Hands lines to logger(1), as netmap's lb writes them: facility local1, priority info. Where they cannot
 * be written the command goes on without.
 *
 * @param tag name of the program
 */
export function writeSyslog(tag: string, lines: readonly string[]): void {
  for (const line of lines) {
    try {
      new Deno.Command("logger", {
        args: ["-t", tag, "-p", "local1.info", "--", line],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn().unref();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new Error('Cannot write to syslog: there is no "logger"\nHint: It is in bsdutils');
    }
  }
}
