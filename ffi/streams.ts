/**
 * A port as Web Streams of frames.
 *
 * @module
 */

import type { Port } from "./port.ts";

/** Frames that a stream reads ahead. */
const READ_AHEAD = 64;

/** Received frames, one copy a chunk. Ends when the port is closed. */
export function readableFrames(port: Port): ReadableStream<Uint8Array<ArrayBuffer>> {
  const cancelled = new AbortController();
  let waiting: Promise<boolean> | undefined;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      try {
        if (port.closed) return controller.close();
        waiting = port.wait({ signal: cancelled.signal });
        if (!await waiting) return controller.close();
        const limit = Math.max(1, controller.desiredSize ?? 1);
        for (const packet of port.receive({ limit, sync: false })) {
          controller.enqueue(packet.copy());
        }
      } catch (error) {
        if (!cancelled.signal.aborted) throw error;
      }
    },
    async cancel(): Promise<void> {
      cancelled.abort();
      await waiting?.catch(() => {}); // so that nothing of ours is under way any more
    },
  }, { highWaterMark: READ_AHEAD });
}

/** Sends each chunk as a frame, waiting for room. */
export function writableFrames(port: Port): WritableStream<Uint8Array> {
  const aborted = new AbortController();
  return new WritableStream<Uint8Array>({
    start(controller): void {
      controller.signal.addEventListener("abort", () => aborted.abort(controller.signal.reason));
    },
    async write(frame): Promise<void> {
      if (port.send(frame)) return;
      await port.sendAll(frame, { signal: aborted.signal });
    },
  });
}
