/**
 * api.batches, api.streams: a script sends and receives with the event loop going on. Argument: "batches", it
 * iterates over port.batches() and reads headers as api.receive does; "streams", it writes frames to
 * port.writable and reads them from port.readable.
 */

import { EtherType, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { INSTANCE, now, serveAsync } from "./native.ts";

const [form] = Deno.args;
const BATCH = 256;
/** Frames that are under way at once: what a stream reads ahead. */
const FRAMES = 64;

using netmap = Netmap.open({
  backend: "embedded",
  instance: INSTANCE,
  library: builtFiles().library,
});
using from = netmap.open("vale0:a");
using to = netmap.open("vale0:b");
const template = PacketTemplate.udp({ src: "10.0.0.1:1234", dst: "10.1.0.1:1234", length: 60 });
const frame = template.next().slice();

const batches = to.batches();
let sum = 0;

/** A batch there and back. Returns how many packets. */
async function byBatch(): Promise<number> {
  from.send(template, { count: BATCH });
  const { value: batch } = await batches.next();
  let packets = 0;
  for (const packet of batch ?? []) {
    packets++;
    if (packet.etherType !== EtherType.IPV4) continue;
    sum = (sum + packet.getUint32(26) + packet.getUint32(30) + packet.getUint16(34)) | 0;
  }
  if (packets !== BATCH) throw new Error("Packets were lost");
  return packets;
}

async function byStream(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<number> {
  const written = Array.from({ length: FRAMES }, () => writer.write(frame));
  for (let i = 0; i < FRAMES; i++) {
    const { value } = await reader.read();
    if (value?.length !== frame.length) throw new Error("A frame was lost");
  }
  await Promise.all(written);
  return FRAMES;
}

async function measure(round: () => Promise<number>, seconds: number): Promise<number> {
  const start = now();
  let packets = 0, time = start;
  do {
    packets += await round();
    time = now();
  } while (time - start < seconds);
  return packets / (time - start) / 1e6;
}

if (form === "batches") {
  await serveAsync((seconds) => measure(byBatch, seconds));
  if (sum === 0) throw new Error("Nothing was read");
} else {
  const writer = from.writable.getWriter(), reader = to.readable.getReader();
  await serveAsync((seconds) => measure(() => byStream(writer, reader), seconds));
  await Promise.all([writer.close(), reader.cancel()]);
}
await batches.return();
