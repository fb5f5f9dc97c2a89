/**
 * Lines between the daemon and the process of a hook.
 *
 * @module
 */

/** Begins a line that is an event, as in JSON text sequences (RFC 7464). */
export const RECORD: string = String.fromCharCode(0x1e);

/** Calls with each line of a stream, until that ends. */
export async function linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  each: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) each(line);
  }
  if (rest !== "") each(rest);
}
