import { ByteQueue, CaptureError } from "./byte_queue.ts";
import type { CapturedPacket } from "./captured_packet.ts";
import { isPcap, PcapDecoder } from "./pcap_decoder.ts";
import { isPcapng, PcapngDecoder } from "./pcapng_decoder.ts";

type Decoder = PcapDecoder | PcapngDecoder;

/**
 * A capture file in memory; iterate over it for its packets, as often as you like.
 *
 * @example
 * ```ts
 * import { PacketTemplate, readCapture, writeCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const data = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" }).next();
 * const capture = readCapture(writeCapture([{ data, seconds: 5 }], { format: "pcapng" }));
 * assert.equal(capture.format, "pcapng");
 * for (const packet of capture) assert.deepEqual(packet.data, data);
 * ```
 */
export class CaptureReader implements Iterable<CapturedPacket> {
  /** What kind of file it is. */
  readonly format: "pcap" | "pcapng";
  #bytes: Uint8Array;

  /** Made by {@linkcode readCapture}. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const queue = new ByteQueue();
    queue.push(bytes);
    queue.isEnded = true;
    this.format = decoderFor(queue) instanceof PcapDecoder ? "pcap" : "pcapng";
  }

  /**
   * The packets in the order of the file.
   *
   * @throws {CaptureError} at the damage, after all packets before it.
   */
  *[Symbol.iterator](): Generator<CapturedPacket> {
    const queue = new ByteQueue();
    queue.push(this.#bytes);
    queue.isEnded = true;
    const decoder = decoderFor(queue);
    for (let packet = decoder?.next(); packet; packet = decoder?.next()) yield packet;
  }
}

/**
 * Reads a capture file, pcap or pcapng, whatever its byte order and the resolution of its time.
 * The packets are parts of `bytes`: nothing is copied.
 *
 * @throws {CaptureError} when it is neither.
 * @example
 * ```ts
 * import { readCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * // A file by hand: little-endian pcap, one packet of 2 bytes
 * const file = Uint8Array.fromHex(
 *   "d4c3b2a1020004000000000000000000ffff000001000000" +
 *     "01000000020000000200000002000000abcd",
 * );
 * const [packet] = readCapture(file);
 * assert.equal(packet.timestamp, 1_000_002_000n);
 * assert.equal(packet.data.toHex(), "abcd");
 * ```
 */
export function readCapture(bytes: Uint8Array): CaptureReader {
  return new CaptureReader(bytes);
}

/**
 * Reads a capture file while it arrives, for example from `Deno.open()` or `fetch()`. Leaving the
 * loop early cancels the stream.
 *
 * @throws {CaptureError} at the damage, after all packets before it.
 * @example
 * ```ts
 * import { readCaptureStream, writeCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const file = writeCapture([{ data: new Uint8Array(60), seconds: 7 }]);
 * const stream = ReadableStream.from([file.subarray(0, 30), file.subarray(30)]);
 * for await (const packet of readCaptureStream(stream)) assert.equal(packet.seconds, 7);
 * ```
 */
export async function* readCaptureStream(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<CapturedPacket> {
  const queue = new ByteQueue();
  const reader = stream.getReader();
  let decoder: Decoder | null = null;
  try {
    while (!queue.isEnded) {
      const { value, done } = await reader.read();
      if (done) queue.isEnded = true;
      else queue.push(value);
      decoder ??= decoderFor(queue);
      for (let packet = decoder?.next(); packet; packet = decoder?.next()) yield packet;
    }
  } finally {
    if (!queue.isEnded) await reader.cancel();
    reader.releaseLock();
  }
}

/** The decoder that the first four bytes ask for; null when they have not arrived. */
function decoderFor(queue: ByteQueue): Decoder | null {
  if (!queue.has(4, "the file header")) return null;
  const magic = queue.view.getUint32(queue.at);
  if (isPcap(magic)) return new PcapDecoder(queue);
  if (isPcapng(magic)) return new PcapngDecoder(queue);
  const hint = magic >>> 16 === 0x1f8b
    ? ' (it is compressed: pipe it through new DecompressionStream("gzip"))'
    : "";
  throw new CaptureError(
    `the file begins with 0x${magic.toString(16).padStart(8, "0")}, ` +
      `which is neither pcap nor pcapng${hint},`,
    queue.position,
  );
}
