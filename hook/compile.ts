/**
 * Makes hooks: from functions in TypeScript, and from C.
 *
 * @module
 */

import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { show } from "../ffi/errors.ts";
import type { Lookup } from "../ffi/lookup.ts";
import type { HookTables } from "./analysis.ts";
import type { BuildOptions, CSource } from "./build.ts";
import { CHook, CompiledHook } from "./compiled_hook.ts";
import { checkConstants, type HookConstants } from "./constants.ts";
import { lowerHook } from "./front_end.ts";
import { HookSyntaxError } from "./errors.ts";
import { headersFolder } from "./headers_folder.ts";
import { loadHook } from "./load.ts";
import { parseHook } from "./parse.ts";
import { callingFiles, placeInFile } from "./source_place.ts";

/** Options of `compile()`. */
export interface CompileOptions extends BuildOptions {
  /**
   * Numbers that the function names without declaring them: its text does not tell what they are. Objects of
   * numbers work too, as `{ LIMITS: { rate: 100 } }`. BROADCAST, DROP, LEARN, EtherType, Protocol, TcpFlag
   * and IcmpType are known.
   */
  constants?: HookConstants | undefined;
  /** Tables that the function names: `LookupTable`s, or, for a hook that never runs, their shapes. */
  tables?: HookTables | undefined;
  /** URL of the file where the function stands, for errors. Default: it is looked for where the callers are. */
  file?: string | undefined;
}

/**
 * Compiles a lookup function, which is written in a subset of TypeScript: see the module's
 * documentation.
 *
 * What it decides is the same as what the function itself decides. It is read as text, so what it names
 * from outside has to be passed in `constants` and `tables`.
 *
 * Permissions: none to compile; to set it as a lookup see `CompiledHook.native()`. The parser is fetched from
 * npm (acorn) the first time.
 *
 * @param hook the function, or its text in JavaScript
 * @param options what it names, and how it is built
 * @throws {HookSyntaxError} if it is not in the subset; says where, and what to write instead
 * @throws {HookBuildError} if the parser cannot be had
 * @throws {TypeError} if it is no function, or a constant is no number
 * @throws {RangeError} if a constant is not whole
 *
 * @example
 * ```ts
 * import { BROADCAST, EtherType, Netmap, PacketTemplate } from "@valet/valet";
 * import { compile } from "@valet/valet/hook";
 * import assert from "node:assert/strict";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "compile example" });
 * using a = netmap.open("vale0:a@conf:slots=64");
 * using b = netmap.open("vale0:b@conf:slots=64");
 * using bridge = netmap.bridge("vale0");
 * bridge.lookup = await compile((packet) =>
 *   packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST
 * );
 * a.send(PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2" }));
 * assert.equal(b.receiveFrames().length, 1);
 * ```
 */
export async function compile(
  hook: Lookup | string,
  { constants = {}, tables = {}, file, ...build }: CompileOptions = {},
): Promise<CompiledHook> {
  checkConstants(constants);
  // What is given as a text is nowhere else
  const files = typeof hook === "string" ? [] : file === undefined ? callingFiles() : [file];
  const parsed = await parseHook(hook);
  const name = typeof hook === "function" && hook.name !== "" ? hook.name : "hook";
  const program = placed(files, () => lowerHook(parsed, { name, constants, tables }));
  const include = await headersFolder(build);
  return new CompiledHook(program, { ...build, include, files, tables: Object.values(tables) });
}

/** Has an error say where in a file it is. */
function placed<T>(files: readonly string[], lower: () => T): T {
  try {
    return lower();
  } catch (error) {
    if (!(error instanceof HookSyntaxError)) throw error;
    const { source, construct, problem, mend } = error;
    const place = placeInFile(source, error, files);
    if (place === undefined) throw error;
    throw new HookSyntaxError(source, error, construct, problem, mend, place);
  }
}

/** A hook in C as a text. */
export interface CText {
  /** The text. */
  readonly source: string;
  /** What messages of the compiler call it. Default: "hook.c". */
  readonly name?: string | undefined;
}

/**
 * Builds a hook that is written in C against `c/valet_hook.h`, and loads it.
 *
 * The source ends with `VALET_LOOKUP_PACKET(function)` or `VALET_LOOKUP_BATCH(function)`. It runs in this
 * process, so an error in it can end the process.
 *
 * Permissions: run (cc), read, write (the cache), env (XDG_CACHE_HOME, HOME), ffi.
 *
 * @param file path of the source, or the source itself
 * @param options how it is built
 * @throws {HookBuildError} without a C compiler, and for errors in the source, with their lines
 *
 * @example
 * ```ts
 * import { hookFromC } from "@valet/valet/hook";
 * import assert from "node:assert/strict";
 *
 * const hook = await hookFromC({
 *   source: `
 *     #include "valet_hook.h"
 *     static uint32_t next_port(struct valet_packet *packet, uint32_t source)
 *     {
 *       return valet_u16(packet, 12) == 0x0800 ? source + 1 : VALET_BROADCAST;
 *     }
 *     VALET_LOOKUP_PACKET(next_port)
 *   `,
 * });
 * assert.equal(hook.warnings, "");
 * ```
 */
export async function hookFromC(
  file: string | URL | CText,
  options: BuildOptions = {},
): Promise<CHook> {
  const source = sourceOf(file);
  const loaded = loadHook(source, await headersFolder(options), options);
  return new CHook("path" in source ? source.path : source.name, loaded);
}

function sourceOf(file: unknown): CSource {
  if (typeof file === "string") return { path: file };
  if (file instanceof URL) return { path: fileURLToPath(file) };
  const { source, name = "hook.c" } = (file ?? {}) as Partial<CText>;
  if (typeof source !== "string" || typeof name !== "string") {
    throw new TypeError(`Cannot use ${show(file)} as a hook in C: expected a path or { source }`);
  }
  if (basename(name) !== name || name === "" || name.startsWith("-")) {
    throw new RangeError(
      `Cannot use "${name}" as a name: expected one of a file, without a folder`,
    );
  }
  return { text: source, name };
}
