/**
 * The tables of hooks in words.
 *
 * Pure.
 *
 * @module
 */

import type { HookTableStats } from "./daemon/hook_messages.ts";

/** "routes, 2 of 1024 values: 1: 2, 5: 0" */
export function formatHookTable(
  name: string,
  { kind, size, capacity, entries }: HookTableStats,
): string {
  const texts = entries.map(([key, value]) => `${[key].flat().join(" ")}: ${value}`);
  if (entries.length < size) texts.push("...");
  return `${name}, ${size} of ${capacity} ${kind}${size === 0 ? "" : `: ${texts.join(", ")}`}`;
}
