/**
 * Receiving batch by batch, with waiting in between.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import type { ReceiveLoop, Receiver } from "./receive.ts";
import { turn, waitFor, type WaitOptions } from "./wait.ts";

/** Options of `port.batches()`. */
export interface BatchesOptions extends Pick<WaitOptions, "signal"> {
  /** Most packets in a batch. Default: all that are there. */
  limit?: number | undefined;
  /** How long to wait for a batch, in milliseconds; then the loop ends. Default: for ever. */
  timeoutMs?: number | undefined;
}

/** Batches that may follow each other without a turn of the event loop. */
const BATCHES_A_TURN = 4;

/** See `port.batches()`. */
export async function* receiveBatches(
  descriptor: Descriptor,
  receiver: Receiver,
  { signal, limit = Infinity, timeoutMs }: BatchesOptions,
): AsyncGenerator<ReceiveLoop, void, void> {
  for (let count = 1;; count++) {
    if (!await waitFor(descriptor, { signal, timeoutMs })) return;
    const batch = receiver.begin(limit);
    try {
      yield batch;
      batch.drain();
    } finally {
      batch.end();
    }
    if (count % BATCHES_A_TURN === 0) await turn();
    if (descriptor.closed) return;
  }
}
