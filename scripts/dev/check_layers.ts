/**
 * Checks the layering rule of docs/design.md: every dependency points down the tree, packets never pass through
 * control code, raw memory is touched at the bottom only, and no file outgrows its job.
 *
 *     deno run --allow-read scripts/dev/check_layers.ts
 *
 * @module
 */

import { dirname, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

/** Where a folder's files may import from: prefixes of paths below the root, or exact names. */
interface Layer {
  readonly files: RegExp;
  readonly uses: readonly string[];
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const TYPESCRIPT: readonly Layer[] = [
  { files: /^mod\.ts$/, uses: ["ffi/", "packet/"] },
  { files: /^packet\//, uses: ["packet/", "node:"] },
  { files: /^ffi\//, uses: ["ffi/", "packet/", "node:"] },
  { files: /^hook\//, uses: ["hook/", "ffi/", "packet/", "node:"] },
  // A browser runs these: they know nothing else
  { files: /^cli\/view\/page\//, uses: ["cli/view/", "packet/format.ts"] },
  // The front ends, each on one library
  {
    files: /^cli\/commander\.ts$/,
    uses: ["cli/", "mod.ts", "packet/mod.ts", "node:", "commander"],
  },
  { files: /^cli\/cliffy\.ts$/, uses: ["cli/", "mod.ts", "packet/mod.ts", "node:", "@cliffy/"] },
  { files: /^cli\//, uses: ["cli/", "mod.ts", "hook/mod.ts", "packet/mod.ts", "node:"] },
  // The plotting library, for experiments and `bench --plot` only
  {
    files: /^scripts\/experiments\/kit\/plot\.ts$/,
    uses: ["scripts/experiments/kit/", "node:", "vega", "vega-lite"],
  },
  {
    files: /^scripts\/experiments\//,
    uses: ["scripts/", "mod.ts", "hook/mod.ts", "packet/mod.ts", "node:"]
      .concat(["bench/statistics.ts", "cli/daemon/start.ts"]),
  },
  { files: /^scripts\/dev\//, uses: ["scripts/", "ffi/", "mod.ts", "packet/mod.ts", "node:"] },
  { files: /^scripts\//, uses: ["scripts/", "mod.ts", "hook/mod.ts", "packet/mod.ts", "node:"] },
];

/** The only files that touch the library and raw memory. */
const RAW = /\bDeno\.(dlopen|UnsafePointer|UnsafePointerView|UnsafeCallback|UnsafeFnPointer)\b/;
const RAW_FILES =
  /^ffi\/(library|lookup|region|table_engine)\.ts$|^hook\/load\.ts$|^cli\/(capture\/libpcap|daemon\/end_with_parent)\.ts$|^tests\/|^bench\/|^scripts\/dev\//;

const C: readonly Layer[] = [
  { files: /^c\/uapi\//, uses: ["c/uapi/", "stdint.h", "stddef.h", "sys/time.h", "linux/"] },
  { files: /^c\/valet(_lookup)?\.h$/, uses: ["c/valet_lookup.h", "stdint.h"] },
  {
    // No system calls, no printing: what needs the system comes through host.h.
    files: /^c\/engine\//,
    uses: ["c/engine/", "c/uapi/", "c/valet_lookup.h", "c/inet_sum.h"].concat(
      [
        "ctype",
        "errno",
        "pthread",
        "sched",
        "stddef",
        "stdint",
        "stdio",
        "stdlib",
        "string",
        "time",
      ]
        .map((name) => `${name}.h`),
    ),
  },
  {
    files: /^c\/backend\//,
    uses: ["c/backend/", "c/engine/", "c/device/", "c/uapi/"]
      .concat(["c/valet.h", "c/wire.h", "c/message.h", "<"]),
  },
  {
    files: /^c\/serve\//,
    uses: ["c/serve/", "c/backend/", "c/engine/", "c/uapi/"]
      .concat(["c/valet.h", "c/wire.h", "c/message.h", "<"]),
  },
  { files: /^c\/device\//, uses: ["c/device/", "c/valet.h", "c/inet_sum.h", "<"] },
  { files: /^c\/[^/]+$/, uses: ["c/", "<"] },
];

/** Two backends must not know each other; only select.c knows them all. */
const BACKEND_NAMES = /\bbackend_(kernel|daemon|embedded)\b/;
/** The preload library is for the daemon alone. */
const KNOWS_BACKENDS = /^c\/backend\/(select\.c|backend\.h)$|^c\/serve\/preload/;
const PRINTING = /\b(printf|fprintf|puts|perror|exit|abort)\s*\(/;

const LINES = { ".ts": 400, ".c": 600, ".h": 600 } as const;

const faults: string[] = [];

function fault(file: string, line: number, text: string): void {
  faults.push(`${file}:${line}: ${text}`);
}

function* files(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) {
      if (!/^(\.|c\/build|docs\/api|node_modules)/.test(path)) yield* files(path);
    } else if (/\.(ts|c|h)$/.test(entry.name)) {
      yield path;
    }
  }
}

function allowed(layer: Layer, target: string): boolean {
  return layer.uses.some((prefix) => target === prefix || target.startsWith(prefix));
}

function checkTypeScript(file: string, lines: readonly string[]): void {
  const layer = TYPESCRIPT.find((layer) => layer.files.test(file));
  lines.forEach((line, index) => {
    const match = /^(?:import|export)\b[^"]*"([^"]+)";?$|^\} from "([^"]+)";?$/.exec(line);
    if (match !== null && layer !== undefined) {
      const specifier = match[1] ?? match[2];
      const target = specifier.startsWith(".") ? join(dirname(file), specifier) : specifier;
      if (!allowed(layer, target)) fault(file, index + 1, `may not import "${target}"`);
    }
    if (RAW.test(line) && !/^\s*(\*|\/\/)/.test(line) && !RAW_FILES.test(file)) {
      fault(file, index + 1, "touches raw memory, which only the bottom of ffi/ may");
    }
  });
}

function checkC(file: string, lines: readonly string[]): void {
  const layer = C.find((layer) => layer.files.test(file));
  lines.forEach((line, index) => {
    const match = /^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)/.exec(line);
    if (match !== null && layer !== undefined) {
      const own = match[1] !== undefined;
      const target = own ? join(dirname(file), match[1]) : match[2];
      if (!allowed(layer, target) && (own || !layer.uses.includes("<"))) {
        fault(file, index + 1, `may not include "${target}"`);
      }
    }
    if (PRINTING.test(line) && layer !== undefined) {
      fault(file, index + 1, "the library never prints and never exits");
    }
    if (
      BACKEND_NAMES.test(line) && layer !== undefined && !KNOWS_BACKENDS.test(file) &&
      !/^const struct backend /.test(line)
    ) fault(file, index + 1, "only select.c knows the backends");
  });
}

/** Every function of valet.h stands in ffi/symbols.ts and the other way round. */
function checkSymbols(): void {
  const header = Deno.readTextFileSync(join(ROOT, "c/valet.h"));
  const table = Deno.readTextFileSync(join(ROOT, "ffi/symbols.ts"));
  const declared = new Set(
    [...header.matchAll(/^VALET_API[^(]*?\b(valet_\w+)\(/gm)].map((m) => m[1]),
  );
  const listed = new Set([...table.matchAll(/^ {4}(valet_\w+): \{/gm)].map((m) => m[1]));
  // The same functions once more, on another thread
  for (const name of listed) if (name.endsWith("_async")) listed.delete(name);
  for (const name of declared) {
    if (!listed.has(name)) fault("ffi/symbols.ts", 1, `lacks ${name}() of c/valet.h`);
  }
  for (const name of listed) {
    if (!declared.has(name)) fault("ffi/symbols.ts", 1, `${name} is not in c/valet.h`);
  }
}

for (const file of files(".")) {
  const path = relative(".", file);
  const lines = Deno.readTextFileSync(join(ROOT, path)).split("\n");
  if (path.endsWith(".ts")) checkTypeScript(path, lines);
  else checkC(path, lines);
  const limit = LINES[path.slice(path.lastIndexOf(".")) as keyof typeof LINES];
  if (lines.length - 1 > limit && !path.startsWith("tests/")) {
    fault(path, limit, `has ${lines.length - 1} lines, more than ${limit}: split it`);
  }
}
checkSymbols();

if (faults.length > 0) {
  Deno.stderr.writeSync(new TextEncoder().encode(faults.join("\n") + "\n"));
  Deno.exit(1);
}
