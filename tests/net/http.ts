/**
 * An HTTP server and its clients for tests, each in a namespace of its own:
 *
 *     http.ts serve ADDRESS MEGABYTES       prints what it serves: the SHA-256 of the body
 *     http.ts fetch ADDRESS CONNECTIONS     so many at the same time; prints the SHA-256 of each
 *
 * @module
 */

import { createHash } from "node:crypto";
import process from "node:process";

const [what, hostname, count] = Deno.args;
const PORT = 8080;

/** The same bytes each time, with no period that a lost or doubled frame could hide in. */
function* body(megabytes: number): Generator<Uint8Array<ArrayBuffer>> {
  let state = 1;
  for (let left = Math.round(megabytes * 0x4_0000); left > 0; left -= 0x4_0000) {
    const words = new Uint32Array(Math.min(left, 0x4_0000));
    for (let k = 0; k < words.length; k++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[k] = state;
    }
    yield new Uint8Array(words.buffer);
  }
}

if (what === "serve") {
  const hash = createHash("sha256"), chunks: Uint8Array<ArrayBuffer>[] = [];
  for (const chunk of body(Number(count))) {
    hash.update(chunk);
    chunks.push(chunk);
  }
  const digest = hash.digest("hex");
  Deno.serve({
    hostname,
    port: PORT,
    onListen: () => void process.stdout.write(`${digest}\n`),
  }, () => new Response(new Blob(chunks)));
} else {
  const digests = await Promise.all(Array.from({ length: Number(count) }, async () => {
    const response = await fetch(`http://${hostname}:${PORT}/`, {
      headers: { connection: "close" },
    });
    const hash = createHash("sha256");
    for await (const chunk of response.body!) hash.update(chunk);
    return hash.digest("hex");
  }));
  process.stdout.write(digests.join("\n") + "\n");
}
