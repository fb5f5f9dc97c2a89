/**
 * api.batches, api.streams: a script sends and receives with the event loop going on. Argument: "batches", it
 * iterates over port.batches() and reads headers as api.receive.each does; only that is timed, waiting for the
 * next batch included. "streams", it writes frames to port.writable and reads them from port.readable.
 */

import { EtherType, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { clockCost, INSTANCE, now, serveAsync } from "./native.ts";

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
// A constant of this module: what is imported is looked up for each packet
const { IPV4 } = EtherType;
const cost = clockCost();
let sum = 0;

/** What a round has done. */
type Round = [packets: number, seconds: number];

/** A batch is sent, and received. */
async function byBatch(): Promise<Round> {
  from.send(template, { count: BATCH });
  const start = now();
  const { value: batch } = await batches.next();
  let packets = 0, read = 0;
  for (const packet of batch ?? []) {
    packets++;
    if (packet.etherType !== IPV4) continue;
    read ^= packet.u32(26) ^ packet.u32(30) ^ packet.u16(34);
  }
  sum ^= read;
  const seconds = now() - start - cost;
  if (packets !== BATCH) throw new Error("Packets were lost");
  return [packets, seconds];
}

async function byStream(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Round> {
  const start = now();
  const written = Array.from({ length: FRAMES }, () => writer.write(frame));
  for (let i = 0; i < FRAMES; i++) {
    const { value } = await reader.read();
    if (value?.length !== frame.length) throw new Error("A frame was lost");
  }
  await Promise.all(written);
  return [FRAMES, now() - start];
}

async function measure(round: () => Promise<Round>, seconds: number): Promise<number> {
  let packets = 0, time = 0;
  do {
    const [some, spent] = await round();
    packets += some;
    time += spent;
  } while (time < seconds);
  return packets / time / 1e6;
}

if (form === "batches") {
  await serveAsync((seconds) => measure(byBatch, seconds));
} else {
  const writer = from.writable.getWriter(), reader = to.readable.getReader();
  await serveAsync((seconds) => measure(() => byStream(writer, reader), seconds));
  await Promise.all([writer.close(), reader.cancel()]);
}
await batches.return();
