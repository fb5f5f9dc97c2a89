/**
 * Waiting for whichever of several ports is ready first.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Port } from "../mod.ts";

/** What is waited for. */
export interface Awaited {
  /** The port. */
  readonly port: Port;
  /** Packets to read, or free slots to write. */
  readonly events: "read" | "write";
}

/**
 * Waits until one of the ports is ready; all have been synced then.
 *
 * @returns false when the time is up, or the signal has aborted
 * @throws {NetmapError} what `port.wait()` throws, but for the signal
 */
export async function waitAny(
  awaited: readonly Awaited[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return false;
  const ended = new AbortController();
  const end = (): void => ended.abort();
  signal.addEventListener("abort", end);
  const waits = awaited.map(({ port, events }) =>
    port.wait({ events, timeoutMs, signal: ended.signal })
  );
  try {
    return await Promise.race(waits);
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
    ended.abort();
    await Promise.allSettled(waits); // nobody else syncs the rings while packets are moved
  }
}

/** One turn of the event loop: signals and timers come in between. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
