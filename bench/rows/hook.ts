/**
 * engine.hook.ts.60: packets are looked up by a TypeScript function. They are sent and received by the
 * same loop in C as in the other rows of the engine, on this thread.
 */

import { BROADCAST, EtherType, Netmap } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { cString, INSTANCE, native, serve } from "./native.ts";

using netmap = Netmap.open({
  backend: "embedded",
  instance: INSTANCE,
  library: builtFiles().library,
});
if (native.bench_script_row_open(cString("engine.hook.ts.60")) < 0) throw new Error("No such row");

using bridge = netmap.bridge("vale0");
bridge.lookup = (packet) => packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST;

serve((seconds) => native.bench_script_row_run(seconds));
