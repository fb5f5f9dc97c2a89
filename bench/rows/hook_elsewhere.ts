/// <reference lib="deno.worker" />
/**
 * hook.*.60: a script sends and receives packets that a lookup in TypeScript decides about, which lives
 * where the second argument says: "here", in this thread, in a "worker", or in another "process". The
 * first argument is the backend. Nothing is bound to a CPU, and the rate is that of the clock on the wall.
 */

import { fileURLToPath } from "node:url";
import { EtherType, Netmap, PacketTemplate } from "../../mod.ts";
import { builtFiles } from "../build.ts";
import { FLOW } from "./daemon_flow.ts";
import { native, serve } from "./native.ts";

const BATCH = 256;
const [backend, where] = Deno.args as ["embedded" | "daemon", "here" | "worker" | "process"];
const isOwner = self.name === "owner" || Deno.args[2] === "owner";

const netmap = Netmap.open({
  backend,
  instance: FLOW.instance,
  library: builtFiles().library,
});

function own(): void {
  netmap.bridge("vale0").lookup = (packet) => packet.etherType === EtherType.IPV4 ? 1 : 2;
}

/** Until somebody else has set it. */
async function ownElsewhere(): Promise<void> {
  if (where === "worker") new Worker(import.meta.url, { type: "module", name: "owner" });
  else {
    const file = fileURLToPath(import.meta.url);
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", file, backend, where, "owner"],
      stdin: "null",
      stdout: "null",
    }).spawn();
  }
  while (netmap.bridge("vale0").info().lookup !== "script") {
    await new Promise((turn) => setTimeout(turn, 1));
  }
}

async function measure(): Promise<void> {
  const from = netmap.open(FLOW.from), to = netmap.open(FLOW.to);
  if (where === "here") own();
  else await ownElsewhere();
  const template = PacketTemplate.udp({ ...FLOW.packet, length: 60 });
  const turn = (): number => {
    const sent = from.send(template, { count: BATCH });
    to.rxSync();
    const [ring] = to.rxRings, received = ring.space;
    ring.advance(received);
    if (received !== sent) throw new Error(`${received} of ${sent} packets arrived`);
    return sent;
  };
  serve((seconds) => {
    turn();
    const start = native.bench_script_clock();
    let packets = 0;
    do packets += turn(); while (native.bench_script_clock() < start + seconds);
    const mpps = packets / (native.bench_script_clock() - start) / 1e6;
    return [mpps, mpps]; // all that were sent arrived
  }, { pin: false });
  Deno.exit(0);
}

if (isOwner) {
  own();
  if (where === "process") native.bench_script_end_with_parent();
  setInterval(() => {}, 1e6); // it answers as long as it runs
} else {
  await measure();
}
