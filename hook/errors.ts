/**
 * The errors of hooks: outside of the subset, not parsed, not built.
 *
 * @module
 */

import type { Position } from "./ir.ts";
import type { FilePosition } from "./source_place.ts";

/** Where a position in a source is, as people count. */
export function positionAt(source: string, offset: number): Position {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (const character of before) if (character === "\n") line++;
  return { line, column: offset - lineStart + 1 };
}

/** A source's line with a mark under the column. */
export function excerpt(source: string, { line, column }: Position): string {
  const text = source.split("\n")[line - 1] ?? "";
  const number = `${line} | `;
  // Tabs stay, so that the mark stands where the text does
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, " ");
  return `  ${number}${text}\n  ${" ".repeat(number.length)}${indent}^`;
}

/** A line that says where something is, which terminals and editors take for a link. */
export function atPlace(place: FilePosition | undefined): string {
  return place === undefined ? "" : `  at ${place.file}:${place.line}:${place.column}\n`;
}

/**
 * A hook is not in the subset of TypeScript that can be compiled.
 *
 * `message` is made for people: the construct, its place, the line, and what to write instead. `line` and
 * `column` count within the function's own text, as the JavaScript engine has it (`fn.toString()`): the
 * types are gone and the first line is the one where the function begins. Where the function stands in a
 * file of the callers', or the one that `compile()` was told, and that may be read, `place` is there, and
 * the message names it.
 *
 * @example
 * ```ts
 * import { compile, HookSyntaxError } from "@valet/valet/hook";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(compile("(packet) => packet.port / 2"), (error) => {
 *   assert(error instanceof HookSyntaxError);
 *   assert.deepEqual([error.line, error.column, error.construct], [1, 13, "a division"]);
 *   assert.match(error.mend, /Math.floor/);
 *   return true;
 * });
 * ```
 */
export class HookSyntaxError extends SyntaxError {
  /** "HookSyntaxError". */
  override readonly name = "HookSyntaxError";
  /** The function's text. */
  readonly source: string;
  /** Why it cannot be. */
  readonly problem: string;
  /** Line of the function's text, from 1. */
  readonly line: number;
  /** Column, from 1, in UTF-16 units. */
  readonly column: number;
  /** What cannot be compiled, as "a division" or "`throw`". */
  readonly construct: string;
  /** What to write instead. */
  readonly mend: string;
  /** Where that is in the function's file: its URL, line and column; undefined if it was not found there. */
  readonly place: FilePosition | undefined;

  /**
   * Made by `compile()`.
   *
   * @param source the function's text
   * @param position where in it
   * @param construct what cannot be compiled, as it stands in "Cannot compile ..."
   * @param problem why not
   * @param mend what to write instead, a sentence without a full stop
   * @param place where that is in the function's file
   */
  constructor(
    source: string,
    position: Position,
    construct: string,
    problem: string,
    mend: string,
    place?: FilePosition,
  ) {
    super(
      `Cannot compile ${construct} (line ${position.line}, column ${position.column}): ${problem}\n` +
        `${excerpt(source, position)}\n${atPlace(place)}Hint: ${mend}`,
    );
    this.source = source;
    this.problem = problem;
    this.place = place;
    this.line = position.line;
    this.column = position.column;
    this.construct = construct;
    this.mend = mend;
  }
}

/**
 * A hook could not be built or loaded: no compiler, an error in C, a cache that cannot be used.
 *
 * @example
 * ```ts
 * import { HookBuildError, hookFromC } from "@valet/valet/hook";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(hookFromC({ source: "int oops" }), (error) => {
 *   assert(error instanceof HookBuildError);
 *   assert.match(error.output, /hook\.c:1:/);
 *   return true;
 * });
 * ```
 */
export class HookBuildError extends Error {
  /** "HookBuildError". */
  override readonly name = "HookBuildError";
  /** What the compiler wrote; empty if it did not run. */
  readonly output: string;

  /**
   * Made when building fails.
   *
   * @param problem what failed and why
   * @param options `output` of the compiler, a `hint`, and the `cause`
   */
  constructor(
    problem: string,
    { output = "", hint, cause }: {
      output?: string | undefined;
      hint?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(
      problem + (output === "" ? "" : `\n${output}`) +
        (hint === undefined ? "" : `\nHint: ${hint}`),
      cause === undefined ? undefined : { cause },
    );
    this.output = output;
  }
}
