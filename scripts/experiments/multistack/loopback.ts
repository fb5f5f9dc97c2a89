/**
 * The same tiny HTTP responder over Linux's TCP, through the loopback interface.
 *
 * @module
 */

import { bodyByte } from "../stack/http.ts";
import { type Estimate, estimate } from "../kit/mod.ts";

async function serve(listener: Deno.TcpListener, body: Uint8Array): Promise<void> {
  const buffer = new Uint8Array(1024);
  for await (const connection of listener) {
    // A request of ours fits into one read
    await connection.read(buffer);
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head));
    for (let at = 0; at < body.length;) at += await connection.write(body.subarray(at));
    connection.close();
  }
}

async function request(port: number, bytes: number): Promise<void> {
  const connection = await Deno.connect({ port });
  await connection.write(new TextEncoder().encode(`GET /${bytes} HTTP/1.1\r\nhost: x\r\n\r\n`));
  const buffer = new Uint8Array(65_536);
  let length = 0;
  for (let read; (read = await connection.read(buffer)) !== null;) length += read;
  connection.close();
  if (length < bytes) throw new Error(`${length} bytes came instead of ${bytes}`);
}

/** Requests a second, `connections` at the same time, each over a connection of its own. */
export async function measureLoopback(
  bytes: number,
  connections: number,
  { lengthMs, repetitions }: { lengthMs: number; repetitions: number },
): Promise<Estimate> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = serve(listener, Uint8Array.from({ length: bytes }, (_, at) => bodyByte(at)));
  const { port } = listener.addr;
  const rates: number[] = [];
  for (let i = 0; i <= repetitions; i++) {
    const start = performance.now();
    let requests = 0, elapsedMs = 0;
    while (elapsedMs < lengthMs) {
      await Promise.all(Array.from({ length: connections }, () => request(port, bytes)));
      requests += connections;
      elapsedMs = performance.now() - start;
    }
    if (i > 0) rates.push(requests / elapsedMs * 1000); // the first warms up
  }
  listener.close();
  await serving.catch(() => {});
  return estimate(rates);
}
