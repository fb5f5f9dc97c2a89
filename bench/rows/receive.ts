/**
 * api.receive*: reads headers of each packet that has been received. Only that is timed, rxsync included; the
 * packets are put there before it. Argument: "batch", by their numbers in batches of `port.receiveBatch()`;
 * "each", in the `for` loop over `port.receive()`.
 */

import { EtherType, increment, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { clockCost, INSTANCE, now, serve } from "./native.ts";

/** Three batches of 256 between two looks at the clock; the ring has 1024 slots. */
const PACKETS = 768;
const BYTES = 60;

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
  length: BYTES,
  vary: { srcPort: increment(1024, 1, 1000) },
});

// A constant of this module, and variables of the function: what is imported, and variables of the module, are
// looked up and checked for each packet, which takes 4 ns
const { IPV4 } = EtherType;
let bytes = 0, sum = 0;

/** What a script does with packets: is it IPv4, from whom to whom, which port. */
function receiveBatch(): number {
  let length = 0, read = 0;
  const batch = port.receiveBatch();
  for (let i = 0; i < batch.length; i++) {
    length += batch.lengthOf(i);
    if (batch.etherTypeOf(i) !== IPV4) continue;
    read ^= batch.u32(i, 26) ^ batch.u32(i, 30) ^ batch.u16(i, 34);
  }
  bytes += length;
  sum ^= read;
  return batch.length;
}

/** The same with the packet object. */
function receiveEach(): number {
  let packets = 0, length = 0, read = 0;
  for (const packet of port.receive()) {
    packets++;
    length += packet.length;
    if (packet.etherType !== IPV4) continue;
    read ^= packet.u32(26) ^ packet.u32(30) ^ packet.u16(34);
  }
  bytes += length;
  sum ^= read;
  return packets;
}

const receive = Deno.args[0] === "batch" ? receiveBatch : receiveEach;

serve((seconds) => {
  const cost = clockCost();
  let packets = 0, time = 0;
  while (time < seconds) {
    from.send(template, { count: PACKETS });
    bytes = 0; // beyond 2^31 it would be no integer for V8, which would discard what it has compiled
    const start = now();
    let received = 0;
    for (let some = receive(); some > 0; some = receive()) received += some;
    time += now() - start - cost;
    if (received !== PACKETS || bytes !== PACKETS * BYTES) throw new Error("Packets were lost");
    packets += received;
  }
  return packets / time / 1e6;
});
