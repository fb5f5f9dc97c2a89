/**
 * The receiver of daemon.ts.60: sleeps in poll() until there is something, and reads each packet's length and
 * EtherType. Argument: bytes of a packet. It ends with the process that has started it.
 */

import { EtherType, Netmap } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { FLOW, meetingPath } from "./daemon_flow.ts";
import { cString, native } from "./native.ts";

const length = Number(Deno.args[0]);
native.bench_script_end_with_parent();
native.bench_script_meeting_open(cString(meetingPath()));
using netmap = Netmap.open({
  backend: "daemon",
  instance: FLOW.instance,
  library: builtFiles().library,
});
using port = netmap.open(FLOW.to);
{
  // A frame to itself makes its address known
  const mac = FLOW.packet.dstMac.replaceAll(":", "");
  port.send(Uint8Array.fromHex(`${mac}${mac}0800`));
}
native.bench_script_meeting_ready();
while (true) {
  port.poll("read", -1);
  let packets = 0;
  for (const packet of port.receive()) {
    if (packet.length !== length || packet.etherType !== EtherType.IPV4) {
      throw new Error("Something else was received");
    }
    packets++;
  }
  native.bench_script_meeting_add(packets);
}
