/**
 * Receiving batch by batch, with waiting in between.
 *
 * @module
 */

import { type Descriptor, POLLIN } from "./descriptor.ts";
import type { ReceiveLoop, Receiver } from "./receive.ts";
import { turn, waitFor, type WaitOptions } from "./wait.ts";

/** Options of `port.batches()`. */
export interface BatchesOptions extends Pick<WaitOptions, "signal"> {
  /** Most packets in a batch. Default: all that are there. */
  limit?: number | undefined;
  /** How long to wait for a batch, in milliseconds; then the loop ends. Default: for ever. */
  timeoutMs?: number | undefined;
}

/**
 * How long batches may follow each other without a turn of the event loop, which takes 15 us: as long as a
 * thousand packets.
 */
const TURN_MS = 1;

/** See `port.batches()`. */
export async function* receiveBatches(
  descriptor: Descriptor,
  receiver: Receiver,
  { signal, limit = Infinity, timeoutMs }: BatchesOptions,
): AsyncGenerator<ReceiveLoop, void, void> {
  let turned = performance.now(), isReady = false;
  while (true) {
    if (!isReady && !await waitFor(descriptor, { signal, timeoutMs })) return;
    const batch = receiver.begin(limit);
    try {
      yield batch;
      batch.drain();
    } finally {
      batch.end();
    }
    if (performance.now() - turned >= TURN_MS) {
      await turn();
      turned = performance.now();
    }
    if (descriptor.closed) return;
    signal?.throwIfAborted();
    isReady = (descriptor.poll(POLLIN, 0) & POLLIN) !== 0; // without a promise
  }
}
