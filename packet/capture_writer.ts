import type { CaptureRecord } from "./captured_packet.ts";
import { PcapWriter, type PcapWriterOptions } from "./pcap_writer.ts";
import { PcapngWriter, type PcapngWriterOptions } from "./pcapng_writer.ts";

/** Options of {@linkcode writeCapture}: the format and the options of its writer. */
export type CaptureWriterOptions =
  | ({ /** The classic format, the default. */ format?: "pcap" } & PcapWriterOptions)
  | ({ /** The newer format. */ format: "pcapng" } & PcapngWriterOptions);

/** Options of {@linkcode CaptureEncoderStream}. */
export type CaptureEncoderOptions = CaptureWriterOptions & {
  /** How many bytes to collect before a chunk is passed on, 65536 by default; 1 for no delay. */
  chunkBytes?: number;
};

/**
 * A whole capture file in memory.
 *
 * @throws {RangeError} when a packet or an option is out of range.
 * @example
 * ```ts
 * import { PacketTemplate, readCapture, writeCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const template = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" });
 * const file = writeCapture([...template.packets(3)].map((data, seconds) => ({ data, seconds })));
 * assert.equal([...readCapture(file)].length, 3);
 * // Deno.writeFileSync("three.pcap", file);
 * ```
 */
export function writeCapture(
  records: Iterable<CaptureRecord>,
  options: CaptureWriterOptions = {},
): Uint8Array<ArrayBuffer> {
  const writer = captureWriter(options);
  for (const record of records) writer.write(record);
  return writer.take();
}

/**
 * Turns packets into the bytes of a capture file, to be piped into a file or a socket.
 *
 * @example
 * ```ts
 * import { CaptureEncoderStream, readCaptureStream } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const packets = ReadableStream.from([{ data: new Uint8Array(60), seconds: 3 }]);
 * const bytes = packets.pipeThrough(new CaptureEncoderStream({ format: "pcapng" }));
 * // await bytes.pipeTo((await Deno.create("capture.pcapng")).writable);
 * for await (const packet of readCaptureStream(bytes)) assert.equal(packet.seconds, 3);
 * ```
 */
export class CaptureEncoderStream extends TransformStream<CaptureRecord, Uint8Array> {
  /**
   * An encoder for one file.
   *
   * @throws {RangeError} when an option is out of range.
   */
  constructor(options: CaptureEncoderOptions = {}) {
    const { chunkBytes = 65536 } = options;
    const writer = captureWriter(options);
    super({
      transform(record, controller): void {
        writer.write(record);
        if (writer.pendingBytes >= chunkBytes) controller.enqueue(writer.take());
      },
      flush(controller): void {
        if (writer.pendingBytes > 0) controller.enqueue(writer.take());
      },
    });
  }
}

function captureWriter(options: CaptureWriterOptions): PcapWriter | PcapngWriter {
  return options.format === "pcapng" ? new PcapngWriter(options) : new PcapWriter(options);
}
