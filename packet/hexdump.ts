/** Options of {@linkcode hexdump}. */
export interface HexdumpOptions {
  /** The number of the first byte in the left column, 0 by default. */
  offset?: number;
}

/**
 * Bytes as `hexdump -C` prints them: position, 16 bytes in hexadecimal, printable ASCII. Without a
 * newline at the end; Wireshark's `text2pcap` reads it.
 *
 * @throws {RangeError} when the offset is not a whole number from 0 to 2^32 - 1.
 * @example
 * ```ts
 * import { hexdump } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   hexdump(new TextEncoder().encode("VALE\n"), { offset: 0x40 }),
 *   "00000040  56 41 4c 45 0a                                    |VALE.|",
 * );
 * ```
 */
export function hexdump(bytes: Uint8Array, options: HexdumpOptions = {}): string {
  const { offset = 0 } = options;
  if (offset >>> 0 !== offset) {
    throw new RangeError(`Cannot number bytes from ${offset}: expected 0 to 2^32 - 1`);
  }
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += 16) {
    let hex = "", text = "";
    for (let i = 0; i < 16; i++) {
      const byte = bytes[start + i];
      if (i === 8) hex += " ";
      hex += byte === undefined ? "   " : " " + byte.toString(16).padStart(2, "0");
      if (byte !== undefined) {
        text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
      }
    }
    const position = (offset + start).toString(16).padStart(8, "0");
    lines.push(`${position} ${hex}  |${text}|`);
  }
  return lines.join("\n");
}
