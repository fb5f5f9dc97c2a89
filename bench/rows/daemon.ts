/**
 * daemon.ts.60: TypeScript sends a template through the daemon of VALET_SOCKET; another script, in a process of its
 * own, receives. Arguments: bytes of a packet, packets a batch.
 */

import { fileURLToPath } from "node:url";
import { Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { cString, native, serve } from "./native.ts";
import { FLOW, meetingPath } from "./daemon_flow.ts";

const [length, count] = Deno.args.map(Number);
const receiver = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "-A", "--quiet", fileURLToPath(new URL("daemon_receiver.ts", import.meta.url))],
    `${length}`,
  ],
  stdin: "null",
  stdout: "null",
  stderr: "inherit",
}).spawn();
native.bench_script_meeting_open(cString(meetingPath()));
native.bench_script_meeting_wait();

using netmap = Netmap.open({
  backend: "daemon",
  instance: FLOW.instance,
  library: builtFiles().library,
});
using port = netmap.open(FLOW.from);
const template = PacketTemplate.udp({ ...FLOW.packet, length });

/** Sends until that time at least; returns how many packets. */
function sendUntil(end: number): number {
  let packets = 0;
  do {
    for (let i = 0; i < 4; i++) packets += port.send(template, { count });
  } while (native.bench_script_clock() < end);
  return packets;
}

serve((seconds) => {
  sendUntil(native.bench_script_clock() + seconds / 4);
  let received = native.bench_script_meeting_packets();
  const start = native.bench_script_clock();
  const sent = sendUntil(start + seconds);
  received = native.bench_script_meeting_packets() - received;
  const microseconds = (native.bench_script_clock() - start) * 1e6;
  return [received / microseconds, sent / microseconds];
}, { pin: false });
receiver.kill("SIGKILL");
