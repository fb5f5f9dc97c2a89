/**
 * Where the C headers for hooks are.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { BuildOptions } from "./build.ts";
import { contentHash, defaultCache, HookCache } from "./cache.ts";
import { HookBuildError } from "./errors.ts";

const FILES = ["valet_hook.h", "valet_lookup.h", "valet_table.h"] as const;

/**
 * The folder with `valet_hook.h`: `c/` beside these modules, or, where they came from a URL, a copy of it
 * beside the built hooks.
 */
export async function headersFolder({ cache }: BuildOptions): Promise<string> {
  const base = new URL("../c/", import.meta.url);
  if (base.protocol === "file:") return fileURLToPath(base);
  const texts = await Promise.all(FILES.map((name) => fetchText(new URL(name, base))));
  using kept = new HookCache(cache ?? defaultCache());
  const folder = join(kept.folder, `include-${contentHash(texts)}`);
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  FILES.forEach((name, i) => Deno.writeTextFileSync(join(folder, name), texts[i]));
  return folder;
}

async function fetchText(url: URL): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new HookBuildError(`Cannot build a hook: ${url} cannot be fetched`, { cause });
  }
  if (response.ok) return await response.text();
  await response.body?.cancel();
  throw new HookBuildError(`Cannot build a hook: ${url} answers ${response.status}`);
}
