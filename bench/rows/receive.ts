/**
 * api.receive: walks what has been received and reads headers of each packet. Only the loop is timed, rxsync
 * included; the packets are put there before it, a batch at a time.
 */

import { EtherType, increment, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { clockCost, INSTANCE, now, serve } from "./native.ts";

const PACKETS = 256;

using netmap = Netmap.open({
  backend: "embedded",
  instance: INSTANCE,
  library: builtFiles().library,
});
using from = netmap.open("vale0:a");
using port = netmap.open("vale0:b");
const template = PacketTemplate.udp({
  src: "10.0.0.1:1234",
  dst: "10.1.0.1:1234",
  length: 60,
  vary: { srcPort: increment(1024, 1, 1000) },
});

// A constant of this module, and variables of the function: what is imported, and variables of the module, are
// looked up and checked for each packet, which takes 4 ns
const { IPV4 } = EtherType;
let bytes = 0, sum = 0;

/** What a script does with packets: is it IPv4, from whom to whom, which port. */
function receive(): number {
  let packets = 0, length = 0, read = 0;
  for (const packet of port.receive()) {
    packets++;
    length += packet.length;
    if (packet.etherType !== IPV4) continue;
    read = (read + packet.getUint32(26) + packet.getUint32(30) + packet.getUint16(34)) | 0;
  }
  bytes = length; // not a sum, which would not be an integer for V8 after 2^31: what it compiled would be discarded
  sum = (sum + read) | 0;
  return packets;
}

serve((seconds) => {
  const cost = clockCost();
  let packets = 0, time = 0;
  while (time < seconds) {
    from.send(template, { count: PACKETS });
    const start = now();
    const received = receive();
    time += now() - start - cost;
    port.rxSync(); // what was read is free for the sender from here on
    if (received !== PACKETS) throw new Error("Packets were lost");
    packets += received;
  }
  if (bytes === 0 || sum === 0) throw new Error("Nothing was read");
  return packets / time / 1e6;
});
