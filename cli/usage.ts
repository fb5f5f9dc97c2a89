/**
 * The help of programs with getopt(3)'s options, made from the command table. (That of the others is
 * made by the front ends.)
 *
 * Pure.
 *
 * @module
 */

import { parseArguments, parseFlags, type ValueNotation } from "./notation.ts";
import type { CommandSpec } from "./table.ts";

/** How a value is shown: "<port>", "[files...]". */
export function showValue({ name, required, variadic }: ValueNotation): string {
  const text = name + (variadic ? "..." : "");
  return required ? `<${text}>` : `[${text}]`;
}

/**
 * The line that says how the command is written, without "Usage: ".
 *
 * @param path how it is called: "valet ports", "vale-ctl"
 */
export function usageLine(spec: CommandSpec, path: string = spec.name): string {
  const rest = spec.usage ?? [
    ...(spec.options === undefined || spec.options.length === 0 ? [] : ["[options]"]),
    ...(spec.commands === undefined ? [] : [spec.action === undefined ? "<command>" : "[command]"]),
    ...parseArguments(spec.arguments).map(showValue),
  ].join(" ");
  return `${path} ${rest}`.trimEnd();
}

/** All of the help. */
export function helpText(spec: CommandSpec): string {
  const rows = (spec.options ?? []).filter((option) => !option.hidden).map((option) => {
    const { short, long, value } = parseFlags(option);
    const flags = [short === undefined ? "" : `-${short}`, long === undefined ? "" : `--${long}`]
      .filter((text) => text !== "").join(", ");
    const shown = value === undefined ? flags : `${flags} ${showValue(value)}`;
    const fallback = option.default === undefined ? "" : ` (default: ${option.default})`;
    return [shown, option.description + fallback] as const;
  });
  const width = Math.max(0, ...rows.map(([flags]) => flags.length)) + 2;
  const lines = [`Usage: ${usageLine(spec)}`, "", spec.description];
  if (rows.length > 0) lines.push("", "Options:");
  for (const [flags, description] of rows) {
    const [first, ...more] = description.split("\n");
    lines.push(`  ${flags.padEnd(width)}${first}`);
    lines.push(...more.map((line) => " ".repeat(width + 2) + line));
  }
  if (spec.examples !== undefined) lines.push("", "Examples:");
  for (const [title, line] of spec.examples ?? []) lines.push(`  ${title}:`, `    ${line}`);
  return lines.join("\n") + "\n";
}
