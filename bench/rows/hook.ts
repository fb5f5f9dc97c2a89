/**
 * engine.hook.ts.60 and its kind: packets are looked up by a TypeScript function, which the first argument
 * says how to run: "packet", "batch", "compiled", as C source "c", or with a table, "table" and
 * "compiled-table". They are sent and received by the same loop in C as in
 * the other rows of the engine, on this thread.
 */

import { compile, hookFromC } from "../../hook/mod.ts";
import {
  BROADCAST,
  DROP,
  type LookupBatch,
  type LookupPacket,
  LookupTable,
  Netmap,
} from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { cString, INSTANCE, native, serve } from "./native.ts";

const [form = "packet"] = Deno.args;

function nextPort(packet: LookupPacket): number {
  return packet.etherType === 0x0800 ? packet.port + 1 : BROADCAST;
}

function nextPorts(batch: LookupBatch): void {
  const next = batch.source + 1;
  for (let i = 0; i < batch.length; i++) {
    batch.setDestination(i, batch.etherTypeOf(i) === 0x0800 ? next : BROADCAST);
  }
}

/** Which port each station is behind; the row's frames are all for the first one. */
const routes = new LookupTable({ key: [48] });
for (let i = 1; i <= 1000; i++) routes.set(0x0200_0000_0000 + i, 1);

function routed(packet: LookupPacket): number {
  return routes.get(packet.destinationMac) ?? DROP;
}

const NEXT_PORT_IN_C = `
#include "valet_hook.h"
static uint32_t next_port(struct valet_packet *packet, uint32_t source)
{
	return valet_u16(packet, 12) == 0x0800 ? source + 1 : VALET_BROADCAST;
}
VALET_LOOKUP_PACKET(next_port)
`;

using netmap = Netmap.open({
  backend: "embedded",
  instance: INSTANCE,
  library: builtFiles().library,
});
if (native.bench_script_row_open(cString("engine.hook.ts.60")) < 0) throw new Error("No such row");

using bridge = netmap.bridge("vale0");
if (form === "packet") bridge.lookup = nextPort;
else if (form === "batch") bridge.setLookup(nextPorts, { batch: true });
else if (form === "compiled") bridge.lookup = await compile(nextPort);
else if (form === "c") bridge.lookup = await hookFromC({ source: NEXT_PORT_IN_C });
else if (form === "table") bridge.lookup = routed;
else if (form === "compiled-table") bridge.lookup = await compile(routed, { tables: { routes } });
else throw new Error(`No such form: ${form}`);

serve((seconds) => native.bench_script_row_run(seconds));
