/** Runs a script as a user does: a process of its own, with the permissions that the script names. */

import { fileURLToPath } from "node:url";

/** What a process has left behind. */
export interface Finished {
  /** Its exit status. */
  code: number;
  /** What it wrote to stdout. */
  stdout: Uint8Array;
  /** The same as text. */
  text: string;
  /** What it wrote to stderr, as text. */
  errors: string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs `deno` with these arguments in the project's folder. */
export async function deno(...args: string[]): Promise<Finished> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout, text: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

/** Runs `scripts/NAME` with --allow-ffi and what `permissions` adds; asks for nothing. */
export async function runScript(
  name: string,
  args: string[] = [],
  permissions: string[] = [],
): Promise<Finished> {
  return await deno(
    "run",
    "--no-prompt",
    "--allow-ffi",
    ...permissions,
    `scripts/${name}`,
    ...args,
  );
}
