/**
 * Finds and loads the C library: at first use, once, for the life of the process.
 *
 * It is never closed: a call into an unloaded library would end the process.
 *
 * @module
 */

import { buildLibrary, builtLibraryPath } from "./build.ts";
import { downloadLibrary, type LibraryDownload } from "./download.ts";
import { ABI, type NativeFunctions, type NativeLibrary, SYMBOL_GROUPS } from "./symbols.ts";

/** Where the library may come from. */
export interface LibraryOptions {
  /** File to load; no other place is looked at. */
  path?: string | undefined;
  /** Where it can be had from, with its checksum; looked at last, by {@linkcode prepareLibrary}. */
  download?: LibraryDownload | undefined;
}

let loaded: NativeLibrary | undefined;

/**
 * The library, loaded now if it is not yet.
 *
 * Looked at, in this order: `path`; the file that VALET_LIB names; `c/build/libvalet.so` beside these
 * modules; building that. An explicit place that fails is an error, the next is not tried.
 *
 * @throws {Deno.errors.NotCapable} without --allow-ffi
 * @throws {Error} if there is none; the message lists what was tried and what helps
 */
export function loadLibrary(options: LibraryOptions = {}): NativeLibrary {
  if (loaded === undefined) {
    const tried: string[] = [];
    loaded = search(options, tried) ?? fail(tried);
  }
  return checkSame(loaded, options);
}

/**
 * Like {@linkcode loadLibrary}, and if nothing else helps the library is downloaded with
 * `jsr:@denosaurs/plug` from `download`, or from VALET_LIB_URL with the checksum VALET_LIB_SHA256.
 * Needs more permissions then: read, write, net, env.
 */
export async function prepareLibrary(options: LibraryOptions = {}): Promise<NativeLibrary> {
  if (loaded === undefined) {
    const tried: string[] = [];
    const found = search(options, tried);
    if (found !== undefined) {
      loaded ??= found;
    } else {
      const path = await downloadLibrary(configuredDownload(options, tried), tried);
      loaded ??= path === undefined ? fail(tried) : open(path);
    }
  }
  return checkSame(loaded, options);
}

function checkSame(library: NativeLibrary, { path }: LibraryOptions): NativeLibrary {
  if (path !== undefined && path !== library.path) {
    throw new Error(
      `Cannot load the valet library "${path}": "${library.path}" is loaded already, and a process ` +
        "can have one\nHint: Give the path when netmap is first opened",
    );
  }
  return library;
}

function search({ path }: LibraryOptions, tried: string[]): NativeLibrary | undefined {
  requireFfi();
  if (path !== undefined) return open(path);
  tried.push("option `library`: not given");
  const named = environment("VALET_LIB", tried);
  if (named !== undefined) return open(named, "VALET_LIB=");
  const built = builtLibraryPath();
  if (built === undefined) {
    tried.push(`local build: the modules come from ${new URL("..", import.meta.url)}`);
    return undefined;
  }
  try {
    return open(built);
  } catch (error) {
    if (!isMissing(error)) throw error;
    tried.push(`local build: there is no ${built}`);
  }
  return build(tried);
}

function build(tried: string[]): NativeLibrary | undefined {
  if (Deno.permissions.querySync({ name: "run", command: "make" }).state !== "granted") {
    tried.push("building it: that needs --allow-run=make, or `deno task build` beforehand");
    return undefined;
  }
  let path: string;
  try {
    path = buildLibrary();
  } catch (error) {
    tried.push(`building it: ${messageOf(error).replaceAll("\n", "\n    ")}`);
    return undefined;
  }
  return open(path);
}

function configuredDownload(
  { download }: LibraryOptions,
  tried: string[],
): LibraryDownload | undefined {
  if (download !== undefined) return download;
  const url = environment("VALET_LIB_URL", tried);
  if (url === undefined) return undefined;
  const sha256 = environment("VALET_LIB_SHA256", tried);
  if (sha256 === undefined) {
    tried.push("download: VALET_LIB_SHA256 has to say the file's checksum");
    return undefined;
  }
  return { url, sha256 };
}

