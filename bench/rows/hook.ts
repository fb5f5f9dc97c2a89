/**
 * engine.hook.ts.60 and its kind: packets are looked up by a TypeScript function, which the first argument
 * says how to run: "packet", "batch" or "compiled". They are sent and received by the same loop in C as in
 * the other rows of the engine, on this thread.
 */

import { compile } from "../../hook/mod.ts";
import { BROADCAST, EtherType, type LookupBatch, type LookupPacket, Netmap } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { cString, INSTANCE, native, serve } from "./native.ts";

const [form = "packet"] = Deno.args;

function nextPort(packet: LookupPacket): number {
  return packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST;
}

function nextPorts(batch: LookupBatch): void {
  const next = batch.source + 1;
  for (let i = 0; i < batch.length; i++) {
    batch.setDestination(i, batch.packet(i).etherType === EtherType.IPV4 ? next : BROADCAST);
  }
}

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
else throw new Error(`No such form: ${form}`);

serve((seconds) => native.bench_script_row_run(seconds));
