/**
 * What callers of a port hand over, checked.
 *
 * @module
 */

import { checkInteger, show } from "./errors.ts";
import type { Sendable, SendOptions } from "./send.ts";

/** How many packets are asked for. */
export function countOf(options: SendOptions | undefined): number {
  return checkInteger("count", options?.count ?? 1, 0, Number.MAX_SAFE_INTEGER);
}

/** Checks the most packets of a loop. */
export function checkLimit(limit: number): void {
  if (limit !== Infinity) checkInteger("limit", limit, 0, Number.MAX_SAFE_INTEGER);
}

/** Whether it is one packet or template, not several. */
export function isSendable(packets: unknown): packets is Sendable {
  return typeof packets === "object" && packets !== null &&
    (packets instanceof Uint8Array || !(Symbol.iterator in packets));
}

/** Checks that it is several packets. */
export function checkIterable(packets: unknown): void {
  const iterable = typeof packets === "object" && packets !== null && Symbol.iterator in packets &&
    !(packets instanceof Uint8Array);
  if (iterable) return;
  throw new TypeError(
    `Cannot send ${show(packets)}: expected several packets, such as an array of Uint8Array`,
  );
}
