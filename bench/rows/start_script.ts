/** start.script: the least that a script does. */

import { Netmap, PacketTemplate } from "../../mod.ts";

using netmap = Netmap.open({ backend: "embedded" });
using from = netmap.open("vale0:from");
using to = netmap.open("vale0:to");
from.send(PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" }));
let packets = 0;
for (const packet of to.receive()) packets += packet.length > 0 ? 1 : 0;
if (packets !== 1) throw new Error("The packet was lost");
