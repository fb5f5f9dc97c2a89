/**
 * Runs the real program, as a user does.
 */

import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** What came of it. */
export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** How it is run. */
export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** Runs a command line; the environment is the caller's with `env` on top. */
export async function runCommand(
  command: string,
  args: readonly string[],
  { env = {}, cwd }: RunOptions = {},
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1", INIT_CWD: "", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { status: code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Runs `valet` with arguments. */
export function valet(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return runCommand(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", "-A", MAIN, ...args],
    options,
  );
}

/**
 * A place for a daemon that nobody else uses; closing it ends the daemon.
 */
export class OwnDaemon implements AsyncDisposable {
  /** Its folder, private. */
  readonly folder: string = Deno.makeTempDirSync({ prefix: "valet-test-" });
  /** What processes need to use it. */
  readonly env: Record<string, string> = {
    VALET_BACKEND: "daemon",
    VALET_SOCKET: `${this.folder}/valet.sock`,
  };

  /** The same as `valet daemon stop`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await valet(["daemon", "stop"], { env: this.env });
    Deno.removeSync(this.folder, { recursive: true });
  }
}
