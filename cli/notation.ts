/**
 * Reads Cliffy's notation of options and arguments, for who is not Cliffy.
 *
 * Pure.
 *
 * @module
 */

import type { CommandSpec, OptionSpec } from "./table.ts";

/** Types of values. */
export type ValueType = "string" | "number" | "integer" | "boolean" | "file";

const TYPES: readonly string[] = ["string", "number", "integer", "boolean", "file"];

/** "<name:type>", "[name:type]", with "..." behind the name if there may be several. */
export interface ValueNotation {
  /** "port". */
  readonly name: string;
  readonly type: ValueType;
  /** Has to be given: "<...>". */
  readonly required: boolean;
  /** May be given several times. */
  readonly variadic: boolean;
}

/** The flags of an option, taken apart. */
export interface FlagsNotation {
  /** "i" of "-i, --interface <port:string>". */
  readonly short: string | undefined;
  /** "interface"; of "--no-check" it is "no-check". */
  readonly long: string | undefined;
  /** "interface": the option's key in what the action gets. */
  readonly key: string;
  /** Its value; undefined for a switch. */
  readonly value: ValueNotation | undefined;
}

const VALUE = /^([<[])([A-Za-z][\w-]*)(\.\.\.)?(?::([a-z]+))?([>\]])$/;

/**
 * Reads "<bridge:string>" or "[command...:string]".
 *
 * @throws {SyntaxError} if the table has a mistake
 */
export function parseValue(text: string): ValueNotation {
  const [, open, name, dots, type = "string", close] = VALUE.exec(text) ?? [];
  if (name === undefined || (open === "<") !== (close === ">")) {
    throw new SyntaxError(`Cannot read "${text}" in the command table: it is no "<name:type>"`);
  }
  if (!TYPES.includes(type)) {
    throw new SyntaxError(`Cannot read "${text}" in the command table: no type is "${type}"`);
  }
  return {
    name,
    type: type as ValueType,
    required: open === "<",
    variadic: dots !== undefined,
  };
}

/** Reads "<bridge:string> [file:file]". */
export function parseArguments(text: string | undefined): ValueNotation[] {
  return text === undefined || text === "" ? [] : text.split(" ").map(parseValue);
}

/** Reads "-i, --interface <port:string>". */
export function parseFlags({ flags }: OptionSpec): FlagsNotation {
  const match = /^(?:-(\w))?(?:, )?(?:--([a-z][a-z0-9-]*))?(?: (\S+))?$/.exec(flags);
  const [, short, long, value] = match ?? [];
  const name = long ?? short;
  if (match === null || name === undefined) {
    throw new SyntaxError(`Cannot read the flags "${flags}" in the command table`);
  }
  return {
    short,
    long,
    key: camelCase(name.replace(/^no-/, "")),
    value: value === undefined ? undefined : parseValue(value),
  };
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The option string of getopt(3): "d:a:v". */
export function getoptString({ options = [] }: CommandSpec): string {
  return options.map((option) => {
    const { short, value } = parseFlags(option);
    return short === undefined ? "" : short + (value === undefined ? "" : ":");
  }).join("");
}
