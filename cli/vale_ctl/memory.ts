/**
 * The value of vale-ctl's -m: a memory region, by its number or as that of a port.
 *
 * @module
 */

import type { Netmap } from "../../mod.ts";
import { UsageError } from "../context.ts";

/**
 * Checks the value, and returns what finds the region's number.
 *
 * @param text "2", "netmap:vi0", "vale0:a"; undefined: a region of its own
 * @throws {UsageError} if it is neither
 */
export function planMemory(text: string | undefined): (netmap: Netmap) => number | undefined {
  if (text === undefined) return () => undefined;
  if (/^\d/.test(text)) {
    if (!/^\d+$/.test(text)) throw new UsageError(`Cannot use "${text}" with -m: it is no number`);
    return () => Number(text);
  }
  if (!/^(netmap|vale\w*):/.test(text)) {
    throw new UsageError(
      `${text}: invalid request, prefix unknown or missing\n` +
        `Hint: -m takes a number, or a port like "netmap:${text}"`,
    );
  }
  const name = text.replace(/^netmap:/, "");
  return (netmap) => {
    // Asking for the info of a persistent port that is attached would spoil it
    const found = isAttachedToKernel(netmap, name) ? netmap.poolsInfo(name) : netmap.portInfo(text);
    return found.memoryId;
  };
}

/**
 * It is a port of a bridge of netmap's module. If it is persistent, it cannot be detached once it was
 * asked for its info (netmap's issue 882).
 */
export function isAttachedToKernel(netmap: Netmap, name: string): boolean {
  return netmap.backend === "kernel" &&
    netmap.ports().some((port) => port.name === name || port.interface === name);
}
