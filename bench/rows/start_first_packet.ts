/** start.first_packet: milliseconds from opening two ports to the first packet that has been received. */

import { Netmap } from "../../mod.ts";

const frame = new Uint8Array(60).fill(0xff, 0, 6);
frame[6] = 2;
const start = performance.now();
using netmap = Netmap.open({ backend: "embedded" });
using from = netmap.open("vale0:from");
using to = netmap.open("vale0:to");
from.send(frame);
let bytes = 0;
for (const packet of to.receive()) bytes += packet.length;
const ms = performance.now() - start;
if (bytes !== frame.length) throw new Error("The packet was lost");
Deno.stdout.writeSync(new TextEncoder().encode(`${ms}\n`));
