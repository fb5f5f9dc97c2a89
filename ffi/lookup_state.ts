/**
 * What this thread is doing about lookups in TypeScript: known to both the lookups and the calls
 * that set them off.
 *
 * @module
 */

import { NetmapError } from "./errors.ts";

/** How a lookup in TypeScript failed. */
export interface LookupFailure {
  /** Bridge that it belongs to. */
  bridge: string;
  /** What it threw. */
  error: unknown;
  /** One line about the packet that it was looking at. */
  packet: string;
}

/** The state of this thread. */
export const lookupState: {
  /** Lookups that are running now. */
  depth: number;
  /** Calls into the library that are running now. */
  calls: number;
  /** First failure during a call of this thread that has not been reported yet. */
  failure: LookupFailure | undefined;
  /** The same for a call of another thread: a Worker's, or one that waits for us. */
  foreignFailure: LookupFailure | undefined;
} = { depth: 0, calls: 0, failure: undefined, foreignFailure: undefined };

/** Takes a failure, so that it is reported once. */
export function takeLookupFailure(): LookupFailure | undefined {
  const failure = lookupState.failure ?? lookupState.foreignFailure;
  if (failure === lookupState.failure) lookupState.failure = undefined;
  else lookupState.foreignFailure = undefined;
  return failure;
}

/**
 * To be called before closing: the call that the lookup is in goes on after it, and needs the port.
 *
 * @throws {NetmapError} EDEADLK inside a lookup
 */
export function checkOutsideLookup(operation: string, port: string): void {
  if (lookupState.depth > 0) throw new NetmapError(operation, "EDEADLK", { port });
}