/** One prompt for all of FFI instead of one that allows a single file, which is not enough. */
function requireFfi(): void {
  if (Deno.permissions.requestSync({ name: "ffi" }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    "Cannot load the valet library: it requires ffi access\n" +
      "Hint: Run again with --allow-ffi, without a path behind it",
  );
}

/** An environment variable. It is read through the C library where --allow-env is not given. */
function environment(name: string, tried: string[]): string | undefined {
  let value: string | undefined;
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  if (state === "denied") {
    tried.push(`${name}: reading it is denied`);
    return undefined;
  }
  if (state === "granted") {
    value = Deno.env.get(name);
  } else {
    const libc = Deno.dlopen(Deno.build.os === "linux" ? "libc.so.6" : "", {
      getenv: { parameters: ["buffer"], result: "pointer" },
    });
    try {
      const text = libc.symbols.getenv(new TextEncoder().encode(`${name}\0`));
      if (text !== null) value = Deno.UnsafePointerView.getCString(text);
    } finally {
      libc.close();
    }
  }
  if (value === undefined || value === "") {
    tried.push(`${name}: not set`);
    return undefined;
  }
  return value;
}

/** Loads a file and checks that it is ours. */
function open(path: string, from = ""): NativeLibrary {
  const { control, packets } = SYMBOL_GROUPS;
  const entries = Object.fromEntries(
    Object.keys(control).map((name) => [name, { type: "pointer" } as const]),
  ) as Record<keyof typeof control, { type: "pointer" }>;
  const library = load(path, { ...packets, ...entries }, from);
  const functions: NativeFunctions = Object.create(onDemand(path));
  for (const [name, found] of Object.entries(library.symbols)) {
    const definition = control[name as keyof typeof control];
    define(functions, name, definition ? callable(found as Deno.PointerValue, definition) : found);
  }
  const abi = functions.valet_abi();
  if (abi !== ABI) {
    library.close();
    throw new Error(
      `Cannot load the valet library ${from}"${path}": it has ABI ${abi}, these modules need ${ABI}` +
        "\nHint: Build it again: deno task build",
    );
  }
  return { path, functions };
}

/** A function at an address, for which no code is compiled. */
function callable(
  entry: Deno.PointerValue,
  definition: Deno.ForeignFunction,
): (...values: never[]) => unknown {
  const target = new Deno.UnsafeFnPointer(entry as Deno.PointerObject<never>, definition);
  return (...values) => target.call(...values);
}

/** Adds a function; not by an assignment, which would ask what stands behind. */
function define(functions: object, name: string, value: unknown): void {
  Object.defineProperty(functions, name, { value, enumerable: true });
}

/** Makes functions of a file ready. It is loaded once, however often this is called. */
function load<Symbols extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: Symbols,
  from = "",
): Deno.DynamicLibrary<Symbols> {
  try {
    return Deno.dlopen(path, symbols);
  } catch (cause) {
    throw new Error(
      `Cannot load the valet library ${from}"${path}": ${messageOf(cause)}\nHint: ` +
        (isMissing(cause)
          ? "Build it: deno task build"
          : "Build it again for this machine and version: deno task build"),
      { cause },
    );
  }
}

/**
 * What stands behind the functions that are ready: whoever reads the name of another one makes its group
 * ready. From then on these are properties of the object in front, which V8 calls directly.
 */
function onDemand(path: string): object {
  return new Proxy({}, {
    get(target, name, functions): unknown {
      const group = Object.values(SYMBOL_GROUPS).find((symbols) => Object.hasOwn(symbols, name));
      if (group === undefined) return Reflect.get(target, name);
      const { symbols } = load(path, group as Deno.ForeignLibraryInterface);
      for (const [name, value] of Object.entries(symbols)) define(functions, name, value);
      return Reflect.get(functions, name);
    },
  });
}

function isMissing(error: unknown): boolean {
  return /No such file or directory/.test(messageOf(error));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fail(tried: string[]): never {
  throw new Error(
    `Cannot load the valet library: it was not found. Tried:\n${
      tried.map((line) => `  - ${line}`).join("\n")
    }\nHint: In a checkout, run "deno task build"; it needs gcc and make ("apt-get install gcc make"). ` +
      "Elsewhere, name a built libvalet.so with VALET_LIB, or a place to download it from: " +
      "await Netmap.prepare({ download: { url, sha256 } })",
  );
}
