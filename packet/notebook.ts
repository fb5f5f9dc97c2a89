/**
 * How packets look in a Jupyter notebook.
 *
 * @module
 */

import { hexdump } from "./hexdump.ts";

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character]);
}

/** A packet as a line, below which its bytes open; by MIME type. */
export function notebookForm(line: string, bytes: Uint8Array): Record<string, string> {
  return {
    "text/plain": line,
    "text/html": `<details><summary><code>${escaped(line)}</code></summary>` +
      `<pre>${escaped(hexdump(bytes))}</pre></details>`,
  };
}
