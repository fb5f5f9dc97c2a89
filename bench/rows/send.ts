/**
 * api.send*: packets sent over a learning bridge to a receiver in C that reads the lengths. Argument: "vary", a
 * template with a field that varies, so each packet and its checksums are patched; "template", one in which
 * nothing does; "bytes", a Uint8Array.
 */

import { increment, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { cString, INSTANCE, native, now, serve } from "./native.ts";

const BYTES = 60;
/** Three batches of 256 between two looks at the receiver, whose ring has 1024 slots. */
const PACKETS = 768;
const RECEIVER = "02:00:00:00:00:02";

using netmap = Netmap.open({
  backend: "embedded",
  instance: INSTANCE,
  library: builtFiles().library,
});
using port = netmap.open("vale0:a");
native.bench_script_receiver_open(cString("vale0:b"));
{
  // A frame to itself makes the receiver's address known
  using teacher = netmap.open("vale0:b");
  teacher.send(Uint8Array.fromHex(`${RECEIVER}${RECEIVER}0800`.replaceAll(":", "")));
}
const [form] = Deno.args;
const template = PacketTemplate.udp({
  src: "10.0.0.1:1234",
  dst: "10.1.0.1:1234",
  srcMac: "02:00:00:00:00:01",
  dstMac: RECEIVER,
  length: BYTES,
  ...form === "vary" ? { vary: { srcPort: increment(1024, 1, 1000) } } : {},
});
const packet = form === "bytes" ? template.next().slice() : template;

serve((seconds) => {
  const start = now();
  let packets = 0, time = start;
  while (time - start < seconds) {
    for (let i = 0; i < 8; i++) {
      port.send(packet, { count: PACKETS, batch: 256 });
      if (native.bench_script_receiver_drain() !== PACKETS * BYTES) {
        throw new Error("Packets were lost");
      }
    }
    packets += 8 * PACKETS;
    time = now();
  }
  return packets / (time - start) / 1e6;
});
