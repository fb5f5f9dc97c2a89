/**
 * Finds a function in the file that it was written in. Its own text has no types and other white space, so
 * it is compared token by token: all of its tokens are in the file, in their order, with types between them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Position } from "./ir.ts";
import { positionAt } from "./errors.ts";

/** Most tokens between two: a type. */
const GAP_MAX = 60;
const TOKEN =
  /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|[\w$]+|=>|[^\s\w]/g;
const HOOK_FOLDER = new URL("./", import.meta.url).href;

/** A place in a file. */
export interface FilePosition extends Position {
  /** URL of the file. */
  readonly file: string;
}

interface Token {
  readonly text: string;
  readonly offset: number;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const isLeft = token === ";" || token.startsWith("//") || token.startsWith("/*");
    const isText = token.length > 1 && /^["']/.test(token);
    if (!isLeft) found.push({ text: isText ? `"${token.slice(1, -1)}"` : token, offset: index });
  }
  return found;
}

/** For each token its number among all tokens, from `start` on; undefined if they are not there. */
function aligned(
  wanted: readonly Token[],
  all: readonly Token[],
  start: number,
): number[] | undefined {
  const places: number[] = [];
  let at = start;
  for (const { text } of wanted) {
    const end = Math.min(all.length, at + GAP_MAX);
    while (at < end && all[at].text !== text) at++;
    if (at >= end) return undefined;
    places.push(at++);
  }
  return places;
}

/** Finds where in a file's text the tokens are, if there is one best place. */
function bestPlace(wanted: readonly Token[], all: readonly Token[]): number[] | undefined {
  let best: number[] | undefined, isOnly = false;
  const span = (places: readonly number[]): number => places[places.length - 1] - places[0];
  for (let start = 0; start < all.length; start++) {
    if (all[start].text !== wanted[0].text) continue;
    const places = aligned(wanted, all, start);
    if (places === undefined) continue;
    if (best !== undefined && span(places) === span(best)) isOnly = false;
    else if (best === undefined || span(places) < span(best)) [best, isOnly] = [places, true];
  }
  return isOnly ? best : undefined;
}

/** The files of the calls that have led here, but those of this folder, nearest first. */
export function callingFiles(): string[] {
  const { stack = "" } = new Error();
  const files = [...stack.matchAll(/file:\/\/[^\s()]+?(?=:\d+:\d+)/g)].map(([file]) => file);
  return [...new Set(files)].filter((file) => !file.startsWith(HOOK_FOLDER));
}

/** The file's text; undefined if it cannot be read without asking somebody. */
function textOf(file: string): string | undefined {
  try {
    const path = fileURLToPath(file);
    const { state } = Deno.permissions.querySync({ name: "read", path });
    return state === "granted" ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where a place in a function's text is in the file.
 *
 * @param source the function's text
 * @param files where it may be
 * @returns undefined if it is in none of them, or in several places of one
 */
export function placeInFile(
  source: string,
  position: Position,
  files: readonly string[],
): FilePosition | undefined {
  const wanted = tokens(source);
  if (wanted.length === 0) return undefined;
  const offset = offsetOf(source, position);
  const index = Math.max(0, wanted.findLastIndex((token) => token.offset <= offset));
  for (const file of files) {
    const text = textOf(file);
    if (text === undefined) continue;
    const all = tokens(text);
    const places = bestPlace(wanted, all);
    if (places !== undefined) return { file, ...positionAt(text, all[places[index]].offset) };
  }
  return undefined;
}

function offsetOf(source: string, { line, column }: Position): number {
  let start = 0;
  for (let i = 1; i < line; i++) start = source.indexOf("\n", start) + 1;
  return start + column - 1;
}
