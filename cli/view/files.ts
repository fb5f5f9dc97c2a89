/**
 * The files of the page of `valet view`, as browsers take them: TypeScript without its types.
 *
 * @module
 */

import { stripTypeScriptTypes } from "node:module";

/** A file of the page. */
export interface PageFile {
  /** "text/html; charset=utf-8" */
  readonly type: string;
  /** What is in it. */
  readonly text: string;
}

const ROOT = new URL("../../", import.meta.url);

/** Below the token, where imports between them expect them; "" is the page itself. */
const PATHS: Readonly<Record<string, string>> = {
  "": "cli/view/page/page.html",
  "cli/view/page/page.css": "cli/view/page/page.css",
  "cli/view/page/icon.svg": "cli/view/page/icon.svg",
  "cli/view/page/page.ts": "cli/view/page/page.ts",
  "cli/view/page/bridge.ts": "cli/view/page/bridge.ts",
  "cli/view/page/details.ts": "cli/view/page/details.ts",
  "cli/view/page/element.ts": "cli/view/page/element.ts",
  "cli/view/page/port.ts": "cli/view/page/port.ts",
  "cli/view/page/sparkline.ts": "cli/view/page/sparkline.ts",
  "packet/format.ts": "packet/format.ts",
};

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  ts: "text/javascript; charset=utf-8",
};

/**
 * Reads all of them.
 *
 * @throws {Deno.errors.NotFound} if the checkout is not complete
 */
export function readPageFiles(): Map<string, PageFile> {
  return new Map(
    Object.entries(PATHS).map(([path, file]) => {
      const text = Deno.readTextFileSync(new URL(file, ROOT));
      const extension = file.slice(file.lastIndexOf(".") + 1);
      const isScript = extension === "ts";
      return [path, { type: TYPES[extension], text: isScript ? stripTypeScriptTypes(text) : text }];
    }),
  );
}
