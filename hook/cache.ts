/**
 * Where built hooks are kept: a folder that belongs to the user alone, because what lies in it is loaded
 * into the process.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";

import { HookBuildError } from "./errors.ts";

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** The folder of the user's hooks, as `XDG_CACHE_HOME` or `HOME` say; see the XDG base directory spec. */
export function defaultCache(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME");
  // A relative path has to be ignored, says the specification
  if (cache?.startsWith("/")) return join(cache, "valet", "hooks");
  const home = Deno.env.get("HOME");
  if (home?.startsWith("/")) return join(home, ".cache", "valet", "hooks");
  throw new HookBuildError("Cannot build a hook: there is no place for it", {
    hint: "Set HOME or XDG_CACHE_HOME, or pass the folder as `cache`",
  });
}

/** The folder for hooks, with a folder in it for work in progress, which goes away. */
export class HookCache implements Disposable {
  /** Its path. */
  readonly folder: string;
  /** Empty at first, and removed at the end. */
  readonly work: string;
  readonly #uid: number | null;

  /**
   * Makes the folder, with mode 0700, unless it is there.
   *
   * @throws {HookBuildError} if somebody else could put files into it
   */
  constructor(folder: string) {
    this.folder = folder;
    try {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.work = Deno.makeTempDirSync({ dir: folder, prefix: "work-" });
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) throw cause;
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new HookBuildError(`Cannot keep hooks in "${folder}": ${problem}`, {
        cause,
        hint: "Set XDG_CACHE_HOME to a folder of your own, or pass one as `cache`",
      });
    }
    // Asking for the user's number would need another permission
    this.#uid = Deno.lstatSync(this.work).uid;
    try {
      this.#checkPrivate();
      this.#checkParent(join(folder, ".."));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** True if a file is there that nobody else can have written. */
  isOwnFile(path: string): boolean {
    try {
      const { isFile, uid, mode } = Deno.lstatSync(path);
      return isFile && uid === this.#uid && ((mode ?? 0) & OTHERS_WRITE) === 0;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Removes what was in the making. */
  close(): void {
    Deno.removeSync(this.work, { recursive: true });
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkPrivate(): void {
    const { isDirectory, uid, mode } = Deno.lstatSync(this.folder);
    const bits = (mode ?? 0) & 0o777;
    const problem = !isDirectory
      ? "it is no folder"
      : uid !== this.#uid
      ? `it belongs to user ${uid}`
      : (bits & 0o077) !== 0
      ? `others can use it (mode 0${bits.toString(8)})`
      : undefined;
    if (problem === undefined) return;
    throw new HookBuildError(`Cannot keep hooks in "${this.folder}": ${problem}`, {
      hint: `If all in it is yours, make it private with "chmod 700 ${this.folder}"; or set ` +
        "XDG_CACHE_HOME to a folder of your own",
    });
  }

  /** Who can write to the folder around it can put another one in its place. */
  #checkParent(folder: string): void {
    const { uid, mode } = Deno.statSync(folder);
    const bits = (mode ?? 0) & 0o7777;
    const isSafe = (bits & OTHERS_WRITE) === 0 || (bits & STICKY) !== 0;
    if (isSafe && (uid === this.#uid || uid === 0)) return;
    throw new HookBuildError(
      `Cannot keep hooks below "${folder}": others can replace what is in it (user ${uid}, mode 0${
        bits.toString(8)
      })`,
      {
        hint:
          `Protect it with "chmod go-w ${folder}", or set XDG_CACHE_HOME to a folder of your own`,
      },
    );
  }
}

/** A name for what is made of some texts. */
export function contentHash(texts: readonly string[]): string {
  const hash = createHash("sha256");
  // The lengths keep apart what only the borders tell apart
  for (const text of texts) hash.update(`${text.length}:${text}`);
  return hash.digest("hex");
}
