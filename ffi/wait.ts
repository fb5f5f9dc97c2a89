/**
 * Waiting that leaves the event loop free.
 *
 * @module
 */

import { type Descriptor, POLLERR, POLLIN, POLLOUT } from "./descriptor.ts";
import { NetmapError, show } from "./errors.ts";

/** Options of `port.wait()`. */
export interface WaitOptions {
  /** Ends the waiting: the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds. Default: for ever. */
  timeoutMs?: number | undefined;
  /** What for: packets to read, or free slots to write. Default: "read". */
  events?: "read" | "write" | undefined;
}

/** Turns of the event loop before waiting on another thread, which takes longer to come back. */
const TURNS = 3;

/** A waiting thread looks around at least so often, so that nothing can wait for ever. */
const SLICE_MS = 100;

/** Events of poll(2) that a word stands for. */
export function eventsOf(events: "read" | "write"): number {
  if (events === "read") return POLLIN;
  if (events === "write") return POLLOUT;
  throw new RangeError(`Cannot wait for ${show(events)}: expected "read" or "write"`);
}

/** One turn of the event loop: signals, timers and other promises come in between. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Waits until there is something to read, or room to write.
 *
 * @returns true when there is; false when the time is up or the descriptor was closed meanwhile
 * @throws {NetmapError} EIO if a ring was in a state that netmap does not accept
 */
export async function waitFor(
  descriptor: Descriptor,
  { signal, timeoutMs = Infinity, events = "read" }: WaitOptions = {},
): Promise<boolean> {
  const mask = eventsOf(events);
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
    throw new RangeError(`Cannot wait for ${show(timeoutMs)} ms: expected 0 or more`);
  }
  signal?.throwIfAborted();
  const deadline = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
  for (let i = 0;; i++) {
    if (isReady(descriptor, descriptor.poll(mask, 0), mask)) return true;
    if (i === TURNS || performance.now() >= deadline) break;
    await turn();
    signal?.throwIfAborted();
    if (descriptor.closed) return false;
  }
  const wake = (): void => descriptor.wake();
  signal?.addEventListener("abort", wake);
  try {
    while (true) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return false;
      const found = await descriptor.pollAsync(mask, Math.ceil(Math.min(leftMs, SLICE_MS)));
      signal?.throwIfAborted();
      if (descriptor.closed) return false;
      if (isReady(descriptor, found, mask)) return true;
    }
  } finally {
    signal?.removeEventListener("abort", wake);
  }
}

function isReady(descriptor: Descriptor, found: number, mask: number): boolean {
  if (found & mask) return true;
  if (found & POLLERR) {
    throw new NetmapError("poll", "EIO", { port: descriptor.name, backend: descriptor.backend });
  }
  return false;
}
