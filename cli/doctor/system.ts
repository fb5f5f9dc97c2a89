/**
 * Looking at the machine: files of /proc and /sys, and other programs. What cannot be had is
 * undefined.
 *
 * @module
 */

/** Programs that take longer are ended. */
const COMMAND_MS = 5000;

/** A file's text without the last line break; undefined if it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).trimEnd();
  } catch {
    return undefined;
  }
}

/** Whether a path exists. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Names in a folder; none if there is no such folder. */
export function list(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name).sort();
  } catch {
    return [];
  }
}

/** Last part of what a symbolic link points to. */
export function linkName(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path).split("/").at(-1);
  } catch {
    return undefined;
  }
}

/** How opening a device for reading and writing goes: "" well, else the reason. */
export function tryOpen(path: string): string {
  try {
    Deno.openSync(path, { read: true, write: true }).close();
    return "";
  } catch (error) {
    return error instanceof Error
      ? error.message.replace(/: (open|writefile) '.*$/, "")
      : String(error);
  }
}

/** What a program has said. */
export interface CommandResult {
  /** Exit status 0. */
  readonly success: boolean;
  /** Standard output. */
  readonly text: string;
}

/** Runs a program; undefined if there is none of that name. */
export async function command(
  name: string,
  ...args: readonly string[]
): Promise<CommandResult | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(name, {
      args: [...args],
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(COMMAND_MS),
      env: { LC_ALL: "C", PATH: `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/sbin` },
    }).output();
    return { success, text: new TextDecoder().decode(stdout).trimEnd() };
  } catch {
    return undefined;
  }
}

/**
 * The kernel's configuration: "CONFIG_TUN" to "y"; undefined where the machine does not have it.
 */
export async function kernelConfig(): Promise<ReadonlyMap<string, string> | undefined> {
  const release = Deno.osRelease();
  const text = await gunzip("/proc/config.gz") ?? readText(`/boot/config-${release}`) ??
    readText(`/lib/modules/${release}/config`);
  if (text === undefined) return undefined;
  return new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
}

async function gunzip(path: string): Promise<string | undefined> {
  try {
    const stream = new Blob([Deno.readFileSync(path)]).stream()
      .pipeThrough(new DecompressionStream("gzip"));
    return await new Response(stream).text();
  } catch {
    return undefined;
  }
}
