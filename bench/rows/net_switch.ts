/**
 * A switch that joins two interfaces, until its stdin ends; says "attached", or why not. Arguments:
 * device, namespace and name of each. A device such as "af_packet.poll" is looked at all the time, on
 * the last CPU.
 */

import { type DeviceKind, Netmap } from "../../mod.ts";
import { lastCpu } from "../peers/thread.ts";

const [kind, ...ports] = Deno.args;
const [device, polls] = kind.split(".");
function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

using netmap = Netmap.open({ backend: "embedded", instance: "bench net" });
using bridge = netmap.bridge("vale0");
try {
  for (let i = 0; i < ports.length; i += 2) {
    bridge.attach(ports[i + 1], { namespace: ports[i], device: device as DeviceKind });
    if (polls === "poll") bridge.startPolling(ports[i + 1], { firstCpu: lastCpu() });
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}
say("attached");
for await (const _ of Deno.stdin.readable);
for (const { interface: name } of bridge.ports()) bridge.detach(name);
