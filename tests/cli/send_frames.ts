/** Opens a port of the daemon's and sends frames: send_frames.ts PORT COUNT [SOURCE [DESTINATION [BYTES [arp]]]] */

import { Netmap, PacketTemplate } from "../../mod.ts";

const [name, count, from = "02:00:00:00:00:01", to = "ff:ff:ff:ff:ff:ff", bytes = "60", kind] =
  Deno.args;
using netmap = Netmap.open({ backend: "daemon" });
using port = netmap.open(name);
const addresses = { srcMac: from, dstMac: to, length: Number(bytes) };
const template = kind === "arp"
  ? PacketTemplate.arp({ ...addresses, src: "10.0.0.1", dst: "10.0.0.2" })
  : PacketTemplate.udp({ ...addresses, src: "10.0.0.1:1", dst: "10.0.0.2:2" });
await port.sendAll(template, { count: Number(count) });
