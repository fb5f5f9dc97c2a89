/**
 * csb.*: TypeScript sends a template on a port whose syncs a sync loop does, or with a txsync for each batch, to
 * another port, and receives there. Arguments: backend; "event", "time" or "plain"; packets a batch.
 */

import { type BackendName, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { native, serve } from "./native.ts";

const [backend, wakeup, batch] = Deno.args;
const count = Number(batch);
using netmap = Netmap.open({
  backend: backend as BackendName,
  instance: `bench sync loop ${wakeup}`,
  library: builtFiles().library,
});
using from = netmap.open("vale0:from", { exclusive: true });
using to = netmap.open("vale0:to");
if (wakeup === "event" || wakeup === "time") from.startSyncLoop({ wakeup, sleepUs: 0 });
const template = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", length: 60 });

/** Sends until that time at least, and something has come; returns how many packets came and went. */
function exchangeUntil(end: number): [received: number, sent: number] {
  let received = 0, sent = 0;
  do {
    for (let i = 0; i < 16; i++) {
      sent += from.send(template, { count });
      for (const _ of to.receive()) received++;
    }
  } while (native.bench_script_clock() < end || received === 0);
  return [received, sent];
}

serve((seconds) => {
  exchangeUntil(native.bench_script_clock() + seconds / 4);
  const start = native.bench_script_clock();
  const packets = exchangeUntil(start + seconds);
  const microseconds = (native.bench_script_clock() - start) * 1e6;
  return packets.map((count) => count / microseconds);
}, { pin: false });
