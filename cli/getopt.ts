/**
 * getopt(3): options of one letter, as POSIX has them and netmap's programs use them.
 *
 * Letters may be in one argument (`-vWn100`), values may follow at once or in the next argument (`-n100`,
 * `-n 100`), `--` ends the options. As with glibc, options may also stand behind operands.
 * Source: POSIX.1-2024, Utility Syntax Guidelines; getopt(3).
 *
 * Pure.
 *
 * @module
 */

import { UsageError } from "./context.ts";

/** An option that was given. */
export interface GivenOption {
  /** Its letter. */
  readonly letter: string;
  /** Its value; "" for a switch. */
  readonly value: string;
}

/** What the arguments say. */
export interface Getopt {
  /** In the order in which they were given. */
  readonly options: readonly GivenOption[];
  /** What is no option. */
  readonly operands: readonly string[];
}

/**
 * Takes arguments apart.
 *
 * @param args without the program's name
 * @param letters the letters that exist, each followed by ":" if it takes a value: "d:a:v"
 * @throws {UsageError} with getopt(3)'s own words: "invalid option -- 'x'", "option requires an
 * argument -- 'n'"
 *
 * @example
 * ```ts
 * import { getopt } from "./getopt.ts";
 * import assert from "node:assert/strict";
 *
 * const { options } = getopt(["-vn100", "-f", "tx"], "vn:f:");
 * assert.deepEqual(options.map(({ letter, value }) => letter + value), ["v", "n100", "ftx"]);
 * ```
 */
export function getopt(args: readonly string[], letters: string): Getopt {
  const options: GivenOption[] = [];
  const operands: string[] = [];
  let at = 0;
  while (at < args.length) {
    const arg = args[at++];
    if (arg === "--") {
      operands.push(...args.slice(at));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      operands.push(arg);
      continue;
    }
    if (arg.startsWith("--")) throw longOption(arg, letters);
    const cluster = [...arg.slice(1)];
    for (let i = 0; i < cluster.length; i++) {
      const letter = cluster[i];
      const known = letter === ":" ? -1 : letters.indexOf(letter);
      if (known < 0) throw invalidOption(letter, letters);
      if (letters[known + 1] !== ":") {
        options.push({ letter, value: "" });
        continue;
      }
      const rest = cluster.slice(i + 1).join("");
      if (rest === "" && at === args.length) {
        throw new UsageError(`option requires an argument -- '${letter}'`);
      }
      options.push({ letter, value: rest === "" ? args[at++] : rest });
      break;
    }
  }
  return { options, operands };
}

function invalidOption(letter: string, letters: string): UsageError {
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  const hint = other !== letter && letters.includes(other) ? `\nHint: There is "-${other}"` : "";
  return new UsageError(`invalid option -- '${letter}'${hint}`);
}

function longOption(arg: string, letters: string): UsageError {
  const letter = arg[2];
  const hint = letters.includes(letter)
    ? `Options have one letter and one dash; there is "-${letter}"`
    : "Options have one letter and one dash";
  return new UsageError(`invalid option -- '${arg.slice(2)}'\nHint: ${hint}`);
}

/**
 * The value of an option that is a number.
 *
 * @param text undefined if the option was not given: then it is `fallback`
 * @throws {UsageError} if it is no whole number of that range
 */
export function wholeNumber(
  letter: string,
  text: string | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`-${letter}: '${text}' is not a whole number from ${min} to ${max}`);
}
