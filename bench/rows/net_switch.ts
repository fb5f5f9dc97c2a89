/**
 * A switch that joins two interfaces, until its stdin ends; says "attached", or why not. Arguments: device, and namespace and name of each.
 */

import { type DeviceKind, Netmap } from "../../mod.ts";

const [device, ...ports] = Deno.args;
function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

using netmap = Netmap.open({ backend: "embedded", instance: "bench net" });
using bridge = netmap.bridge("vale0");
try {
  for (let i = 0; i < ports.length; i += 2) {
    bridge.attach(ports[i + 1], { namespace: ports[i], device: device as DeviceKind });
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}
say("attached");
for await (const _ of Deno.stdin.readable);
for (const { interface: name } of bridge.ports()) bridge.detach(name);
