/**
 * Packets that outlive their process: they are received into a file, and kept there without a copy. A
 * process does so until it is killed in the middle of it; this one then opens the file and looks
 * whether all is there that was reported as kept.
 *
 *     deno run --allow-ffi --allow-run --allow-read --allow-write scripts/persistent_packets.ts [FILE]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { fileURLToPath } from "node:url";
import { increment, Netmap, PacketStore, PacketTemplate, summary } from "../mod.ts";

const BATCH = 10, ENOUGH = 500;

/** Receives and keeps, and reports after each batch how many are safe. */
function receiver(path: string): void {
  using netmap = Netmap.open({ backend: "embedded" });
  using store = PacketStore.create(path, { packets: 100_000 });
  using _port = store.openPort(netmap, "vale0:log");
  using sender = netmap.open("vale0:sender");
  const template = PacketTemplate.udp({
    src: "10.0.0.1:1",
    dst: "10.0.0.2:0",
    vary: { dstPort: increment(0) },
  });
  while (true) {
    sender.send(template, { count: BATCH });
    store.keepAll();
    Deno.stdout.writeSync(new TextEncoder().encode(`${store.size}\n`));
  }
}

/** Has the receiver killed when it has kept enough. Returns the last number that it reported. */
async function killReceiver(path: string): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-ffi", fileURLToPath(import.meta.url), "--receiver", path],
    stdout: "piped",
  }).spawn();
  let text = "", reported = 0;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    // The last line may have been cut
    reported = Number(text.split("\n").at(-2) ?? 0);
    if (reported >= ENOUGH) child.kill("SIGKILL");
    text = text.slice(text.lastIndexOf("\n", text.lastIndexOf("\n") - 1) + 1);
  }
  await child.status;
  return reported;
}

if (Deno.args[0] === "--receiver") {
  receiver(Deno.args[1]);
} else {
  const path = Deno.args[0] ?? `${Deno.makeTempDirSync({ prefix: "valet " })}/packets`;
  const reported = await killReceiver(path);
  console.log(`killed after it had reported ${reported >= ENOUGH ? "enough" : "too few"} packets`);
  using store = PacketStore.open(path);
  const packets = store.packets();
  // Bytes 36 and 37 are the destination port, which counts up
  const inOrder = packets.every(({ bytes }, i) => bytes[36] * 256 + bytes[37] === i % 65536);
  console.log(`${reported <= packets.length ? "all" : "not all"} of them are in the file`);
  console.log(`in order: ${inOrder}, damaged: ${store.damaged}`);
  console.log(`the first: ${summary(packets[0].bytes)}`);
}
